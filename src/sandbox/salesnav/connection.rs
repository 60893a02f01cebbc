//! Joining a contract with a CRM, step by step, each step refused out of its turn. The sandbox's own contract.

use serde_json::{Value as Json, json};

use super::super::core::http::Request;
use super::restli::{Answer, Fault, body, encode, need, ok, text, value};
use super::world::{Connection, World, contract_urn, tail};

pub const TERMS: &str = "2026-10";

/// What has to be accepted before a connection is active.
pub fn terms() -> Answer {
    ok(&json!({
        "version": TERMS,
        "requirements": [
            "The CRM user of the connection may view all data; to write activities back, modify all data.",
            "Contacts, companies, deals and users of the CRM are read to match them with profiles.",
            "Person accounts take no part.",
            "Activities are written back for seat holders who signed in to the CRM and chose to copy them.",
        ],
    }))
}

/// Refuses calls about data while the contract has no live connection.
pub fn live(world: &World, contract: u64) -> Result<(), Fault> {
    let state = world.connections.get(&contract).map_or("NOT_INSTALLED", |connection| &connection.state);
    if state == "CONNECTED" {
        return Ok(());
    }
    Err(Fault::new(403, format!("The contract is not connected to a CRM (state {state})")))
}

pub fn handle(world: &mut World, request: &Request) -> Answer {
    match (request.method.as_str(), request.param("action")) {
        ("GET", None) => {
            let contract = contract(world, need(request, "contract")?)?;
            ok(&shown(world, contract))
        }
        ("POST", Some(action)) => {
            let body = body(request)?;
            let contract = contract(world, text(&body, "contract")?)?;
            act(world, action, contract, &body)?;
            match action {
                "begin" => value(&json!({ "authorizeUrl": authorize_url(&body)? })),
                "authorize" => value(&json!({ "redirect": redirect(world, contract, &body)? })),
                _ => value(&shown(world, contract)),
            }
        }
        _ => Err(Fault::new(405, "Method not allowed")),
    }
}

fn contract(world: &World, urn: &str) -> Result<u64, Fault> {
    let id = tail(urn).filter(|id| world.contracts.contains_key(id));
    id.ok_or_else(|| Fault::new(404, format!("{urn} is not a contract of yours")))
}

fn shown(world: &World, contract: u64) -> Json {
    let mut out = match world.connections.get(&contract) {
        None => json!({ "state": "NOT_INSTALLED" }),
        Some(connection) => {
            let mut out = serde_json::to_value(connection).unwrap_or_default();
            let done = connection.initial_sync_done_at.is_some_and(|at| at <= world.now());
            if let Some(map) = out.as_object_mut() {
                map.insert("initialSync".to_owned(), json!(if done { "DONE" } else { "PENDING" }));
            }
            out
        }
    };
    if let Some(map) = out.as_object_mut() {
        map.insert("contract".to_owned(), json!(contract_urn(contract)));
    }
    out
}

fn authorize_url(body: &Json) -> Result<String, Fault> {
    Ok(format!(
        "/sandbox/authorize?state={}&redirect_uri={}",
        encode(text(body, "state")?),
        encode(text(body, "redirectUri")?)
    ))
}

/// Where the browser would be sent back to.
fn redirect(world: &World, contract: u64, body: &Json) -> Result<String, Fault> {
    let connection = world.connections.get(&contract).ok_or_else(|| Fault::new(409, "Begin first"))?;
    let to = text(body, "redirectUri")?;
    Ok(format!("{to}?code={}&state={}", encode(&connection.code), encode(&connection.nonce)))
}

/// One CRM account is joined with one contract, and the reverse.
fn one_to_one(world: &World, contract: u64, instance: &str) -> Result<(), Fault> {
    let taken = |connection: &Connection| connection.state != "UNINSTALLED";
    if let Some(own) = world.connections.get(&contract)
        && taken(own)
        && own.crm_instance != instance
        && own.state == "CONNECTED"
    {
        let message = format!("{} is already connected to {}", contract_urn(contract), own.crm_instance);
        return Err(Fault::new(409, message));
    }
    let other = world.connections.iter().find(|(id, connection)| {
        **id != contract && taken(connection) && connection.crm_instance == instance
    });
    match other {
        Some((id, connection)) if connection.state == "CONNECTED" => {
            Err(Fault::new(409, format!("{instance} is already connected to {}", contract_urn(*id))))
        }
        _ => Ok(()),
    }
}

