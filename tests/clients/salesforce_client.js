// jsforce against the sandbox: what it parses, throws and walks.
const jsforce = require('jsforce');
const assert = require('node:assert');

const instanceUrl = process.env.SALESFORCE_URL;
const oauth2 = { clientId: 'id', clientSecret: 'secret', loginUrl: instanceUrl };
const conn = new jsforce.Connection({ instanceUrl, version: '62.0', oauth2 });

const checks = {
  async client_credentials() {
    await conn.authorize({ grant_type: 'client_credentials' });
    assert.match(conn.accessToken, /^00D.{12}!/);
    const me = await conn.identity();
    assert.strictEqual(me.username, 'integration@twinmap.example.sandbox');
  },
  async describes() {
    const account = await conn.sobject('Account').describe();
    assert(account.fields.some((field) => field.name === 'Twinmap_Id__c'));
    assert((await conn.describeGlobal()).sobjects.length > 10);
    assert(conn.limitInfo.apiUsage.used > 0);
  },
  async records() {
    const made = await conn.sobject('Account').create([{ Name: 'A' }, { Name: 'B' }]);
    assert(made.every((item) => item.success));
    const ids = made.map((item) => item.id);
    await conn.sobject('Account').update({ Id: ids[0], Phone: '1' });
    const rows = await conn.sobject('Account').retrieve(ids);
    assert.deepStrictEqual(rows.map((row) => row.Name), ['A', 'B']);
    assert.strictEqual(rows[0].Phone, '1');
    const changed = await conn.sobject('Account').update(ids.map((Id) => ({ Id, Name: 'C' })));
    assert(changed.every((item) => item.success));
    const gone = await conn.sobject('Account').destroy(ids);
    assert(gone.every((item) => item.success));
  },
  async upserts() {
    const first = await conn.sobject('Lead').upsert({ Twinmap_Id__c: 'js 1', LastName: 'L', Company: 'C' }, 'Twinmap_Id__c');
    assert.strictEqual(first.success, true);
    const again = await conn.sobject('Lead').upsert({ Twinmap_Id__c: 'js 1', LastName: 'M' }, 'Twinmap_Id__c');
    assert.strictEqual(again.success, true);
    const found = await conn.sobject('Lead').find({ Twinmap_Id__c: 'js 1' }, 'Id, LastName');
    assert.deepStrictEqual(found.map((row) => row.LastName), ['M']);
  },
  async queries() {
    const result = await conn.query("SELECT Id, (SELECT Email FROM Contacts) FROM Account WHERE Industry != null ORDER BY Name LIMIT 10");
    assert.strictEqual(result.records.length, 10);
    const groups = await conn.query('SELECT StageName, SUM(Amount) total FROM Opportunity GROUP BY StageName');
    assert(groups.records.every((row) => typeof row.total === 'number'));
    assert.strictEqual(await conn.sobject('OpportunityStage').count(), 10);
  },
  async changes() {
    const end = new Date(Date.now() + 60000);
    const start = new Date(Date.now() - 3600000);
    const updated = await conn.sobject('Lead').updated(start, end);
    assert(updated.ids.length > 0);
    assert.match(updated.latestDateCovered, /\+0000$/);
    assert((await conn.sobject('Account').deleted(start, end)).deletedRecords.length >= 2);
  },
  async errors() {
    await assert.rejects(conn.sobject('Account').create({}), { errorCode: 'REQUIRED_FIELD_MISSING' });
    await assert.rejects(conn.query('SELECT Nope FROM Account'), { errorCode: 'INVALID_FIELD' });
  },
};

(async () => {
  let failed = 0;
  for (const [name, run] of Object.entries(checks)) {
    try {
      await run();
      console.log('ok', name);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${String(error.message || error).split('\n').join(' ')}`);
    }
  }
  process.exit(failed ? 1 : 0);
})();
