//! Edits, conflicts, new records and undo among three CRMs.

use crate::support::{ALL, At, CHAIN, THIRD, World};

/// One company everywhere, made in the main portal.
fn world(syncs: &[&str]) -> World {
    let world = World::new(syncs);
    world.make(At::Main, "acme", "1");
    world.sync();
    world.thing("acme").holds("phone", "1");
    world
}

#[test]
fn a_record_made_in_one_crm_gets_its_counterparts_in_the_same_run() {
    let world = World::new(&CHAIN);
    for (at, name) in [(At::Main, "m"), (At::Org, "o"), (At::Europe, "e")] {
        world.make(at, name, name);
    }
    // The same thing was entered twice, in the two portals that nothing connects directly.
    world.make(At::Main, "twice", "22");
    world.make(At::Europe, "twice", "23");
    world.sync();
    for name in ["m", "o", "e"] {
        world.thing(name).holds("phone", name);
    }
    world.thing("twice").holds("phone", "22");
    assert_eq!(ALL.map(|at| world.records(at).len()), [4; 3]);
}

#[test]
fn an_edit_anywhere_reaches_everywhere_in_one_run() {
    let world = world(&CHAIN);
    let thing = world.thing("acme");
    for (at, value) in [(At::Main, "2"), (At::Org, "3"), (At::Europe, "4"), (At::Org, "")] {
        thing.edit(at, "phone", value);
        let plan = world.sync();
        assert_eq!(plan["summary"]["update"], 2, "{plan}");
        thing.holds("phone", value);
    }
    // Different fields in all three.
    thing.edit(At::Main, "phone", "5");
    thing.edit(At::Org, "city", "Rome");
    thing.edit(At::Europe, "name", "Acme");
    assert_eq!(world.sync()["summary"]["update"], 3);
    thing.holds("phone", "5");
    thing.holds("city", "Rome");
    thing.holds("name", "Acme");
}

/// The phone after these edits, each so many milliseconds after the one before.
fn after(world: &World, edits: &[(At, &str, i64)]) -> ([String; 3], Vec<String>) {
    let thing = world.thing("acme");
    for (at, value, gap) in edits {
        world.clock.advance(*gap);
        thing.edit(*at, "phone", value);
    }
    world.sync();
    let runs = world.json(&["runs", "ls"]);
    let run = runs["runs"][1]["run"].as_str().unwrap().to_owned();
    let mut lost: Vec<String> = world
        .ledger(&run)
        .iter()
        .map(|row| format!("{} {}", row["system"].as_str().unwrap(), row["lost"].as_str().unwrap()))
        .collect();
    lost.sort();
    (thing.values("phone"), lost)
}

#[test]
fn conflicts_go_to_the_first_of_the_winners_within_the_window_and_to_the_latest_beyond() {
    let minute = 60_000;
    let world = world(&CHAIN);
    let check = |edits: &[(At, &str, i64)], value: &str, lost: &[&str]| {
        world.clock.advance(20 * minute);
        let (values, ledger) = after(&world, edits);
        assert_eq!(values, [value; 3].map(str::to_owned), "{edits:?}");
        assert_eq!(ledger, lost, "{edits:?}");
    };
    check(&[(At::Main, "10", 0), (At::Europe, "11", minute)], "10", &["hubspot_eu 11"]);
    check(&[(At::Main, "12", 0), (At::Europe, "13", 6 * minute)], "13", &["hubspot 12"]);
    check(&[(At::Europe, "14", 0), (At::Main, "15", 6 * minute)], "15", &["hubspot_eu 14"]);
    check(
        &[(At::Europe, "16", 0), (At::Org, "17", minute), (At::Main, "18", minute)],
        "18",
        &["hubspot_eu 16", "salesforce 17"],
    );
    check(
        &[(At::Main, "20", 0), (At::Org, "21", 8 * minute), (At::Europe, "22", minute)],
        "21",
        &["hubspot 20", "hubspot_eu 22"],
    );
}

#[test]
fn a_triangle_comes_to_the_same() {
    let world = World::new(&[CHAIN[0], CHAIN[1], THIRD]);
    world.make(At::Org, "acme", "1");
    world.sync();
    let thing = world.thing("acme");
    thing.holds("phone", "1");
    for (at, value) in [(At::Main, "2"), (At::Org, "3"), (At::Europe, "4")] {
        thing.edit(at, "phone", value);
        assert_eq!(world.sync()["summary"]["update"], 2);
        thing.holds("phone", value);
    }
    let (values, lost) = after(&world, &[(At::Europe, "5", 0), (At::Main, "6", 60_000), (At::Org, "7", 0)]);
    assert_eq!(values, ["6"; 3].map(str::to_owned));
    assert_eq!(lost, ["hubspot_eu 5", "salesforce 7"]);
    assert_eq!(ALL.map(|at| world.records(at).len()), [1; 3]);
}

