//! The real transport against real sockets: what it refuses and what it gives up on.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use twinmap::connect::http::Http;
use twinmap::connect::transport::{HttpRequest, HttpResponse, Method, Sent, Transport, TransportError};
use twinmap::schema::SystemKind;

/// Serves one connection with these bytes, then closes it.
fn serve(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(&bytes);
    });
    format!("http://{address}")
}

fn get(origin: &str) -> Result<HttpResponse, TransportError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let http = Http::new(SystemKind::Hubspot, origin).unwrap();
    let request = HttpRequest {
        method: Method::Get,
        origin: origin.into(),
        target: "/x".to_owned(),
        headers: vec![("Authorization".to_owned(), "Bearer secret-canary".to_owned())],
        body: Vec::new(),
    };
    assert!(!format!("{request:?}").contains("canary"));
    runtime.block_on(http.send(request))
}

fn raw(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn answers_come_through_and_redirects_are_not_followed() {
    let response = get(&serve(raw("200 OK", b"{}"))).unwrap();
    assert_eq!((response.status, response.body.as_slice()), (200, &b"{}"[..]));
    let response = get(&serve(raw("302 Found\r\nLocation: http://127.0.0.1:1/stolen", b""))).unwrap();
    assert_eq!(response.status, 302);
}

#[test]
fn hosts_that_are_not_the_vendors_are_never_contacted() {
    for origin in
        ["https://169.254.169.254", "http://10.0.0.1", "https://example.com", "http://api.hubapi.com"]
    {
        let http = Http::new(SystemKind::Hubspot, "https://api.hubapi.com").unwrap();
        let request = HttpRequest {
            method: Method::Get,
            origin: origin.into(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(http.send(request)).unwrap_err();
        assert_eq!(error.sent, Sent::No, "{origin}");
        assert!(error.message.contains("host") || error.message.contains("loopback"), "{error}");
    }
}

#[test]
fn truncated_answers_may_have_been_applied_and_missing_servers_not() {
    let mut bytes = raw("200 OK", b"{\"results\":[]}");
    bytes.truncate(bytes.len() - 5);
    assert_eq!(get(&serve(bytes)).unwrap_err().sent, Sent::Maybe);
    assert_eq!(get(&serve(Vec::new())).unwrap_err().sent, Sent::Maybe);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(get(&format!("http://{closed}")).unwrap_err().sent, Sent::No);
}

#[test]
fn compression_bombs_are_refused() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let error = get(&serve(raw("200 OK\r\nContent-Encoding: gzip", &encoder.finish().unwrap()))).unwrap_err();
    assert_eq!(error.sent, Sent::Refused);
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{\"a\":1}").unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(get(&serve(raw("200 OK\r\nContent-Encoding: gzip", &packed))).unwrap().body, b"{\"a\":1}");
}

#[test]
fn a_certificate_that_nobody_signed_is_no_connection() {
    // A server that speaks no TLS at all is the simplest one that fails the handshake.
    let origin = serve(raw("200 OK", b"{}")).replace("http:", "https:");
    assert_eq!(get(&origin).unwrap_err().sent, Sent::No);
}
