//! What every simulated CRM is made of: a clock, chance, a log of what was written, and plain HTTP messages.

pub mod clock;
pub mod faults;
pub mod http;
pub mod log;
pub mod rng;
mod spoil;
pub mod workflow;
