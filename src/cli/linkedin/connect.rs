//! `twinmap connect`: joins a Sales Navigator contract with the project's CRM, step by step. `twinmap connect-user`: a
//! seat holder signs in for writeback.

use std::fmt::Write as _;

use serde_json::json;

use super::{Access, Desk, face, nonce, now};
use crate::cli::App;
use crate::cli::connections::{self, block_on};
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::connect::remote::{Identity, Remote, Reply, Request};
use crate::connect::salesnav::{SalesNav, api};
use crate::engine::linkedin::connection::Parties;
use crate::engine::linkedin::preflight::{Check, Grade, Subject, checks};
use crate::engine::linkedin::{LinkState, instance_urn};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap connect salesnav                                  list the environments\n  \
        twinmap connect salesnav --environment \"Twinmap Sales\"    begin; shows what has to be accepted\n  \
        twinmap connect salesnav --accept --by \"Ana Costa\"        accept and connect\n\n\
        Connecting moves no data: `twinmap start` does. LinkedIn has no public API for this; it works against the\n\
        sandbox, see docs/CONNECTORS.md."
)]
pub struct Args {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
    /// Contract to sync with: its name or urn
    #[arg(long, value_name = "CONTRACT")]
    environment: Option<String>,
    /// Accept LinkedIn's requirements
    #[arg(long)]
    accept: bool,
    /// Who accepts them
    #[arg(long, value_name = "NAME", requires = "accept")]
    by: Option<String>,
    /// Connect again although it is connected: another CRM user, or after a right was lost
    #[arg(long)]
    again: bool,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let mut desk = match Desk::open(app, args.system.as_deref(), Access::Change)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    let account = desk.navigator()?;
    let nav = face(&account)?;
    let crm = desk.crm_account()?;
    block_on(async {
        let who = match crm.call(Request::Identity).await.map_err(|error| desk.failed(error))? {
            Reply::Identity(who) => who,
            _ => return Err(CliError::Bug("an identity was asked for".to_owned())),
        };
        if desk.link.is_live() && !args.again {
            app.term.out(&already(&desk));
            return Ok(Exit::Ok);
        }
        let waiting = matches!(desk.link.state, LinkState::EnvironmentChosen | LinkState::Accepted);
        if !waiting || args.environment.is_some() || args.again {
            let Some(contract) = choose(app, &desk, nav, args).await? else { return Ok(Exit::Usage) };
            let facts = crm.facts().await.map_err(|error| desk.failed(error))?;
            let writeback = desk.plan.writebacks.iter().any(|item| item.from == desk.system);
            let subject = Subject {
                kind: desk.kind,
                facts: &facts,
                contract: Some(&contract),
                seats: None,
                writeback,
                parity: connections::find(&desk.project, &desk.name)?.parity.unwrap_or(false),
            };
            let found = checks(&subject);
            if found.iter().any(|check| check.grade == Grade::Fail) {
                app.term.err(&told(&found, Grade::Fail));
                app.term.err("nothing was connected\n");
                return Ok(Exit::Failure);
            }
            app.term.say(&told(&found, Grade::Warn));
            begin(&mut desk, nav, &who, &facts.integration_user, &contract).await?;
            app.term.out(&format!(
                "{}: environment {} ({}) chosen for {} account {}\n",
                desk.name, contract.name, contract.contract, desk.crm_name, who.account
            ));
        }
        accept(app, &mut desk, nav, args).await
    })
}

fn already(desk: &Desk) -> String {
    let since = desk.link.connected_at.map_or("?".to_owned(), |at| at.to_string());
    let last = desk.link.last_sync.map_or("never".to_owned(), |at| at.to_string());
    format!(
        "{} is already connected to {} as {} since {since} (environment {}; last sync {last})\n\
         connect with another user: `--again`; end it: `twinmap uninstall {}`\n",
        desk.name, desk.crm_name, desk.link.user, desk.link.contract_name, desk.name
    )
}

fn told(found: &[Check], worst: Grade) -> String {
    let mut out = String::new();
    for check in found.iter().filter(|check| check.grade == worst) {
        let word = if worst == Grade::Fail { "error" } else { "warning" };
        let _ = writeln!(out, "{word}: {}: {}\n  = help: {}", check.name, check.what, check.fix);
    }
    out
}

/// The contract that was named; without a name the list of them.
async fn choose(
    app: &App,
    desk: &Desk,
    nav: &SalesNav,
    args: &Args,
) -> Result<Option<api::Contract>, CliError> {
    let all = api::contracts(nav).await.map_err(|error| desk.failed(error))?;
    let wanted = args.environment.clone();
    let wanted = wanted.or_else(|| args.again.then(|| desk.link.contract.clone())).filter(|w| !w.is_empty());
    if let Some(wanted) = &wanted {
        let found = all.iter().find(|contract| contract.contract == *wanted || contract.name == *wanted);
        if let Some(found) = found {
            return Ok(Some(found.clone()));
        }
        app.term.err(&format!("error: you have no contract `{wanted}`\n"));
    }
    let mut out = String::new();
    for contract in
        all.iter().filter(|contract| contract.has_reporting_access || contract.description == "CORE")
    {
        let _ = writeln!(out, "  {:<28} {:<20} {}", contract.contract, contract.name, contract.description);
    }
    app.term.out(&format!("environments that you may administer:\n{out}"));
    app.term.err("choose one: `--environment NAME`\n");
    Ok(None)
}

