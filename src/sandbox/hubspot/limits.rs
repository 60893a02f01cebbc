//! Rate and daily limits: off until switched on, counted by the sandbox's clock.

use std::collections::VecDeque;

use serde_json::json;

use super::super::core::http::Response;
use super::answer::Fault;
use crate::value::Millis;

const DAY: i64 = 86_400_000;

/// How many requests are allowed. The usual figures are those of a private app of a Professional account.
#[derive(Debug, Clone)]
pub struct Limits {
    /// In any ten seconds; searches are not counted.
    pub burst: usize,
    /// Searches in any second.
    pub search: usize,
    /// From midnight to midnight.
    pub daily: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { burst: 190, search: 5, daily: 625_000 }
    }
}

/// The requests that were let through lately.
#[derive(Debug, Default)]
pub struct Usage {
    burst: VecDeque<Millis>,
    search: VecDeque<Millis>,
    day: i64,
    pub today: u64,
}

fn drain(times: &mut VecDeque<Millis>, since: i64) {
    while times.front().is_some_and(|at| at.0 <= since) {
        times.pop_front();
    }
}

impl Usage {
    /// Counts a request, or says which limit it is over. Without limits it is only counted.
    pub fn take(&mut self, limits: Option<&Limits>, search: bool, now: Millis) -> Result<(), Fault> {
        let day = now.0.div_euclid(DAY);
        if day != self.day {
            self.day = day;
            self.today = 0;
        }
        drain(&mut self.burst, now.0 - 10_000);
        drain(&mut self.search, now.0 - 1000);
        if let Some(limits) = limits {
            if self.today >= limits.daily {
                return Err(over("daily limit", "DAILY"));
            }
            if search && self.search.len() >= limits.search {
                return Err(over("secondly limit", "SECONDLY"));
            }
            if !search && self.burst.len() >= limits.burst {
                return Err(over("ten_secondly_rolling limit", "TEN_SECONDLY_ROLLING"));
            }
        }
        self.today += 1;
        if search {
            self.search.push_back(now)
        } else {
            self.burst.push_back(now)
        }
        Ok(())
    }

    /// The headers that every answer but a search's has.
    pub fn headers(&self, limits: &Limits, response: Response) -> Response {
        let left = limits.burst.saturating_sub(self.burst.len());
        let second = limits.burst.div_ceil(10);
        response
            .with("X-HubSpot-RateLimit-Daily", limits.daily.to_string())
            .with("X-HubSpot-RateLimit-Daily-Remaining", limits.daily.saturating_sub(self.today).to_string())
            .with("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
            .with("X-HubSpot-RateLimit-Max", limits.burst.to_string())
            .with("X-HubSpot-RateLimit-Remaining", left.to_string())
            .with("X-HubSpot-RateLimit-Secondly", second.to_string())
            .with("X-HubSpot-RateLimit-Secondly-Remaining", second.min(left).to_string())
    }
}

fn over(what: &str, policy: &str) -> Fault {
    let mut fault = Fault::new(429, "RATE_LIMITS", format!("You have reached your {what}."));
    fault.more.insert("errorType".into(), json!("RATE_LIMIT"));
    fault.more.insert("policyName".into(), json!(policy));
    fault
}
