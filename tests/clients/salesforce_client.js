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
  async bulk_jobs() {
    const rows = Array.from({ length: 300 }, (_, n) => ({ Name: `Js bulk ${n}`, Phone: '1' }));
    rows.push({ Name: '', Phone: '1' });
    const result = await conn.bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input: rows, pollInterval: 100, pollTimeout: 20000 });
    assert.strictEqual(result.successfulResults.length, 300);
    assert.match(result.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
    const stream = await conn.bulk2.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Js bulk %'", { pollInterval: 100, pollTimeout: 20000 });
    assert.strictEqual((await stream.toArray()).length, 300);
  },
  async composites() {
    const base = `/services/data/v62.0`;
    const calls = [
      { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'a', body: { Name: 'Composite' } },
      { method: 'POST', url: `${base}/sobjects/Contact`, referenceId: 'c', body: { LastName: 'C', AccountId: '@{a.id}' } },
    ];
    const one = await conn.request({ method: 'POST', url: '/composite', body: JSON.stringify({ allOrNone: true, compositeRequest: calls }), headers: { 'Content-Type': 'application/json' } });
    assert.deepStrictEqual(one.compositeResponse.map((item) => item.httpStatusCode), [201, 201]);
    const graph = await conn.requestPost('/composite/graph', { graphs: [{ graphId: 'g', compositeRequest: calls }] });
    assert.strictEqual(graph.graphs[0].isSuccessful, true);
    const tree = await conn.requestPost('/composite/tree/Account', { records: [{ attributes: { type: 'Account', referenceId: 'r' }, Name: 'Tree' }] });
    assert.strictEqual(tree.hasErrors, false);
  },
  async soap() {
    const other = new jsforce.Connection({ loginUrl: instanceUrl, version: '62.0' });
    const user = await other.login('integration@twinmap.example.sandbox', 'p');
    assert.match(user.id, /^005/);
    assert.strictEqual((await other.query('SELECT Id FROM Account LIMIT 1')).records.length, 1);
    const lead = await other.sobject('Lead').create({ LastName: 'Js', Company: 'Js AG' });
    const made = await other.soap.convertLead({ leadId: lead.id, convertedStatus: 'Closed - Converted', doNotCreateOpportunity: true });
    assert.strictEqual(String(made.success), 'true');
    const row = await other.sobject('Lead').retrieve(lead.id);
    assert.strictEqual(row.ConvertedContactId, made.contactId);
    const info = await other.soap.getUserInfo();
    assert.strictEqual(info.userName, 'integration@twinmap.example.sandbox');
  },
  async search_and_tooling() {
    const found = await conn.search('FIND {Composite} IN ALL FIELDS RETURNING Account(Id, Name)');
    assert(found.searchRecords.length >= 2);
    const made = await conn.tooling.sobject('CustomField').create({ FullName: 'Account.Js__c', Metadata: { type: 'Checkbox', label: 'Js', defaultValue: 'false' } });
    assert.strictEqual(made.success, true);
    const fields = await conn.tooling.query("SELECT Id, DeveloperName FROM CustomField WHERE DeveloperName = 'Js'");
    assert.strictEqual(fields.totalSize, 1);
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
