//! A HubSpot portal, as far as its API shows: the face that a client talks to.
//!
//! Requests of both path families (v1 to v4, and the date-versioned ones) go through one table in `routes`.
//! All state is in [`portal::Portal`]; a resource has a file of its own.

mod account;
mod admin;
mod answer;
mod associations;
mod automation;
mod batch;
mod computed;
mod imports;
mod legacy;
mod limits;
mod link_types;
mod links;
mod lists;
mod merge;
mod oauth;
mod objects;
mod owners;
mod pipelines;
mod portal;
mod properties;
mod records;
mod request;
mod routes;
mod rules;
mod schema;
mod schemas;
mod search;
mod store;
mod values;
mod webhooks;
mod world;

use self::answer::{Answer, Fault, respond};
use self::portal::Portal;
use self::routes::Area;
use super::core::clock::SimClock;
use super::core::http::{Face, Outgoing, Request, Response};
use super::core::log::Log;
use super::seed::Universe;

/// How a portal begins.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    pub token: &'a str,
    pub seed: u64,
    /// Whether each object has the unique property `twinmap_id`, as after `twinmap setup`.
    pub setup: bool,
}

pub struct HubSpot {
    portal: Portal,
    token: String,
}

impl HubSpot {
    pub fn new(clock: SimClock, log: Log, universe: &Universe, start: &Start) -> Self {
        let portal = world::portal(clock, log, universe, start);
        Self { portal, token: start.token.into() }
    }

    /// The private app's token, or an OAuth access token that has not expired.
    fn authorised(&self, request: &Request) -> Result<(), Fault> {
        let given = request.header("authorization").and_then(|header| header.split_once(' '));
        let token =
            given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        match token {
            Some(token) if token == self.token && !self.portal.settings.token_revoked => Ok(()),
            token => oauth::check(&self.portal, token.unwrap_or_default()),
        }
    }

    /// Checks who asks, whether they may, and how often; then does it.
    fn answer(&mut self, area: Area, rest: &[&str], request: &Request, search: bool) -> Answer {
        if area != Area::OAuth {
            self.authorised(request)?;
            let now = self.portal.now();
            let limits = self.portal.settings.limits.clone();
            self.portal.usage.take(limits.as_ref(), search, now)?;
            account::check_scope(&self.portal, area, rest, &request.method)?;
        }
        routes::dispatch(&mut self.portal, area, rest, request)
    }
}

impl Face for HubSpot {
    fn outgoing(&mut self) -> Option<Outgoing> {
        self.portal.run_due();
        self.portal.delivery()
    }

    fn handle(&mut self, request: &Request) -> Response {
        self.portal.run_due();
        let segments = request.segments();
        if let ["_sandbox", rest @ ..] = segments.as_slice() {
            return admin::handle(&mut self.portal, rest, request);
        }
        let (area, rest) = routes::area(&segments);
        let search = area == Area::Objects && matches!(rest, [_, "search"]);
        self.portal.log.count("hubspot", if search { "search" } else { "api" });
        let correlation = self.portal.correlation();
        let answer = self.answer(area, rest, request, search);
        let response = match answer {
            Ok((status, body)) => respond(status, &body),
            Err(fault) => respond(fault.status, &fault.body(&correlation)),
        };
        let response = response
            .with("Date", http_date(&self.portal))
            .with("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
            .with("Vary", "origin, accept-encoding")
            .with("X-HubSpot-Correlation-Id", correlation);
        // Searches have a limit of their own and carry no headers of it.
        if search || area == Area::OAuth {
            return response;
        }
        let limits = self.portal.settings.limits.clone().unwrap_or_default();
        self.portal.usage.headers(&limits, response)
    }
}

/// The server's clock as HTTP writes it, so that a client can measure how far off its own is.
fn http_date(portal: &Portal) -> String {
    let at = portal.now().timestamp();
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}