async fn begin(
    desk: &mut Desk,
    nav: &SalesNav,
    who: &Identity,
    integration_user: &Option<bool>,
    contract: &api::Contract,
) -> Result<(), CliError> {
    let (name, crm) = (desk.name.clone(), desk.crm_name.clone());
    let parties = Parties {
        system: &name,
        crm: &crm,
        kind: desk.kind,
        account: &who.account,
        user: if who.user.is_empty() { "the app" } else { &who.user },
        integration_user: integration_user.unwrap_or(true),
    };
    let mut link = desk.link.clone();
    let begun = link.authorise(nav, &desk.store, &parties, contract, nonce()).await;
    begun.map_err(|error| desk.engine(error))?;
    desk.link = link;
    Ok(())
}

async fn accept(app: &App, desk: &mut Desk, nav: &SalesNav, args: &Args) -> CliResult {
    if !args.accept {
        let terms = api::terms(nav).await.map_err(|error| desk.failed(error))?;
        app.term.out(&format!("requirements, version {}:\n", terms.version));
        for line in &terms.requirements {
            app.term.out(&format!("  - {line}\n"));
        }
        app.term.out(&format!(
            "nothing flows before somebody accepts them: `twinmap connect {} --accept --by \"YOUR NAME\"`\n",
            desk.name
        ));
        return Ok(Exit::Ok);
    }
    let Some(by) = args.by.as_deref().filter(|by| !by.trim().is_empty()) else {
        return Err(CliError::usage("who accepts is not said", "add `--by \"YOUR NAME\"`"));
    };
    let mut link = desk.link.clone();
    let accepted = link.accept(nav, &desk.store, &desk.name, by, now()).await;
    accepted.map_err(|error| desk.engine(error))?;
    desk.link = link;
    let instance = instance_urn(desk.kind, &desk.link.crm_account);
    app.term.out(&format!(
        "{} is connected to {} ({instance}); accepted by {by}, version {}\n",
        desk.name, desk.crm_name, desk.link.terms
    ));
    match desk.link.started {
        true => app.term.out("the syncs go on where they were\n"),
        false => app.term.out(&format!(
            "nothing flows yet: `twinmap start {}` starts the syncs, now or later\n",
            desk.name
        )),
    }
    Ok(Exit::Ok)
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap connect-user kim@acme.example --code env:KIM_CODE\n  twinmap connect-user --list\n  \
        twinmap connect-user kim@acme.example --revoke\n\n\
        The code is what Sales Navigator shows the seat holder under CRM settings. What waited for the user is written\n\
        by the next run."
)]
pub struct UserArgs {
    /// The seat holder's e-mail address
    email: Option<String>,
    /// Where the sign-in code is: env:NAME, file:PATH or cmd:COMMAND
    #[arg(long, value_name = "REF")]
    code: Option<String>,
    /// Take the sign-in back
    #[arg(long)]
    revoke: bool,
    /// Show who has signed in
    #[arg(long)]
    list: bool,
    /// The Sales Navigator connection (the only one when left out)
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
}

pub fn user(app: &App, args: &UserArgs) -> CliResult {
    let desk = match Desk::open(app, args.system.as_deref(), Access::Look)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    desk.live()?;
    let account = desk.navigator()?;
    let nav = face(&account)?;
    let contract = desk.link.contract.clone();
    block_on(async {
        let Some(email) = args.email.as_deref().filter(|_| !args.list) else {
            let seats = api::seats(nav, &contract).await.map_err(|error| desk.failed(error))?;
            for seat in seats.iter().filter(|seat| seat.active) {
                let since = seat.user_authorised_at.map_or("not signed in".to_owned(), |at| at.to_string());
                app.term.out(&format!("  {:<36} {since}\n", seat.email));
            }
            return Ok(Exit::Ok);
        };
        let (action, body) = if args.revoke {
            ("revokeUser", json!({ "email": email }))
        } else {
            let Some(reference) = &args.code else {
                return Err(CliError::usage("the sign-in code is missing", "add `--code env:NAME`"));
            };
            use secrecy::ExposeSecret as _;
            let reference = crate::cli::config::SecretRef::parse(reference).ok_or_else(|| {
                CliError::usage("the code must not stand here literally", "write `--code env:NAME`")
            })?;
            let code = connections::secret(&desk.project.root, &desk.name, &reference)?;
            ("authorizeUser", json!({ "email": email, "code": code.expose_secret() }))
        };
        let seat =
            api::seat_action(nav, &contract, action, body).await.map_err(|error| desk.failed(error))?;
        let word = if seat.user_authorised_at.is_some() { "signed in" } else { "signed out" };
        app.term.out(&format!("{} is {word}\n", seat.email));
        Ok(Exit::Ok)
    })
}
