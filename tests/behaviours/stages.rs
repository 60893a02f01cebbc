//! Stages and pipelines: what is mapped, what is proposed, what can't be seen.

use serde_json::{Value, json};

use crate::deals::{checked, deal, deals_in, opportunity};
use crate::registry::behaviours;
use crate::support::World;
use crate::world::{COMPANIES, DEALS};

behaviours! {
    [112] "Without a stage map the program is refused: equal names are no mapping." => stages_never_match_by_themselves;
    [113] "W409 lists the stages of both sides that no row takes." => unmapped_stages_are_listed;
    [114] "A deal in an unmapped stage is left alone as `stage-unmapped`, both ways, and syncs once it moves into a mapped one."
        => only_mapped_stages_sync;
    [115] "Stage names are those of the pipeline and record type of their map." => stages_belong_to_their_pipeline;
    [116] "`stages auto` proposes one-to-one rows with scores; unlikely ones are comments, and nothing is written."
        => stages_are_proposed_with_scores;
    [117] "Several maps behind one `using`; a pipeline twice is E414." => several_pipelines;
    [118] "`stages auto` and `schema pull` say `stages-not-visible` and name the permission." => hidden_stages_are_a_permission;
    [119] "A stage map on an object without a stage field is refused as `no-stage-field`." => an_object_without_stages_is_refused;
    [130] "W408 when no closed stage is mapped, E405 when won meets lost; a mapped won deal is closed and won over there."
        => closed_stages;
}

fn stages_never_match_by_themselves() {
    let world = World::empty(DEALS);
    let without = DEALS.split("stages sales").next().unwrap().replace(" using sales", "");
    std::fs::write(world.path("mappings/all.twin"), without).unwrap();
    let (code, said) = checked(&world);
    assert_eq!(code, 1);
    assert!(said.contains("E301") && said.contains("dealstage"), "{said}");
}

fn unmapped_stages_are_listed() {
    let world = World::empty(&DEALS.replace("  else skip\n", ""));
    let (code, said) = checked(&world);
    assert_eq!(code, 0, "a warning");
    assert!(said.contains("W409"), "{said}");
    assert!(
        said.contains("presentationscheduled") && said.contains("Value Proposition"),
        "both sides: {said}"
    );
}

fn only_mapped_stages_sync() {
    let world = World::empty(DEALS);
    let here = deal(&world, "Here", "presentationscheduled");
    let there = opportunity(&world, "There", "Needs Analysis");
    assert_eq!(world.sync()["counts"]["created"], 0);
    assert_eq!(
        (world.skips(&here), world.skips(&there)),
        (vec!["stage-unmapped".into()], vec!["stage-unmapped".into()])
    );
    let told = world.told(0, &["why", &format!("hubspot.deal:{here}")]);
    assert!(told.contains("stage-unmapped"), "{told}");
    let told = world.told(0, &["why", &format!("salesforce.Opportunity:{there}")]);
    assert!(told.contains("stage-unmapped"), "{told}");
    world.hubspot_edit("deals", &here, json!({ "dealstage": "qualifiedtobuy" }));
    world.salesforce_edit("Opportunity", &there, json!({ "StageName": "Negotiation/Review" }));
    assert_eq!(world.sync()["counts"]["created"], 2);
    assert_eq!(
        world.one("SELECT StageName FROM Opportunity WHERE Name = 'Here'")["StageName"],
        "Qualification"
    );
    let stages: Vec<Value> =
        deals_in(&world).iter().map(|deal| deal["properties"]["dealstage"].clone()).collect();
    assert_eq!(stages, ["qualifiedtobuy", "contractsent"]);
    // Out of the mapped stages again: nothing of it travels.
    world.hubspot_edit(
        "deals",
        &here,
        json!({ "dealstage": "presentationscheduled", "dealname": "Renamed" }),
    );
    world.sync();
    assert_eq!(world.query("SELECT Id FROM Opportunity WHERE Name = 'Renamed'").len(), 0);
}

/// A second map, of the partners' pipeline.
fn partners() -> String {
    let second = r#"
stages partners: hubspot.deal pipeline "partners" <-> salesforce.Opportunity record_type "Partner" {
  "partner_new"              <-> "Prospecting"
  "partner_won"              <-> "Closed Won"
  else skip
}
"#;
    format!("{}{second}", DEALS.replace("using sales", "using sales, partners"))
}

fn stages_belong_to_their_pipeline() {
    let world = World::empty(DEALS);
    std::fs::write(
        world.path("mappings/all.twin"),
        DEALS.replace("\"appointmentscheduled\"", "\"partner_new\""),
    )
    .unwrap();
    let (code, said) = checked(&world);
    assert_eq!(code, 1);
    assert!(said.contains("E403") && said.contains("partner_new"), "a stage of another pipeline: {said}");
}

