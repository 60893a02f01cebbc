//! A Salesforce org, as far as its API shows: REST in several versions, over rows with the platform's rules.
//!
//! Deliberately not here: Apex, sharing of single records, reports, files, Bulk API 1, streaming.

mod access;
mod admin;
mod automation;
mod bin;
mod bulk;
mod catalogue;
mod cell;
mod collections;
mod composite;
mod convert;
mod derived;
mod describe;
mod dml;
mod doc;
mod drift;
mod fault;
mod features;
mod ids;
mod lead;
mod limits;
mod linkedin;
mod merge;
mod meta;
mod oauth;
mod org;
mod query;
mod replication;
mod reply;
mod rows;
mod rules;
mod search;
mod seed;
mod session;
mod soap;
mod soql;
mod store;
mod time;
mod tooling;
mod tree;
mod ui_api;

use super::core::clock::SimClock;
use super::core::http::{Face, Request, Response};
use super::core::log::Log;
use super::seed::Universe;

use self::doc::{Doc, Layout, object};
use self::fault::Fault;
use self::ids::Id;
use self::limits::Usage;
use self::oauth::Grants;
use self::org::{Org, Who};
use self::query::Cursors;
use self::reply::{Call, Reply};
use self::session::{Session, Sessions};
use self::soql::eval::Rows;

/// The versions that the API answers.
const OLDEST: u16 = 31;
const NEWEST: u16 = 68;

/// How an org starts.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The session id that requests can carry from the start.
    pub token: &'a str,
    /// Whether the fields that `twinmap setup` makes are there.
    pub setup: bool,
}

pub struct Salesforce {
    org: Org,
    sessions: Sessions,
    cursors: Cursors,
    usage: Usage,
    grants: Grants,
    jobs: bulk::Jobs,
}

impl Salesforce {
    pub fn new(clock: SimClock, log: Log, universe: &Universe, start: &Start<'_>) -> Self {
        let org_id = Id::parse("00D5g000004TWIN").unwrap_or(Id::MASTER);
        let integration_user = Id::new("005", 1);
        let schema = catalogue::schema(start.setup);
        let mut org = Org::new(clock, log, org_id, integration_user, schema);
        seed::seed(&mut org, universe);
        let mut sessions = Sessions::default();
        let who = Who::new(integration_user, "api");
        sessions.open(start.token.to_owned(), Session { who, until: None });
        Self {
            org,
            sessions,
            cursors: Cursors::default(),
            usage: Usage::default(),
            grants: Grants::default(),
            jobs: bulk::Jobs::default(),
        }
    }

    fn answer(&mut self, request: &Request) -> Result<Reply, Fault> {
        self.org.act_as(None);
        self.org.run_due();
        self.jobs.run_due(&mut self.org);
        bin::expire(&mut self.org);
        match request.segments().as_slice() {
            ["_sandbox", path @ ..] => {
                let who = Who::new(self.org.integration_user, "admin");
                admin::route(self, &Call { version: NEWEST, who, request }, path)
            }
            ["services", "data"] => Ok(Reply::json(200, session::versions())),
            ["services", "oauth2", "token"] => {
                let base = base_url(request);
                Ok(oauth::token(&self.org, &mut self.sessions, &mut self.grants, request, &base))
            }
            ["services", "oauth2", "userinfo"] => {
                let who = self.who(request)?;
                Ok(Reply::json(200, session::userinfo(&self.org, &base_url(request), who.user)))
            }
            ["services", "Soap" | "soap", "u" | "c", version, ..] if request.method == "POST" => {
                Ok(soap::route(self, request, version))
            }
            ["id", organization, user] => self.identity(request, organization, user),
            ["services", "data", version, path @ ..] => {
                let version = self::version(version).ok_or_else(Fault::not_found)?;
                self.data(request, version, path)
            }
            _ => Err(Fault::not_found()),
        }
    }

    fn who(&self, request: &Request) -> Result<Who, Fault> {
        self.sessions.who(request.header("authorization"), self.org.clock.now().0)
    }

    fn identity(&self, request: &Request, organization: &str, user: &str) -> Result<Reply, Fault> {
        self.who(request)?;
        match (Id::parse(organization), Id::parse(user)) {
            (Some(organization), Some(user)) if organization == self.org.id => {
                Ok(Reply::json(200, session::identity(&self.org, &base_url(request), user)))
            }
            _ => Err(Fault::not_found()),
        }
    }

