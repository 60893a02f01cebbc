//! Templates, and the activities that the one of HubSpot's Salesforce integration carries over.

use serde_json::{Value, json};

use crate::registry::behaviours;
use crate::support::{World, ask, err};
use crate::world::OWNER;

behaviours! {
    [] "`init --template hubspot-salesforce`, `data-sync`, `data-sync-deals`: the default mappings of what they replace, checked without an error or warning against a fresh portal and org, in step after one run." => templates_check_and_come_to_rest;
    [] "Tasks both ways: subject, text, status, priority, due day, owner, contact and deal." => tasks_travel_both_ways;
    [] "Notes, calls, e-mails and meetings become completed tasks of the contact, one way." => activities_become_completed_tasks;
    [] "Campaign membership is read: `salesforcecampaignids <- CampaignMembers` holds the ids of the campaigns that a contact or lead is in; a row that would write it does not compile."
        => campaign_membership_is_read;
}

fn templates_check_and_come_to_rest() {
    for template in ["hubspot-salesforce", "data-sync", "data-sync-deals"] {
        let world = World::template(template);
        let check = world.run(&["check"]);
        assert_eq!(check.status.code(), Some(0), "{template}: {}", err(&check));
        assert!(err(&check).contains("nothing found"), "{template}: {}", err(&check));
        assert_eq!(world.run(&["fmt", "--check"]).status.code(), Some(0), "{template}");
        world.sync();
        let company = world.company("Alfa");
        let rossi = world.hubspot(
            "contacts",
            json!({ "email": "rossi@alfa.example", "lastname": "Rossi", "hubspot_owner_id": OWNER, "lifecyclestage": "customer" }),
        );
        world.associate("contacts", &rossi, "companies", &company);
        world.hubspot(
            "deals",
            json!({ "dealname": "Alfa", "pipeline": "default", "dealstage": "qualifiedtobuy", "closedate": "2026-12-31T00:00:00Z", "hubspot_owner_id": OWNER }),
        );
        world.salesforce(
            "Lead",
            json!({ "LastName": "Bruni", "Company": "Beta", "Email": "bruni@beta.example" }),
        );
        let report = world.sync();
        assert_eq!(report["failures"], json!([]), "{template}: {report}");
        assert_eq!(world.count("Opportunity"), 1, "{template}");
        world.sync();
        world.sync();
        assert_eq!(world.plan()["changes"], json!([]), "{template}");
    }
}

/// A linked contact in a project of the template; its ids in HubSpot and Salesforce.
fn with_contact() -> (World, String, String) {
    let world = World::template("hubspot-salesforce");
    world.sync();
    let rossi = world.hubspot(
        "contacts",
        json!({ "email": "rossi@alfa.example", "lastname": "Rossi", "hubspot_owner_id": OWNER, "lifecyclestage": "customer" }),
    );
    world.sync();
    let contact = world.one("SELECT Id FROM Contact")["Id"].as_str().unwrap().to_owned();
    (world, rossi, contact)
}

fn tasks_travel_both_ways() {
    let (world, rossi, contact) = with_contact();
    let here = world.hubspot(
        "tasks",
        json!({ "hs_task_subject": "Call back", "hs_task_body": "About the offer", "hs_task_status": "WAITING", "hs_task_priority": "HIGH", "hs_timestamp": "2026-12-01T09:00:00Z", "hubspot_owner_id": OWNER }),
    );
    world.associate("tasks", &here, "contacts", &rossi);
    let there = world.salesforce(
        "Task",
        json!({ "Subject": "Send the contract", "Status": "In Progress", "Priority": "Normal", "TaskSubtype": "Task", "ActivityDate": "2026-12-24", "WhoId": contact }),
    );
    let report = world.sync();
    assert_eq!(report["failures"], json!([]), "{report}");
    let made = world.one("SELECT Id, Subject, Description, Status, Priority, ActivityDate, WhoId FROM Task WHERE Subject = 'Call back'");
    assert_eq!(
        (&made["Status"], &made["Priority"]),
        (&json!("Waiting on someone else"), &json!("High")),
        "{made}"
    );
    assert_eq!(
        (&made["ActivityDate"], &made["Description"]),
        (&json!("2026-12-01"), &json!("About the offer"))
    );
    assert_eq!(made["WhoId"], json!(contact));
    let tasks =
        world.objects("tasks", "hs_task_subject,hs_task_status,hs_task_priority,hs_timestamp", "contacts");
    let task =
        tasks.iter().find(|task| task["properties"]["hs_task_subject"] == "Send the contract").unwrap();
    assert_eq!(task["properties"]["hs_task_status"], "IN_PROGRESS");
    assert_eq!(task["properties"]["hs_task_priority"], "MEDIUM");
    assert!(task["properties"]["hs_timestamp"].as_str().unwrap().starts_with("2026-12-24"));
    let id = task["id"].as_str().unwrap();
    assert_eq!(world.associated("tasks", id, "contacts"), [rossi.as_str()]);
    // Done on either side is done on the other.
    world.hubspot_edit("tasks", id, json!({ "hs_task_status": "COMPLETED" }));
    world.salesforce_edit("Task", made["Id"].as_str().unwrap(), json!({ "Status": "Completed" }));
    world.sync();
    assert_eq!(world.row("Task", &there)["Status"], "Completed");
    assert_eq!(world.properties("tasks", &here, "hs_task_status")["hs_task_status"], "COMPLETED");
}

