//! HubSpot with LinkedIn: connecting, starting, signing in, pausing, uninstalling.

use serde_json::json;

use crate::linkedin_app::everything;
use crate::nav_world::{
    Crm, KIM, act, configure, connect, connected, fresh, mappings, matched, run, sign_in, started, stranger,
    written_back,
};
use crate::registry::behaviours;
use crate::support::{Side, World, ask};

behaviours! {
    [7, 8, 10, 11] "`connect` lists the environments, wants one, checks the secret on return, shows the requirements and records who accepted which version when; connected moves nothing until `start`."
        => connecting_is_a_sequence_of_steps;
    [9] "A second contract for the same account is refused with the name of the existing link; two contracts in one program are a compile error."
        => one_account_belongs_to_one_contract;
    [12] "`start` begins owners, companies, contacts and deals in this order, or nothing when one can't be read."
        => starting_is_all_or_nothing;
    [18] "Record syncs and writeback are switched each by itself."
        => writeback_and_syncs_are_separate;
    [19, 20, 135] "A seat holder signs in with `connect-user`, only while the connection is up; what waited for them is written then."
        => each_user_signs_in;
    [21] "An activity is written when the admin allows it, the user signed in and chose to copy it; the admin's switch wins."
        => admins_decide_about_writeback;
    [26] "`pause` stops the flow and `resume` goes on with what changed meanwhile; `uninstall` ends everything."
        differs "There is a pause." => a_pause_loses_nothing;
    [27, 28] "`uninstall` asks for a typed phrase; a wrong one changes nothing."
        => uninstalling_asks_for_a_phrase;
}

fn connecting_is_a_sequence_of_steps() {
    let world = fresh(Crm::HubSpot, 0);
    let told = world.told(64, &["connect"]);
    assert!(
        told.contains("Twinmap Sales") && told.contains("Twinmap Partners") && !told.contains("Holding"),
        "{told}"
    );
    let told = world.told(64, &["connect", "--environment", "Nowhere"]);
    assert!(told.contains("you have no contract `Nowhere`"), "{told}");
    // Out of turn: nothing to accept yet.
    let told = world.told(0, &["connect", "--environment", "Twinmap Sales"]);
    assert!(told.contains("chosen") && told.contains("requirements, version 2026-10"), "{told}");
    let before = world.writes();
    let told = world.told(0, &["run"]);
    assert!(told.contains("requirements not accepted yet") && world.writes() == before, "{told}");
    let told = world.told(64, &["start"]);
    assert!(told.contains("connect first"), "{told}");
    let told = world.told(64, &["connect", "--accept"]);
    assert!(told.contains("who accepts is not said"), "{told}");
    let told = world.told(0, &["connect", "--accept", "--by", "Ana Costa"]);
    assert!(told.contains("nothing flows yet"), "{told}");
    let store = twinmap::state::Store::open_reading(&world.path(".twinmap/state.db")).unwrap().unwrap();
    let (at, what, detail) = store.nav_audits().unwrap().remove(0);
    assert!(at.0 > 0 && what == "accept");
    assert_eq!((&detail["by"], &detail["terms"]), (&json!("Ana Costa"), &json!("2026-10")));
    drop(store);
    // Connected and not configured.
    let told = world.told(0, &["status"]);
    assert!(told.contains("connected, not configured: nothing flows"), "{told}");
    let before = world.writes();
    world.told(0, &["run"]);
    assert_eq!(world.writes(), before);
}

fn one_account_belongs_to_one_contract() {
    let world = connected(Crm::HubSpot, 0);
    // Another project, the same portal, another contract.
    let other = World { sandbox: world.sandbox, folder: tempfile::tempdir().unwrap() };
    std::fs::create_dir_all(other.path("mappings")).unwrap();
    for file in ["app.twin", "writeback.twin"] {
        std::fs::copy(world.folder.path().join("mappings").join(file), other.path("mappings").join(file))
            .unwrap();
    }
    configure(&other, Crm::HubSpot, "");
    other.told(0, &["schema", "pull"]);
    let told = other.told(1, &["connect", "--environment", "Twinmap Partners"]);
    assert!(told.contains("already connected to urn:li:contract:300100"), "{told}");
    // And in one program it does not compile.
    let config = std::fs::read_to_string(other.path("twinmap.toml")).unwrap();
    let second = "[connections.nav2]\nkind = \"salesnav\"\n\n[state]";
    std::fs::write(other.path("twinmap.toml"), config.replace("[state]", second)).unwrap();
    mappings(
        &other,
        "sync a: hubspot.contact -> salesnav.lead {\n  match: person\n}\nsync b: hubspot.contact -> nav2.lead {\n  match: person\n}\n",
    );
    let told = other.told(1, &["check"]);
    assert!(told.contains("E560"), "{told}");
}