#[test]
fn a_one_way_field_stands_in_all_of_them() {
    let one_way = CHAIN[0].replace("phone <-> Phone may blank", "phone -> Phone");
    let world = world(&[&one_way, CHAIN[1]]);
    let thing = world.thing("acme");
    thing.edit(At::Main, "phone", "2");
    world.sync();
    thing.holds("phone", "2");
    // Nothing goes back to the main portal, so its value stands.
    thing.edit(At::Europe, "phone", "3");
    let (values, lost) = after(&world, &[]);
    assert_eq!(values, ["2"; 3].map(str::to_owned));
    assert_eq!(lost, ["hubspot_eu 3"]);
    thing.edit(At::Org, "phone", "4");
    world.sync();
    thing.holds("phone", "2");
}

#[test]
fn undo_takes_all_sides_back() {
    let world = world(&CHAIN);
    let thing = world.thing("acme");
    thing.edit(At::Europe, "phone", "2");
    let run = world.json(&["run"])["run"].as_str().unwrap().to_owned();
    thing.holds("phone", "2");
    let report = world.json(&["undo", &run, "--yes"]);
    assert_eq!(report["counts"]["updated"], 2, "{report}");
    assert_eq!(thing.values("phone"), ["1", "1", "2"].map(str::to_owned));
    world.is_at_rest();
    assert_eq!(thing.values("phone"), ["1", "1", "2"].map(str::to_owned));
    // The next edit goes everywhere again.
    thing.edit(At::Europe, "phone", "3");
    world.sync();
    thing.holds("phone", "3");
}

#[test]
fn the_order_of_the_mappings_decides_nothing() {
    let minute = 60_000;
    let syncs = [CHAIN[0], CHAIN[1], THIRD];
    let orders: [&[&str]; 4] = [
        &[syncs[0], syncs[1]],
        &[syncs[1], syncs[0]],
        &[syncs[0], syncs[1], syncs[2]],
        &[syncs[2], syncs[1], syncs[0]],
    ];
    let tell = |order: &&[&str]| {
        let world = world(order);
        let scripts: [&[(At, &str, i64)]; 3] = [
            &[(At::Main, "10", 0), (At::Org, "11", 4 * minute), (At::Europe, "12", 4 * minute)],
            &[(At::Europe, "13", 0), (At::Main, "14", minute)],
            &[(At::Org, "15", 0), (At::Europe, "", 9 * minute)],
        ];
        scripts.map(|edits| {
            world.clock.advance(20 * minute);
            after(&world, edits)
        })
    };
    let told: Vec<_> = orders.iter().map(tell).collect();
    assert_eq!(told[0], told[1]);
    assert_eq!(told[2], told[3]);
    assert_eq!(told[0], told[2]);
    // The first is too old for the last; of the two that are near each other the winner stands.
    assert_eq!(told[0][0].0, ["11"; 3].map(str::to_owned));
    assert_eq!(told[0][2].0, [""; 3].map(str::to_owned));
}

#[test]
fn links_and_why_show_every_side() {
    let world = world(&CHAIN);
    let thing = world.thing("acme");
    thing.edit(At::Europe, "phone", "2");
    let record = format!("hubspot:{}", thing.id(At::Main));
    let links = world.json(&["links", "show", &record]);
    assert_eq!(links["links"].as_array().unwrap().len(), 2, "{links}");
    let why = world.json(&["why", &record]);
    let mut sides: Vec<String> = why["sides"]
        .as_array()
        .unwrap()
        .iter()
        .map(|side| side["record"].as_str().unwrap().to_owned())
        .collect();
    sides.sort();
    let mut all = thing.ids.to_vec();
    all.sort();
    assert_eq!(sides, all);
}

#[test]
fn what_never_comes_to_rest_is_held_and_the_rest_goes_on() {
    // Both portals write one field of the org, and nothing goes back.
    let syncs = CHAIN.map(|text| {
        text.replace("phone <-> Phone may blank", "phone -> Phone")
            .replace("Phone <-> phone may blank", "Phone <- phone")
    });
    let world = World::new(&[&syncs[0], &syncs[1]]);
    world.make(At::Main, "acme", "1");
    assert!(matches!(world.run(&["run"]).status.code(), Some(0 | 3)));
    assert!(matches!(world.run(&["run"]).status.code(), Some(0 | 3)));
    let thing = world.thing("acme");
    thing.edit(At::Europe, "phone", "2");
    thing.edit(At::Main, "city", "Rome");
    let before = thing.values("phone");
    let run = world.run(&["run", "--format", "json"]);
    assert_eq!(run.status.code(), Some(3), "{}", crate::support::told(&run));
    thing.holds("city", "Rome");
    assert_eq!(thing.values("phone"), before);
}
