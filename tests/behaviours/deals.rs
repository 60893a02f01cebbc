//! Deals as HubSpot's data sync does them: directions, stages, conflicts, filters, deletions.

use serde_json::{Value, json};

use crate::registry::behaviours;
use crate::support::{Side, World, err};
use crate::world::{COMPANIES, DEALS, MINUTE, OWNER};

behaviours! {
    [101] "Messages, pages and documents are English, whatever the machine's language." => english_whatever_the_locale;
    [102] "Nothing asks for a HubSpot edition: the same program runs in every account that the API is open to."
        => no_edition_is_asked_for;
    [103, 110] "`<->`, `->` and `<-` on the head of a sync: both ways, to Salesforce only, to HubSpot only." => three_directions;
    [104] "An object that the other side does not have is an error when the program is checked, naming what is missing."
        => an_unknown_object_is_an_error;
    [105] "`doctor` signs in with the integration's own rights and names the scope that is missing." => a_missing_scope_is_named;
    [106] "`doctor --scopes` lists what the mappings need before anything is granted; one-way syncs ask for no write scope."
        differs "A token in the environment or OAuth in twinmap.toml instead of a browser's way back."
        => needed_scopes_are_listed_first;
    [107] "Pulling schemas, `doctor`, `check` and `plan` write nothing; the first `run` or `apply` does." => connecting_starts_nothing;
    [108] "Each object is a sync item; another one is added any time and starts with its own first run." => objects_are_added_one_by_one;
    [109] "Deals alone sync; `plan` and `run` say that no associations are made." => deals_alone_make_no_associations;
    [111] "A one-way sync compiles into a plan without a flow to the other side, and writes nothing there." => one_way_writes_one_side;
    [120] "`filter SYSTEM:` on either side, typed against that side's schema." => a_filter_on_the_other_side;
    [121, 122] "Edits of one field on both sides within five minutes, 5:00 included, go to the winner, HubSpot where nothing else is said; later the later edit stands, and different fields merge."
        differs "The winner may be set per field, and the value that lost is on the ledger." => five_minutes_decide;
    [123] "On a one-way sync the source wins; anything else is E530." => one_way_the_source_wins;
    [124] "`start: all`: the first run takes everything that passes the filters." => everything_at_once;
    [125] "`match: none`: deals are found by their stored id only; one that looks like a deal over there is made, and the plan says so."
        => deals_are_not_deduplicated;
    [126] "The stage map names the pipeline; deals of other pipelines are not touched." => a_pipeline_of_their_own;
    [129] "A deal deleted in one app stays in the other, and is not made again." => deletions_stay_where_they_are;
    [131] "Any field with any converter; the default mapping is a text to change." => fields_can_be_mapped_differently;
}

pub fn deal(world: &World, name: &str, stage: &str) -> String {
    world.hubspot(
        "deals",
        json!({ "dealname": name, "pipeline": "default", "dealstage": stage, "closedate": "2026-12-31T00:00:00Z", "amount": "100" }),
    )
}

pub fn opportunity(world: &World, name: &str, stage: &str) -> String {
    world.salesforce(
        "Opportunity",
        json!({ "Name": name, "StageName": stage, "CloseDate": "2026-12-31", "Amount": 100 }),
    )
}

/// What `check` says, and its exit code.
pub fn checked(world: &World) -> (i32, String) {
    let output = world.run(&["check"]);
    (output.status.code().unwrap(), err(&output))
}

pub fn deals_in(world: &World) -> Vec<Value> {
    world.objects("deals", "dealname,dealstage,pipeline,amount", "contacts")
}

/// Changes of a dry-run that write a system.
fn writes_to(world: &World, system: &str) -> usize {
    let plan = world.plan();
    plan["changes"].as_array().unwrap().iter().filter(|change| change["system"] == system).count()
}