fn activities_become_completed_tasks() {
    let (world, rossi, contact) = with_contact();
    let at = "2026-11-30T15:00:00Z";
    for (object, fields) in [
        ("notes", json!({ "hs_note_body": "<p>Likes <b>tea</b></p>", "hs_timestamp": at })),
        (
            "calls",
            json!({ "hs_call_title": "First call", "hs_call_direction": "OUTBOUND", "hs_timestamp": at }),
        ),
        (
            "emails",
            json!({ "hs_email_subject": "The offer", "hs_email_direction": "EMAIL", "hs_email_text": "As agreed", "hs_timestamp": at }),
        ),
        (
            "meetings",
            json!({ "hs_meeting_title": "Demo", "hs_meeting_body": "<p>Shown</p>", "hs_timestamp": at, "hs_meeting_start_time": at, "hs_meeting_end_time": "2026-11-30T16:00:00Z" }),
        ),
    ] {
        let id = world.hubspot(object, fields);
        world.associate(object, &id, "contacts", &rossi);
    }
    let report = world.sync();
    assert_eq!(report["failures"], json!([]), "{report}");
    let tasks = world.query("SELECT Subject, Description, Status, TaskSubtype, CallType, WhoId, ActivityDate FROM Task ORDER BY Subject");
    assert_eq!(tasks.len(), 4, "{tasks:?}");
    assert!(
        tasks.iter().all(|task| task["Status"] == "Completed" && task["WhoId"] == json!(contact)),
        "{tasks:?}"
    );
    assert!(tasks.iter().all(|task| task["ActivityDate"] == "2026-11-30"));
    let kinds: Vec<&Value> = tasks.iter().map(|task| &task["TaskSubtype"]).collect();
    assert_eq!(kinds, ["Call", "Email", "Task", "Task"], "calls, e-mails, meetings, notes");
    assert_eq!(
        (&tasks[0]["Subject"], &tasks[0]["CallType"]),
        (&json!("Call: First call"), &json!("Outbound"))
    );
    assert_eq!(
        (&tasks[3]["Description"], &tasks[3]["Subject"]),
        (&json!("Likes tea"), &json!("Note: logged in HubSpot"))
    );
    // One way: none of them comes back as a HubSpot task, and edits over there stay there.
    world.sync();
    assert_eq!(world.objects("tasks", "hs_task_subject", "contacts").len(), 0);
    assert_eq!(world.count("Task"), 4);
}

const CAMPAIGNS: &str = r#"
sync people: hubspot.contact <-> salesforce.Contact | salesforce.Lead {
  filter hubspot: email is set
  match: lower(hubspot.email) == lower(salesforce.Email)
  conflict: hubspot within 5m
  refresh: every 24h
  guard: creates 5000, updates 100%, deletes 0, blanks 25
  route {
    lifecyclestage in ["subscriber", "lead"] -> Lead
    else -> Contact
  }
  map {
    email                    <-> Email using email
    lastname                 <-> LastName
    salesforcecampaignids    <-  CampaignMembers may blank
  }
  map Lead {
    company                  ->  Company default "unknown"
  }
}
"#;

fn campaign_membership_is_read() {
    let world = World::empty("");
    let property = json!({
        "name": "salesforcecampaignids", "label": "Salesforce campaigns", "type": "string", "fieldType": "textarea",
        "groupName": "contactinformation",
    });
    let made = ask(&world.sandbox.hubspot, "POST", "/crm/v3/properties/contacts", Some(&property));
    assert_eq!(made["name"], "salesforcecampaignids", "{made}");
    world.only(CAMPAIGNS);
    world.told(0, &["check"]);
    let rossi = world.hubspot(
        "contacts",
        json!({ "email": "rossi@alfa.example", "lastname": "Rossi", "lifecyclestage": "customer" }),
    );
    let bruni = world.hubspot(
        "contacts",
        json!({ "email": "bruni@alfa.example", "lastname": "Bruni", "lifecyclestage": "lead" }),
    );
    world.sync();
    let contact = world.one("SELECT Id FROM Contact")["Id"].clone();
    let lead = world.one("SELECT Id FROM Lead")["Id"].clone();
    let spring = world.salesforce("Campaign", json!({ "Name": "Spring" }));
    let autumn = world.salesforce("Campaign", json!({ "Name": "Autumn" }));
    let join = |campaign: &str, field: &str, who: &Value| {
        world.salesforce("CampaignMember", json!({ "CampaignId": campaign, field: who }))
    };
    join(&spring, "ContactId", &contact);
    let second = join(&autumn, "ContactId", &contact);
    join(&autumn, "LeadId", &lead);
    let of =
        |id: &str| world.properties("contacts", id, "salesforcecampaignids")["salesforcecampaignids"].clone();
    world.json(&["run", "--full", "--format", "json"]);
    assert_eq!((of(&rossi), of(&bruni)), (json!(format!("{spring};{autumn}")), json!(autumn)));
    world.salesforce_delete("CampaignMember", &second);
    world.json(&["run", "--full", "--format", "json"]);
    assert_eq!(of(&rossi), json!(spring));
    assert_eq!(world.query("SELECT Id FROM CampaignMember").len(), 2, "nothing of it is ever written");
    // Read-only, and said so.
    let path = world.path("mappings/all.twin");
    std::fs::write(path, CAMPAIGNS.replace("<-  CampaignMembers may blank", "->  CampaignMembers")).unwrap();
    let check = world.run(&["check"]);
    assert!(check.status.code() == Some(1) && err(&check).contains("E511"), "{}", err(&check));
}
