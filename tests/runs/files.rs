//! A folder of exports as one side of a plan.

use serde_json::json;

use crate::support::{World, err, out};

const MAPPING: &str = r#"sync legacy: export.customer -> hubspot.company {
  start: all
  filter export: active == true
  match: lower(export.site) == lower(hubspot.domain)
  create hubspot: always
  conflict: export within 5m
  guard: creates 5000, updates 50%, deletes 0, blanks 25

  map {
    title                    -> name
    site                     -> domain
    town                     -> city
    staff                    -> numberofemployees
  }
}
"#;

fn world() -> World {
    let world = World::new(20, 0, 0);
    let config = std::fs::read_to_string(world.path("twinmap.toml")).unwrap();
    let files = "\n[connections.export]\nkind = \"file\"\npath = \"exports\"\nid = \"number\"\nmodified = \"changed\"\n";
    std::fs::write(world.path("twinmap.toml"), config + files).unwrap();
    std::fs::create_dir(world.path("exports")).unwrap();
    for name in ["companies", "contacts", "deals"] {
        std::fs::remove_file(world.path(&format!("mappings/{name}.twin"))).unwrap();
    }
    for name in ["tests", "policies"] {
        std::fs::remove_dir_all(world.path(name)).unwrap();
    }
    std::fs::write(world.path("mappings/legacy.twin"), MAPPING).unwrap();
    world
}

#[test]
fn a_table_is_planned_against_a_crm_and_never_written() {
    let world = world();
    let known = world.objects("companies", "name,domain,city", "contacts");
    let domain = known[0]["properties"]["domain"].as_str().unwrap();
    let table = format!(
        "number,title,site,town,staff,active,changed\n\
         17,\"New, Ltd\",new.example,Rome,12,true,2026-11-01T00:00:00Z\n\
         18,Known,{domain},Turin,,true,2026-11-01T00:00:00Z\n\
         19,Gone,gone.example,Oslo,3,false,2026-11-01T00:00:00Z\n"
    );
    std::fs::write(world.path("exports/customer.csv"), table).unwrap();
    let pulled = world.run(&["schema", "pull", "export"]);
    assert_eq!(pulled.status.code(), Some(0), "{}", err(&pulled));
    let checked = world.run(&["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
    let plan = world.json(&["plan", "legacy", "--format", "json"]);
    let changes: Vec<_> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["action"].clone(), change["source"].clone(), change["fields"].clone()))
        .collect();
    assert_eq!(changes.len(), 2, "{plan}");
    let update = changes.iter().find(|change| change.0 == "update").unwrap();
    assert_eq!(update.1, "export.customer 18");
    assert!(update.2.as_array().unwrap().iter().any(|field| field["after"] == "Turin"), "{plan}");
    let create = changes.iter().find(|change| change.0 == "create").unwrap();
    let staff =
        create.2.as_array().unwrap().iter().find(|field| field["name"] == "numberofemployees").unwrap();
    assert_eq!((create.1.clone(), staff["after"].clone()), (json!("export.customer 17"), json!(12)));
    assert_eq!(plan["skips"][0]["reason"], "filter", "{plan}");
    for command in [&["run"][..], &["apply", "--auto-approve"], &["backfill", "legacy"]] {
        let refused = world.run(command);
        assert_eq!(refused.status.code(), Some(64), "{command:?}: {}", err(&refused));
        assert!(err(&refused).contains("only read"), "{}", err(&refused));
    }
    assert_eq!(world.writes(), 0);
    let mapped = world.run(&["map", "legacy", "--from", "export", "--in", "exports/customer.csv"]);
    assert_eq!(mapped.status.code(), Some(0), "{}", err(&mapped));
    assert!(out(&mapped).starts_with("{\"properties\":{\"name\":\"New, Ltd\","), "{}", out(&mapped));
}

#[test]
fn what_is_wrong_with_the_folder_its_keys_or_a_row_is_said_with_a_next_step() {
    let world = world();
    let missing = world.run(&["schema", "pull", "export"]);
    assert!(err(&missing).contains("no customer.jsonl or customer.csv"), "{}", err(&missing));
    std::fs::write(
        world.path("exports/customer.jsonl"),
        "{\"number\":1,\"title\":\"A\",\"site\":\"a.example\",\"town\":\"R\",\"staff\":1,\"active\":true}\n",
    )
    .unwrap();
    assert_eq!(world.run(&["schema", "pull", "export"]).status.code(), Some(0));
    std::fs::write(world.path("exports/customer.jsonl"), "{\"number\":1}\n{\"number\":1}\n").unwrap();
    let twice = world.run(&["plan"]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(err(&twice).contains("line 2: the id 1 stands there twice"), "{}", err(&twice));
    let config = std::fs::read_to_string(world.path("twinmap.toml")).unwrap();
    for (from, to, want) in [
        ("path = \"exports\"\n", "", "`path` is missing"),
        ("path = \"exports\"\n", "path = \"nowhere\"\n", "is no folder"),
        ("path = \"exports\"\n", "path = \"exports\"\ntoken = \"env:X\"\n", "`token` means nothing"),
        ("path = \"exports\"\n", "paths = \"exports\"\n", "paths"),
    ] {
        std::fs::write(world.path("twinmap.toml"), config.replace(from, to)).unwrap();
        let output = world.run(&["plan"]);
        assert!(matches!(output.status.code(), Some(1 | 64)), "{to}: {}", err(&output));
        assert!(err(&output).contains(want), "{to}: {}", err(&output));
    }
}
