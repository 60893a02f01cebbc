//! Serves the faces over HTTP/1.1 on loopback, with title-case header names as Salesforce sends them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::sync::watch;

use super::core::clock::SimClock;
use super::core::faults::{Delivery, FaultPlan, Faults};
use super::core::http::{Face, Request, Response};
use super::core::log::Log;
use super::outflow::Outflow;
use super::{Config, Sandbox, webhooks};

/// The largest request body taken: what a bulk job may carry.
const MAX_BODY: usize = 150 << 20;

/// Where one simulated CRM is served.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Endpoint {
    pub base_url: String,
    pub token: String,
}

/// A sandbox being served; stops when dropped.
pub struct Running {
    pub hubspot: Endpoint,
    pub salesforce: Endpoint,
    pub salesnav: Endpoint,
    pub clock: SimClock,
    pub log: Log,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Blocks until the server thread ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts serving on a thread of its own.
///
/// # Errors
/// An address that is not loopback or that is taken.
pub fn start(config: &Config) -> io::Result<Running> {
    start_at(config, SimClock::real())
}

/// Starts serving by a clock of the caller's.
pub fn start_at(config: &Config, clock: SimClock) -> io::Result<Running> {
    let sandbox = Sandbox::start(config, clock);
    let hubspot_socket = listen(config.hubspot)?;
    let salesforce_socket = listen(config.salesforce)?;
    let salesnav_socket = listen(config.salesnav)?;
    let endpoint = |socket: &TcpListener, token: &str| -> io::Result<Endpoint> {
        Ok(Endpoint { base_url: format!("http://{}", socket.local_addr()?), token: token.into() })
    };
    let hubspot = endpoint(&hubspot_socket, &sandbox.hubspot_token)?;
    let salesforce = endpoint(&salesforce_socket, &sandbox.salesforce_token)?;
    let salesnav = endpoint(&salesnav_socket, &sandbox.salesnav_token)?;
    let (clock, log) = (sandbox.clock.clone(), sandbox.log.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = watch::channel(false);
    let latency = config.latency;
    let thread = std::thread::Builder::new().name("sandbox".into()).spawn(move || {
        let shared = |name| Shared {
            name,
            clock: sandbox.clock.clone(),
            log: sandbox.log.clone(),
            faults: sandbox.faults.clone(),
            latency,
        };
        runtime.block_on(async {
            let _ = tokio::join!(
                serve(hubspot_socket, sandbox.hubspot.clone(), shared("hubspot"), stopped.clone()),
                serve(salesforce_socket, sandbox.salesforce.clone(), shared("salesforce"), stopped.clone()),
                serve(salesnav_socket, sandbox.salesnav.clone(), shared("salesnav"), stopped.clone()),
                webhooks::deliver(sandbox.hubspot.clone(), stopped.clone()),
            );
        });
    })?;
    Ok(Running { hubspot, salesforce, salesnav, clock, log, stop, thread: Some(thread) })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let message = format!("{address} is not a loopback address; the sandbox is served on loopback only");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[derive(Clone)]
struct Shared {
    name: &'static str,
    clock: SimClock,
    log: Log,
    faults: Faults,
    latency: Duration,
}

async fn serve<F: Face + 'static>(
    socket: TcpListener,
    face: Arc<Mutex<F>>,
    shared: Shared,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    loop {
        let stream = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let _ = stream.set_nodelay(true);
        let (face, shared) = (face.clone(), shared.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, face.clone(), shared.clone()));
            let mut http = hyper::server::conn::http1::Builder::new();
            // A connection that ends early is the client's business.
            let _ = http
                .timer(TokioTimer::new())
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer<F: Face>(
    request: hyper::Request<Incoming>,
    face: Arc<Mutex<F>>,
    shared: Shared,
) -> io::Result<hyper::Response<Outflow>> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(message) => return Ok(to_hyper(Response::json(413, &json!({ "message": message })))),
    };
    if let ["_sandbox", rest @ ..] = request.segments().as_slice()
        && let Some(action) = admin(rest)
    {
        return Ok(to_hyper(action(&request, &shared)));
    }
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let delivery = {
        let mut face = face.lock().unwrap_or_else(PoisonError::into_inner);
        shared.faults.deliver(shared.name, &mut *face, &request, &shared.clock)
    };
    match delivery {
        Delivery::Answer { mut response, delay_ms, slow_ms } => {
            if delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            // The simulated clock's time, not the machine's: clients measure the difference by it.
            if !response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date")) {
                let date =
                    jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", shared.clock.now().timestamp());
                response.headers.push(("Date".into(), date.unwrap_or_default()));
            }
            let slow = Duration::from_millis(slow_ms);
            Ok(to_hyper(response).map(|body| body.over(slow)))
        }
        // An error here makes the server close the connection without an answer.
        Delivery::Dropped => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "a fault of the sandbox")),
    }
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, String> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| error.to_string())?.to_bytes();
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().split('/').filter(|part| !part.is_empty()).map(decode).collect(),
        query: url::form_urlencoded::parse(head.uri.query().unwrap_or("").as_bytes()).into_owned().collect(),
        headers: head.headers.iter().map(header).collect(),
        body: body.to_vec(),
    })
}

type Action = fn(&Request, &Shared) -> Response;

/// Calls for people and tests, the same on every face. Others under `/_sandbox/` are the face's own.
fn admin(path: &[&str]) -> Option<Action> {
    match path {
        ["log"] => Some(|request, shared| {
            let since = request.param("since").and_then(|text| text.parse().ok()).unwrap_or(0);
            Response::json(200, &json!({ "mutations": shared.log.since(since) }))
        }),
        ["stats"] => Some(|_, shared| Response::json(200, &json!(shared.log.stats()))),
        ["clock"] => Some(|request, shared| {
            if let Some(by) = request.json().ok().and_then(|body| body.get("advance_ms")?.as_i64()) {
                shared.clock.advance(by);
            }
            Response::json(200, &json!({ "now_ms": shared.clock.now(), "system": shared.name }))
        }),
        ["faults"] => Some(|request, shared| {
            if request.method == "POST" {
                match FaultPlan::parse(&String::from_utf8_lossy(&request.body)) {
                    Ok(plan) => shared.faults.set(plan),
                    Err(message) => return Response::json(400, &json!({ "message": message })),
                }
            }
            Response::json(200, &json!({ "happened": shared.faults.happened() }))
        }),
        _ => None,
    }
}

fn to_hyper(response: Response) -> hyper::Response<Outflow> {
    let mut out = hyper::Response::new(Outflow::of(response.body));
    *out.status_mut() = hyper::StatusCode::from_u16(response.status).unwrap_or_default();
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            out.headers_mut().append(name, value);
        }
    }
    out
}
