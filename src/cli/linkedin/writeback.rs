//! `twinmap writeback`: what a test of it makes in the CRM, what the next run would write, how far it is.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Access, Desk};
use crate::cli::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::load;
use crate::cli::operate::{Tier, engage_all};
use crate::cli::output::{Format, print};
use crate::engine::linkedin::{Probe, WritebackReport, writeback};
use crate::plan::ir::Writeback;
use crate::report::linkedin as words;
use crate::schema::SystemKind;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap writeback test\n  twinmap writeback test --email test@acme.example --cleanup\n  \
    twinmap writeback preview\n  twinmap writeback status\n\n\
    `test` writes one contact and one activity of every kind that is on, prints their ids, links and fields, and\n\
    leaves them for a look; `--cleanup` takes them away again."
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a test contact and an activity of every kind in the CRM
    Test {
        /// The writeback (the only one when left out)
        name: Option<String>,
        /// E-mail address of the test contact, where the CRM wants one
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Take the records away again
        #[arg(long)]
        cleanup: bool,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// What the next run would write, and why not the rest; nothing is written
    Preview {
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// What became of the activities so far; offline
    Status {
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
}

#[derive(Debug, Serialize)]
struct Told {
    format_version: &'static str,
    writebacks: Vec<WritebackReport>,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    match &args.action {
        Action::Test { name, email, cleanup, format } => {
            test(app, name.as_deref(), email.as_deref(), *cleanup, *format)
        }
        Action::Preview { format } => preview(app, *format),
        Action::Status { format } => status(app, *format),
    }
}

fn text(told: &Told) -> String {
    told.writebacks.iter().map(words::writeback).collect()
}

fn preview(app: &App, format: Format) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let writebacks = engage_all(app, &project, &plan, Tier::Read, async |nav| nav.preview().await)?;
    print(app, format, &Told { format_version: "1", writebacks }, text);
    Ok(Exit::Ok)
}

fn status(app: &App, format: Format) -> CliResult {
    let desk = match Desk::open(app, None, Access::Look)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    let mut writebacks = Vec::new();
    for item in desk.plan.writebacks.iter().filter(|item| item.from == desk.system) {
        let mut report = WritebackReport { name: item.name.clone(), ..WritebackReport::default() };
        writeback::tally(&desk.store, &item.name, &mut report).map_err(|error| desk.engine(error))?;
        writebacks.push(report);
    }
    print(app, format, &Told { format_version: "1", writebacks }, text);
    Ok(Exit::Ok)
}

#[derive(Debug, Serialize)]
struct TestTold {
    format_version: &'static str,
    writeback: String,
    #[serde(flatten)]
    probe: Probe,
    cleaned_up: bool,
    /// Where each record can be looked at.
    links: Vec<String>,
}

fn test(app: &App, name: Option<&str>, email: Option<&str>, cleanup: bool, format: Format) -> CliResult {
    let desk = match Desk::open(app, None, Access::Change)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    desk.live()?;
    let item = chosen(&desk, name)?.clone();
    desk.bridged(async |nav, bridge| {
        let probe = nav.probe(bridge, &item, email).await.map_err(|error| desk.engine(error))?;
        let links = probe.made.iter().map(|made| link(&desk, &made.object, &made.id)).collect();
        let mut left = probe.clone();
        let cleaned_up = cleanup && !left.made.is_empty();
        if cleaned_up {
            nav.sweep(bridge, &mut left).await.map_err(|error| desk.engine(error))?;
        }
        let told = TestTold { format_version: "1", writeback: item.name.clone(), probe, cleaned_up, links };
        print(app, format, &told, test_text);
        Ok(if told.probe.refused.is_some() { Exit::Failure } else { Exit::Ok })
    })
}

fn chosen<'d>(desk: &'d Desk, name: Option<&str>) -> Result<&'d Writeback, CliError> {
    let own: Vec<&Writeback> = desk.plan.writebacks.iter().filter(|item| item.from == desk.system).collect();
    match (name, own.as_slice()) {
        (None, [one]) => Ok(one),
        (None, []) => Err(CliError::usage(
            "the mappings have no writeback",
            "add an item such as `writeback activities: salesnav -> salesforce { items: all }`",
        )),
        (None, many) => {
            let names: Vec<&str> = many.iter().map(|item| item.name.as_str()).collect();
            Err(CliError::usage("there are several writebacks", format!("say which: {}", names.join(", "))))
        }
        (Some(name), many) => many.iter().find(|item| item.name == name).copied().ok_or_else(|| {
            CliError::usage(format!("there is no writeback `{name}`"), "see `twinmap writeback status`")
        }),
    }
}

/// The page of a record.
fn link(desk: &Desk, object: &str, id: &str) -> String {
    let base = desk.project.connections().get(&desk.crm_name).and_then(|known| known.base_url.clone());
    match desk.kind {
        SystemKind::Salesforce => format!("{}/{id}", base.unwrap_or_default()),
        _ => format!("https://app.hubspot.com/contacts/{}/record/{object}/{id}", desk.link.crm_account),
    }
}

fn test_text(told: &TestTold) -> String {
    let mut out = String::new();
    for (made, link) in told.probe.made.iter().zip(&told.links) {
        let _ = writeln!(out, "{:<12} {} {}\n  view in CRM: {link}", made.what, made.object, made.id);
        for (field, value) in &made.fields {
            let _ = writeln!(out, "  {field:<32} {}", crate::report::clean(value, 80));
        }
    }
    for (kind, why) in &told.probe.left_out {
        let _ = writeln!(out, "{kind:<12} not tried: {why}");
    }
    match &told.probe.refused {
        Some(why) => {
            let _ = writeln!(
                out,
                "the CRM refused a test record: {why}\nnothing of the test is left there\n  = help: where contacts need \
                 an e-mail address, give one with `--email`; or switch the validation rule off for a while"
            );
        }
        None if told.cleaned_up => out.push_str("the test records are deleted again\n"),
        None => {
            out.push_str("look at them, then delete them: `twinmap writeback test --cleanup` does both\n")
        }
    }
    out
}
