//! Salesforce with Sales Navigator: prerequisites, connecting, settings, auto-save.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::nav_world::{
    ANA, CONTRACT, Crm, KIM, TOMASZ, act, as_person, configure, connect, connected, edit, fresh, mappings,
    matched, matches, nav, run, salesforce, sign_in, started, written_back,
};
use crate::registry::behaviours;
use crate::support::World;

behaviours! {
    [29, 36] "From nothing to a first dry run in seconds, by commands alone; `doctor` lists every prerequisite at once."
        differs "No browser and no JavaScript." => set_up_takes_seconds;
    [30, 31, 32, 33, 34] "`connect` refuses with the name of each prerequisite that is missing: rights, edition, package, contract."
        => prerequisites_are_named;
    [35] "Admins without a team member's licence can configure; `doctor` warns that they can't verify."
        => admin_only_seats_are_a_warning;
    [37] "One program describes both directions." => one_program_for_both_directions;
    [38] "Person accounts take no part and are counted." => person_accounts_take_no_part;
    [39, 63] "Activities from desktop, iOS and Android are written alike, but for calls." => every_origin_counts;
    [40] "A person's user instead of an integration user is a warning." => a_personal_user_is_a_warning;
    [41] "A right that is lost disconnects, with the user named; connecting again goes on where it was."
        => a_lost_right_disconnects_without_loss;
    [44, 47, 49] "A live connection says so, as whom and since when, and when it last synced; `--again` exchanges the user and keeps links, matches and what was written."
        differs "The user is exchanged without disconnecting." => the_user_can_be_exchanged;
    [45] "Salesforce sandboxes may be connected; in parity mode they are refused."
        differs "Sandboxes are allowed, as LinkedIn allows them today." => sandbox_orgs_depend_on_the_mode;
    [46, 48, 82] "Only an admin of a contract connects it; errors carry a code or cause and a next step, and no browser session is used."
        => only_admins_connect_and_errors_have_a_next_step;
    [50, 66] "While LinkedIn's first sync runs activities wait, and the state says for how long; afterwards they go by themselves."
        => the_initial_sync_is_waited_for;
    [51] "Settings before a connection are refused; afterwards those that nobody looked at are listed."
        => settings_come_after_connecting;
    [52, 53] "All seats take part unless the settings say otherwise, by everybody's switch, by seat in Sales Navigator, by seat in the program."
        => seats_are_switched_one_by_one;
    [54, 55] "`pipeline_entry` is a stage of the fetched schema; another one is an error with a suggestion."
        => the_entry_stage_is_checked;
    [56, 58] "`not_sure` is legal for both questions; all open opportunities count then." => not_sure_takes_all_open_deals;
    [57] "`won_value` is a number of the opportunity, or a type error." => the_won_value_is_a_number;
    [59] "Account and contacts of open opportunities past the stage go to their owner's lists; closed ones never."
        differs "Past means behind the stage." => open_deals_past_the_stage_are_saved;
    [60] "A threshold for one seat is refused." => there_is_no_threshold_of_a_seat;
}

