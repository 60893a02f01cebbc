//! `plan --base`: what a change of the mapping does, told apart from what the data does.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::World;

fn git(world: &World, args: &[&str]) {
    let identity =
        ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    let output =
        Command::new("git").arg("-C").arg(world.path("")).args(identity).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
}

fn effect<'v>(shown: &'v Value, name: &str) -> &'v Value {
    let all = shown["impact"]["effects"].as_array().unwrap();
    all.iter().find(|one| one["name"].as_str().unwrap().contains(name)).unwrap_or_else(|| panic!("{shown}"))
}

#[test]
fn the_effect_of_a_new_mapping_is_told_apart_from_the_data() {
    let world = World::new();
    world.edit("mappings/companies.twin", "    city                     <-> BillingCity\n", "");
    world.edit("mappings/companies.twin", "    phone                    <-> Phone\n", "");
    world.text(0, &["schema", "pull"]);
    world.run(&["run"]);
    world.run(&["run"]);
    git(&world, &["init", "-q"]);
    git(&world, &["add", "twinmap.toml", "twinmap.lock", "mappings", "schema"]);
    git(&world, &["commit", "-q", "-m", "base"]);

    let links = world.json(0, &["links", "ls", "companies"]);
    let pairs: Vec<(String, String)> = links["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["left"].as_str().unwrap().to_owned(), link["right"].as_str().unwrap().to_owned()))
        .collect();
    // Every pair agrees in what is mapped later, but for one that is blank on one side and one that differs.
    for (company, account) in &pairs {
        world.edit_company(company, json!({ "city": "Lyon", "phone": "+4930123456" }));
        world.edit_row("Account", account, json!({ "BillingCity": "Lyon", "Phone": "+4930123456" }));
    }
    world.edit_row("Account", &pairs[0].1, json!({ "BillingCity": null }));
    world.edit_row("Account", &pairs[1].1, json!({ "Phone": "+33140000000" }));
    world.run(&["run"]);
    // The data: one edit that both mappings carry over.
    world.edit_company(&pairs[2].0, json!({ "description": "edited by a person" }));

    let same = world.json(0, &["plan", "--base", "HEAD"]);
    assert_eq!(same["impact"]["effects"], json!([]));
    assert_eq!(same["impact"]["from_data"].as_array().unwrap().len(), 1, "{same}");
    assert_eq!(same["impact"]["from_mapping"], json!([]));

    world.edit(
        "mappings/companies.twin",
        "  map {\n",
        "  map {\n    city <-> BillingCity\n    phone <-> Phone\n    address -> Site on create\n",
    );
    world.edit("mappings/companies.twin", "    description              <-> Description\n", "");
    world.edit(
        "mappings/companies.twin",
        "domain is set and name is set",
        "domain is set and name != \"Nobody\"",
    );
    let shown = world.json(0, &["plan", "companies", "--base", "HEAD"]);
    let (city, phone) = (effect(&shown, "city"), effect(&shown, "phone"));
    assert_eq!(
        (&city["class"], &city["pairs"], &city["overwrites"]),
        (&json!("backfill"), &json!(1), &json!(0))
    );
    assert_eq!(
        (&phone["class"], &phone["pairs"], &phone["overwrites"]),
        (&json!("destructive"), &json!(1), &json!(1))
    );
    assert_eq!(effect(&shown, "address")["class"], "forward-only");
    assert_eq!(effect(&shown, "description")["class"], "forward-only");
    assert_eq!(effect(&shown, "filter")["class"], "no-effect");
    // The edit of the row that is gone would have been carried over by the mapping before.
    assert_eq!(shown["impact"]["dropped"], 1, "{shown}");
    let text = world.text(0, &["plan", "companies", "--base", "HEAD"]);
    assert!(text.contains("needs a field backfill: 1 linked pair would be written"), "{text}");

    world.edit("mappings/companies.twin", "name != \"Nobody\"", "city != \"Lyon\"");
    let shown = world.json(0, &["plan", "companies", "--base", "HEAD"]);
    let filter = effect(&shown, "filter");
    assert_eq!((&filter["class"], &filter["leaving"]), (&json!("destructive"), &json!(pairs.len())));
}

#[test]
fn a_base_is_a_commit_or_a_saved_plan_and_nothing_else() {
    let world = World::new();
    world.text(0, &["schema", "pull"]);
    world.text(0, &["compile", "-o", "before.plan"]);
    let shown = world.json(0, &["plan", "--base", "before.plan"]);
    assert_eq!(shown["impact"]["effects"], json!([]));
    assert_eq!(
        shown["impact"]["from_data"].as_array().unwrap().len(),
        shown["changes"].as_array().unwrap().len()
    );
    git(&world, &["init", "-q"]);
    for wrong in ["no-such-branch", "--output=x"] {
        let output = world.run(&["plan", &format!("--base={wrong}")]);
        assert_eq!(output.status.code(), Some(64), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!world.path("x").exists());
}