fn english_whatever_the_locale() {
    let world = World::empty(&DEALS.replace("amount   ", "amunt    "));
    let say = |locale: &str| {
        let output = world.command(&["check"]).env("LANG", locale).env("LC_ALL", locale).output().unwrap();
        err(&output)
    };
    let english = say("C");
    assert!(english.contains("has no field `amunt`"), "{english}");
    for locale in ["it_IT.UTF-8", "de_DE.UTF-8", "pt_BR.UTF-8", "zh_CN.UTF-8"] {
        assert_eq!(say(locale), english);
    }
}

fn no_edition_is_asked_for() {
    let world = World::empty(DEALS);
    for edition in ["FREE", "STARTER", "STANDARD", "DEVELOPER_TEST"] {
        let account = json!({ "portalId": 12345678, "accountType": edition, "timeZone": "Europe/Rome", "companyCurrency": "EUR" });
        std::fs::write(world.path("account.json"), account.to_string()).unwrap();
        world.told(0, &["schema", "import", "hubspot", "account.json", "--kind", "account"]);
        let shown = std::fs::read_to_string(world.path("schema/sandbox/hubspot.json")).unwrap();
        assert!(shown.contains(edition));
        let (code, said) = checked(&world);
        assert_eq!(code, 0, "{edition}: {said}");
        deal(&world, edition, "qualifiedtobuy");
        assert_eq!(world.sync()["counts"]["created"], 1, "{edition}");
    }
}

fn three_directions() {
    for (arrow, to_salesforce, to_hubspot) in [("<->", 1, 1), ("->", 1, 0), ("<-", 0, 1)] {
        let rows = DEALS.replace("<->", arrow).replace("conflict: hubspot within 5m", "");
        let world = World::empty(&rows);
        deal(&world, "From HubSpot", "qualifiedtobuy");
        opportunity(&world, "From Salesforce", "Prospecting");
        world.sync();
        assert_eq!(
            (world.count("Opportunity"), deals_in(&world).len()),
            (1 + to_salesforce, 1 + to_hubspot),
            "{arrow}"
        );
    }
}

fn an_unknown_object_is_an_error() {
    let world = World::empty(DEALS);
    std::fs::write(
        world.path("mappings/all.twin"),
        "sync quotes: hubspot.deal -> salesforce.Quotation__c {\n  match: none\n  map {\n    dealname -> Name\n  }\n}\n",
    )
    .unwrap();
    let (code, said) = checked(&world);
    assert_eq!(code, 1);
    assert!(said.contains("E202") && said.contains("salesforce has no object `Quotation__c`"), "{said}");
    // A pull fetches the others and warns; asked for by name it is an error, and nothing is written.
    let pulled = world.run(&["schema", "pull"]);
    let warned = crate::support::err(&pulled);
    assert_eq!(pulled.status.code(), Some(0), "{warned}");
    assert!(warned.contains("the org has no object `Quotation__c`"), "{warned}");
    let lock = std::fs::read_to_string(world.path("twinmap.lock")).unwrap();
    let asked = world.run(&["schema", "pull", "--object", "salesforce.Quotation__c"]);
    assert_eq!(asked.status.code(), Some(1));
    let asked = world.run(&["schema", "pull", "--object", "hubspot.quotation"]);
    assert!(crate::support::err(&asked).contains("no object `quotation`"), "{asked:?}");
    assert_eq!(std::fs::read_to_string(world.path("twinmap.lock")).unwrap(), lock);
    assert_eq!(checked(&world).0, 1);
}

fn a_missing_scope_is_named() {
    let world = World::empty(DEALS);
    assert_eq!(world.run(&["doctor"]).status.code(), Some(0));
    world.settings(json!({ "without_scopes": ["crm.schemas.deals.read"] }));
    let told = world.told(1, &["doctor"]);
    assert!(told.contains("FAIL") && told.contains("crm.schemas.deals.read"), "{told}");
    world.settings(json!({ "without_scopes": ["crm.objects.deals.write"] }));
    opportunity(&world, "Alfa", "Prospecting");
    let report = world.sync();
    assert_eq!(report["counts"]["failed"], 1, "{report}");
    assert!(
        report["failures"][0]["message"].as_str().unwrap().contains("crm.objects.deals.write"),
        "{report}"
    );
}

