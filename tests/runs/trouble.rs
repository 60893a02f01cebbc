//! Bad input at the edge of a run: a clear error, the right exit code, a state that is still good.

use serde_json::json;

use crate::support::{World, ask, err};

/// The account's day is nearly used up: writes leave a fifth of it, the run pauses, and the next one goes on.
#[test]
fn a_day_that_is_used_up_pauses_the_run_and_the_plan_says_so_before() {
    let world = World::new(60, 0, 0);
    let day = |remaining: u64| {
        let day = json!({ "daily": { "max": 100, "remaining": remaining } });
        ask(&world.sandbox.salesforce, "POST", "/_sandbox/settings", Some(&day));
    };
    day(100);
    let plan = world.run(&["plan"]);
    assert_eq!(plan.status.code(), Some(0), "{}", err(&plan));
    assert!(!err(&plan).contains("will pause"), "{}", err(&plan));
    day(21);
    let plan = world.run(&["plan"]);
    assert!(
        err(&plan).contains("salesforce needs about") && err(&plan).contains("will pause (exit 8)"),
        "{}",
        err(&plan)
    );
    // What is left goes to reading; the writes wait.
    day(21);
    let writes = world.writes();
    let paused = world.run(&["run"]);
    assert_eq!(paused.status.code(), Some(8), "{}", err(&paused));
    assert!(err(&paused).contains("reserve") && err(&paused).contains("help:"), "{}", err(&paused));
    let accounts = || world.query("SELECT Id FROM Account").len();
    let before = accounts();
    day(100);
    let resumed = world.run(&["run"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", err(&resumed));
    assert!(accounts() > before && world.writes() > writes);
    let done = world.json(&["plan", "--format", "json"]);
    assert_eq!(done["changes"], json!([]), "nothing was lost on the way");
}

#[test]
fn a_wrong_token_is_exit_4_and_is_never_printed() {
    let world = World::new(5, 0, 0);
    let mut command = world.command(&["plan"]);
    let output =
        command.env("HUBSPOT_TOKEN", "pat-na1-99999999-0000-4000-8000-000000000009").output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", err(&output));
    assert!(!err(&output).contains("99999999"), "{}", err(&output));
    assert!(err(&output).contains("help:"), "{}", err(&output));
    let missing = world.command(&["plan"]).env_remove("SF_TOKEN").output().unwrap();
    assert_eq!(missing.status.code(), Some(4));
    assert!(err(&missing).contains("SF_TOKEN"), "{}", err(&missing));
}

#[test]
fn a_server_that_is_down_is_said_and_nothing_is_lost() {
    let world = World::new(5, 0, 0);
    let config = std::fs::read_to_string(world.path("twinmap.toml")).unwrap();
    let down = config.replace(&world.sandbox.salesforce.base_url, "http://127.0.0.1:9");
    std::fs::write(world.path("twinmap.toml"), down).unwrap();
    let output = world.run(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("error[E706]") && err(&output).contains("help:"), "{}", err(&output));
    std::fs::write(world.path("twinmap.toml"), config).unwrap();
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
}

#[test]
fn a_second_run_at_the_same_time_is_exit_7() {
    let world = World::new(5, 0, 0);
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
    let held = twinmap::state::Store::open(&world.path(".twinmap/state.db")).unwrap();
    let output = world.run(&["run"]);
    assert_eq!(output.status.code(), Some(7), "{}", err(&output));
    assert_eq!(world.run(&["plan"]).status.code(), Some(0), "a dry-run may go on beside it");
    drop(held);
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
}

#[test]
fn a_damaged_state_is_refused_with_a_next_step() {
    let world = World::new(5, 0, 0);
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
    let path = world.path(".twinmap/state.db");
    let _ = std::fs::remove_file(world.path(".twinmap/state.db-wal"));
    std::fs::write(&path, b"this is no database at all, but long enough to be looked at").unwrap();
    let writes = world.writes();
    let output = world.run(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("error[E708]") && err(&output).contains("help:"), "{}", err(&output));
    assert_eq!(world.writes(), writes);
}

#[test]
fn a_state_folder_that_is_a_file_is_refused() {
    let world = World::new(5, 0, 0);
    std::fs::write(world.path(".twinmap"), b"").unwrap();
    let output = world.run(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("error[E708]"), "{}", err(&output));
    assert_eq!(world.writes(), 0);
}

#[test]
fn an_edited_or_foreign_change_set_is_refused() {
    let world = World::new(5, 0, 0);
    std::fs::write(world.path("x.changes"), b"{\"changes\": []}").unwrap();
    let output = world.run(&["apply", "x.changes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("error[E713]"), "{}", err(&output));
    assert_eq!(world.run(&["run", "compnies"]).status.code(), Some(64));
    assert_eq!(world.run(&["apply"]).status.code(), Some(2 + 62), "neither a file nor --auto-approve");
}
