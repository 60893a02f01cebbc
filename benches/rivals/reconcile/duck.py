"""The rival of `twinmap reconcile`: the same three-way comparison of the same ten rows in DuckDB SQL.

    python3 duck.py DIR OUT [THREADS]

Pairs by the base's ids; industries through a table; one line of JSON per record to be changed. It leaves out what
twinmap does besides: filters, problems of single lines, unlinked records, rules of conflicts other than "left wins".
"""

import sys

import duckdb

from generate import INDUSTRIES, OWNERS

HUBSPOT = ["name", "domain", "industry", "phone", "numberofemployees", "annualrevenue", "description", "city",
           "hubspot_owner_id"]
SALESFORCE = {"Name": "VARCHAR", "Website": "VARCHAR", "Industry": "VARCHAR", "Phone": "VARCHAR",
              "NumberOfEmployees": "BIGINT", "AnnualRevenue": "DOUBLE", "Description": "VARCHAR",
              "BillingCity": "VARCHAR", "OwnerId": "VARCHAR"}


def main():
    folder, out = sys.argv[1], sys.argv[2]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    db = duckdb.connect()
    db.execute(f"SET threads = {threads}; SET preserve_insertion_order = false")
    properties = "STRUCT(" + ", ".join(f"{name} VARCHAR" for name in HUBSPOT) + ")"
    account = ", ".join(f"{name} {kind}" for name, kind in SALESFORCE.items())
    company = f"STRUCT(id VARCHAR, properties {properties})"
    columns = {
        "left": "{id: 'VARCHAR', properties: '%s'}" % properties,
        "right": "{Id: 'VARCHAR', %s}" % ", ".join(f"{name}: '{kind}'" for name, kind in SALESFORCE.items()),
        "base": "{'left': '%s', 'right': 'STRUCT(Id VARCHAR, %s)'}" % (company, account),
    }
    read = {name: f"read_json('{folder}/{name}.jsonl', format = 'newline_delimited', columns = {columns[name]})"
            for name in columns}

    def fields(prefix):
        industries = "CASE %s.industry %s END" % (
            prefix, " ".join(f"WHEN '{left}' THEN '{right}'" for left, right in INDUSTRIES.items()))
        owners = "CASE %s.hubspot_owner_id %s END" % (
            prefix, " ".join(f"WHEN '{left}' THEN '{right}'" for left, right in OWNERS.items()))
        return {
            "Name": f"{prefix}.name", "Website": f"'https://' || {prefix}.domain", "Industry": industries,
            "Phone": f"{prefix}.phone", "NumberOfEmployees": f"CAST({prefix}.numberofemployees AS BIGINT)",
            "AnnualRevenue": f"CAST({prefix}.annualrevenue AS DOUBLE)", "Description": f"{prefix}.description",
            "BillingCity": f"{prefix}.city", "OwnerId": owners,
        }

    now, then = fields("l.properties"), fields('b."left".properties')
    verdicts, wanted = [], []
    for name in SALESFORCE:
        left, right, left_base, right_base = now[name], f"r.{name}", then[name], f'b."right".{name}'
        differs = f"({left}) IS DISTINCT FROM {right}"
        on_left = f"({left}) IS DISTINCT FROM ({left_base})"
        on_right = f"{right} IS DISTINCT FROM {right_base}"
        verdicts.append(
            f"CASE WHEN NOT ({differs}) THEN NULL "
            f"WHEN {on_left} AND {on_right} THEN {{side: 'right', rule: 'conflict', before: CAST({right} AS VARCHAR), "
            f"after: CAST({left} AS VARCHAR)}} "
            f"WHEN {on_left} THEN {{side: 'right', rule: 'left', before: CAST({right} AS VARCHAR), "
            f"after: CAST({left} AS VARCHAR)}} "
            f"WHEN {on_right} THEN {{side: 'left', rule: 'right', before: CAST({left} AS VARCHAR), "
            f"after: CAST({right} AS VARCHAR)}} END AS {name}")
        wanted.append(f"{name} IS NOT NULL")
    db.execute(f"""COPY (
        SELECT * FROM (
            SELECT l.id AS left_id, r.Id AS right_id, {", ".join(verdicts)}
            FROM {read["left"]} l
            JOIN {read["base"]} b ON b."left".id = l.id
            JOIN {read["right"]} r ON r.Id = b."right".Id
        ) WHERE {" OR ".join(wanted)}
    ) TO '{out}' (FORMAT json)""")


if __name__ == "__main__":
    main()