fn needed_scopes_are_listed_first() {
    let world = World::empty(DEALS);
    let told = world.told(0, &["doctor", "--scopes"]);
    for needed in ["crm.objects.deals.read", "crm.objects.deals.write", "Opportunity: Read, Create, Edit"] {
        assert!(told.contains(needed), "{told}");
    }
    assert!(!told.contains("contacts") && !told.contains("Delete"), "{told}");
    world.only(&DEALS.replace("<->", "->").replace("conflict: hubspot within 5m", ""));
    let told = world.told(0, &["doctor", "--scopes"]);
    assert!(told.contains("crm.objects.deals.read") && !told.contains("deals.write"), "{told}");
    world.only(&DEALS.replace("<->", "<-").replace("conflict: hubspot within 5m", ""));
    let told = world.told(0, &["doctor", "--scopes"]);
    assert!(told.contains("deals.write") && told.contains("Opportunity: Read\n"), "{told}");
}

fn connecting_starts_nothing() {
    let world = World::empty(DEALS);
    deal(&world, "Alfa", "qualifiedtobuy");
    let written = world.writes();
    for command in [&["schema", "pull"][..], &["doctor"], &["check"], &["plan"], &["status"]] {
        world.told(0, command);
    }
    assert_eq!(world.writes(), written);
    world.sync();
    assert_eq!(world.writes(), written + 1);
}

fn objects_are_added_one_by_one() {
    let world = World::empty(COMPANIES);
    let company = world.company("Alfa");
    let made = deal(&world, "Alfa", "qualifiedtobuy");
    world.associate("deals", &made, "companies", &company);
    world.sync();
    assert_eq!((world.count("Account"), world.count("Opportunity")), (1, 0));
    let with =
        DEALS.replace("  map {", "  associate company <-> AccountId through companies primary\n  map {");
    world.only(&format!("{COMPANIES}{with}"));
    let report = world.sync();
    assert_eq!((&report["counts"]["created"], &report["counts"]["failed"]), (&json!(1), &json!(0)));
    let account = world.one("SELECT Id FROM Account")["Id"].clone();
    assert_eq!(world.one("SELECT AccountId FROM Opportunity")["AccountId"], account);
}

fn deals_alone_make_no_associations() {
    let world = World::empty(DEALS);
    deal(&world, "Alfa", "qualifiedtobuy");
    let told = world.told(0, &["plan"]);
    assert!(told.contains("sync `deals` makes no associations"), "{told}");
    let told = world.told(0, &["run"]);
    assert!(told.contains("sync `deals` makes no associations"), "{told}");
    assert_eq!(world.one("SELECT AccountId FROM Opportunity")["AccountId"], Value::Null);
}

fn one_way_writes_one_side() {
    let world = World::empty(&DEALS.replace("<->", "<-").replace("conflict: hubspot within 5m", ""));
    let shown = world.json(&["show", "--format", "json"]);
    let flows = shown["syncs"][0]["flows"].as_array().unwrap();
    assert!(
        flows.iter().all(|flow| flow["to"] == "hubspot.deal" && flow["from"] == "salesforce.Opportunity"),
        "{shown}"
    );
    let id = opportunity(&world, "Alfa", "Prospecting");
    world.sync();
    let made = world.pair("deals", 0).0;
    world.hubspot_edit("deals", &made, json!({ "dealname": "Renamed here", "dealstage": "contractsent" }));
    deal(&world, "Only here", "qualifiedtobuy");
    assert_eq!(writes_to(&world, "salesforce"), 0);
    world.sync();
    let row = world.row("Opportunity", &id);
    assert_eq!((&row["Name"], &row["StageName"]), (&json!("Alfa"), &json!("Prospecting")));
    assert_eq!(world.count("Opportunity"), 1);
    assert_eq!(
        world.properties("deals", &made, "dealname")["dealname"],
        "Alfa",
        "the source's value comes back"
    );
}

