//! `twinmap attribution`: which LinkedIn campaigns had a part in which deals.

use std::path::PathBuf;

use super::{Access, Desk, now};
use crate::cli::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::load;
use crate::cli::project::write_atomically;
use crate::engine::linkedin::attribution::Asked;
use crate::engine::linkedin::cycle::navigator_of;
use crate::plan::ir::SyncId;
use crate::report::{attribution as words, attribution_page};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap attribution\n  twinmap attribution --window 90 --format csv > q4.csv\n  \
        twinmap attribution --format html -o attribution.html\n\n\
        A deal counts for a campaign group when one of its contacts saw, clicked, liked or shared something of it within\n\
        the look-back window before it closed. It needs syncs of contacts and of deals with Sales Navigator."
)]
pub struct Args {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
    /// Look-back window in days, 1 to 365
    #[arg(long, value_name = "DAYS", default_value_t = 180)]
    window: i64,
    /// Deals in this currency (that of the CRM account when left out)
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// What people met
    #[arg(long, value_enum, default_value = "all", value_name = "C")]
    channel: Channel,
    /// Write it to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Channel {
    /// Ads and organic posts
    All,
    /// Ads
    Ads,
    /// Organic posts
    Organic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// One JSON document
    Json,
    /// A row for each campaign group
    Csv,
    /// One page that needs nothing else
    Html,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    if !(1..=365).contains(&args.window) {
        return Err(CliError::usage(format!("a window of {} days", args.window), "use 1 to 365 days"));
    }
    let desk = match Desk::open(app, args.system.as_deref(), Access::Look)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    refuse_without_syncs(&desk)?;
    desk.live()?;
    let channel = match args.channel {
        Channel::All => "",
        Channel::Ads => "AD",
        Channel::Organic => "ORGANIC",
    };
    let asked = Asked {
        window_days: args.window,
        currency: currency(&desk, args)?,
        channel: channel.to_owned(),
        now: now(),
    };
    let report = desk.bridged(async |nav, bridge| {
        nav.attribution(bridge, &asked).await.map_err(|error| desk.engine(error))
    })?;
    let shown = match args.format {
        Format::Text => words::text(&report),
        Format::Json => serde_json::to_string_pretty(&report).map(|text| text + "\n").unwrap_or_default(),
        Format::Csv => words::csv(&report),
        Format::Html => attribution_page::page(&report),
    };
    match &args.output {
        Some(path) => {
            write_atomically(path, shown.as_bytes())?;
            app.term.say(&format!("saved as {}\n", path.display()));
        }
        None => app.term.out(&shown),
    }
    Ok(Exit::Ok)
}

/// Without deals there is nothing to credit, without contacts nobody to credit it by.
fn refuse_without_syncs(desk: &Desk) -> Result<(), CliError> {
    let synced = |name: &str| {
        (0..desk.plan.syncs.len()).filter_map(|index| u32::try_from(index).ok().map(SyncId)).any(|id| {
            let arms = desk.plan.sync(id).map_or(&[][..], |sync| sync.arms.as_slice());
            navigator_of(&desk.plan, id) == Some(desk.system)
                && arms.iter().any(|arm| desk.plan.object(arm.right).is_some_and(|right| right.name == name))
        })
    };
    let hubspot = desk.kind == crate::schema::SystemKind::Hubspot;
    for (object, what, own) in [
        ("opportunity", "deals", if hubspot { "deal" } else { "Opportunity" }),
        ("lead", "contacts", if hubspot { "contact" } else { "Contact" }),
    ] {
        if !synced(object) {
            let matcher = if object == "lead" { "person" } else { "none" };
            return Err(CliError::usage(
                format!("{what} are not synced with {}: nothing can be attributed", desk.name),
                format!(
                    "add `sync NAME: {}.{own} -> {}.{object} {{ match: {matcher} }}`, run it, then ask again",
                    desk.crm_name, desk.name
                ),
            ));
        }
    }
    Ok(())
}

fn currency(desk: &Desk, args: &Args) -> Result<String, CliError> {
    if let Some(code) = &args.currency {
        let code = code.to_uppercase();
        return match code.len() == 3 && code.chars().all(|c| c.is_ascii_alphabetic()) {
            true => Ok(code),
            false => Err(CliError::usage(format!("`{code}` is no currency"), "write a code such as EUR")),
        };
    }
    let (schemas, _) = load::schemas(&desk.project)?;
    Ok(schemas.systems.get(&desk.crm_name).map_or(String::new(), |system| system.account.currency.clone()))
}