fn starting_is_all_or_nothing() {
    let world = connected(Crm::HubSpot, 0);
    let scopes = json!({ "without_scopes": ["crm.objects.deals.read"] });
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&scopes));
    let told = world.told(1, &["start"]);
    assert!(told.contains("nothing was started"), "{told}");
    assert!(world.told(0, &["status"]).contains("not configured"));
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&json!({ "without_scopes": [] })));
    let told = world.told(0, &["start"]);
    let place = |word: &str| told.find(word).unwrap_or_else(|| panic!("{word}: {told}"));
    let order = [place("owners"), place("(company)"), place("leads (contact)"), place("(deal)")];
    assert!(order.is_sorted(), "{told}");
}

fn writeback_and_syncs_are_separate() {
    let world = started(Crm::HubSpot, 60);
    everything(&world);
    let told = run(&world);
    assert!(told["writebacks"][0]["written"].as_u64().unwrap() > 0);
    // Without writeback the syncs go on.
    world.told(0, &["start", "--writeback", "off"]);
    let (contact, _) = matched(&world, "contact");
    world.edit(Side::HubSpot, "contacts", &contact, "jobtitle", "Head of Peas");
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["updated"], 1, "{report}");
    assert!(
        report["linkedin"]["writebacks"][0]["held"]["writeback-off"].as_u64().is_some() || {
            report["linkedin"]["writebacks"][0]["written_now"] == 0
        }
    );
    // And without the syncs the writeback does.
    std::fs::remove_file(world.path("mappings/app.twin")).unwrap();
    world.told(0, &["start", "--writeback", "all"]);
    act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": stranger(&world)["urn"], "body": "x" }));
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["updated"], 0);
    assert_eq!(report["linkedin"]["writebacks"][0]["written_now"], 1, "{report}");
}

fn each_user_signs_in() {
    let world = fresh(Crm::HubSpot, 0);
    let told = world.told(64, &["connect-user", KIM, "--code", "cmd:echo sign-in-40001"]);
    assert!(told.contains("connect first"), "{told}");
    connect(&world);
    world.told(0, &["start", "--writeback", "all"]);
    run(&world);
    let (_, urn) = matched(&world, "contact");
    act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": urn, "body": "x" }));
    let report = written_back(&world);
    assert_eq!(report["held"], json!({ "user-not-authenticated": 1 }));
    let told = world.told(1, &["connect-user", KIM, "--code", "cmd:echo wrong"]);
    assert!(told.contains("has not signed in with this code"), "{told}");
    sign_in(&world, KIM);
    let report = written_back(&world);
    assert_eq!((report["written"].as_u64(), report["held"].clone()), (Some(1), json!({})));
}

fn admins_decide_about_writeback() {
    let world = started(Crm::HubSpot, 0);
    run(&world);
    let (_, urn) = matched(&world, "contact");
    let copied = act(&world, json!({ "kind": "NOTE", "seat": KIM, "about": urn, "body": "x", "copy": true }));
    act(&world, json!({ "kind": "NOTE", "seat": KIM, "about": urn, "body": "x", "copy": false }));
    world.told(0, &["start", "--writeback", "off"]);
    let report = written_back(&world);
    assert_eq!(
        (&report["held"], &report["skipped"]),
        (&json!({ "writeback-off": 1 }), &json!({ "not-copied": 1 }))
    );
    world.told(0, &["start", "--writeback", "messages"]);
    let report = written_back(&world);
    assert_eq!(report["held"], json!({ "item-off": 1 }));
    world.told(0, &["start", "--writeback", "messages,notes"]);
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["held"]), (&json!(1), &json!({})), "{copied}");
}

fn a_pause_loses_nothing() {
    let world = started(Crm::HubSpot, 0);
    run(&world);
    world.told(0, &["pause"]);
    let contacts = world.objects("contacts", "email", "companies");
    let id = contacts[0]["id"].as_str().unwrap();
    world.edit(Side::HubSpot, "contacts", id, "jobtitle", "Head of Peas");
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["created"], 0);
    assert!(world.told(0, &["status"]).contains("paused"));
    world.told(0, &["verify"]);
    world.told(0, &["resume"]);
    assert_eq!(world.json(&["run", "--format", "json"])["counts"]["created"], 1);
    world.told(0, &["uninstall", "--confirm", "uninstall salesnav"]);
    world.edit(Side::HubSpot, "contacts", id, "jobtitle", "Head of Beans");
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!((&report["counts"]["updated"], report.get("linkedin")), (&json!(0), None));
    // Who reads the record of decisions finds both.
    let store = twinmap::state::Store::open_reading(&world.path(".twinmap/state.db")).unwrap().unwrap();
    let decisions: Vec<String> = store.nav_audits().unwrap().into_iter().map(|(_, what, _)| what).collect();
    assert_eq!(decisions[decisions.len() - 3..], ["pause", "resume", "uninstall"]);
}

fn uninstalling_asks_for_a_phrase() {
    let world = started(Crm::HubSpot, 0);
    for args in [&["uninstall"][..], &["uninstall", "--confirm", "yes"]] {
        let told = world.told(64, args);
        assert!(told.contains("nothing was done") && told.contains("uninstall salesnav"), "{told}");
        assert!(world.told(0, &["status"]).contains("salesnav: connected"));
    }
    world.told(0, &["uninstall", "--confirm", "uninstall salesnav"]);
    assert!(world.told(0, &["status"]).contains("uninstalled"));
}
