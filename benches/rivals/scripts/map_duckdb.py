"""The task in DuckDB's SQL: map_duckdb.py companies.jsonl accounts.jsonl [threads]"""
import sys

import duckdb

source, target, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1
TEXTS = ["name", "domain", "industry", "phone", "numberofemployees", "annualrevenue", "description", "address", "city", "state",
         "zip", "country", "lifecyclestage", "hs_pipeline_stage", "founded_year", "createdate", "notes_last_updated",
         "customer_since", "tags", "discount", "hs_is_target_account", "hs_object_id", "credit_score"]
INDUSTRIES = {
    "ACCOUNTING": "Finance", "AIRLINES_AVIATION": "Transportation", "APPAREL_FASHION": "Apparel", "AUTOMOTIVE": "Automotive",
    "BANKING": "Banking", "BIOTECHNOLOGY": "Biotechnology", "CHEMICALS": "Chemicals", "COMPUTER_SOFTWARE": "Technology",
    "CONSTRUCTION": "Construction", "CONSUMER_GOODS": "Consumer Goods", "EDUCATION_MANAGEMENT": "Education",
    "ENTERTAINMENT": "Entertainment", "FARMING": "Agriculture", "FINANCIAL_SERVICES": "Finance",
    "FOOD_BEVERAGES": "Food & Beverage", "GOVERNMENT_ADMINISTRATION": "Government", "HEALTH_WELLNESS_AND_FITNESS": "Healthcare",
    "HOSPITALITY": "Hospitality", "INSURANCE": "Insurance", "INTERNET": "Technology", "LEGAL_SERVICES": "Legal",
    "LOGISTICS_AND_SUPPLY_CHAIN": "Transportation", "MACHINERY": "Machinery", "MARKETING_AND_ADVERTISING": "Media",
    "OIL_ENERGY": "Energy", "REAL_ESTATE": "Real Estate", "RETAIL": "Retail", "TELECOMMUNICATIONS": "Telecommunications",
    "TRANSPORTATION_TRUCKING_RAILROAD": "Transportation", "UTILITIES": "Utilities",
}
STAGES = {"new": "Open", "working": "In Progress", "evaluating": "In Review", "negotiating": "Negotiation",
          "won": "Closed Won", "lost": "Closed Lost"}


def table(pairs):
    return "MAP {" + ", ".join(f"'{a}': '{b}'" for a, b in pairs.items()) + "}"


struct = ", ".join(f"{name} VARCHAR" for name in TEXTS)
duckdb.sql(f"SET threads = {threads}; SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
duckdb.sql(f"""
COPY (
  SELECT
    {{'type': 'Account'}} AS attributes,
    trim(p.name) AS "Name",
    'https://' || regexp_replace(lower(p.domain), '^www\\.', '') AS "Website",
    CASE WHEN p.industry IS NOT NULL THEN coalesce({table(INDUSTRIES)}[p.industry], 'Other') END AS "Industry",
    p.phone AS "Phone",
    p.numberofemployees::BIGINT AS "NumberOfEmployees",
    p.annualrevenue::DOUBLE AS "AnnualRevenue",
    CASE WHEN length(p.description) > 255 THEN regexp_replace(left(p.description, 255), '\\s+$', '') ELSE p.description END AS "Description",
    p.address AS "BillingStreet", p.city AS "BillingCity", p.state AS "BillingState", p.zip AS "BillingPostalCode",
    p.country AS "BillingCountry",
    CASE WHEN p.lifecyclestage = 'customer' THEN 'Customer' ELSE 'Prospect' END AS "Type",
    {table(STAGES)}[p.hs_pipeline_stage] AS "Status",
    p.founded_year::BIGINT AS "Founded__c",
    p.createdate AS "Created_In_HubSpot__c",
    CAST(timezone('Europe/Rome', p.notes_last_updated::TIMESTAMPTZ) AS DATE)::VARCHAR AS "Last_Activity__c",
    p.customer_since AS "Customer_Since__c",
    array_to_string(list_sort(list_distinct(string_split(p.tags, ';'))), ';') AS "Tags__c",
    round(p.discount::DOUBLE * 100, 2) AS "Discount__c",
    p.hs_is_target_account::BOOLEAN AS "Target__c",
    CASE WHEN p.annualrevenue::DOUBLE >= 10000000 THEN 'A' WHEN p.annualrevenue::DOUBLE >= 1000000 THEN 'B' ELSE 'C' END AS "Tier__c",
    left(p.name, 20) AS "Short_Name__c",
    lower(p.domain) AS "Domain__c",
    CASE WHEN p.country IN ('Italy', 'Spain', 'Portugal', 'Greece') THEN 'South'
         WHEN p.country IN ('Germany', 'Denmark', 'Sweden', 'Norway') THEN 'North' ELSE 'Other' END AS "Region__c",
    p.hs_object_id AS "HubSpot_Id__c",
    p.credit_score::DOUBLE AS "Score__c"
  FROM (
    SELECT properties AS p
    FROM read_json('{source}', format = 'newline_delimited', columns = {{properties: 'STRUCT({struct})'}})
  )
  WHERE p.domain <> '' AND p.lifecyclestage IN ('opportunity', 'customer') AND p.annualrevenue::DOUBLE >= 50000
) TO '{target}' (FORMAT json)
""")