fn set_up_takes_seconds() {
    let begun = std::time::Instant::now();
    let world = fresh(Crm::Salesforce, 20);
    let told = world.told(0, &["doctor"]);
    for name in [
        "edition",
        "view-all-data",
        "modify-all-data",
        "package",
        "integration-user",
        "browser",
        "connection",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    connect(&world);
    world.told(0, &["start"]);
    let plan = world.plan();
    assert!(plan["summary"]["create"].as_u64().unwrap() > 0, "{plan}");
    assert!(begun.elapsed().as_secs() < 60);
}

fn prerequisites_are_named() {
    let world = fresh(Crm::Salesforce, 0);
    let try_connect = |code, environment: &str| world.told(code, &["connect", "--environment", environment]);
    let profile = |all: bool, modify: bool| {
        let fields = json!({ "PermissionsViewAllData": all, "PermissionsModifyAllData": modify });
        salesforce(&world, "setup", &json!({ "object": "Profile", "fields": fields }));
    };
    profile(false, false);
    let told = try_connect(1, "Twinmap Sales");
    assert!(told.contains("view-all-data: user") && told.contains("modify-all-data: user"), "{told}");
    assert!(told.contains("nothing was connected"));
    profile(true, true);
    let edition = |name: &str| {
        let body = json!({ "object": "Organization", "fields": { "OrganizationType": name } });
        salesforce(&world, "setup", &body);
    };
    edition("Group Edition");
    let told = try_connect(1, "Twinmap Sales");
    assert!(
        told.contains("edition: Group Edition")
            && told.contains("Enterprise, Performance, Unlimited, Developer")
    );
    // Professional is asked over the API, and this org answers.
    edition("Professional Edition");
    let told = try_connect(1, "Twinmap Trial");
    assert!(
        told.contains("contract-edition: Twinmap Trial is CORE") && !told.contains("error: edition"),
        "{told}"
    );
    edition("Enterprise Edition");
    try_connect(0, "Twinmap Sales");
    // Without the package nothing goes.
    let bare = World::new(2, 2, 0);
    configure(&bare, Crm::Salesforce, "");
    mappings(&bare, "writeback w: salesnav -> salesforce {\n  items: all\n}\n");
    let _ = std::fs::remove_dir_all(bare.path("tests"));
    let _ = std::fs::remove_dir_all(bare.path("policies"));
    let _ = std::fs::remove_dir_all(bare.path("schema"));
    let _ = std::fs::remove_file(bare.path("twinmap.lock"));
    bare.told(0, &["schema", "pull"]);
    let told = bare.told(1, &["connect", "--environment", "Twinmap Sales"]);
    assert!(told.contains("package: the app") && told.contains("AppExchange"), "{told}");
}

fn admin_only_seats_are_a_warning() {
    let world = connected(Crm::Salesforce, 0);
    assert!(world.told(0, &["doctor", "salesnav"]).contains("an admin is a team member too"));
    nav(&world, "POST", "/_sandbox/seat", Some(&json!({ "email": KIM, "roles": ["ADMIN"] })));
    world.told(0, &["start"]);
    let told = world.told(0, &["doctor", "salesnav"]);
    assert!(told.contains("warn  seats: the admins have no team member's licence"), "{told}");
}

fn one_program_for_both_directions() {
    let world = fresh(Crm::Salesforce, 0);
    world.told(0, &["check"]);
    let text = world.told(0, &["show"]);
    assert!(text.contains("salesforce.Contact") && text.contains("writeback"), "{text}");
}

fn person_accounts_take_no_part() {
    let world = fresh(Crm::Salesforce, 0);
    salesforce(&world, "person_accounts", &json!({}));
    let rows = world.query("SELECT Id FROM Contact LIMIT 1");
    let id = rows[0]["Id"].as_str().unwrap();
    let body = json!({ "object": "Contact", "id": id, "fields": { "IsPersonAccount": true } });
    assert_eq!(salesforce(&world, "edit", &body)["success"], true);
    connect(&world);
    world.told(0, &["start"]);
    let told = run(&world);
    assert_eq!(told["matches"]["salesnav"]["person_accounts"], 1, "{told}");
    assert!(matches(&world, "matched").iter().all(|found| found["record"] != id));
    assert_eq!(matches(&world, "person-account")[0]["record"], id);
}

fn every_origin_counts() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    for origin in ["DESKTOP", "IOS", "ANDROID"] {
        for kind in ["MESSAGE", "CALL"] {
            act(&world, json!({ "kind": kind, "seat": KIM, "about": urn, "origin": origin, "body": "x" }));
        }
    }
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["skipped"]), (&json!(5), &json!({ "call-not-mobile": 1 })));
}

fn a_personal_user_is_a_warning() {
    let world = fresh(Crm::Salesforce, 0);
    assert!(world.told(0, &["doctor", "salesnav"]).contains("ok    integration-user"));
    as_person(&world, ANA);
    let told = world.told(0, &["doctor", "salesnav"]);
    assert!(told.contains("warn  integration-user") && told.contains("looks like a person"), "{told}");
    let told = world.told(0, &["connect", "--environment", "Twinmap Sales"]);
    assert!(told.contains("warning: integration-user"), "{told}");
}

fn a_lost_right_disconnects_without_loss() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    nav(&world, "POST", "/_sandbox/connection", Some(&json!({ "state": "DISCONNECTED_PERMISSION" })));
    act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": urn, "body": "x" }));
    let output = world.run(&["run"]);
    assert!(!output.status.success());
    let told = world.told(0, &["status"]);
    assert!(told.contains("disconnected: permission: user 0055g"), "{told}");
    let before = world.writes();
    world.told(0, &["run"]);
    assert_eq!(world.writes(), before);
    let links = world.json(&["links", "ls", "leads", "--format", "json"]);
    world.told(0, &["connect", "--again", "--accept", "--by", "Ana Costa"]);
    sign_in(&world, KIM);
    let report = written_back(&world);
    assert_eq!(report["written"], 1, "{report}");
    assert_eq!(world.json(&["links", "ls", "leads", "--format", "json"]), links);
}

