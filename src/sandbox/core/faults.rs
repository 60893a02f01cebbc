//! Faults on the wire, by rule and chance: what a client must survive, the same for every simulated CRM.
//!
//! Seeded: the same rules, seed and requests give the same faults. A rule picks requests by system, method and path;
//! its fault happens before the face sees the request, after, or to the answer. Calls under `/_sandbox/` are spared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::clock::SimClock;
use super::http::{Face, Request, Response};
use super::rng::Rng;
use super::spoil::{bomb, drop_any, drop_item, drop_named, failure, following, huge, page, reorder};
use crate::value::Millis;

/// A faults file: `{"seed": 7, "rules": [{"fault": "drop_after", "percent": 10}]}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    pub seed: u64,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub fault: Kind,
    /// How many of 100 requests it hits.
    #[serde(default = "always")]
    pub percent: u32,
    /// `hubspot`, `salesforce`, ...; none = every system.
    #[serde(default)]
    pub system: Option<String>,
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the path, such as `batch/upsert`.
    #[serde(default)]
    pub path: Option<String>,
    /// The first so many requests that fit are let through.
    #[serde(default)]
    pub skip: u64,
    /// It happens at most so often.
    #[serde(default)]
    pub times: Option<u64>,
    /// `status`: the code to answer with.
    #[serde(default)]
    pub status: Option<u16>,
    /// `status`: an error of the CRM's own form with this code, in place of a web page.
    #[serde(default)]
    pub code: Option<String>,
    /// `status`: seconds of a `Retry-After` header.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// `delay`, `late` and `slow`: milliseconds.
    #[serde(default)]
    pub ms: Option<u64>,
    /// `missing_field`: the member to leave out wherever it stands; a random one when none is named.
    #[serde(default)]
    pub field: Option<String>,
}

fn always() -> u32 {
    100
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The connection ends before the CRM did anything.
    DropBefore,
    /// The CRM did it, the connection ends without an answer.
    DropAfter,
    /// The connection ends; the CRM does it `ms` later.
    Late,
    /// The CRM gets the request twice.
    Duplicate,
    /// An error answer; nothing was done.
    Status,
    /// The CRM did it, the answer is an error.
    StatusAfter,
    /// The answer comes `ms` later.
    Delay,
    /// The answer's text is cut off.
    Truncate,
    /// A web page with status 200; nothing was done.
    Html,
    /// A redirect to another host; nothing was done.
    Redirect,
    /// The right body under a wrong content type.
    WrongType,
    /// One item of the answer's lists is missing.
    MissingItem,
    /// One member is missing.
    MissingField,
    /// An answer of 64 MB.
    Huge,
    /// A small compressed body that becomes 256 MB.
    GzipBomb,
    /// The body comes in pieces over `ms`.
    Slow,
    /// The items of the answer's lists come in another order.
    Reorder,
    /// The page that this path answered last, once more.
    RepeatPage,
    /// The page after the one that was asked for.
    SkipPage,
}

/// What reaches the client.
#[derive(Debug)]
pub enum Delivery {
    Answer {
        response: Response,
        delay_ms: u64,
        /// The body is spread over this time.
        slow_ms: u64,
    },
    /// The connection ends without an answer.
    Dropped,
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    rng: Option<Rng>,
    /// Per rule: requests that fitted, and how often it happened.
    counts: Vec<(u64, u64)>,
    late: Vec<(Millis, &'static str, Request)>,
    /// The last good answer of each path, while a rule may repeat it.
    last: BTreeMap<(&'static str, String), Response>,
}

/// The faults of one sandbox; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl FaultPlan {
    /// Reads a faults file.
    ///
    /// # Errors
    /// What is wrong in it, with its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plan: FaultPlan = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (number, rule) in plan.rules.iter().enumerate() {
            let wrong = |what: &str| Err(format!("rule {}: {what}", number + 1));
            if rule.percent > 100 {
                return wrong("`percent` is more than 100");
            }
            if matches!(rule.fault, Kind::Status | Kind::StatusAfter)
                && !rule.status.is_some_and(|code| (400..600).contains(&code))
            {
                return wrong("needs `status`, 400 to 599");
            }
            if matches!(rule.fault, Kind::Delay | Kind::Late | Kind::Slow) && rule.ms.is_none() {
                return wrong("needs `ms`");
            }
        }
        Ok(plan)
    }
}

