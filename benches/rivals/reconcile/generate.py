"""Two exports and a base for `twinmap reconcile`, the same bytes for the same arguments.

    python3 generate.py DIR [PAIRS] [PERCENT]

DIR/left.jsonl: HubSpot companies. DIR/right.jsonl: Salesforce accounts, in another order. DIR/base.jsonl: what both
sides held when they last agreed, one pair a line. PERCENT of the pairs (5) have one field edited on the left, as
many on the right; one in twenty of those were edited on both sides.
"""

import json
import os
import random
import sys

WORDS = """Adler Bergström Čapek Dubois Eriksen Fischer Güler Hansen Ibáñez Jørgensen Kowalski Lefèvre Müller Novák
Øster Petrović Quintero Rossi Silva Şahin Tóth Ueda Vásquez Weber Xu Yılmaz Zieliński 株式会社 ООО""".split()
KINDS = "GmbH AG Ltd Inc SpA S.A. B.V. AB ApS LLC & Söhne Group Holding Partners".split()
CITIES = "Roma Berlin København Kraków Lisboa Zürich Paris Madrid Wien Praha São_Paulo Ōsaka Москва Dublin".split()
INDUSTRIES = {
    "BANKING": "Banking", "CHEMICALS": "Chemicals", "CONSTRUCTION": "Construction", "RETAIL": "Retail",
    "INSURANCE": "Insurance", "COMPUTER_SOFTWARE": "Technology", "TELECOMMUNICATIONS": "Telecommunications",
    "UTILITIES": "Utilities", "BIOTECHNOLOGY": "Biotechnology", "HOSPITALITY": "Hospitality",
}
OWNERS = {
    "70000001": "0055g00000B0001AAB", "70000002": "0055g00000B0002AAB", "70000003": "0055g00000B0003AAB",
    "70000004": "0055g00000B0004AAB",
}
SENTENCES = [
    "Family-owned since 1921, with plants in three countries.", "Framework contract, renewal each spring.",
    "Asked for a quote \"net 30\"; see the note of the last call.", "Größter Kunde der Region, zahlt pünktlich.",
    "Tiene filiales en toda la península.", "Preferred supplier; needs two signatures.", "Prospect from the fair.",
]
EDITED = ["phone", "city", "name", "description", "numberofemployees"]


def text(value):
    return json.dumps(value, ensure_ascii=False)


def company(chance, number):
    """The mapped fields of one pair, in HubSpot's terms."""
    words = chance.choices(WORDS, k=2)
    return {
        "name": f"{words[0]} {words[1]} {number} {chance.choice(KINDS)}",
        "domain": f"company-{number}.example",
        "industry": chance.choice(list(INDUSTRIES)) if chance.random() < 0.9 else None,
        "phone": f"+{chance.randint(30, 49)} {chance.randint(100, 999)} {chance.randint(100000, 9999999)}"
        if chance.random() < 0.8 else None,
        "numberofemployees": str(chance.randint(1, 9999)) if chance.random() < 0.7 else None,
        "annualrevenue": str(chance.randint(1, 900) * 10000),
        "description": " ".join(chance.choices(SENTENCES, k=chance.randint(1, 5))),
        "city": chance.choice(CITIES).replace("_", " "),
        "hubspot_owner_id": chance.choice(list(OWNERS)),
    }


def edit(chance, fields, mark):
    field = chance.choice(EDITED)
    value = str(chance.randint(10000, 20000)) if field == "numberofemployees" else f"{mark} {chance.randint(0, 10**9)}"
    return {**fields, field: value}


def hubspot(number, fields, stamp, rest):
    properties = ",".join(f"{text(name)}:{text(value)}" for name, value in fields.items())
    return (f'{{"id":"{number}","properties":{{{properties}{rest}}},"createdAt":"2024-02-03T04:05:06.000Z",'
            f'"updatedAt":"{stamp}","archived":false}}\n')


def salesforce(number, fields, stamp, rest):
    mapped = {
        "Name": fields["name"], "Website": "https://" + fields["domain"], "Industry": INDUSTRIES.get(fields["industry"]),
        "Phone": fields["phone"],
        "NumberOfEmployees": int(fields["numberofemployees"]) if fields["numberofemployees"] else None,
        "AnnualRevenue": float(fields["annualrevenue"]), "Description": fields["description"],
        "BillingCity": fields["city"], "OwnerId": OWNERS[fields["hubspot_owner_id"]], "Type": "Prospect",
    }
    body = ",".join(f"{text(name)}:{text(value)}" for name, value in mapped.items())
    return (f'{{"attributes":{{"type":"Account","url":"/services/data/v60.0/sobjects/Account/{sf_id(number)}"}},'
            f'"Id":"{sf_id(number)}",{body}{rest},"SystemModstamp":"{stamp}"}}\n')


def sf_id(number):
    return f"0015g{number:010d}AAA"


def unmapped(chance, names):
    """What every export carries along: fields that no mapping reads."""
    parts = []
    for name in names:
        value = chance.choice(["null", '"false"', '"12"', '"2025-11-03T10:20:30.123Z"', '"EMAIL_MARKETING"', '"a;b;c"'])
        parts.append(f',"{name}":{value}')
    return "".join(parts)


def main():
    folder = sys.argv[1]
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    percent = float(sys.argv[3]) if len(sys.argv) > 3 else 5.0
    os.makedirs(folder, exist_ok=True)
    chance = random.Random(42)
    left_names = ["createdate", "hs_lastmodifieddate", "lifecyclestage", "country", "state", "zip", "address", "timezone",
                  "hs_num_open_deals", "hs_analytics_source", "notes_last_updated", "num_associated_contacts", "website",
                  "founded_year", "is_public", "linkedin_company_page", "hs_pipeline", "web_technologies"]
    right_names = ["CreatedDate", "LastModifiedDate", "LastActivityDate", "ParentId", "BillingCountry", "BillingStreet",
                   "ShippingCity", "Rating", "Sic", "TickerSymbol", "AccountSource", "CleanStatus"]
    rests = [(unmapped(chance, left_names), unmapped(chance, right_names)) for _ in range(1000)]
    order = list(range(1, pairs + 1))
    share = percent / 100
    before, after = "2026-11-01T08:00:00.000Z", "2026-11-20T09:30:00.000Z"
    with open(f"{folder}/left.jsonl", "w") as left, open(f"{folder}/base.jsonl", "w") as base, \
            open(f"{folder}/right.tmp", "w") as right:
        for number in order:
            fields = company(chance, number)
            rest = rests[number % len(rests)]
            base.write('{"left":%s,"right":%s}\n' % (
                hubspot(number, fields, before, "").rstrip(), salesforce(number, fields, before, "").rstrip()))
            on_left = chance.random() < share
            on_right = chance.random() < (share if not on_left else 0.05)
            if not on_left:
                on_right = chance.random() < share
            now = edit(chance, fields, "left") if on_left else fields
            left.write(hubspot(number, now, after if on_left else before, rest[0]))
            now = edit(chance, fields, "right") if on_right else fields
            right.write(salesforce(number, now, after if on_right else before, rest[1]))
    with open(f"{folder}/right.tmp", "rb") as lines:
        places, at = [], 0
        for line in lines:
            places.append((at, len(line)))
            at += len(line)
    chance.shuffle(places)
    with open(f"{folder}/right.tmp", "rb") as lines, open(f"{folder}/right.jsonl", "wb") as right:
        for at, size in places:
            lines.seek(at)
            right.write(lines.read(size))
    os.remove(f"{folder}/right.tmp")


if __name__ == "__main__":
    main()
