//! A simulated CRM behind the connectors' own transport: no socket, no waiting.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use percent_encoding::percent_decode_str;

use super::core::clock::SimClock;
use super::core::http::{Face, Request};
use super::core::rng::Rng;
use crate::connect::timer::Timer;
use crate::connect::transport::{Exchange, HttpRequest, HttpResponse, Transport};
use crate::value::Millis;

/// Hands each request to the face and its answer back.
pub struct InProcess<F> {
    face: Arc<Mutex<F>>,
    clock: SimClock,
}

impl<F: Face> InProcess<F> {
    pub fn new(face: Arc<Mutex<F>>, clock: SimClock) -> Self {
        InProcess { face, clock }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let response =
            self.face.lock().unwrap_or_else(PoisonError::into_inner).handle(&face_request(request));
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        let mut headers: Vec<(String, String)> = response.headers.into_iter().map(lower).collect();
        if !headers.iter().any(|(name, _)| name == "date") {
            let now = self.clock.now().timestamp();
            let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", now).unwrap_or_default();
            headers.push(("date".to_owned(), date));
        }
        HttpResponse { status: response.status, headers, body: response.body }
    }
}

/// The request as a server would have parsed it.
pub fn face_request(request: &HttpRequest) -> Request {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let lower = |(name, value): &(String, String)| (name.to_ascii_lowercase(), value.clone());
    Request {
        method: request.method.as_str().to_owned(),
        path: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: request.headers.iter().map(lower).collect(),
        body: request.body.clone(),
    }
}

impl<F: Face> Transport for InProcess<F> {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(std::future::ready(Ok(self.answer(&request))))
    }
}

/// The sandbox's clock as the connectors' timer: sleeping moves it on.
#[derive(Debug)]
pub struct SimTimer {
    clock: SimClock,
    chance: Cell<u64>,
}

impl SimTimer {
    pub fn new(clock: SimClock, seed: u64) -> Self {
        SimTimer { clock, chance: Cell::new(seed) }
    }
}

impl Timer for SimTimer {
    fn now(&self) -> Millis {
        self.clock.now()
    }

    fn sleep(&self, milliseconds: i64) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        self.clock.advance(milliseconds.max(0));
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> u64 {
        let drawn = Rng::new(self.chance.get()).roll();
        self.chance.set(drawn);
        drawn
    }
}
