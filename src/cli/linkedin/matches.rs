//! `twinmap match`: whom LinkedIn takes the CRM's records for, and corrections by hand.

use serde::Serialize;

use super::{Access, Desk, face, now};
use crate::cli::App;
use crate::cli::connections::block_on;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::output::{Format, print};
use crate::connect::salesnav::api::{self, CrmRecord};
use crate::engine::linkedin::{as_match, partner};
use crate::state::Match;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap match ls --status ambiguous\n  \
        twinmap match set salesforce.Contact:003... urn:li:person:AbC123\n  twinmap match fix salesforce.Contact:003...\n\n\
        A record has two matches that are independent: `display` (the embedded profile, which people correct) and\n\
        `badge` (LinkedIn's CRM match). `set` says who the profile shows and wins over the badge; `fix` makes the badge\n\
        follow the profile. Both hold for everybody of the contract and stay over runs.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List matches
    Ls {
        /// Only these: matched, ambiguous, unmatched, low-confidence, person-account
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// The Sales Navigator connection (the only one when left out)
        #[arg(long, value_name = "NAME")]
        system: Option<String>,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// Say who a record is
    Set {
        /// SYSTEM.OBJECT:ID
        record: String,
        /// urn:li:person:... or urn:li:organization:...
        urn: String,
    },
    /// Take back what was said of a record
    Unset {
        /// SYSTEM.OBJECT:ID
        record: String,
    },
    /// Make the CRM badge follow the embedded profile
    Fix {
        /// SYSTEM.OBJECT:ID
        record: String,
    },
}

#[derive(Debug, Serialize)]
struct Told {
    format_version: &'static str,
    matches: Vec<Match>,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    match &args.action {
        Action::Ls { status, system, format } => ls(app, status.as_deref(), system.as_deref(), *format),
        Action::Set { record, urn } => by_hand(app, record, "match", Some(urn)),
        Action::Unset { record } => by_hand(app, record, "unmatch", None),
        Action::Fix { record } => by_hand(app, record, "fixBadge", None),
    }
}

fn ls(app: &App, status: Option<&str>, system: Option<&str>, format: Format) -> CliResult {
    let desk = match Desk::open(app, system, Access::Look)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    let mut matches = desk.store.matches(&desk.crm_name).map_err(|error| desk.state(error))?;
    matches.retain(|found| status.is_none_or(|status| found.status == status));
    print(app, format, &Told { format_version: "1", matches }, text);
    Ok(Exit::Ok)
}

fn text(told: &Told) -> String {
    let mut out = String::new();
    for found in &told.matches {
        let face = |urn: &str, source: &str| match urn.is_empty() {
            true => "-".to_owned(),
            false => format!("{urn} ({source})"),
        };
        out.push_str(&format!(
            "{}.{}:{} {} badge {} display {}{}\n",
            found.crm,
            found.object,
            found.record,
            found.status,
            face(&found.badge, &found.badge_source),
            face(&found.display, &found.display_source),
            if found.candidates.is_empty() { String::new() } else { format!(" of {}", found.candidates) }
        ));
    }
    out.push_str(&format!("{} matches\n", told.matches.len()));
    out
}

/// `salesforce.Contact:003...`
fn named(text: &str) -> Result<(&str, &str, &str), CliError> {
    let parts = text.split_once(':').and_then(|(place, id)| {
        let (system, object) = place.split_once('.')?;
        Some((system, object, id))
    });
    parts.filter(|(_, _, id)| !id.is_empty()).ok_or_else(|| {
        CliError::usage(
            format!("`{text}` does not name a record"),
            "write SYSTEM.OBJECT:ID, such as `hubspot.contact:512`",
        )
    })
}

fn by_hand(app: &App, record: &str, action: &str, urn: Option<&str>) -> CliResult {
    let (system, object, id) = named(record)?;
    let desk = match Desk::open(app, None, Access::Change)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    if system != desk.crm_name {
        return Err(CliError::usage(
            format!("`{}` is joined with `{}`, not with `{system}`", desk.name, desk.crm_name),
            format!("write {}.{object}:{id}", desk.crm_name),
        ));
    }
    desk.live()?;
    let account = desk.navigator()?;
    let nav = face(&account)?;
    block_on(async {
        let key = CrmRecord {
            object: object.to_owned(),
            partner: partner(desk.kind).to_owned(),
            instance_id: desk.link.crm_account.clone(),
            record_id: id.to_owned(),
            fields: serde_json::Map::new(),
        };
        let verdict = api::judge_by_hand(nav, &desk.link.contract, action, &key, urn).await;
        let verdict = verdict.map_err(|error| desk.failed(error))?;
        let found = as_match(&desk.crm_name, &verdict);
        desk.store
            .atomically(|store| {
                store.put_match(&found)?;
                let detail = serde_json::json!({ "record": record, "action": action, "urn": urn });
                store.nav_audit(now(), "match", &detail)
            })
            .map_err(|error| desk.state(error))?;
        app.term.out(&text(&Told { format_version: "1", matches: vec![found] }));
        app.term.say("the next `twinmap run` attaches what waited for it\n");
        Ok(Exit::Ok)
    })
}
