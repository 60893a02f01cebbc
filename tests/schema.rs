//! Vendors' answers become schemas; snapshots keep them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use std::path::{Path, PathBuf};

use twinmap::schema::import::{Kind, empty, import};
use twinmap::schema::{FieldType, System, SystemKind, snapshot};

fn shared(path: &str) -> Option<serde_json::Value> {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/api").join(path);
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(_) => {
            println!("skipped: {} is not here", file.display());
            None
        }
    }
}

fn field<'s>(system: &'s System, object: &str, field: &str) -> &'s twinmap::schema::Field {
    &system.objects[object].fields[field]
}

#[test]
fn recorded_hubspot_answers_import() {
    let mut system = empty(SystemKind::Hubspot);
    for (object, count) in [("contacts", 321), ("companies", 245), ("deals", 182)] {
        let Some(json) = shared(&format!("recorded/hubspot/properties-{object}.json")) else { return };
        import(&mut system, Some(object), Kind::Fields, &json).unwrap();
        let name = twinmap::schema::hubspot::canonical(object);
        assert_eq!(system.objects[name].fields.len(), count);
    }
    let pipelines = shared("recorded/hubspot/pipelines-deals.json").unwrap();
    import(&mut system, Some("deal"), Kind::Pipelines, &pipelines).unwrap();
    let owners = shared("recorded/hubspot/owners-page.json").unwrap();
    import(&mut system, None, Kind::Owners, &owners).unwrap();
    import(&mut system, None, Kind::Account, &shared("recorded/hubspot/account-details.json").unwrap())
        .unwrap();

    assert_eq!(field(&system, "company", "industry").ty, FieldType::Option);
    assert_eq!(field(&system, "company", "industry").options.len(), 148);
    assert_eq!(field(&system, "deal", "hubspot_owner_id").ty, FieldType::Owner);
    assert!(matches!(field(&system, "deal", "amount").ty, FieldType::Money(_)));
    assert_eq!(field(&system, "contact", "email").ty, FieldType::Email);
    assert_eq!(field(&system, "deal", "closedate").ty, FieldType::DateTime);
    let weighted = field(&system, "deal", "hs_projected_amount");
    assert!(weighted.calculated && !weighted.updateable);
    let stages = &field(&system, "deal", "dealstage").options;
    assert!(stages.iter().any(|stage| stage.value == "closedwon"), "{stages:?}");
    let won: Vec<_> =
        system.objects["deal"].pipelines.iter().flat_map(|p| &p.stages).filter(|s| s.won).collect();
    assert!(won.iter().all(|stage| stage.closed) && !won.is_empty());
    assert!(!system.account.id.is_empty());

    let text = snapshot::write(&system);
    let hash = snapshot::hash(&text);
    assert_eq!(snapshot::read("hubspot", &text, Some(&hash)).unwrap(), system);
    let changed = text.replacen("Industry", "Branche", 1);
    assert!(matches!(
        snapshot::read("hubspot", &changed, Some(&hash)),
        Err(snapshot::SnapshotError::Tampered { .. })
    ));
}

#[test]
fn salesforce_describes_import() {
    let mut system = empty(SystemKind::Salesforce);
    for file in ["Account.v48", "Contact.vxx-cci", "Opportunity.vxx-cci", "Lead.v59", "Task.v44", "User.v29"]
    {
        let Some(json) = shared(&format!("salesforce/describe/{file}.json")) else { return };
        import(&mut system, None, Kind::Fields, &json).unwrap();
    }
    let stages = shared("salesforce/samples/opportunity-stages.constructed.json").unwrap();
    import(&mut system, Some("Opportunity"), Kind::Stages, &stages).unwrap();
    let required = |object: &str| -> Vec<&str> {
        let fields = &system.objects[object].fields;
        fields.iter().filter(|(_, field)| field.required_on_create).map(|(name, _)| name.as_str()).collect()
    };
    assert_eq!(required("Account"), ["Name"]);
    assert_eq!(required("Contact"), ["LastName"]);
    assert_eq!(required("Lead"), ["Company", "LastName"]);
    assert_eq!(required("Opportunity"), ["CloseDate", "Name", "StageName"]);
    assert_eq!(field(&system, "Contact", "FirstName").ty.to_string(), "text(40)");
    assert_eq!(field(&system, "Opportunity", "Amount").ty.to_string(), "money(18,2)");
    assert_eq!(field(&system, "Opportunity", "OwnerId").ty, FieldType::Owner);
    assert!(!field(&system, "Account", "BillingAddress").updateable);
    let stages = &system.objects["Opportunity"].stages;
    assert_eq!((stages.len(), stages.iter().filter(|stage| stage.won).count()), (10, 1));
}