fn the_user_can_be_exchanged() {
    let world = started(Crm::Salesforce, 60);
    let first = written_back(&world);
    let told = world.told(0, &["connect"]);
    assert!(told.contains("already connected to salesforce as 0055g") && told.contains("since 20"), "{told}");
    let status = world.json(&["status", "--format", "json"]);
    assert_eq!(status["linkedin"][0]["state"], "connected");
    assert!(status["linkedin"][0]["last_sync"].as_str().is_some());
    let links = world.json(&["links", "ls", "leads", "--format", "json"]);
    as_person(&world, ANA);
    world.told(0, &["connect", "--again", "--accept", "--by", "Kim Hansen"]);
    let told = world.told(0, &["connect"]);
    assert!(!told.contains("as 0055g0000000001AAA"), "{told}");
    let before = world.writes();
    let again = written_back(&world);
    assert_eq!((&again["written"], &again["written_now"]), (&first["written"], &json!(0)));
    assert_eq!(world.writes(), before);
    assert_eq!(world.json(&["links", "ls", "leads", "--format", "json"]), links);
}

fn sandbox_orgs_depend_on_the_mode() {
    let world = fresh(Crm::Salesforce, 0);
    mappings(&world, "writeback w: salesnav -> salesforce {\n  items: all\n}\n");
    let body = json!({ "object": "Organization", "fields": { "IsSandbox": true } });
    salesforce(&world, "setup", &body);
    configure(&world, Crm::Salesforce, "parity = true");
    let told = world.told(1, &["connect", "--environment", "Twinmap Sales"]);
    assert!(told.contains("sandbox-org"), "{told}");
    configure(&world, Crm::Salesforce, "");
    world.told(0, &["connect", "--environment", "Twinmap Sales"]);
}

fn only_admins_connect_and_errors_have_a_next_step() {
    let world = fresh(Crm::Salesforce, 0);
    let told = world.told(1, &["connect", "--environment", "Holding"]);
    assert!(
        told.contains("You are not an admin of urn:li:contract:300400") && told.contains("help:"),
        "{told}"
    );
    for args in [
        &["start"][..],
        &["uninstall", "--confirm", "no"],
        &["match", "set", "salesforce.Contact:1", "urn:li:person:x"],
        &["connect", "nobody"],
        &["writeback", "test"],
    ] {
        let told = world.told(if args[0] == "uninstall" { 0 } else { 64 }, args);
        assert!(
            args[0] == "uninstall" || told.contains("error[") && told.contains("help:"),
            "{args:?}: {told}"
        );
    }
}

fn the_initial_sync_is_waited_for() {
    let world = fresh(Crm::Salesforce, 0);
    nav(&world, "POST", "/_sandbox/settings", Some(&json!({ "initial_sync_ms": 20 * 3_600_000 })));
    connect(&world);
    world.told(0, &["start", "--writeback", "all"]);
    sign_in(&world, KIM);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": urn, "body": "x" }));
    assert_eq!(written_back(&world)["held"], json!({ "pending-initial-sync": 1 }));
    assert!(world.told(0, &["status"]).contains("initial sync pending for 0 h"));
    world.sandbox.clock.advance(21 * 3_600_000);
    assert_eq!(written_back(&world)["written"], 1);
    assert!(!world.told(0, &["status"]).contains("initial sync pending"));
}

fn settings_come_after_connecting() {
    let world = fresh(Crm::Salesforce, 0);
    let told = world.told(64, &["start", "--writeback", "all"]);
    assert!(told.contains("connect first"), "{told}");
    connect(&world);
    let told = world.told(0, &["status"]);
    assert!(told.contains("settings not reviewed: autoSyncAllSeats, writeback"), "{told}");
    world.told(0, &["start", "--writeback", "all"]);
    let status = world.json(&["status", "--format", "json"]);
    let open = &status["linkedin"][0]["not_reviewed"];
    assert_eq!(*open, json!(["autoSyncAllSeats", "createContacts", "updateContacts"]));
}

/// An activity of each of these seat holders, about somebody who is matched.
fn one_each(world: &World, seats: &[&str]) {
    let (_, urn) = matched(world, "Contact");
    for seat in seats {
        act(world, json!({ "kind": "MESSAGE", "seat": seat, "about": urn, "body": "x" }));
    }
}

fn seats_are_switched_one_by_one() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    one_each(&world, &[KIM, ANA, TOMASZ]);
    edit(
        &world,
        "writeback.twin",
        "crm_settings salesnav: salesforce {\n  seats: all",
        "crm_settings salesnav: salesforce {\n  seats: all\n  seat \"kim.hansen@twinmap.example\": off",
    );
    let own = |email: &str, value: &str| {
        let body = json!({ "email": email, "value": value });
        nav(&world, "POST", &format!("/sandbox/seats?{CONTRACT}&action=setCrmSync"), Some(&body));
    };
    own(ANA, "OFF");
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["skipped"]), (&json!(1), &json!({ "seat-off": 2 })), "{report}");
    // Everybody's switch is off: only who is switched on by name takes part.
    let off = json!({ "patch": { "$set": { "autoSyncAllSeats": false } } });
    nav(&world, "POST", &format!("/sandbox/crmSettings?{CONTRACT}"), Some(&off));
    own(ANA, "ON");
    one_each(&world, &[TOMASZ]);
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["skipped"]), (&json!(2), &json!({ "seat-off": 2 })), "{report}");
}

