//! `twinmap sandbox`: the simulated CRMs on loopback, in the foreground until a signal ends them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use crate::sandbox::Config;
use crate::sandbox::core::faults::FaultPlan;
use crate::sandbox::salesnav::Amounts;
use crate::sandbox::seed::Size;
use crate::sandbox::server::{self, Running};

/// The most records of one object.
const MOST: usize = 2_000_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    twinmap sandbox                                     free ports, the usual made-up world\n  \
    twinmap sandbox --hubspot 127.0.0.1:4011 --salesforce 127.0.0.1:4012\n                                                      \
    the addresses that the example project expects\n  \
    twinmap sandbox --companies 200000 --contacts 0     a big portal\n\n\
    When it is ready it prints one JSON line with the addresses and tokens, and runs until Ctrl-C or SIGTERM.\n\
    Calls that only the sandbox has (edits by people, the log of writes, the clock) are in docs/SANDBOX.md.")]
pub struct Args {
    /// Seed of the made-up data: the same seed gives the same records
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Companies in the made-up world; each CRM knows a part of them
    #[arg(long, value_name = "N", default_value_t = Size::default().companies)]
    companies: usize,
    /// People in the made-up world
    #[arg(long, value_name = "N", default_value_t = Size::default().contacts)]
    contacts: usize,
    /// Deals in the made-up world
    #[arg(long, value_name = "N", default_value_t = Size::default().deals)]
    deals: usize,
    /// Address of the simulated HubSpot; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    hubspot: SocketAddr,
    /// Address of the simulated Salesforce
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    salesforce: SocketAddr,
    /// Address of the simulated Sales Navigator
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    salesnav: SocketAddr,
    /// Members of the simulated LinkedIn
    #[arg(long, value_name = "N", default_value_t = Amounts::default().members)]
    members: usize,
    /// Seats of the Sales Navigator contract
    #[arg(long, value_name = "N", default_value_t = Amounts::default().seats)]
    seats: usize,
    /// InMails, messages, notes and calls that its seat holders have made
    #[arg(long, value_name = "N", default_value_t = Amounts::default().activities)]
    activities: usize,
    /// Wait this long before each answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Faults to make: a JSON file, see docs/SANDBOX.md
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Leave out the fields that `twinmap setup` makes (`twinmap_id`, `Twinmap_Id__c`)
    #[arg(long)]
    without_setup: bool,
}

impl Args {
    fn config(&self) -> Result<Config, CliError> {
        for (flag, n) in [
            ("--companies", self.companies),
            ("--contacts", self.contacts),
            ("--deals", self.deals),
            ("--members", self.members),
            ("--seats", self.seats),
            ("--activities", self.activities),
        ] {
            if n > MOST {
                let message = format!("{flag} {n} is more than the sandbox holds");
                return Err(CliError::usage(message, format!("use at most {MOST}")));
            }
        }
        for (flag, address) in
            [("--hubspot", self.hubspot), ("--salesforce", self.salesforce), ("--salesnav", self.salesnav)]
        {
            if !address.ip().is_loopback() {
                let message = format!("{flag} {address} is not a loopback address");
                let help = "the sandbox is for this machine only: use 127.0.0.1 or [::1]";
                return Err(CliError::usage(message, help));
            }
        }
        Ok(Config {
            seed: self.seed,
            size: Size { companies: self.companies, contacts: self.contacts, deals: self.deals },
            setup: !self.without_setup,
            hubspot: self.hubspot,
            salesforce: self.salesforce,
            salesnav: self.salesnav,
            linkedin: Amounts { members: self.members, seats: self.seats, activities: self.activities },
            latency: Duration::from_millis(self.latency),
            faults: self.faults.as_deref().map(read_faults).transpose()?.unwrap_or_default(),
        })
    }
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let config = args.config()?;
    let running = server::start(&config).map_err(|cause| no_start(&cause))?;
    app.term.out(&format!("{}\n", ready(&running)));
    app.term.say("sandbox is running; Ctrl-C ends it\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| runtime.block_on(signal()));
    drop(running);
    ended.map_err(|cause| CliError::Bug(format!("can't wait for signals: {cause}")))?;
    app.term.say("sandbox ended\n");
    Ok(Exit::Ok)
}

fn read_faults(path: &Path) -> Result<FaultPlan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|cause| CliError::read(path, cause))?;
    FaultPlan::parse(&text).map_err(|wrong| {
        let message = format!("{} is not a faults file: {wrong}", path.display());
        CliError::usage(message, r#"write rules such as {"rules": [{"fault": "drop_after", "percent": 10}]}"#)
    })
}

/// One line that tells a script where the CRMs are.
fn ready(running: &Running) -> serde_json::Value {
    serde_json::json!({ "hubspot": running.hubspot, "salesforce": running.salesforce, "salesnav": running.salesnav })
}

fn no_start(cause: &std::io::Error) -> CliError {
    let help = match cause.kind() {
        std::io::ErrorKind::AddrInUse => "another program has this port: choose another, or 0 for a free one",
        _ => "choose an address of this machine, such as 127.0.0.1:0",
    };
    CliError::usage(format!("the sandbox can't start: {cause}"), help)
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
