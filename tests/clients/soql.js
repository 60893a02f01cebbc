// A SOQL parser of others over every query that the connectors make (tests/connect/golden/queries.soql).
const { isQueryValid, parseQuery, composeQuery } = require('@jetstreamapp/soql-parser-js');
const fs = require('node:fs');
const path = require('node:path');

const file = path.join(__dirname, '../connect/golden/queries.soql');
const queries = fs.readFileSync(file, 'utf8').split('\n').filter((line) => line);
let failed = 0;
for (const query of queries) {
  try {
    if (!isQueryValid(query)) throw new Error('not valid');
    composeQuery(parseQuery(query));
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${query.slice(0, 120)}: ${String(error.message || error).split('\n')[0]}`);
  }
}
if (!failed && queries.length) console.log(`ok ${queries.length} queries`);
process.exit(failed || !queries.length ? 1 : 0);