#[test]
fn recorded_salesforce_describes_import() {
    for file in [
        "Account.person-accounts.v59",
        "Account.v42",
        "Account.v58-2026-05",
        "Campaign.v42",
        "Contact.v42",
        "Lead.v42",
    ] {
        let Some(json) = shared(&format!("recorded/salesforce/{file}.json")) else { return };
        let mut system = empty(SystemKind::Salesforce);
        let said = import(&mut system, None, Kind::Fields, &json).unwrap();
        assert!(said.contains("fields"), "{said}");
    }
}

#[test]
fn strange_answers_are_refused_in_words() {
    let strange =
        ["null", "1", "\"x\"", "{}", "[]", "{\"results\":[{}]}", "{\"results\":{}}", "{\"fields\":[]}"];
    for text in strange {
        let json = serde_json::from_str(text).unwrap();
        for kind in [SystemKind::Hubspot, SystemKind::Salesforce] {
            let refused = import(&mut empty(kind), Some("x"), Kind::Fields, &json).unwrap_err();
            assert!(!refused.0.is_empty());
        }
    }
}

/// What no listing of fields says, and what stays when the fields are listed again.
#[test]
fn counts_scopes_and_writers_import() {
    let text = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let fields = text(
        r#"{"results": [{"name": "hs_object_id", "type": "number", "fieldType": "number"},
        {"name": "associatedcompanyid", "type": "number", "fieldType": "number", "referencedObjectType": "COMPANY"},
        {"name": "tier", "type": "string", "fieldType": "text"}, {"name": "city", "type": "string", "fieldType": "text"}]}"#,
    );
    let mut system = empty(SystemKind::Hubspot);
    import(&mut system, Some("contact"), Kind::Fields, &fields).unwrap();
    assert_eq!(field(&system, "contact", "hs_object_id").ty, FieldType::Id);
    assert_eq!(
        field(&system, "contact", "associatedcompanyid").ty,
        FieldType::Ref { to: vec!["company".to_owned()] }
    );

    let search = text(r#"{"total": 250001, "results": []}"#);
    import(&mut system, Some("contacts"), Kind::Records, &search).unwrap();
    assert_eq!(system.objects["contact"].records, Some(250_001));

    let record = text(
        r#"{"id": "1", "propertiesWithHistory": {
        "tier": [{"value": "A", "sourceType": "AUTOMATION_PLATFORM", "sourceId": "enrollmentId:7", "sourceLabel": "Tiering"},
                 {"value": "B", "sourceType": "CRM_UI"}],
        "city": [{"value": "Rome", "sourceType": "CRM_UI"}]}}"#,
    );
    import(&mut system, Some("contact"), Kind::History, &record).unwrap();
    assert_eq!(field(&system, "contact", "tier").written_by, "the workflow Tiering");
    assert_eq!(field(&system, "contact", "city").written_by, "");
    import(&mut system, Some("contact"), Kind::Fields, &fields).unwrap();
    assert_eq!(field(&system, "contact", "tier").written_by, "the workflow Tiering");

    let token = text(r#"{"hub_id": 1, "scopes": ["oauth", "crm.objects.contacts.read"]}"#);
    import(&mut system, None, Kind::Account, &token).unwrap();
    import(&mut system, None, Kind::Account, &text(r#"{"portalId": 7, "companyCurrency": "EUR"}"#)).unwrap();
    assert_eq!(system.account.scopes, ["crm.objects.contacts.read", "oauth"]);
    assert_eq!(system.account.currency, "EUR");
    let refused = import(&mut system, Some("contact"), Kind::History, &search).unwrap_err().to_string();
    assert!(refused.contains("propertiesWithHistory"), "{refused}");

    let mut org = empty(SystemKind::Salesforce);
    let count = text(r#"{"totalSize": 12, "done": true, "records": []}"#);
    let early = import(&mut org, Some("Account"), Kind::Records, &count).unwrap_err().to_string();
    assert!(early.contains("import the fields of Account first"), "{early}");
    let describe = text(r#"{"name": "Account", "fields": [{"name": "Name", "type": "string"}]}"#);
    import(&mut org, Some("Account"), Kind::Fields, &describe).unwrap();
    import(&mut org, Some("Account"), Kind::Records, &count).unwrap();
    import(&mut org, Some("Account"), Kind::Fields, &describe).unwrap();
    assert_eq!(org.objects["Account"].records, Some(12));
}
