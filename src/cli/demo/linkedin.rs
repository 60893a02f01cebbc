//! `twinmap demo linkedin` and `twinmap demo writeback`: the commands of Sales Navigator in the order in which somebody
//! would type them, on the embedded sandbox over HTTP.

use clap::Parser as _;
use serde_json::{Value as Json, json};

use super::{Variant, folder, peak_memory, scaffold};
use crate::cli::connections::block_on;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::{App, Cli, dispatch};
use crate::sandbox::Config;
use crate::sandbox::salesnav::Amounts;
use crate::sandbox::seed::Size;
use crate::sandbox::server::{self, Endpoint, Running};

/// The CRMs' users who have a seat, and sign in.
const PEOPLE: [&str; 4] = ["kim.hansen", "ana.costa", "tomasz.nowak", "priya.raman"];

struct Show<'a> {
    app: &'a App,
    sandbox: Running,
    root: std::path::PathBuf,
    step: u32,
}

pub fn run(app: &App, args: &super::Args, variant: Variant) -> CliResult {
    let started = std::time::Instant::now();
    let (folder, temporary) = folder(args)?;
    let size = Size { companies: args.companies, contacts: args.contacts, deals: args.deals };
    let config = Config { seed: args.seed, size, linkedin: Amounts::default(), ..Config::default() };
    let sandbox = server::start(&config).map_err(|cause| CliError::Remote {
        message: format!("the sandbox can't start: {cause}"),
        help: None,
    })?;
    scaffold::linkedin(&folder, &sandbox, variant)?;
    let mut inside = app.clone();
    inside.globals.directory = Some(folder.clone());
    inside.globals.env = None;
    let mut show = Show { app: &inside, sandbox, root: folder.clone(), step: 0 };
    let exit = match variant {
        Variant::Linkedin => show.linkedin()?,
        Variant::Writeback => show.writeback()?,
    };
    let told = format!("\nDone in {:.1} s{}.\n", started.elapsed().as_secs_f64(), peak_memory());
    app.term.out(&told);
    if args.keep || args.dir.is_some() {
        if let Some(temporary) = temporary {
            let _ = temporary.keep();
        }
        app.term.out(&format!("The project is in {}.\n", folder.display()));
    }
    Ok(exit)
}