fn stages_are_proposed_with_scores() {
    let world = World::empty(DEALS);
    let before = std::fs::read_to_string(world.path("mappings/all.twin")).unwrap();
    let told = world.told(0, &["stages", "auto", "hubspot.deal", "salesforce.Opportunity"]);
    assert_eq!(told, world.told(0, &["stages", "auto", "hubspot.deal", "salesforce.Opportunity"]));
    assert!(told.contains("\"closedwon\"                <-> \"Closed Won\""), "{told}");
    assert!(
        told.contains("# \"qualifiedtobuy\" <-> \"Qualification\"") && told.contains("score 66"),
        "{told}"
    );
    let proposed =
        world.json(&["stages", "auto", "hubspot.deal", "salesforce.Opportunity", "--format", "json"]);
    let rows = proposed["proposals"][0]["rows"].as_array().unwrap();
    let mut rights: Vec<String> = rows.iter().map(|row| row["right"].to_string()).collect();
    rights.sort();
    rights.dedup();
    assert_eq!(rights.len(), rows.len(), "one-to-one: {proposed}");
    assert_eq!(std::fs::read_to_string(world.path("mappings/all.twin")).unwrap(), before);
}

fn several_pipelines() {
    let world = World::empty(&partners());
    deal(&world, "Sales", "appointmentscheduled");
    world.hubspot(
        "deals",
        json!({ "dealname": "Partner", "pipeline": "partners", "dealstage": "partner_new", "closedate": "2026-12-31T00:00:00Z" }),
    );
    world.sync();
    let type_of = |name: &str| {
        let soql =
            format!("SELECT RecordType.DeveloperName, StageName FROM Opportunity WHERE Name = '{name}'");
        let row = world.one(&soql);
        assert_eq!(row["StageName"], "Prospecting", "both stages are called so over there");
        row["RecordType"]["DeveloperName"].clone()
    };
    assert_eq!((type_of("Sales"), type_of("Partner")), (json!("New_Business"), json!("Partner")));
    let twice = partners()
        .replace("pipeline \"partners\"", "pipeline \"default\"")
        .replace("partner_new", "contractsent");
    std::fs::write(world.path("mappings/all.twin"), twice.replace("partner_won", "closedwon")).unwrap();
    let (code, said) = checked(&world);
    assert!(code == 1 && said.contains("E414"), "{said}");
}

fn hidden_stages_are_a_permission() {
    let world = World::empty(DEALS);
    world.salesforce_admin("permission", json!({ "object": "OpportunityStage", "access": "none" }));
    std::fs::remove_file(world.path("schema/sandbox/salesforce.json")).unwrap();
    let told = world.told(0, &["schema", "pull", "salesforce"]);
    assert!(told.contains("stages-not-visible") && told.contains("permission"), "{told}");
    let told = world.told(1, &["stages", "auto", "hubspot.deal", "salesforce.Opportunity"]);
    assert!(told.contains("stages-not-visible") && told.contains("permission"), "{told}");
}

fn an_object_without_stages_is_refused() {
    let world = World::empty(&format!("{COMPANIES}{DEALS}"));
    let map = "stages wrong: hubspot.company <-> salesforce.Account {\n  \"lead\" <-> \"Prospect\"\n  else skip\n}\n";
    let program = COMPANIES.replace("  map {\n", "  map {\n    lifecyclestage <-> Type using wrong\n");
    std::fs::write(world.path("mappings/all.twin"), format!("{program}{map}")).unwrap();
    let (code, said) = checked(&world);
    assert!(code == 1 && said.contains("no-stage-field"), "{said}");
    let told = world.told(1, &["stages", "auto", "hubspot.company", "salesforce.Account"]);
    assert!(told.contains("no-stage-field"), "{told}");
}

fn closed_stages() {
    let open = DEALS
        .replace("  \"closedwon\"                <-> \"Closed Won\"\n", "")
        .replace("  \"closedlost\"               <-> \"Closed Lost\"\n", "");
    let world = World::empty(&open);
    assert!(checked(&world).1.contains("W408"));
    std::fs::write(
        world.path("mappings/all.twin"),
        DEALS
            .replace("\"Closed Won\"", "\"X\"")
            .replace("\"Closed Lost\"", "\"Closed Won\"")
            .replace("\"X\"", "\"Closed Lost\""),
    )
    .unwrap();
    let (code, said) = checked(&world);
    assert!(code == 1 && said.contains("E405"), "{said}");
    world.only(DEALS);
    let here = deal(&world, "Alfa", "qualifiedtobuy");
    world.sync();
    world.hubspot_edit("deals", &here, json!({ "dealstage": "closedwon" }));
    world.sync();
    let row = world.one("SELECT IsClosed, IsWon, StageName FROM Opportunity");
    assert_eq!((&row["IsClosed"], &row["IsWon"]), (&json!(true), &json!(true)), "{row}");
}