impl Rule {
    fn fits(&self, system: &str, request: &Request) -> bool {
        let method = self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method));
        let path = || request.path.join("/");
        self.system.as_deref().is_none_or(|known| known == system)
            && method
            && self.path.as_deref().is_none_or(|part| path().contains(part.trim_matches('/')))
    }
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the rules; their counts start again.
    pub fn set(&self, plan: FaultPlan) {
        let mut state = self.state();
        state.rng = Some(Rng::new(plan.seed));
        state.counts = vec![(0, 0); plan.rules.len()];
        state.last.clear();
        state.plan = plan;
    }

    /// How often each rule happened.
    pub fn happened(&self) -> Vec<(Kind, u64)> {
        let state = self.state();
        let rules = state.plan.rules.iter().zip(&state.counts);
        rules.map(|(rule, (_, happened))| (rule.fault, *happened)).collect()
    }

    /// The first rule that hits this request.
    fn pick(&self, system: &str, request: &Request) -> Option<Rule> {
        let mut state = self.state();
        let State { plan, rng, counts, .. } = &mut *state;
        let rng = rng.as_mut()?;
        for (rule, (seen, happened)) in plan.rules.iter().zip(counts) {
            if !rule.fits(system, request) {
                continue;
            }
            *seen += 1;
            // Rolled for each request that fits, so that one rule's count does not shift another's chance.
            let hit = rng.chance(rule.percent);
            if hit && *seen > rule.skip && rule.times.is_none_or(|times| *happened < times) {
                *happened += 1;
                return Some(rule.clone());
            }
        }
        None
    }

    /// Gives a request to a face, with what the rules do to it.
    pub fn deliver(
        &self,
        system: &'static str,
        face: &mut dyn Face,
        request: &Request,
        clock: &SimClock,
    ) -> Delivery {
        self.land(system, face, clock);
        let spared = request.path.first().is_some_and(|first| first == "_sandbox");
        let answer = |response| Delivery::Answer { response, delay_ms: 0, slow_ms: 0 };
        let Some(rule) = (if spared { None } else { self.pick(system, request) }) else {
            let response = face.handle(request);
            self.remember(system, request, &response);
            return answer(response);
        };
        match rule.fault {
            Kind::DropBefore => Delivery::Dropped,
            Kind::DropAfter => {
                face.handle(request);
                Delivery::Dropped
            }
            Kind::Late => {
                let due = clock.now().plus(rule.ms.unwrap_or(0) as i64);
                self.state().late.push((due, system, request.clone()));
                Delivery::Dropped
            }
            Kind::Duplicate => {
                face.handle(request);
                answer(face.handle(request))
            }
            Kind::Status => answer(failure(system, &rule)),
            Kind::StatusAfter => {
                face.handle(request);
                answer(failure(system, &rule))
            }
            Kind::Delay => {
                let delay_ms = rule.ms.unwrap_or(0);
                Delivery::Answer { response: face.handle(request), delay_ms, slow_ms: 0 }
            }
            Kind::Slow => {
                let slow_ms = rule.ms.unwrap_or(0);
                Delivery::Answer { response: face.handle(request), delay_ms: 0, slow_ms }
            }
            Kind::GzipBomb => answer(bomb()),
            Kind::RepeatPage => {
                let key = (system, request.path.join("/"));
                let known = self.state().last.get(&key).cloned();
                answer(known.unwrap_or_else(|| face.handle(request)))
            }
            Kind::SkipPage => {
                let response = face.handle(request);
                let next = following(request, &response);
                answer(next.map_or(response, |next| face.handle(&next)))
            }
            Kind::Html => answer(page(200)),
            Kind::Redirect => answer(page(302).with("Location", "https://elsewhere.example/")),
            Kind::Huge => answer(huge()),
            Kind::Truncate | Kind::WrongType | Kind::MissingItem | Kind::MissingField | Kind::Reorder => {
                let response = face.handle(request);
                answer(self.spoil(&rule, response))
            }
        }
    }

    /// Delivers the late requests whose time has come; nobody waits for their answers any more.
    fn land(&self, system: &'static str, face: &mut dyn Face, clock: &SimClock) {
        let now = clock.now();
        let due: Vec<Request> = {
            let mut state = self.state();
            let (due, wait): (Vec<_>, Vec<_>) = std::mem::take(&mut state.late)
                .into_iter()
                .partition(|(at, whose, _)| *at <= now && *whose == system);
            state.late = wait;
            due.into_iter().map(|(_, _, request)| request).collect()
        };
        for request in due {
            face.handle(&request);
        }
    }

    /// Keeps an answer, when a rule may repeat it.
    fn remember(&self, system: &'static str, request: &Request, response: &Response) {
        let mut state = self.state();
        if response.status < 300 && state.plan.rules.iter().any(|rule| rule.fault == Kind::RepeatPage) {
            state.last.insert((system, request.path.join("/")), response.clone());
        }
    }

    fn spoil(&self, rule: &Rule, mut response: Response) -> Response {
        let mut roll = |below: usize| self.state().rng.as_mut().map_or(0, |rng| rng.below(below));
        match rule.fault {
            Kind::Truncate => {
                let keep = roll(response.body.len().max(1));
                response.body.truncate(keep);
            }
            Kind::WrongType => {
                response.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
                response = response.with("Content-Type", "text/plain");
            }
            _ => {
                if let Ok(mut body) = serde_json::from_slice::<Json>(&response.body) {
                    match (rule.fault, &rule.field) {
                        (Kind::Reorder, _) => reorder(&mut body, &mut roll),
                        (Kind::MissingItem, _) => {
                            drop_item(&mut body, &mut roll);
                        }
                        (_, Some(name)) => drop_named(&mut body, name),
                        (_, None) => drop_any(&mut body, &mut roll),
                    }
                    response.body = body.to_string().into_bytes();
                }
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Counts what reaches it.
    #[derive(Default)]
    struct Counter(u64);

    impl Face for Counter {
        fn handle(&mut self, _: &Request) -> Response {
            self.0 += 1;
            Response::json(
                200,
                &json!({ "results": [{ "id": "1", "name": "a" }, { "id": "2", "name": "b" }] }),
            )
        }
    }

    fn run(rule: Json, calls: u64) -> (Vec<Delivery>, Counter, SimClock, Faults) {
        let faults = Faults::default();
        faults.set(FaultPlan::parse(&json!({ "seed": 3, "rules": [rule] }).to_string()).unwrap());
        let (clock, mut face) = (SimClock::starting_at(Millis(0)), Counter::default());
        let request = Request { method: "POST".into(), path: vec!["a".into()], ..Request::default() };
        let all = (0..calls).map(|_| faults.deliver("hubspot", &mut face, &request, &clock)).collect();
        (all, face, clock, faults)
    }

    fn body(delivery: &Delivery) -> Json {
        match delivery {
            Delivery::Answer { response, .. } => serde_json::from_slice(&response.body).unwrap_or(Json::Null),
            Delivery::Dropped => Json::Null,
        }
    }

    #[test]
    fn dropped_before_is_not_done_and_dropped_after_is() {
        let (all, face, ..) = run(json!({ "fault": "drop_before" }), 2);
        assert!(matches!(all[0], Delivery::Dropped) && face.0 == 0);
        let (all, face, ..) = run(json!({ "fault": "drop_after", "skip": 1, "times": 1 }), 3);
        let dropped: Vec<bool> = all.iter().map(|d| matches!(d, Delivery::Dropped)).collect();
        assert_eq!((dropped, face.0), (vec![false, true, false], 3));
    }

    #[test]
    fn a_late_request_lands_when_its_time_has_come() {
        let (_, mut face, clock, faults) = run(json!({ "fault": "late", "ms": 60_000, "times": 1 }), 1);
        assert_eq!(face.0, 0);
        clock.advance(59_999);
        let request = Request { method: "GET".into(), ..Request::default() };
        faults.deliver("hubspot", &mut face, &request, &clock);
        assert_eq!(face.0, 1);
        clock.advance(1);
        faults.deliver("hubspot", &mut face, &request, &clock);
        assert_eq!(face.0, 3);
    }

    #[test]
    fn an_answer_can_lose_an_item_or_a_member() {
        let (all, ..) = run(json!({ "fault": "missing_item" }), 1);
        assert_eq!(body(&all[0])["results"].as_array().unwrap().len(), 1);
        let (all, ..) = run(json!({ "fault": "missing_field", "field": "name" }), 1);
        assert_eq!(body(&all[0]), json!({ "results": [{ "id": "1" }, { "id": "2" }] }));
    }

    /// Three pages, each naming the next.
    struct Pages;

    impl Face for Pages {
        fn handle(&mut self, request: &Request) -> Response {
            let at: u64 = request.param("after").and_then(|text| text.parse().ok()).unwrap_or(0);
            let next = json!({ "next": { "after": (at + 1).to_string() } });
            Response::json(200, &json!({ "results": [at * 2, at * 2 + 1], "paging": next }))
        }
    }

    #[test]
    fn a_page_is_repeated_or_skipped_and_items_change_places() {
        let pages = |rule: Json| -> Vec<Json> {
            let faults = Faults::default();
            faults.set(FaultPlan::parse(&json!({ "seed": 8, "rules": [rule] }).to_string()).unwrap());
            let clock = SimClock::starting_at(Millis(0));
            let ask = |after: u64| {
                let query = vec![("after".to_owned(), after.to_string())];
                let request =
                    Request { method: "GET".into(), path: vec!["p".into()], query, ..Request::default() };
                body(&faults.deliver("hubspot", &mut Pages, &request, &clock))["results"].clone()
            };
            (0..3).map(ask).collect()
        };
        let repeated = pages(json!({ "fault": "repeat_page", "skip": 1, "times": 1 }));
        assert_eq!(repeated, [json!([0, 1]), json!([0, 1]), json!([4, 5])]);
        let skipped = pages(json!({ "fault": "skip_page", "skip": 1, "times": 1 }));
        assert_eq!(skipped, [json!([0, 1]), json!([4, 5]), json!([4, 5])]);
        let order = pages(json!({ "fault": "reorder" }));
        assert!(
            order.contains(&json!([1, 0]))
                || order.contains(&json!([3, 2]))
                || order.contains(&json!([5, 4]))
        );
    }

    #[test]
    fn an_error_can_have_the_crms_own_form() {
        let rule = json!({ "fault": "status", "status": 400, "code": "UNABLE_TO_LOCK_ROW" });
        let (all, ..) = run(rule, 1);
        assert_eq!(body(&all[0])["category"], json!("UNABLE_TO_LOCK_ROW"));
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_a_wrong_plan_is_named() {
        let hits = || {
            let (all, ..) = run(json!({ "fault": "drop_before", "percent": 30 }), 50);
            all.iter().map(|d| matches!(d, Delivery::Dropped)).collect::<Vec<_>>()
        };
        assert_eq!(hits(), hits());
        let n = hits().iter().filter(|hit| **hit).count();
        assert!((5..30).contains(&n), "{n} of 50");
        for wrong in [json!({ "fault": "status" }), json!({ "fault": "boom" }), json!({ "fault": "late" })] {
            assert!(FaultPlan::parse(&json!({ "rules": [wrong] }).to_string()).is_err());
        }
    }
}
