//! `twinmap graph`: which objects sync with which, as a diagram. Offline.

use std::fmt::Write as _;

use super::error::CliResult;
use super::exit::Exit;
use super::{App, load};
use crate::plan::SyncPlan;
use crate::plan::ir::{Direction, ObjectId};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap graph > graph.mmd                  Mermaid, shown by GitHub and GitLab\n  \
    twinmap graph --format dot | dot -Tsvg > graph.svg\n\n\
    Solid lines are syncs with their arrows, dotted ones say which sync needs the links of which."
)]
pub struct Args {
    /// The language of the diagram
    #[arg(long, value_enum, default_value = "mermaid", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For Markdown pages
    Mermaid,
    /// For Graphviz
    Dot,
}

/// A sync as an edge: from, to, direction, label.
type Edge = (ObjectId, ObjectId, Direction, String);

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let text = match args.format {
        Format::Mermaid => mermaid(&plan),
        Format::Dot => dot(&plan),
    };
    app.term.out(&text);
    Ok(Exit::Ok)
}

fn edges(plan: &SyncPlan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for sync in &plan.syncs {
        for arm in &sync.arms {
            let rows = arm.rows.len();
            let label = format!("{}, {rows} row{}", sync.name, if rows == 1 { "" } else { "s" });
            edges.push((sync.left, arm.right, sync.direction, label));
        }
    }
    edges
}

/// Which sync uses the links of which other, each once.
fn needs(plan: &SyncPlan) -> Vec<(&str, &str)> {
    let mut needs = Vec::new();
    for sync in &plan.syncs {
        for association in sync.arms.iter().flat_map(|arm| &arm.associations) {
            let Some(through) = plan.sync(association.through) else { continue };
            let pair = (sync.name.as_str(), through.name.as_str());
            if pair.0 != pair.1 && !needs.contains(&pair) {
                needs.push(pair);
            }
        }
    }
    needs
}

/// A name for an object that diagrams accept: the same one whatever else the program holds.
fn node(plan: &SyncPlan, id: ObjectId) -> String {
    let Some(object) = plan.object(id) else { return "unknown".to_owned() };
    let system = plan.system(object.system).map_or("", |system| system.name.as_str());
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("{system}_{}", object.name).chars().map(plain).collect()
}

/// Objects that a sync touches, by system, both by name.
fn by_system(plan: &SyncPlan) -> Vec<(&str, Vec<(ObjectId, &str)>)> {
    let used = edges(plan);
    let mut groups: Vec<(&str, Vec<(ObjectId, &str)>)> = Vec::new();
    for (index, object) in plan.objects.iter().enumerate() {
        let id = ObjectId(u32::try_from(index).unwrap_or(u32::MAX));
        let system = plan.system(object.system).map_or("?", |system| system.name.as_str());
        if !used.iter().any(|(left, right, ..)| *left == id || *right == id) {
            continue;
        }
        match groups.iter_mut().find(|(name, _)| *name == system) {
            Some((_, objects)) => objects.push((id, &object.name)),
            None => groups.push((system, vec![(id, &object.name)])),
        }
    }
    groups.sort();
    for (_, objects) in &mut groups {
        objects.sort_by_key(|(_, name)| *name);
    }
    groups
}

fn mermaid(plan: &SyncPlan) -> String {
    let mut out = String::from("flowchart LR\n");
    for (system, objects) in by_system(plan) {
        let _ = writeln!(out, "  subgraph {system}");
        for (id, name) in objects {
            let _ = writeln!(out, "    {}[\"{system}.{name}\"]", node(plan, id));
        }
        out.push_str("  end\n");
    }
    for (left, right, direction, label) in edges(plan) {
        let (from, arrow, to) = match direction {
            Direction::Both => (left, "<-->", right),
            Direction::Right => (left, "-->", right),
            Direction::Left => (right, "-->", left),
        };
        let _ = writeln!(out, "  {} {arrow}|\"{label}\"| {}", node(plan, from), node(plan, to));
    }
    for (sync, through) in needs(plan) {
        let object =
            |name: &str| plan.sync_named(name).map_or_else(String::new, |(_, sync)| node(plan, sync.left));
        let _ = writeln!(out, "  {} -.->|\"links of {through}\"| {}", object(sync), object(through));
    }
    out
}

fn dot(plan: &SyncPlan) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = String::from("digraph twinmap {\n  rankdir=LR;\n  node [shape=box];\n");
    for (index, (system, objects)) in by_system(plan).into_iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{index} {{\n    label={};", quoted(system));
        for (id, name) in objects {
            let _ = writeln!(out, "    {} [label={}];", node(plan, id), quoted(name));
        }
        out.push_str("  }\n");
    }
    for (left, right, direction, label) in edges(plan) {
        let dir = match direction {
            Direction::Both => "both",
            Direction::Right => "forward",
            Direction::Left => "back",
        };
        let _ = writeln!(
            out,
            "  {} -> {} [label={}, dir={dir}];",
            node(plan, left),
            node(plan, right),
            quoted(&label)
        );
    }
    for (sync, through) in needs(plan) {
        let object =
            |name: &str| plan.sync_named(name).map_or_else(String::new, |(_, sync)| node(plan, sync.left));
        let label = quoted(&format!("links of {through}"));
        let _ = writeln!(out, "  {} -> {} [label={label}, style=dotted];", object(sync), object(through));
    }
    out.push_str("}\n");
    out
}
