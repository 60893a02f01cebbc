//! LinkedIn Sales Navigator and its neighbours, as far as a CRM sees them.
//!
//! Two families of calls: under `/v2` and `/rest` the documented ones (contracts, export jobs, profile associations,
//! data validation, access tokens, revenue attribution), in their real shapes; under `/sandbox` a contract of our own
//! for what LinkedIn's CRM sync does behind closed doors, since no public API takes records in or gives activities
//! out. `docs/SANDBOX.md` lists both. No data of LinkedIn is in here: everything is made up.

mod admin;
mod connection;
mod directory;
mod exports;
mod matching;
mod people;
mod profiles;
mod records;
mod restli;
mod revenue;
mod seed;
mod world;

use self::restli::{Answer, Fault};
use self::world::{World, tail};
use super::core::clock::SimClock;
use super::core::http::{Face, Request, Response};
use super::core::log::Log;
use super::seed::Universe;

/// How much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    pub members: usize,
    pub seats: usize,
    pub activities: usize,
}

impl Default for Amounts {
    fn default() -> Self {
        Amounts { members: 1_000, seats: 20, activities: 200 }
    }
}

/// How it begins.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    pub token: &'a str,
    pub seed: u64,
    pub amounts: Amounts,
}

pub struct SalesNav {
    world: World,
    token: String,
}

impl SalesNav {
    pub fn new(clock: SimClock, log: Log, universe: &Universe, start: &Start<'_>) -> Self {
        let world = seed::world(clock, log, universe, start.seed, start.amounts);
        SalesNav { world, token: start.token.to_owned() }
    }

    fn authorised(&self, request: &Request) -> Result<(), Fault> {
        let given = request.header("authorization").and_then(|header| header.split_once(' '));
        match given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
            Some((_, token)) if token.trim() == self.token => Ok(()),
            Some(_) => Err(Fault::new(401, "Invalid access token")),
            None => Err(Fault::new(401, "Empty oauth2_access_token")),
        }
    }

    fn route(&mut self, request: &Request) -> Answer {
        self.authorised(request)?;
        let segments = request.segments();
        match segments.as_slice() {
            ["v2", rest @ ..] => {
                protocol(request)?;
                documented(&mut self.world, rest, request)
            }
            ["rest", "adAnalytics"] => {
                protocol(request)?;
                version(request)?;
                revenue::ad_analytics(&self.world, request)
            }
            ["sandbox", rest @ ..] => {
                protocol(request)?;
                contract_calls(&mut self.world, rest, request)
            }
            ["ambry", job] => exports::download(&self.world, job, request),
            _ => Err(Fault::new(404, "No virtual resource found")),
        }
    }
}

/// Every resource of the family asks for the 2.0.0 protocol.
fn protocol(request: &Request) -> Result<(), Fault> {
    match request.header("x-restli-protocol-version") {
        Some("2.0.0") => Ok(()),
        Some(other) => {
            Err(Fault::new(400, format!("Rest.li protocol version {other} is not supported here")))
        }
        None => Err(Fault::new(400, "The header X-RestLi-Protocol-Version is missing")),
    }
}

/// Versioned resources have no version by default, and retired ones answer 426.
fn version(request: &Request) -> Result<(), Fault> {
    let Some(version) = request.header("linkedin-version") else {
        return Err(Fault::new(400, "The header LinkedIn-Version is missing"));
    };
    let month = version.split('.').next().unwrap_or("");
    match month.parse::<u32>() {
        Ok(month) if (202_511..=202_611).contains(&month) => Ok(()),
        Ok(_) => Err(Fault::new(426, format!("Requested version {version} is not active"))),
        Err(_) => Err(Fault::new(400, format!("{version} is not a version"))),
    }
}

fn documented(world: &mut World, path: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), path) {
        ("GET", ["salesContracts"]) => people::contracts(world, request),
        ("POST", ["salesAnalyticsExportJobs"]) => exports::start_analytics(world, request),
        ("GET", ["salesAnalyticsExportJobs", job]) => exports::analytics_job(world, job, request),
        ("POST", ["crmDataValidationExportJobs"]) => exports::start_validation(world, request),
        ("GET", ["crmDataValidationExportJobs", job]) => exports::validation_job(world, job, request),
        ("GET", ["salesNavigatorProfileAssociations"]) => profiles::many(world, request),
        ("GET", ["salesNavigatorProfileAssociations", key]) => profiles::one(world, key),
        ("GET", ["salesAccessTokens"]) => profiles::access_token(world, request),
        _ => Err(Fault::new(404, "No virtual resource found")),
    }
}

/// The sandbox's own contract. Everything that touches data needs a live connection of the contract.
fn contract_calls(world: &mut World, path: &[&str], request: &Request) -> Answer {
    match path {
        ["terms"] => return connection::terms(),
        ["crmConnections", ..] => return connection::handle(world, request),
        _ => {}
    }
    let contract = restli::need(request, "contract")?;
    let contract = tail(contract).ok_or_else(|| Fault::new(400, "Parameter 'contract' is not a urn"))?;
    connection::live(world, contract)?;
    match path {
        ["seats"] => people::seats(world, contract, request),
        ["crmSettings"] => people::settings(world, contract, request),
        ["activities"] => people::activities(world, contract, request),
        ["engagements"] => revenue::engagements(world, request),
        ["crmDirectory"] => directory::handle(world, request),
        ["lists"] => directory::lists(world, contract, request),
        ["search"] => directory::search(world, request),
        ["leads"] => records::handle(world, "lead", request),
        ["accounts"] => records::handle(world, "account", request),
        ["opportunities"] => records::handle(world, "opportunity", request),
        _ => Err(Fault::new(404, "No virtual resource found")),
    }
}

impl Face for SalesNav {
    fn handle(&mut self, request: &Request) -> Response {
        let request = restli::untunnelled(request);
        if let ["_sandbox", rest @ ..] = request.segments().as_slice() {
            return admin::handle(&mut self.world, rest, &request).unwrap_or_else(|fault| fault.response());
        }
        self.world.log.count("salesnav", "api");
        let answer = self.route(&request).unwrap_or_else(|fault| fault.response());
        answer.with("x-li-uuid", format!("sandbox-{}", self.world.fresh())).with("x-li-fabric", "sandbox")
    }
}
