//! A HubSpot portal, as far as its API shows.

use super::core::clock::SimClock;
use super::core::http::{Face, Request, Response};
use super::core::log::Log;
use super::seed::Universe;

pub struct HubSpot {
    clock: SimClock,
    log: Log,
    token: String,
}

impl HubSpot {
    /// `token`: the private app token that requests must carry.
    pub fn new(clock: SimClock, log: Log, _universe: &Universe, token: &str) -> Self {
        Self { clock, log, token: token.into() }
    }
}

impl Face for HubSpot {
    fn handle(&mut self, _request: &Request) -> Response {
        let _ = (&self.clock, &self.log, &self.token);
        Response::empty(404)
    }
}
