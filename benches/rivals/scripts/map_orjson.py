"""The task by hand in Python with orjson: map_orjson.py companies.jsonl > accounts.jsonl"""
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson

ROME = ZoneInfo("Europe/Rome")
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
SOUTH = {"Italy", "Spain", "Portugal", "Greece"}
NORTH = {"Germany", "Denmark", "Sweden", "Norway"}


def account(p):
    domain, stage, revenue = p.get("domain"), p.get("lifecyclestage"), p.get("annualrevenue")
    if not domain or stage not in ("opportunity", "customer") or not revenue:
        return None
    money = float(revenue)
    if money < 50000:
        return None
    domain = domain.lower()
    name, text, industry, country = p.get("name") or "", p.get("description"), p.get("industry"), p.get("country")
    noted, tags, heads, founded = p.get("notes_last_updated"), p.get("tags"), p.get("numberofemployees"), p.get("founded_year")
    discount, target, score = p.get("discount"), p.get("hs_is_target_account"), p.get("credit_score")
    if text and len(text) > 255:
        text = text[:255].rstrip()
    out = {
        "attributes": {"type": "Account"},
        "Name": name.strip(),
        "Website": "https://" + domain.removeprefix("www."),
        "Industry": INDUSTRIES.get(industry, "Other") if industry else None,
        "Phone": p.get("phone"),
        "NumberOfEmployees": int(heads) if heads else None,
        "AnnualRevenue": money,
        "Description": text,
        "BillingStreet": p.get("address"),
        "BillingCity": p.get("city"),
        "BillingState": p.get("state"),
        "BillingPostalCode": p.get("zip"),
        "BillingCountry": country,
        "Type": "Customer" if stage == "customer" else "Prospect",
        "Status": STAGES.get(p.get("hs_pipeline_stage")),
        "Founded__c": int(founded) if founded else None,
        "Created_In_HubSpot__c": p.get("createdate"),
        "Last_Activity__c": datetime.fromisoformat(noted).astimezone(ROME).strftime("%Y-%m-%d") if noted else None,
        "Customer_Since__c": p.get("customer_since"),
        "Tags__c": ";".join(sorted(set(tags.split(";")))) if tags else None,
        "Discount__c": round(float(discount) * 100, 2) if discount else None,
        "Target__c": target == "true" if target else None,
        "Tier__c": "A" if money >= 10_000_000 else "B" if money >= 1_000_000 else "C",
        "Short_Name__c": name[:20],
        "Domain__c": domain,
        "Region__c": "South" if country in SOUTH else "North" if country in NORTH else "Other",
        "HubSpot_Id__c": p.get("hs_object_id"),
        "Score__c": float(score) if score else None,
    }
    return {key: value for key, value in out.items() if value is not None and value != ""}


def main():
    out = sys.stdout.buffer
    loads, dumps = orjson.loads, orjson.dumps
    with open(sys.argv[1], "rb", buffering=1 << 20) as lines:
        for line in lines:
            found = account(loads(line)["properties"])
            if found is not None:
                out.write(dumps(found, option=orjson.OPT_APPEND_NEWLINE))


main()