impl Show<'_> {
    fn heading(&mut self, text: &str) {
        self.step += 1;
        let line = format!("{}. {text}", self.step);
        let painted = if self.app.term.colour_out { format!("\u{1b}[1;36m{line}\u{1b}[0m") } else { line };
        self.app.term.out(&format!("\n{painted}\n"));
    }

    /// Types a command.
    fn command(&self, words: &[&str]) -> CliResult {
        self.app.term.out(&format!("$ twinmap {}\n", words.join(" ")));
        let line = std::iter::once("twinmap").chain(words.iter().copied());
        let cli = Cli::try_parse_from(line).map_err(|error| CliError::Bug(error.to_string()))?;
        dispatch(self.app, cli.command)
    }

    /// A call that only the sandbox has.
    fn ask(&self, endpoint: &Endpoint, method: &str, path: &str, body: &Json) -> Result<Json, CliError> {
        let failed = |why: String| CliError::Remote { message: format!("the sandbox: {why}"), help: None };
        crate::connect::http::provide_cryptography();
        block_on(async {
            let client =
                reqwest::Client::builder().no_proxy().build().map_err(|error| failed(error.to_string()))?;
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or(reqwest::Method::GET);
            let request = client
                .request(method, format!("{}{path}", endpoint.base_url))
                .header("content-type", "application/json")
                .bearer_auth(&endpoint.token)
                .body(body.to_string());
            let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
            let text = answer.text().await.map_err(|error| failed(error.to_string()))?;
            serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
        })
    }

    fn join(&mut self, writeback: bool) -> Result<(), CliError> {
        self.heading("Join a contract with the CRM: choose it, read the requirements, accept them");
        self.command(&["connect", "--environment", "Twinmap Sales"])?;
        self.command(&["connect", "--accept", "--by", "Ana Costa"])?;
        self.heading("Nothing has flowed so far; now it may");
        let start: &[&str] = if writeback { &["start", "--writeback", "all"] } else { &["start"] };
        self.command(start)?;
        Ok(())
    }

    fn linkedin(&mut self) -> CliResult {
        self.heading("A simulated HubSpot and a simulated Sales Navigator on loopback, and a project");
        self.app.term.out(&format!("  HubSpot          {}\n", self.sandbox.hubspot.base_url));
        self.app.term.out(&format!("  Sales Navigator  {}\n", self.sandbox.salesnav.base_url));
        self.command(&["schema", "pull"])?;
        self.command(&["check"])?;
        self.command(&["show", "--sync", "leads"])?;
        self.join(false)?;
        self.heading("As in LinkedIn's app, only what is new or changes from now on flows");
        self.command(&["run"])?;
        self.heading("A full sync, counted first");
        self.command(&["reset", "--dry-run"])?;
        self.command(&["reset", "--confirm", "reset salesnav"])?;
        self.command(&["run"])?;
        self.heading("Whom LinkedIn can't tell apart is listed, and never guessed");
        self.command(&["match", "ls", "--status", "ambiguous"])?;
        self.heading("A seat holder hands somebody over to the CRM");
        let members = self.ask(&self.sandbox.salesnav, "GET", "/_sandbox/members", &Json::Null)?;
        let last = members.get("members").and_then(Json::as_array).and_then(|all| all.last());
        let urn = last.and_then(|member| member.get("urn")).cloned().unwrap_or_default();
        let email = json!({ "urn": urn, "email": "new.person@example.com" });
        self.ask(&self.sandbox.salesnav, "POST", "/_sandbox/member", &email)?;
        self.ask(&self.sandbox.salesnav, "POST", "/_sandbox/lead", &json!({ "urn": urn }))?;
        self.command(&["run"])?;
        self.heading("The new contact is matched, and joins the list");
        self.command(&["run"])?;
        self.heading("Which campaigns had a part in which deals");
        self.command(&["attribution"])?;
        self.heading("Again: nothing is left to do");
        let before = self.writes();
        self.command(&["run"])?;
        self.command(&["status"])?;
        Ok(if self.writes() == before { Exit::Ok } else { Exit::Failure })
    }

    fn writeback(&mut self) -> CliResult {
        self.heading("A simulated Salesforce and a simulated Sales Navigator on loopback, and a project");
        self.app.term.out(&format!("  Salesforce       {}\n", self.sandbox.salesforce.base_url));
        self.app.term.out(&format!("  Sales Navigator  {}\n", self.sandbox.salesnav.base_url));
        self.ask(&self.sandbox.salesforce, "POST", "/_sandbox/package", &json!({}))?;
        self.command(&["schema", "pull"])?;
        self.command(&["check"])?;
        self.join(true)?;
        self.heading("Without the users' own sign-in their activities wait");
        self.command(&["run"])?;
        self.heading("Four seat holders sign in");
        let seats = self.ask(&self.sandbox.salesnav, "GET", "/_sandbox/seats", &Json::Null)?;
        for name in PEOPLE {
            let email = format!("{name}@twinmap.example");
            let all = seats.get("seats").and_then(Json::as_array).into_iter().flatten();
            let seat = all.into_iter().find(|seat| seat.get("email").and_then(Json::as_str) == Some(&email));
            let code = seat.and_then(|seat| seat.get("sign_in_code")?.as_str()).unwrap_or("");
            scaffold::secret(&self.root, name, code)?;
            let reference = format!("file:.twinmap/{name}.token");
            self.command(&["connect-user", &email, "--code", &reference])?;
        }
        self.command(&["writeback", "preview"])?;
        self.heading("The activities become tasks and notes, each once");
        self.command(&["run"])?;
        self.heading("What hangs on nobody is listed; a person says who it is");
        self.command(&["unresolved"])?;
        self.heading("A test of every kind, taken away again");
        self.command(&["writeback", "test", "--cleanup"])?;
        self.heading("Again: nothing is left to do");
        let before = self.writes();
        self.command(&["run"])?;
        self.command(&["status"])?;
        Ok(if self.writes() == before { Exit::Ok } else { Exit::Failure })
    }

    /// Writes to both sides as counted by the servers.
    fn writes(&self) -> u64 {
        let stats = self.sandbox.log.stats();
        stats.values().filter_map(|kinds| kinds.get("mutations")).sum()
    }
}
