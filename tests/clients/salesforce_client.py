"""simple-salesforce against the sandbox: what it parses, raises and walks."""

import os
import sys

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed, SalesforceExpiredSession, SalesforceMalformedRequest, SalesforceMoreThanOneRecord, SalesforceResourceNotFound)


class Plain(requests.adapters.HTTPAdapter):
    """The client always builds https:// addresses; the sandbox speaks plain HTTP."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def connect(token):
    session = requests.Session()
    session.mount("https://127.0.0.1", Plain())
    return Salesforce(instance_url=os.environ["SALESFORCE_URL"], session_id=token, session=session, version="62.0")


class Elsewhere(requests.adapters.HTTPAdapter):
    """The client signs in at a fixed host: its requests go to the sandbox."""

    def send(self, request, **options):
        request.url = os.environ["SALESFORCE_URL"] + "/" + request.url.split("/", 3)[3]
        return super().send(request, **options)


sf = connect(os.environ["SALESFORCE_TOKEN"])
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def raises(kind, code, action):
    try:
        action()
    except kind as error:
        assert error.content[0]["errorCode"] == code, error.content
        return
    raise AssertionError(f"no {kind.__name__}")


@check
def describes():
    names = [entry["name"] for entry in sf.describe()["sobjects"]]
    assert "Account" in names and "OpportunityStage" in names
    fields = sf.Account.describe()["fields"]
    assert any(field["name"] == "Twinmap_Id__c" and field["unique"] for field in fields)
    assert sf.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"


@check
def usage_is_counted():
    # Only calls of the connection itself update its count.
    sf.query("SELECT Id FROM Account LIMIT 1")
    before = sf.api_usage["api-usage"].used
    sf.query("SELECT Id FROM Account LIMIT 1")
    assert sf.api_usage["api-usage"].used == before + 1
    assert sf.limits()["DailyApiRequests"]["Max"] > 0


@check
def records_live_and_die():
    made = sf.Contact.create({"LastName": "Client", "Email": "Client@X.example"})
    assert made["success"] is True
    row = sf.Contact.get(made["id"])
    assert row["Email"] == "client@x.example" and row["Name"] == "Client"
    assert sf.Contact.update(made["id"], {"FirstName": "A"}) == 204
    assert sf.Contact.get_by_custom_id("Email", "client@x.example")["Id"] == made["id"]
    assert sf.Contact.delete(made["id"]) == 204
    raises(SalesforceResourceNotFound, "ENTITY_IS_DELETED", lambda: sf.Contact.delete(made["id"]))


@check
def upserts():
    assert sf.Account.upsert("Twinmap_Id__c/py 1", {"Name": "One"}) == 201
    assert sf.Account.upsert("Twinmap_Id__c/py 1", {"Name": "Two"}) == 200
    for name in "ab":
        sf.Contact.create({"LastName": name, "Email": "twice@x.example"})
    try:
        sf.Contact.upsert("Email/twice@x.example", {"Title": "T"})
        raise AssertionError("no SalesforceMoreThanOneRecord")
    except SalesforceMoreThanOneRecord as error:
        assert len(error.content) == 2


@check
def queries_and_pages():
    rows = [{"attributes": {"type": "Account"}, "Name": f"Py {n}"} for n in range(200)]
    for _ in range(11):
        sf.restful("composite/sobjects", method="POST", json={"records": rows})
    found = sf.query_all("SELECT Id, Name, Owner.Email FROM Account WHERE Name LIKE 'Py %' ORDER BY Id")
    assert found["totalSize"] == 2200 and len({row["Id"] for row in found["records"]}) == 2200
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] >= 2200
    assert len(list(sf.query_all_iter("SELECT Id FROM Contact"))) == sf.query("SELECT Id FROM Contact")["totalSize"]


@check
def bulk_jobs():
    rows = [{"Name": f"Bulk {n}", "Twinmap_Id__c": f"bulk {n}"} for n in range(1, 501)]
    results = sf.bulk2.Account.upsert(records=rows, external_id_field="Twinmap_Id__c")
    assert sum(int(result["numberRecordsProcessed"]) for result in results) == 500, results
    rows[0]["Name"] = "x" * 300
    [result] = sf.bulk2.Account.upsert(records=rows[:10], external_id_field="Twinmap_Id__c")
    assert (result["numberRecordsProcessed"], result["numberRecordsFailed"]) == (10, 1), result
    failed = sf.bulk2.Account.get_failed_records(result["job_id"])
    assert "STRING_TOO_LONG" in failed, failed
    pages = list(sf.bulk2.Account.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk %' ORDER BY Id", max_records=200))
    assert sum(len(page.splitlines()) - 1 for page in pages) == 500, [len(page) for page in pages]
    ids = [{"Id": row["Id"]} for row in sf.query_all("SELECT Id FROM Account WHERE Name LIKE 'Bulk %'")["records"]]
    [result] = sf.bulk2.Account.delete(records=ids)
    assert result["numberRecordsFailed"] == 0, result
    assert sf.query("SELECT COUNT() FROM Account WHERE Name LIKE 'Bulk %'")["totalSize"] == 0


@check
def password_login():
    session = requests.Session()
    for host in ("https://login.salesforce.com",):
        session.mount(host, Elsewhere())
    session.mount("https://127.0.0.1", Plain())
    other = Salesforce(username="integration@twinmap.example.sandbox", password="p", security_token="t", session=session, version="62.0")
    assert other.query("SELECT COUNT() FROM Account")["totalSize"] > 0
    try:
        Salesforce(username="nobody@x.example", password="p", security_token="t", session=session)
        raise AssertionError("no SalesforceAuthenticationFailed")
    except SalesforceAuthenticationFailed as error:
        assert error.code == "INVALID_LOGIN", error.code


@check
def searches_and_tooling():
    sf.Contact.create({"LastName": "Quersuch", "Email": "q@quer.example"})
    found = sf.search("FIND {Quersuch} IN ALL FIELDS RETURNING Contact(Id, LastName)")
    assert [row["LastName"] for row in found["searchRecords"]] == ["Quersuch"]
    assert sf.quick_search("Quersuch")["searchRecords"]
    metadata = {"type": "Number", "label": "Score", "precision": 5, "scale": 1}
    made = sf.toolingexecute("sobjects/CustomField", method="POST", data={"FullName": "Contact.Score__c", "Metadata": metadata})
    assert made["success"] is True
    assert not any(field["name"] == "Score__c" for field in sf.Contact.describe()["fields"])
    fields = sf.toolingexecute("query?q=SELECT Id, DeveloperName FROM CustomField")
    assert [row["DeveloperName"] for row in fields["records"]] == ["Score"]


@check
def errors():
    raises(SalesforceMalformedRequest, "REQUIRED_FIELD_MISSING", lambda: sf.Lead.create({"LastName": "x"}))
    raises(SalesforceMalformedRequest, "MALFORMED_QUERY", lambda: sf.query("SELECT Id FRM Account"))
    raises(SalesforceExpiredSession, "INVALID_SESSION_ID", lambda: connect("wrong").limits())


failed = 0
for function in CHECKS:
    try:
        function()
        print("ok", function.__name__, flush=True)
    except Exception as error:  # a check that fails must not hide the others
        failed += 1
        print(f"FAIL {function.__name__}: {type(error).__name__}: {error}", flush=True)
sys.exit(bool(failed))
