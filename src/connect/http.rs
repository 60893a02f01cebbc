//! The real transport: HTTP over rustls, to hosts that were allowed when it was made.
//!
//! Invariants: TLS is always verified and can't be switched off; redirects are never followed; plain http goes to
//! loopback only; an answer is cut off at its largest size before it is unpacked and while it is.

use std::io::Read as _;
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::hosts;
use super::transport::{Exchange, HttpRequest, HttpResponse, Sent, Transport, TransportError};
use crate::schema::SystemKind;

/// Largest answer, packed and unpacked.
const MAX_BODY: usize = 32 << 20;
/// A body that unpacks to more than this and by more than [`MAX_RATIO`] is a bomb. JSON lists of alike records pack
/// by up to a hundred.
const BOMB_FLOOR: usize = 4 << 20;
const MAX_RATIO: usize = 200;
/// From the first byte sent to the last one read. Whoever settles an unknown outcome waits at least this long.
pub const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Http {
    client: reqwest::Client,
    kind: SystemKind,
}

/// What every HTTP client of the process needs before it is built.
pub fn provide_cryptography() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails only when another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl Http {
    /// `origin` as [`hosts::origin`] gives it.
    ///
    /// # Errors
    /// The machine has no trusted roots, in words.
    pub fn new(kind: SystemKind, origin: &str) -> Result<Self, TransportError> {
        provide_cryptography();
        let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .resolve("localhost", loopback)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .tls_version_min(reqwest::tls::Version::TLS_1_2);
        if origin.starts_with("http:") {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| TransportError::new(Sent::No, words(&error)))?;
        Ok(Http { client, kind })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let not_sent = |message: String| TransportError::new(Sent::No, message);
        let origin = hosts::origin(self.kind, &request.origin).map_err(|bad| not_sent(bad.to_string()))?;
        let url = format!("{origin}{}", request.target);
        let method = reqwest::Method::from_bytes(request.method.as_str().as_bytes())
            .map_err(|_| not_sent("an unknown method".to_owned()))?;
        let mut headers = HeaderMap::new();
        headers.insert("accept-encoding", HeaderValue::from_static("gzip"));
        for (name, value) in &request.headers {
            let bad =
                || not_sent(format!("the header `{name}` can't be sent: does the secret hold a line break?"));
            let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
            value.set_sensitive(name.eq_ignore_ascii_case("authorization"));
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
        }
        let sent = self.client.request(method, url).headers(headers).body(request.body).send().await;
        let response = sent.map_err(|error| {
            let sent = if error.is_connect() || error.is_builder() { Sent::No } else { Sent::Maybe };
            TransportError::new(sent, words(&error))
        })?;
        read(response).await
    }
}

impl Transport for Http {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(self.exchange(request))
    }
}

async fn read(mut response: reqwest::Response) -> Result<HttpResponse, TransportError> {
    let status = response.status().as_u16();
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: Vec<(String, String)> = response.headers().iter().map(text).collect();
    let mut packed = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if packed.len() + chunk.len() > MAX_BODY => return Err(too_large()),
            Ok(Some(chunk)) => packed.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(TransportError::new(Sent::Maybe, words(&error))),
        }
    }
    let zipped = headers.iter().any(|(name, value)| name == "content-encoding" && value.trim() == "gzip");
    let body = if zipped && !packed.is_empty() { unpack(&packed)? } else { packed };
    Ok(HttpResponse { status, headers, body })
}

fn too_large() -> TransportError {
    TransportError::new(Sent::Refused, format!("the answer is larger than {} MiB", MAX_BODY >> 20))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, TransportError> {
    let mut decoder = flate2::read::MultiGzDecoder::new(packed);
    let mut body = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = decoder.read(&mut piece).map_err(|error| {
            TransportError::new(Sent::Maybe, format!("the answer's compression is broken: {error}"))
        })?;
        if read == 0 {
            return Ok(body);
        }
        body.extend(piece.iter().take(read));
        if body.len() > MAX_BODY {
            return Err(too_large());
        }
        if body.len() > BOMB_FLOOR && body.len() / packed.len().max(1) > MAX_RATIO {
            return Err(TransportError::new(Sent::Refused, "the answer unpacks to far more than it is"));
        }
    }
}

/// An error with its causes, without the address: a query may hold record values.
fn words(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let what = match error {
        error if error.is_timeout() => "no answer in time",
        error if error.is_connect() => "no connection",
        error if error.is_body() || error.is_decode() => "the answer broke off",
        _ => "the exchange failed",
    };
    parts.push(what.to_owned());
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !text.contains("://") && parts.last() != Some(&text) {
            parts.push(text);
        }
        cause = inner.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bombs_are_refused_and_broken_packing_is_not_an_answer() {
        assert_eq!(unpack(&packed(b"{\"results\":[]}")).unwrap(), b"{\"results\":[]}");
        let bomb = unpack(&packed(&vec![b' '; 16 << 20])).unwrap_err();
        assert_eq!(bomb.sent, Sent::Refused);
        let mut cut = packed(b"{\"results\":[1,2,3]}");
        cut.truncate(cut.len() - 9);
        assert_eq!(unpack(&cut).unwrap_err().sent, Sent::Maybe);
    }
}
