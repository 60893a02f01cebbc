// The official Node client of HubSpot against the sandbox: what it parses, throws and walks.

const assert = require('node:assert');
const { Client } = require('@hubspot/api-client');

const client = new Client({ accessToken: process.env.HUBSPOT_TOKEN, basePath: process.env.HUBSPOT_URL });
const { crm } = client;
const checks = {};

const raw = async (method, path, body) => (await client.apiRequest({ method, path, body })).json();

async function refused(code, call) {
  try {
    await call();
  } catch (error) {
    assert.strictEqual(error.code, code, JSON.stringify(error.body));
    return error.body;
  }
  assert.fail(`no ${code}`);
}

checks.wrongToken = async () => {
  const other = new Client({ accessToken: 'pat-na1-wrong', basePath: process.env.HUBSPOT_URL });
  const body = await refused(401, () => other.crm.contacts.basicApi.getPage());
  assert.strictEqual(body.category, 'INVALID_AUTHENTICATION');
};

checks.getAllWalksEveryPage = async () => {
  const all = await crm.companies.getAll(undefined, undefined, ['name', 'industry']);
  assert.ok(all.length > 30 && new Set(all.map((c) => c.id)).size === all.length);
  assert.ok(all[0].createdAt instanceof Date && all[0].properties.industry !== undefined);
};

checks.createWithAssociations = async () => {
  const [company] = (await crm.companies.basicApi.getPage(1)).results;
  const contact = await crm.contacts.basicApi.create({
    properties: { email: 'node@client.example', firstname: 'Node' },
    associations: [
      { to: { id: company.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 279 }] },
    ],
  });
  const read = await crm.contacts.basicApi.getById(contact.id, ['email'], undefined, ['companies']);
  assert.strictEqual(read.associations.companies.results[0].id, company.id);
};

checks.batchesAndHistory = async () => {
  const made = await crm.deals.batchApi.create({
    inputs: [
      { properties: { dealname: 'One', amount: '10', dealstage: 'appointmentscheduled' }, objectWriteTraceId: 'a' },
      { properties: { dealname: 'Two', dealstage: 'nowhere' }, objectWriteTraceId: 'b' },
    ],
  });
  assert.strictEqual(made.results.length, 1);
  assert.deepStrictEqual(made.errors[0].context, { objectWriteTraceId: ['b'] });
  const id = made.results[0].id;
  await crm.deals.batchApi.update({ inputs: [{ id, properties: { amount: '20' } }] });
  const read = await crm.deals.batchApi.read({ inputs: [{ id }], properties: ['amount'], propertiesWithHistory: ['amount'] });
  assert.deepStrictEqual(read.results[0].propertiesWithHistory.amount.map((v) => v.value), ['20', '10']);
};

checks.searchWithObjectSorts = async () => {
  const page = await crm.contacts.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: 'email', operator: 'CONTAINS_TOKEN', value: '*.example' }] }],
    sorts: ['-createdate'],
    properties: ['email'],
    limit: 3,
  });
  assert.ok(page.total > 3 && page.results.length === 3 && page.paging.next.after === '3');
  const body = await refused(400, () => crm.contacts.searchApi.doSearch({ limit: 500 }));
  assert.strictEqual(body.category, 'VALIDATION_ERROR');
};

checks.associationsV4 = async () => {
  const [deal] = (await crm.deals.basicApi.getPage(1)).results;
  const contact = await crm.contacts.basicApi.create({ properties: { email: 'v4@client.example' } });
  const made = await crm.associations.v4.batchApi.create('deals', 'contacts', {
    inputs: [
      { _from: { id: deal.id }, to: { id: contact.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 3 }] },
    ],
  });
  assert.strictEqual(made.status, 'COMPLETE');
  const page = await crm.associations.v4.basicApi.getPage('contacts', contact.id, 'deals');
  assert.strictEqual(String(page.results[0].toObjectId), deal.id);
  assert.strictEqual(page.results[0].associationTypes[0].typeId, 4);
};

checks.schemaReads = async () => {
  const properties = (await crm.properties.coreApi.getAll('contacts')).results;
  assert.ok(properties.length > 320 && properties.some((p) => p.name === 'twinmap_id' && p.hasUniqueValue));
  const pipelines = (await crm.pipelines.pipelinesApi.getAll('deals')).results;
  assert.deepStrictEqual(pipelines.map((p) => p.id), ['default', 'partners']);
  const owners = (await crm.owners.ownersApi.getPage()).results;
  assert.ok(owners.every((owner) => owner.email.includes('@') && owner.createdAt instanceof Date));
};

checks.oauthRefresh = async () => {
  const answer = await client.oauth.tokensApi.create('refresh_token', undefined, undefined, 'sandbox-client', 'sandbox-secret', 'sandbox-refresh');
  assert.strictEqual(answer.tokenType, 'bearer');
  const other = new Client({ accessToken: answer.accessToken, basePath: process.env.HUBSPOT_URL });
  assert.ok((await other.crm.owners.ownersApi.getPage()).results.length > 0);
  await client.oauth.refreshTokensApi.archive('gone');
  const body = await refused(400, () =>
    client.oauth.tokensApi.create('refresh_token', undefined, undefined, 'sandbox-client', 'sandbox-secret', 'gone'));
  assert.strictEqual(body.status, 'BAD_REFRESH_TOKEN');
};

checks.privacyDeletion = async () => {
  const contact = await crm.contacts.basicApi.create({ properties: { email: 'forget@client.example' } });
  await client.apiRequest({
    method: 'POST',
    path: '/crm/v3/objects/contacts/gdpr-delete',
    body: { objectId: contact.id },
  });
  await refused(404, () => crm.contacts.basicApi.getById(contact.id));
};

checks.accountAndUsage = async () => {
  const details = await raw('GET', '/account-info/v3/details');
  assert.strictEqual(typeof details.portalId, 'number');
  const usage = await raw('GET', '/account-info/v3/api-usage/daily/private-apps');
  assert.ok(usage.results[0].currentUsage > 0 && usage.results[0].usageLimit > 0);
};

(async () => {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${String(error.stack || error).replace(/\n/g, ' ').slice(0, 600)}`);
    }
  }
  process.exit(failed ? 1 : 0);
})();