fn act(world: &mut World, action: &str, contract: u64, body: &Json) -> Result<(), Fault> {
    let now = world.now();
    let is_admin = world.contracts.get(&contract).is_some_and(|contract| contract.is_admin);
    if !is_admin {
        return Err(Fault::new(403, format!("You are not an admin of {}", contract_urn(contract))));
    }
    match action {
        "begin" => {
            let instance = text(body, "crmInstance")?;
            one_to_one(world, contract, instance)?;
            let code = format!("code-{}", world.fresh());
            let old = world.connections.remove(&contract);
            world.connections.insert(
                contract,
                Connection {
                    state: "AUTHORISING".to_owned(),
                    crm_instance: instance.to_owned(),
                    nonce: text(body, "state")?.to_owned(),
                    code,
                    user: String::new(),
                    integration_user: false,
                    accepted_by: None,
                    accepted_at: None,
                    terms_version: None,
                    connected_at: None,
                    initial_sync_done_at: old.as_ref().and_then(|old| old.initial_sync_done_at),
                    last_sync_at: old.and_then(|old| old.last_sync_at),
                },
            );
            Ok(())
        }
        "authorize" => {
            let connection = in_state(world, contract, &["AUTHORISING"])?;
            text(body, "user")?.clone_into(&mut connection.user);
            connection.integration_user =
                body.get("integrationUser").and_then(Json::as_bool).unwrap_or(false);
            Ok(())
        }
        "exchange" => {
            let connection = in_state(world, contract, &["AUTHORISING"])?;
            if connection.user.is_empty() || text(body, "code")? != connection.code {
                return Err(Fault::new(400, "The code is not valid"));
            }
            if text(body, "state")? != connection.nonce {
                return Err(Fault::new(400, "The state is not the one that the connection began with"));
            }
            "ENVIRONMENT_CHOSEN".clone_into(&mut connection.state);
            Ok(())
        }
        "accept" => {
            let connection = in_state(world, contract, &["ENVIRONMENT_CHOSEN"])?;
            if text(body, "termsVersion")? != TERMS {
                return Err(Fault::new(400, format!("The requirements are of version {TERMS} now")));
            }
            connection.accepted_by = Some(text(body, "acceptedBy")?.to_owned());
            connection.accepted_at = Some(now);
            connection.terms_version = Some(TERMS.to_owned());
            "ACCEPTED".clone_into(&mut connection.state);
            Ok(())
        }
        "activate" => {
            let wait = world.initial_sync_ms;
            let connection = in_state(world, contract, &["ACCEPTED"])?;
            "CONNECTED".clone_into(&mut connection.state);
            connection.connected_at = Some(now);
            if connection.initial_sync_done_at.is_none_or(|at| at > now) {
                connection.initial_sync_done_at = Some(now.plus(wait));
            }
            world.note("update", "connection", &contract.to_string(), &serde_json::Map::new());
            Ok(())
        }
        "synced" => {
            let connection = in_state(world, contract, &["CONNECTED"])?;
            connection.last_sync_at = Some(now);
            Ok(())
        }
        "uninstall" => {
            world.connections.remove(&contract);
            for seat in world.seats.values_mut().filter(|seat| seat.contract == contract) {
                seat.user_authorised_at = None;
            }
            if let Some(settings) = world.settings.get_mut(&contract) {
                settings.writeback = false;
            }
            world.note("archive", "connection", &contract.to_string(), &serde_json::Map::new());
            Ok(())
        }
        other => Err(Fault::new(400, format!("There is no action '{other}'"))),
    }
}

fn in_state<'w>(world: &'w mut World, contract: u64, states: &[&str]) -> Result<&'w mut Connection, Fault> {
    let found = world.connections.get_mut(&contract);
    let state = found.as_ref().map_or("NOT_INSTALLED", |connection| &connection.state).to_owned();
    match found {
        Some(connection) if states.contains(&state.as_str()) => Ok(connection),
        _ => {
            Err(Fault::new(409, format!("This step needs the state {}, it is {state}", states.join(" or "))))
        }
    }
}
