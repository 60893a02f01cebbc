//! The partner SOAP API, as far as REST has nothing in its place: login, lead conversion, merge, undelete.
//!
//! Any password is taken for a user that is there. Requests are read by local names, so prefixes do not matter.

use std::fmt::Write;

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use super::super::core::http::Request;
use super::fault::Fault;
use super::ids::Id;
use super::lead::{self, Conversion};
use super::org::Who;
use super::reply::Reply;
use super::session::{Session, find_user};
use super::{Salesforce, base_url, bin, merge, time};

/// `POST /services/Soap/{u|c}/{version}[/{org}]`
pub fn route(sf: &mut Salesforce, request: &Request, version: &str) -> Reply {
    match answer(sf, request, version) {
        Ok((operation, body)) => {
            Reply::xml(200, envelope(&format!("<{operation}Response>{body}</{operation}Response>")))
        }
        Err(fault) => Reply::xml(500, envelope(&refusal(&fault))),
    }
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

fn refusal(fault: &Fault) -> String {
    let (code, message) = (fault.code, escaped(&fault.message));
    let kind = if code == "INVALID_LOGIN" { "LoginFault" } else { "UnexpectedErrorFault" };
    format!(
        "<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail>\
         <sf:{kind} xsi:type=\"sf:{kind}\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn tag(name: &str, text: impl std::fmt::Display) -> String {
    format!("<{name}>{}</{name}>", escaped(&text.to_string()))
}

fn answer(sf: &mut Salesforce, request: &Request, version: &str) -> Result<(String, String), Fault> {
    let text = String::from_utf8_lossy(&request.body);
    let unreadable = |why: &dyn std::fmt::Display| {
        Fault::new(500, "UNKNOWN_EXCEPTION", format!("the request is no SOAP: {why}"))
    };
    let document = Document::parse(&text).map_err(|error| unreadable(&error))?;
    let within = |name: &str| document.root_element().children().find(|node| node.tag_name().name() == name);
    let body = within("Body").ok_or_else(|| unreadable(&"no Body"))?;
    let operation = body.children().find(Node::is_element).ok_or_else(|| unreadable(&"an empty Body"))?;
    let name = operation.tag_name().name().to_owned();
    if name == "login" {
        return login(sf, request, operation, version).map(|result| (name, result));
    }
    let session = within("Header").and_then(|header| descendant(header, "sessionId"));
    let who = session.and_then(|token| sf.sessions.by_token(&token, sf.org.clock.now().0));
    let who = who.ok_or_else(|| {
        Fault::new(500, "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session")
    })?;
    let now = sf.org.now();
    sf.usage.count(now)?;
    sf.org.log.count("salesforce", "api");
    sf.org.act_as(Some(who.user));
    let result = match name.as_str() {
        "logout" => String::new(),
        "getServerTimestamp" => format!("<result>{}</result>", tag("timestamp", time::datetime_csv(now))),
        "getUserInfo" => format!("<result>{}</result>", user_info(sf, who.user)),
        "convertLead" => each(sf, operation, "leadConverts", |sf, node| converted(sf, &who, node)),
        "merge" => each(sf, operation, "request", |sf, node| merged(sf, &who, node)),
        "delete" | "undelete" | "emptyRecycleBin" => {
            let act = |sf: &mut Salesforce, node: Node<'_, '_>| {
                one_id(sf, &who, &name, node.text().unwrap_or_default())
            };
            each(sf, operation, "ids", act)
        }
        other => {
            return Err(Fault::new(
                500,
                "UNKNOWN_EXCEPTION",
                format!("the operation {other} is not simulated"),
            ));
        }
    };
    Ok((name, result))
}

fn descendant(node: Node<'_, '_>, name: &str) -> Option<String> {
    let found = node.descendants().find(|node| node.tag_name().name().eq_ignore_ascii_case(name))?;
    found.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn login(sf: &mut Salesforce, request: &Request, node: Node<'_, '_>, version: &str) -> Result<String, Fault> {
    let (name, password) = (descendant(node, "username"), descendant(node, "password"));
    let user = name.as_deref().filter(|_| password.is_some()).and_then(|name| find_user(&sf.org, Some(name)));
    let user = user.filter(|user| super::rows::active(&sf.org, *user)).ok_or_else(|| {
        let message = "Invalid username, password, security token; or user locked out.";
        Fault::new(500, "INVALID_LOGIN", message)
    })?;
    let token = sf.grants.session_id(&sf.org);
    let until = Some(sf.org.clock.now().0 + super::oauth::LIFE);
    sf.sessions.open(token.clone(), Session { who: Who::new(user, "api"), until });
    let base = base_url(request);
    let mut out = String::from("<result>");
    let url = |kind: &str| format!("{base}/services/Soap/{kind}/{version}/{}", sf.org.id.short());
    out.push_str(&tag("metadataServerUrl", url("m")));
    out.push_str("<passwordExpired>false</passwordExpired><sandbox>false</sandbox>");
    out.push_str(&tag("serverUrl", url("u")));
    out.push_str(&tag("sessionId", token));
    out.push_str(&tag("userId", user));
    let _ = write!(out, "<userInfo>{}</userInfo></result>", user_info(sf, user));
    Ok(out)
}

fn user_info(sf: &Salesforce, user: Id) -> String {
    let org = &sf.org;
    let read = |name: &str| {
        let found = org.find(user).and_then(|(at, row)| Some((org.schema.get(at)?, row)));
        found
            .and_then(|(meta, row)| org.read_by_name(meta, row, name).as_text().map(str::to_owned))
            .unwrap_or_default()
    };
    [
        tag("organizationId", org.id),
        tag("organizationName", "Twinmap Sandbox"),
        tag("sessionSecondsValid", super::oauth::LIFE / 1_000),
        tag("userEmail", read("Email")),
        tag("userFullName", read("Name")),
        tag("userId", user),
        tag("userLanguage", read("LanguageLocaleKey")),
        tag("userLocale", read("LocaleSidKey")),
        tag("userName", read("Username")),
        tag("userTimeZone", read("TimeZoneSidKey")),
        tag("userType", "Standard"),
    ]
    .concat()
}

/// The results of the items of a request.
fn each(
    sf: &mut Salesforce,
    operation: Node<'_, '_>,
    name: &str,
    mut act: impl FnMut(&mut Salesforce, Node<'_, '_>) -> Result<String, Fault>,
) -> String {
    // Clients call the items of one operation by different names.
    let items: Vec<Node<'_, '_>> = operation.children().filter(Node::is_element).collect();
    let named: Vec<_> =
        items.iter().copied().filter(|node| node.tag_name().name().eq_ignore_ascii_case(name)).collect();
    let mut out = String::new();
    for node in if named.is_empty() { items } else { named } {
        let result = match act(sf, node) {
            Ok(inner) => format!("{inner}<success>true</success>"),
            Err(fault) => format!(
                "<errors>{}{}</errors><success>false</success>",
                tag("message", &fault.message),
                tag("statusCode", fault.code)
            ),
        };
        let _ = write!(out, "<result>{result}</result>");
    }
    out
}

fn id_in(node: Node<'_, '_>, name: &str) -> Result<Option<Id>, Fault> {
    let malformed = |text: &str| Fault::record("MALFORMED_ID", format!("{name}: {text}"), [name]);
    descendant(node, name).map(|text| Id::parse(&text).ok_or_else(|| malformed(&text))).transpose()
}

fn converted(sf: &mut Salesforce, who: &Who, node: Node<'_, '_>) -> Result<String, Fault> {
    let choice = Conversion {
        lead: id_in(node, "leadId")?,
        status: descendant(node, "convertedStatus"),
        account: id_in(node, "accountId")?,
        contact: id_in(node, "contactId")?,
        opportunity: descendant(node, "opportunityName"),
        without_opportunity: descendant(node, "doNotCreateOpportunity").as_deref() == Some("true"),
        owner: id_in(node, "ownerId")?,
    };
    let made = lead::convert(&mut sf.org, who, &choice)?;
    let opportunity = made.opportunity.map(|id| tag("opportunityId", id)).unwrap_or_default();
    let lead = choice.lead.map(|id| tag("leadId", id)).unwrap_or_default();
    Ok(format!("{}{}{lead}{opportunity}", tag("accountId", made.account), tag("contactId", made.contact)))
}

fn merged(sf: &mut Salesforce, who: &Who, node: Node<'_, '_>) -> Result<String, Fault> {
    let named = |node: &Node<'_, '_>, name: &str| node.tag_name().name().eq_ignore_ascii_case(name);
    let record = node.children().find(|node| named(node, "masterRecord")).ok_or_else(Fault::not_found)?;
    let master = id_in(record, "Id")?.ok_or_else(Fault::not_found)?;
    let losers = node.children().filter(|node| named(node, "recordToMergeIds"));
    let losers: Vec<Id> = losers.filter_map(|node| Id::parse(node.text()?.trim())).collect();
    let mut fields = Map::new();
    for child in
        record.children().filter(|child| child.is_element() && !named(child, "type") && !named(child, "Id"))
    {
        fields.insert(child.tag_name().name().to_owned(), child.text().map_or(Value::Null, Value::from));
    }
    let (at, _) = sf.org.find(master).ok_or_else(Fault::not_found)?;
    merge::merge(&mut sf.org, who, at, master, &losers, &fields)?;
    let ids: String = losers.iter().map(|id| tag("mergedRecordIds", id)).collect();
    Ok(format!("{}{ids}", tag("id", master)))
}

fn one_id(sf: &mut Salesforce, who: &Who, action: &str, text: &str) -> Result<String, Fault> {
    let id = Id::parse(text.trim())
        .ok_or_else(|| Fault::record("MALFORMED_ID", format!("bad id {text}"), [""; 0]))?;
    let (at, _) = sf
        .org
        .find(id)
        .ok_or_else(|| Fault::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [""; 0]))?;
    match action {
        "delete" => bin::delete(&mut sf.org, who, at, id)?,
        "undelete" => bin::undelete(&mut sf.org, who, at, id)?,
        _ => drop(bin::empty(&mut sf.org, Some(id))),
    }
    Ok(tag("id", id))
}