    /// A counted call.
    fn data(&mut self, request: &Request, version: u16, path: &[&str]) -> Result<Reply, Fault> {
        let mut who = self.who(request)?;
        who.allow_duplicates = allows_duplicates(request);
        let now = self.org.now();
        self.usage.count(now)?;
        self.org.log.count("salesforce", "api");
        self.org.act_as(Some(who.user));
        let call = Call { version, who, request };
        let reply = self.route(&call, path).unwrap_or_else(Reply::from);
        Ok(reply.with("Sforce-Limit-Info", self.usage.header(now)))
    }

    /// A subrequest, its path without `/services/data/vXX.X`. Not counted by itself.
    fn inner(&mut self, version: u16, who: &Who, request: &Request) -> Reply {
        let who = Who { allow_duplicates: allows_duplicates(request), ..who.clone() };
        let call = Call { version, who, request };
        self.route(&call, &request.segments()).unwrap_or_else(Reply::from)
    }

    fn route(&mut self, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
        if let ["tooling", rest @ ..] = path {
            return tooling::route(self, call, rest);
        }
        let org = &mut self.org;
        match (call.request.method.as_str(), path) {
            ("GET", []) => Ok(Reply::json(200, resources(org, call))),
            // What people looked at lately, and nobody looks at records here.
            ("GET", ["recent"]) => Ok(Reply::json(200, Doc::List(Vec::new()))),
            ("GET", ["sobjects"]) => Ok(describe::global(org, call)),
            (_, ["sobjects", name, rest @ ..]) => rows::route(org, call, name, rest),
            ("GET", ["query"]) => query::run(org, &mut self.cursors, call, Rows::Live),
            ("GET", ["queryAll" | "queryall"]) => query::run(org, &mut self.cursors, call, Rows::All),
            ("GET", ["query" | "queryAll", locator]) => query::more(org, &self.cursors, call, locator),
            ("GET", ["limits"]) => Ok(limits::limits(&self.usage, org.now())),
            ("GET", ["limits", "recordCount"]) => Ok(limits::record_count(org, call)),
            (_, ["composite", "sobjects", rest @ ..]) => collections::route(org, call, rest),
            (_, ["jobs", rest @ ..]) => bulk::route(org, &mut self.jobs, call, rest),
            ("POST", ["composite"]) => composite::composite(self, call),
            ("POST", ["composite", "batch"]) => composite::batch(self, call),
            ("POST", ["composite", "graph"]) => tree::graph(self, call),
            ("POST", ["composite", "tree", name]) => tree::tree(org, call, name),
            ("GET", ["search"]) => search::sosl(org, call),
            ("GET" | "POST", ["parameterizedSearch"]) => search::parameterized(org, call),
            (_, ["ui-api", rest @ ..]) => ui_api::route(org, call, rest),
            _ => Err(Fault::not_found()),
        }
    }
}

impl Face for Salesforce {
    fn handle(&mut self, request: &Request) -> Response {
        let layout = match request.header("x-prettyprint") {
            Some("1" | "true") => Layout::Pretty,
            _ => Layout::Compact,
        };
        let reply = self.answer(request).unwrap_or_else(Reply::from);
        let skew = self.org.settings.skew_ms;
        let reply = if skew == 0 {
            reply
        } else {
            reply.with("Date", time::http_date(self.org.clock.now().0 + skew))
        };
        reply.into_response(layout)
    }
}

/// `Sforce-Duplicate-Rule-Header: allowSave=true`
fn allows_duplicates(request: &Request) -> bool {
    let options = request.header("sforce-duplicate-rule-header").unwrap_or_default();
    options.split([';', ',']).any(|option| {
        option.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("allowSave") && value.trim().eq_ignore_ascii_case("true")
        })
    })
}

/// 62 for `v62.0`.
fn version(segment: &str) -> Option<u16> {
    let number = segment.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
    (OLDEST..=NEWEST).contains(&number).then_some(number)
}

/// The address that the client used.
fn base_url(request: &Request) -> String {
    format!("http://{}", request.header("host").unwrap_or("127.0.0.1"))
}

/// `GET /services/data/vXX.X`
fn resources(org: &Org, call: &Call<'_>) -> Doc {
    let version = call.version;
    let mut doc = object([]);
    doc.push("identity", format!("{}/id/{}/{}", base_url(call.request), org.id, call.who.user));
    for name in [
        "composite",
        "jobs",
        "limits",
        "parameterizedSearch",
        "query",
        "queryAll",
        "recent",
        "search",
        "sobjects",
        "tooling",
        "ui-api",
    ] {
        doc.push(name, format!("/services/data/v{version}.0/{name}"));
    }
    doc
}