fn a_filter_on_the_other_side() {
    let with = |filter: &str| DEALS.replace("  match:", &format!("  filter salesforce: {filter}\n  match:"));
    let world = World::empty(&with("Amount >= 100"));
    let big = opportunity(&world, "Big", "Prospecting");
    let small = world.salesforce(
        "Opportunity",
        json!({ "Name": "Small", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 99 }),
    );
    assert_eq!(world.sync()["counts"]["created"], 1);
    assert_eq!(world.pair("deals", 0).1, big);
    let told = world.told(0, &["why", &format!("salesforce.Opportunity:{small}")]);
    assert!(told.contains("filter out") && told.contains("Amount is at least 100"), "{told}");
    std::fs::write(world.path("mappings/all.twin"), with("Amount == \"big\"")).unwrap();
    let (code, said) = checked(&world);
    assert!(code == 1 && said.contains("E306"), "typed against Opportunity: {said}");
}

/// Both people edit the name, the one in HubSpot `gap` milliseconds later; what both sides hold after a run.
fn after_two_edits(program: &str, gap: i64) -> (Value, Value) {
    let world = World::virtual_time(program);
    deal(&world, "Alfa", "qualifiedtobuy");
    world.sync();
    world.wait(MINUTE);
    let (here, there) = world.pair("deals", 0);
    // Salesforce tells the time in whole seconds: this one is whole.
    world.edit(Side::Salesforce, "Opportunity", &there, "Name", "There");
    world.edit(Side::Salesforce, "Opportunity", &there, "Amount", "250");
    world.wait(gap);
    world.edit(Side::HubSpot, "deals", &here, "dealname", "Here");
    world.edit(Side::HubSpot, "deals", &here, "description", "Only here");
    world.wait(MINUTE);
    world.sync();
    let deal = world.properties("deals", &here, "dealname,amount");
    let row = world.row("Opportunity", &there);
    assert_eq!(
        (&deal["amount"], &row["Description"]),
        (&json!("250"), &json!("Only here")),
        "different fields merge"
    );
    (deal["dealname"].clone(), row["Name"].clone())
}

fn five_minutes_decide() {
    let salesforce = DEALS.replace("conflict: hubspot within 5m", "conflict: salesforce within 5m");
    let both = |name: &str| (json!(name), json!(name));
    // The edit in HubSpot is later: it wins only where the window is over.
    assert_eq!(after_two_edits(&salesforce, 4 * MINUTE), both("There"));
    assert_eq!(after_two_edits(&salesforce, 5 * MINUTE), both("There"), "exactly 5:00 is inside");
    assert_eq!(after_two_edits(&salesforce, 5 * MINUTE + 1), both("Here"), "a millisecond more is not");
    // Nothing said: HubSpot, five minutes.
    let default = DEALS.replace("  conflict: hubspot within 5m\n", "");
    assert_eq!(after_two_edits(&default, 0), both("Here"));
    assert!(World::empty(&default).told(0, &["show"]).contains("hubspot wins within 5 minutes"));
    // One field may have another winner than its sync.
    let field = DEALS.replace("<-> Name", "<-> Name prefer salesforce");
    assert_eq!(after_two_edits(&field, MINUTE), both("There"));
}

fn one_way_the_source_wins() {
    let world = World::empty(DEALS);
    let contrary = DEALS.replace("<->", "->").replace("conflict: hubspot", "conflict: salesforce");
    std::fs::write(world.path("mappings/all.twin"), contrary).unwrap();
    let (code, said) = checked(&world);
    assert!(code == 1 && said.contains("E530"), "{said}");
    world.only(&DEALS.replace("<->", "->"));
    let here = deal(&world, "Alfa", "qualifiedtobuy");
    world.sync();
    let there = world.pair("deals", 0).1;
    world.hubspot_edit("deals", &here, json!({ "dealname": "Here" }));
    world.salesforce_edit("Opportunity", &there, json!({ "Name": "There" }));
    world.sync();
    assert_eq!(world.row("Opportunity", &there)["Name"], "Here");
}