fn the_entry_stage_is_checked() {
    let world = fresh(Crm::Salesforce, 0);
    edit(&world, "writeback.twin", "\"Qualification\"", "\"Qualificaton\"");
    let told = world.told(1, &["check"]);
    assert!(told.contains("E403") && told.contains("Qualification"), "{told}");
    // The choices are those of the org, not of a list: a stage of its own is one of them once it is fetched.
    edit(&world, "writeback.twin", "\"Qualificaton\"", "\"Perception Analysis\"");
    world.told(0, &["check"]);
}

fn lists(world: &World, seat: u64) -> Vec<Value> {
    let answer = nav(world, "GET", &format!("/sandbox/lists?{CONTRACT}&count=100"), None);
    let all = answer["elements"].as_array().unwrap().clone();
    all.into_iter().filter(|list| list["seat"] == seat).collect()
}

/// Ids of the records that auto-save put on the lists of a seat.
fn saved(world: &World, seat: u64) -> BTreeSet<String> {
    let ids = lists(world, seat).into_iter().flat_map(|list| {
        let entries = list["entries"].as_object().unwrap().clone();
        entries.into_iter().flat_map(|(_, ids)| ids.as_array().unwrap().clone())
    });
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

const SEATS: [(&str, u64); 4] =
    [(KIM, 40_001), (ANA, 40_002), (TOMASZ, 40_003), ("priya.raman@twinmap.example", 40_004)];

/// Accounts and contacts of the owner's opportunities in these stages, as far as they are matched.
fn expected(world: &World, owner: &str, stages: &[&str]) -> BTreeSet<String> {
    let known: BTreeSet<String> =
        matches(world, "matched").iter().map(|found| found["record"].as_str().unwrap().to_owned()).collect();
    let mut ids = BTreeSet::new();
    for deal in world.query("SELECT Id, StageName, AccountId, Owner.Email FROM Opportunity") {
        if deal["Owner"]["Email"] != owner || !stages.contains(&deal["StageName"].as_str().unwrap()) {
            continue;
        }
        ids.extend(deal["AccountId"].as_str().map(str::to_owned));
        let soql = format!(
            "SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId = '{}'",
            deal["Id"].as_str().unwrap()
        );
        ids.extend(world.query(&soql).iter().map(|role| role["ContactId"].as_str().unwrap().to_owned()));
    }
    ids.retain(|id| known.contains(id));
    ids
}

const BEHIND: [&str; 6] = [
    "Needs Analysis",
    "Value Proposition",
    "Id. Decision Makers",
    "Perception Analysis",
    "Proposal/Price Quote",
    "Negotiation/Review",
];

fn open_deals_past_the_stage_are_saved() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let mut all = 0;
    for (owner, seat) in SEATS {
        let wanted = expected(&world, owner, &BEHIND);
        assert_eq!(saved(&world, seat), wanted, "{owner}");
        all += wanted.len();
    }
    assert!(all > 0, "the made-up world has open deals past the stage");
}

fn not_sure_takes_all_open_deals() {
    let world = fresh(Crm::Salesforce, 0);
    edit(&world, "writeback.twin", "\"Qualification\"", "not_sure");
    edit(&world, "writeback.twin", "won_value: Amount", "won_value: not_sure");
    world.told(0, &["check"]);
    connect(&world);
    world.told(0, &["start"]);
    run(&world);
    let open: Vec<&str> = BEHIND.into_iter().chain(["Prospecting", "Qualification"]).collect();
    for (owner, seat) in SEATS {
        assert_eq!(saved(&world, seat), expected(&world, owner, &open), "{owner}");
    }
}

fn the_won_value_is_a_number() {
    let world = fresh(Crm::Salesforce, 0);
    edit(&world, "writeback.twin", "won_value: Amount", "won_value: Name");
    let told = world.told(1, &["check"]);
    assert!(told.contains("E306") && told.contains("a number"), "{told}");
}

fn there_is_no_threshold_of_a_seat() {
    let world = fresh(Crm::Salesforce, 0);
    let seat = "  seat \"kim.hansen@twinmap.example\": \"Prospecting\"\n  won_value";
    edit(&world, "writeback.twin", "  won_value", seat);
    let told = world.told(1, &["check"]);
    assert!(told.contains("error["), "{told}");
}
