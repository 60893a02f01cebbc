"""The official Python client of HubSpot against the sandbox: what it parses, raises and walks."""

import json
import os
import sys
import urllib.request

import hubspot
from hubspot.crm import associations, companies, contacts, deals, objects, properties
from hubspot.crm.associations.v4 import models as v4

URL, TOKEN = os.environ["HUBSPOT_URL"], os.environ["HUBSPOT_TOKEN"]
client = hubspot.Client.create(access_token=TOKEN, host=URL)
crm = client.crm
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def raw(path, body):
    """A POST that the client has no method for."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{URL}/{path}", json.dumps(body).encode(), headers, method="POST")
    return json.load(urllib.request.urlopen(request))


def admin(path, body):
    return raw(f"_sandbox/{path}", body)


def expect(status, error, call, **arguments):
    try:
        call(**arguments)
    except error as caught:
        assert caught.status == status, f"{caught.status}: {caught.body}"
        return json.loads(caught.body)
    raise AssertionError(f"no {status}")


def new_company(**values):
    wanted = companies.SimplePublicObjectInputForCreate(properties=values)
    return crm.companies.basic_api.create(simple_public_object_input_for_create=wanted)


@check
def wrong_token():
    other = hubspot.Client.create(access_token="pat-na1-wrong", host=URL)
    body = expect(401, contacts.ApiException, other.crm.contacts.basic_api.get_page)
    assert body["category"] == "INVALID_AUTHENTICATION"


@check
def get_all_walks_every_page():
    everyone = crm.contacts.get_all(properties=["email", "lifecyclestage"])
    assert len(everyone) > 60 and len({c.id for c in everyone}) == len(everyone)
    assert all(c.properties["email"] for c in everyone)


@check
def create_read_update_archive():
    made = new_company(name="Client Ltd", domain="Client.Example", numberofemployees=12)
    assert made.properties["numberofemployees"] == "12" and made.properties["domain"] == "client.example"
    changed = crm.companies.basic_api.update(
        company_id=made.id,
        simple_public_object_input=companies.SimplePublicObjectInput(properties={"city": "Oslo"}),
    )
    assert changed.properties["city"] == "Oslo" and changed.updated_at >= made.updated_at
    crm.companies.basic_api.archive(company_id=made.id)
    body = expect(404, companies.ApiException, crm.companies.basic_api.get_by_id, company_id=made.id)
    assert body["category"] == "OBJECT_NOT_FOUND"
    assert crm.companies.basic_api.get_by_id(company_id=made.id, archived=True).archived


@check
def unknown_property_is_a_400():
    wanted = deals.SimplePublicObjectInputForCreate(properties={"dealname": "A", "missing": "x"})
    body = expect(400, deals.ApiException, crm.deals.basic_api.create, simple_public_object_input_for_create=wanted)
    assert "PROPERTY_DOESNT_EXIST" in body["message"] and body["category"] == "VALIDATION_ERROR"


@check
def same_email_is_a_409():
    wanted = contacts.SimplePublicObjectInputForCreate(properties={"email": "twice@client.example"})
    first = crm.contacts.basic_api.create(simple_public_object_input_for_create=wanted)
    body = expect(409, contacts.ApiException, crm.contacts.basic_api.create, simple_public_object_input_for_create=wanted)
    assert first.id in body["message"]


@check
def batch_create_tells_failures_by_trace_id():
    inputs = [
        companies.SimplePublicObjectBatchInputForCreate(
            properties={"name": "Good"} if n == 0 else {"missing": "x"}, object_write_trace_id=f"t{n}"
        )
        for n in range(2)
    ]
    batch = companies.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
    answer = crm.companies.batch_api.create(batch_input_simple_public_object_batch_input_for_create=batch)
    assert answer.num_errors == 1 and answer.results[0].object_write_trace_id == "t0"
    assert answer.errors[0].context == {"objectWriteTraceId": ["t1"]}


@check
def upsert_by_unique_property():
    item = companies.SimplePublicObjectBatchInputUpsert(
        id="scm1:client", id_property="twinmap_id", properties={"name": "Once"}, object_write_trace_id="u1"
    )
    batch = companies.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[item])
    call = lambda: crm.companies.batch_api.upsert(batch_input_simple_public_object_batch_input_upsert=batch).results[0]
    first, second = call(), call()
    assert first.new and not second.new and first.id == second.id


@check
def batch_read_by_unique_property_with_history():
    read = companies.BatchReadInputSimplePublicObjectId(
        properties=["name"],
        properties_with_history=["name"],
        id_property="twinmap_id",
        inputs=[companies.SimplePublicObjectId(id="scm1:client"), companies.SimplePublicObjectId(id="scm1:none")],
    )
    answer = crm.companies.batch_api.read(batch_read_input_simple_public_object_id=read)
    assert answer.results[0].properties["name"] == "Once"
    assert answer.results[0].properties_with_history["name"][0].source_type == "INTEGRATION"
    assert answer.errors[0].category == "OBJECT_NOT_FOUND"


@check
def history_shows_people():
    made = new_company(name="Watched")
    admin("edit", {"object": "companies", "id": made.id, "properties": {"name": "By a person"}, "by": "kim"})
    read = crm.companies.basic_api.get_by_id(company_id=made.id, properties_with_history=["name"])
    assert [entry.source_type for entry in read.properties_with_history["name"]] == ["CRM_UI", "INTEGRATION"]


@check
def search_pages():
    ids, after = [], None
    while True:
        request = companies.PublicObjectSearchRequest(
            filter_groups=[
                companies.FilterGroup(
                    filters=[companies.Filter(property_name="lifecyclestage", operator="IN", values=["customer", "lead"])]
                )
            ],
            sorts=["hs_object_id"],
            properties=["name"],
            limit=5,
            after=after,
        )
        page = crm.companies.search_api.do_search(public_object_search_request=request)
        ids += [int(row.id) for row in page.results]
        if not page.paging:
            break
        after = page.paging.next.after
    assert len(ids) == page.total and ids == sorted(ids)


@check
def associations_v4():
    contact = crm.contacts.basic_api.create(
        simple_public_object_input_for_create=contacts.SimplePublicObjectInputForCreate(
            properties={"email": "linked@client.example"}
        )
    )
    company = new_company(name="Linked")
    api = crm.associations.v4.basic_api
    api.create_default(
        from_object_type="contacts", from_object_id=contact.id, to_object_type="companies", to_object_id=company.id
    )
    api.create(
        object_type="contacts", object_id=contact.id, to_object_type="companies", to_object_id=company.id,
        association_spec=[v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)],
    )
    page = api.get_page(object_type="companies", object_id=company.id, to_object_type="contacts")
    assert str(page.results[0].to_object_id) == contact.id
    assert {t.type_id for t in page.results[0].association_types} == {2, 280}
    batch = crm.associations.v4.batch_api.get_page(
        from_object_type="contacts", to_object_type="companies",
        batch_input_public_fetch_associations_batch_request=v4.BatchInputPublicFetchAssociationsBatchRequest(
            inputs=[v4.PublicFetchAssociationsBatchRequest(id=contact.id)]
        ),
    )
    assert str(batch.results[0].to[0].to_object_id) == company.id
    read = crm.contacts.basic_api.get_by_id(contact_id=contact.id, associations=["companies"])
    assert read.associations["companies"].results[0].id == company.id
    api.archive(object_type="contacts", object_id=contact.id, to_object_type="companies", to_object_id=company.id)
    assert not api.get_page(object_type="companies", object_id=company.id, to_object_type="contacts").results


@check
def properties_are_listed_created_and_archived():
    core = crm.properties.core_api
    listed = core.get_all(object_type="deals").results
    assert len(listed) > 190 and any(p.name == "hs_is_closed" and p.modification_metadata.read_only_value for p in listed)
    made = core.create(
        object_type="deals",
        property_create=properties.PropertyCreate(
            name="client_key", label="Client key", type="string", field_type="text",
            group_name="dealinformation", has_unique_value=True,
        ),
    )
    assert made.has_unique_value
    body = expect(
        409, properties.ApiException, core.create, object_type="deals",
        property_create=properties.PropertyCreate(
            name="client_key", label="Again", type="string", field_type="text", group_name="dealinformation"
        ),
    )
    assert body["status"] == "error"
    core.archive(object_type="deals", property_name="client_key")
    expect(404, properties.ApiException, core.get_by_name, object_type="deals", property_name="client_key")


@check
def pipelines_and_owners():
    pipelines = crm.pipelines.pipelines_api.get_all(object_type="deals").results
    assert [p.id for p in pipelines] == ["default", "partners"]
    assert pipelines[0].stages[5].metadata == {"isClosed": "true", "probability": "1.0"}
    owners = crm.owners.owners_api.get_page(limit=2)
    assert len(owners.results) == 2 and owners.paging.next.after
    assert crm.owners.owners_api.get_page(archived=True).results[0].user_id is None


@check
def pipelines_are_created_changed_and_deleted():
    from hubspot.crm import pipelines

    api = crm.pipelines.pipelines_api
    stages = [
        pipelines.PipelineStageInput(label="Open", display_order=0, metadata={"probability": "0.5"}),
        pipelines.PipelineStageInput(label="Won", display_order=1, metadata={"probability": "1.0"}),
    ]
    made = api.create(
        object_type="deals", pipeline_input=pipelines.PipelineInput(label="Renewals", display_order=5, stages=stages)
    )
    assert len(made.stages) == 2 and made.stages[1].metadata["isClosed"] == "true"
    renamed = api.update(
        object_type="deals", pipeline_id=made.id, pipeline_patch_input=pipelines.PipelinePatchInput(label="Renewal")
    )
    assert renamed.label == "Renewal"
    crm.pipelines.pipeline_stages_api.archive(object_type="deals", pipeline_id=made.id, stage_id=made.stages[0].id)
    api.archive(object_type="deals", pipeline_id=made.id)
    expect(404, pipelines.ApiException, api.get_by_id, object_type="deals", pipeline_id=made.id)


@check
def custom_objects():
    from hubspot.crm import schemas

    egg = schemas.ObjectSchemaEgg(
        name="machine",
        labels=schemas.ObjectTypeDefinitionLabels(singular="Machine", plural="Machines"),
        required_properties=["serial"],
        primary_display_property="serial",
        associated_objects=["COMPANY"],
        properties=[
            schemas.ObjectTypePropertyCreate(
                name="serial", label="Serial", type="string", field_type="text", has_unique_value=True
            )
        ],
    )
    made = crm.schemas.core_api.create(object_schema_egg=egg)
    assert made.fully_qualified_name.endswith("_machine") and made.object_type_id.startswith("2-")
    record = crm.objects.basic_api.create(
        object_type="machine",
        simple_public_object_input_for_create=objects.SimplePublicObjectInputForCreate(properties={"serial": "A1"}),
    )
    found = crm.objects.basic_api.get_by_id(
        object_type=made.fully_qualified_name, object_id="A1", id_property="serial"
    )
    assert found.id == record.id
    assert [s.name for s in crm.schemas.core_api.get_all().results] == ["machine"]


@check
def activities_need_a_time():
    note = {"hs_note_body": "Called", "hs_timestamp": "2026-03-12T10:00:00Z"}
    made = crm.objects.notes.basic_api.create(
        simple_public_object_input_for_create=objects.notes.SimplePublicObjectInputForCreate(properties=note)
    )
    assert made.properties["hs_timestamp"] == "2026-03-12T10:00:00Z"
    note.pop("hs_timestamp")
    expect(
        400, objects.notes.ApiException, crm.objects.notes.basic_api.create,
        simple_public_object_input_for_create=objects.notes.SimplePublicObjectInputForCreate(properties=note),
    )


@check
def merge_gives_a_new_id():
    a, b = new_company(name="Left", city="Rome"), new_company(name="Right", phone="1")
    merged = raw("crm/v3/objects/companies/merge", {"primaryObjectId": a.id, "objectIdToMerge": b.id})
    assert merged["id"] not in (a.id, b.id)
    for old in (a.id, b.id):
        read = crm.companies.basic_api.get_by_id(company_id=old, properties=["name", "phone", "hs_merged_object_ids"])
        assert read.id == merged["id"] and read.properties["name"] == "Left" and read.properties["phone"] == "1"


@check
def lists_and_members():
    from hubspot.crm import lists

    wanted = lists.ListCreateRequest(name="Chosen", object_type_id="0-2", processing_type="MANUAL")
    made = crm.lists.lists_api.create(list_create_request=wanted).list
    company = new_company(name="Member")
    added = crm.lists.memberships_api.add(list_id=made.list_id, request_body=[company.id, "1"])
    assert added.records_ids_added == [company.id] and added.record_ids_missing == ["1"]
    members = crm.lists.memberships_api.get_page(list_id=made.list_id).results
    assert [m.record_id for m in members] == [company.id]
    found = crm.lists.lists_api.do_search(list_search_request=lists.ListSearchRequest(query="chos"))
    assert found.total == 1 and found.lists[0].additional_properties["hs_list_size"] == "1"


@check
def limits_are_told_by_429():
    from hubspot.crm import owners

    admin("settings", {"limits": {"burst": 3}})
    try:
        for _ in range(5):
            crm.owners.owners_api.get_page()
    except owners.ApiException as caught:
        body = json.loads(caught.body)
        assert caught.status == 429 and body["policyName"] == "TEN_SECONDLY_ROLLING", body
    else:
        raise AssertionError("no 429")
    finally:
        admin("settings", {"limits": None})


def main():
    failed = 0
    for function in CHECKS:
        try:
            function()
            print(f"ok {function.__name__}")
        except Exception as error:
            failed += 1
            text = str(error).replace("\n", " ")[:600]
            print(f"FAIL {function.__name__}: {type(error).__name__} {text}")
    sys.exit(failed > 0)


main()
