//! Simulated CRMs on loopback, for trying and testing: the vendors' wire shapes over one made-up business world.
//!
//! A face is synchronous and deterministic (same seed, same requests, same answers), so the same code serves a
//! socket and runs inside a test. Never a real CRM: only loopback addresses are served.

pub mod core;
pub mod hubspot;
pub mod in_process;
mod outflow;
pub mod salesforce;
pub mod salesnav;
pub mod seed;
pub mod server;
mod webhooks;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::core::clock::SimClock;
use self::core::faults::{FaultPlan, Faults};
use self::core::log::Log;
use self::seed::{Size, Universe};

#[derive(Debug, Clone)]
pub struct Config {
    pub seed: u64,
    pub size: Size,
    /// Whether the CRMs have the fields that `twinmap setup` makes.
    pub setup: bool,
    pub hubspot: SocketAddr,
    pub salesforce: SocketAddr,
    pub salesnav: SocketAddr,
    /// How many people, seats and activities Sales Navigator has.
    pub linkedin: salesnav::Amounts,
    /// Added to each answer.
    pub latency: Duration,
    pub faults: FaultPlan,
}

impl Default for Config {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            seed: 1,
            size: Size::default(),
            setup: true,
            hubspot: any,
            salesforce: any,
            salesnav: any,
            linkedin: salesnav::Amounts::default(),
            latency: Duration::ZERO,
            faults: FaultPlan::default(),
        }
    }
}

/// The simulated CRMs without a server around them.
pub struct Sandbox {
    pub clock: SimClock,
    pub log: Log,
    pub faults: Faults,
    pub hubspot: Arc<Mutex<hubspot::HubSpot>>,
    pub salesforce: Arc<Mutex<salesforce::Salesforce>>,
    pub salesnav: Arc<Mutex<salesnav::SalesNav>>,
    pub hubspot_token: String,
    pub salesforce_token: String,
    pub salesnav_token: String,
}

impl Sandbox {
    /// CRMs as after `twinmap setup`.
    pub fn new(seed: u64, size: Size, clock: SimClock) -> Self {
        Self::start(&Config { seed, size, ..Config::default() }, clock)
    }

    /// The addresses and the latency of the configuration are for a server around this.
    pub fn start(config: &Config, clock: SimClock) -> Self {
        let (seed, size, setup) = (config.seed, config.size, config.setup);
        let universe = Universe::generate(seed, size);
        let log = Log::default();
        let faults = Faults::default();
        faults.set(config.faults.clone());
        let hubspot_token = "pat-na1-5a4db0c5-0000-4000-8000-000000000001".to_string();
        let salesforce_token = "00D5g000004TWIN!AQcAQFzT.sandboxSessionIdOfTwinmap".to_string();
        let hubspot = {
            let start = hubspot::Start { token: &hubspot_token, seed, setup };
            hubspot::HubSpot::new(clock.clone(), log.clone(), &universe, &start)
        };
        let salesforce = {
            let start = salesforce::Start { token: &salesforce_token, setup };
            salesforce::Salesforce::new(clock.clone(), log.clone(), &universe, &start)
        };
        let salesnav_token = "AQV-sandbox-access-token-of-twinmap".to_string();
        let salesnav = {
            let start = salesnav::Start { token: &salesnav_token, seed, amounts: config.linkedin };
            salesnav::SalesNav::new(clock.clone(), log.clone(), &universe, &start)
        };
        Self {
            clock,
            log,
            faults,
            hubspot: Arc::new(Mutex::new(hubspot)),
            salesforce: Arc::new(Mutex::new(salesforce)),
            salesnav: Arc::new(Mutex::new(salesnav)),
            hubspot_token,
            salesforce_token,
            salesnav_token,
        }
    }
}
