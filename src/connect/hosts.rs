//! Which hosts a connection may talk to, and how an address becomes an origin.
//!
//! Invariant: credentials travel to the vendor's own hosts over TLS, or to this machine. Plain http is accepted for
//! loopback addresses only, and an address with a user part is never accepted.

use std::net::IpAddr;

use url::{Host, Url};

use crate::schema::SystemKind;

/// An address that may not be used, in words for the person who configured it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHost(pub String);

const HUBSPOT: [&str; 1] = ["hubapi.com"];
const LINKEDIN: [&str; 1] = ["api.linkedin.com"];
const SALESFORCE: [&str; 3] = ["salesforce.com", "force.com", "salesforce.mil"];

/// The origin of `address` (`https://host[:port]`), when a connection of this kind may talk to it.
pub fn origin(kind: SystemKind, address: &str) -> Result<String, BadHost> {
    let url = Url::parse(address).map_err(|error| BadHost(format!("`{address}` is no address: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadHost("an address must not hold a user name or password".to_owned()));
    }
    let host = url.host().ok_or_else(|| BadHost(format!("`{address}` names no host")))?;
    let loopback = is_loopback(&host);
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return Err(BadHost(format!(
                "plain http is accepted for loopback addresses only, not for `{host}`"
            )));
        }
        other => return Err(BadHost(format!("`{other}:` is not a scheme that connections use"))),
    }
    if !loopback && !allowed(kind, &host) {
        return Err(BadHost(format!("`{host}` is not a host of {}", vendor(kind))));
    }
    Ok(url.origin().ascii_serialization())
}

fn vendor(kind: SystemKind) -> &'static str {
    match kind {
        SystemKind::Hubspot => "HubSpot (api.hubapi.com)",
        SystemKind::Salesforce => "Salesforce (*.salesforce.com, *.force.com)",
        SystemKind::Salesnav => "LinkedIn",
        SystemKind::File => "any vendor: a `file` connection has a folder",
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}

fn allowed(kind: SystemKind, host: &Host<&str>) -> bool {
    let Host::Domain(name) = host else { return false };
    let domains: &[&str] = match kind {
        SystemKind::Hubspot => &HUBSPOT,
        SystemKind::Salesforce => &SALESFORCE,
        SystemKind::Salesnav => &LINKEDIN,
        SystemKind::File => &[],
    };
    let below =
        |domain: &&str| name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    domains.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_vendors_hosts_and_this_machine_are_accepted() {
        let ok = |kind, address| origin(kind, address).unwrap();
        assert_eq!(ok(SystemKind::Hubspot, "https://api.hubapi.com/"), "https://api.hubapi.com");
        assert_eq!(
            ok(SystemKind::Salesforce, "https://a--x.sandbox.my.salesforce.com"),
            "https://a--x.sandbox.my.salesforce.com"
        );
        assert_eq!(ok(SystemKind::Hubspot, "http://127.0.0.1:4011/x"), "http://127.0.0.1:4011");
        assert_eq!(ok(SystemKind::Hubspot, "http://[::1]:4011"), "http://[::1]:4011");
        for bad in [
            "http://api.hubapi.com",
            "https://hubapi.com.evil.example",
            "https://evilhubapi.com",
            "https://user:pass@api.hubapi.com",
            "https://169.254.169.254/latest",
            "https://[fd00::1]/",
            "https://3232235777/",
            "http://0.0.0.0:80",
            "http://127.0.0.1.evil.example",
            "ftp://api.hubapi.com",
            "https://na1.salesforce.com",
            "api.hubapi.com",
        ] {
            assert!(origin(SystemKind::Hubspot, bad).is_err(), "{bad}");
        }
    }
}