fn everything_at_once() {
    let world = World::empty(DEALS);
    for number in 0..5 {
        deal(&world, &format!("Old {number}"), "qualifiedtobuy");
    }
    world.wait(365 * 24 * 60 * MINUTE);
    let report = world.sync();
    assert_eq!(report["counts"]["created"], 5, "{report}");
}

fn deals_are_not_deduplicated() {
    let world = World::empty(DEALS);
    deal(&world, "Twin", "qualifiedtobuy");
    let there = opportunity(&world, "Twin", "Qualification");
    let plan = world.plan();
    let reasons: Vec<&str> =
        plan["changes"].as_array().unwrap().iter().map(|change| change["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 2, "both are made: {plan}");
    assert!(
        reasons.iter().any(|reason| reason.contains(&there) && reason.contains("looks the same")),
        "{plan}"
    );
    world.sync();
    assert_eq!((world.count("Opportunity"), deals_in(&world).len()), (2, 2));
}

fn a_pipeline_of_their_own() {
    let into = DEALS
        .replace("pipeline \"default\"", "pipeline \"partners\"")
        .replace("\"appointmentscheduled\"", "\"partner_new\"")
        .replace("\"qualifiedtobuy\"", "\"partner_qualified\"")
        .replace("\"contractsent\"", "\"partner_proposal\"")
        .replace("\"closedwon\"", "\"partner_won\"")
        .replace("\"closedlost\"", "\"partner_lost\"");
    let world = World::empty(&into);
    let other = deal(&world, "Of another pipeline", "qualifiedtobuy");
    opportunity(&world, "Alfa", "Prospecting");
    world.sync();
    let made = world.properties("deals", &world.pair("deals", 0).0, "pipeline,dealstage");
    assert_eq!((&made["pipeline"], &made["dealstage"]), (&json!("partners"), &json!("partner_new")));
    let kept = world.properties("deals", &other, "pipeline,dealstage");
    assert_eq!((&kept["pipeline"], &kept["dealstage"]), (&json!("default"), &json!("qualifiedtobuy")));
    assert_eq!(world.count("Opportunity"), 1, "and none was made of it");
}

fn deletions_stay_where_they_are() {
    let world = World::empty(DEALS);
    deal(&world, "Alfa", "qualifiedtobuy");
    world.sync();
    let there = world.pair("deals", 0).1;
    world.salesforce_delete("Opportunity", &there);
    world.wait(MINUTE);
    let plan = world.plan();
    assert_eq!((&plan["summary"]["delete"], &plan["summary"]["create"]), (&json!(0), &json!(0)), "{plan}");
    world.sync();
    assert_eq!(deals_in(&world).len(), 1, "it stays");
    let links = world.json(&["links", "ls", "--all", "--format", "json"]);
    assert_eq!(links["links"][0]["state"], "tombstone", "{links}");
    world.hubspot_edit("deals", &world.pair("deals", 0).0, json!({ "amount": "7" }));
    world.sync();
    assert_eq!(world.count("Opportunity"), 0, "and is not made again");
}

fn fields_can_be_mapped_differently() {
    let more = "    dealtype                 ->  Type using kinds\n    concat(\"HS \", dealname)   ->  NextStep cut\n  }\n}\n\n\
                values kinds: hubspot.deal.dealtype -> salesforce.Opportunity.Type {\n  \
                \"newbusiness\"              ->  \"New Customer\"\n  else skip\n}\n";
    let world = World::empty(&DEALS.replacen("  }\n}\n", more, 1));
    let here = deal(&world, "Alfa", "qualifiedtobuy");
    world.hubspot_edit("deals", &here, json!({ "dealtype": "newbusiness", "hubspot_owner_id": OWNER }));
    world.sync();
    let row = world.one("SELECT Type, NextStep FROM Opportunity");
    assert_eq!((&row["Type"], &row["NextStep"]), (&json!("New Customer"), &json!("HS Alfa")));
}
