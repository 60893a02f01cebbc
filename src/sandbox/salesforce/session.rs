//! Who a token is: sessions, `userinfo` and the identity URL.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};
use super::time;

/// Session ids and their users.
#[derive(Debug, Default)]
pub struct Sessions {
    open: BTreeMap<String, Session>,
}

#[derive(Debug, Clone)]
pub struct Session {
    pub who: Who,
    /// `None`: does not end by itself.
    pub until: Option<i64>,
}

impl Sessions {
    pub fn open(&mut self, token: String, session: Session) {
        self.open.insert(token, session);
    }

    /// `Authorization: Bearer ...`, or `OAuth ...` as old clients write it.
    pub fn who(&self, header: Option<&str>, now: i64) -> Result<Who, Fault> {
        let expired = || Fault::new(401, "INVALID_SESSION_ID", "Session expired or invalid");
        let (scheme, token) = header.and_then(|text| text.trim().split_once(' ')).ok_or_else(expired)?;
        if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("oauth") {
            return Err(Fault::new(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"));
        }
        self.by_token(token.trim(), now).ok_or_else(expired)
    }

    /// Ends every session, as an admin can.
    pub fn close(&mut self) {
        self.open.clear();
    }

    pub fn by_token(&self, token: &str, now: i64) -> Option<Who> {
        let session = self.open.get(token)?;
        session.until.is_none_or(|until| now < until).then(|| session.who.clone())
    }
}

fn user_text(org: &Org, user: Id, field: &str) -> Doc {
    let Some((at, row)) = org.find(user) else { return Doc::Null };
    org.schema.get(at).map_or(Doc::Null, |meta| org.read_by_name(meta, row, field).plain())
}

/// `{version}` stays a hole for the client to fill.
fn urls(org: &Org, base: &str, user: Id) -> Doc {
    let rest = format!("{base}/services/data/v{{version}}/");
    let soap = |kind: &str| format!("{base}/services/Soap/{kind}/{{version}}/{}", org.id.short());
    object([
        ("enterprise", soap("c").into()),
        ("metadata", soap("m").into()),
        ("partner", soap("u").into()),
        ("rest", rest.clone().into()),
        ("sobjects", format!("{rest}sobjects/").into()),
        ("search", format!("{rest}search/").into()),
        ("query", format!("{rest}query/").into()),
        ("recent", format!("{rest}recent/").into()),
        ("tooling_soap", soap("T").into()),
        ("tooling_rest", format!("{rest}tooling/").into()),
        ("profile", format!("{base}/{user}").into()),
        ("custom_domain", base.to_owned().into()),
    ])
}

/// `GET /services/oauth2/userinfo`
pub fn userinfo(org: &Org, base: &str, user: Id) -> Doc {
    let text = |field: &str| user_text(org, user, field);
    object([
        ("sub", format!("{base}/id/{}/{user}", org.id).into()),
        ("user_id", user.to_string().into()),
        ("organization_id", org.id.to_string().into()),
        ("preferred_username", text("Username")),
        ("nickname", text("CommunityNickname")),
        ("name", text("Name")),
        ("email", text("Email")),
        ("email_verified", true.into()),
        ("given_name", text("FirstName")),
        ("family_name", text("LastName")),
        ("zoneinfo", text("TimeZoneSidKey")),
        ("is_salesforce_integration_user", (user == org.integration_user).into()),
        ("urls", urls(org, base, user)),
        ("active", super::rows::active(org, user).into()),
        ("user_type", "STANDARD".into()),
        ("language", text("LanguageLocaleKey")),
        ("locale", text("LocaleSidKey")),
        ("utcOffset", 0i64.into()),
        ("updated_at", time::datetime(org.now()).into()),
        ("is_app_installed", true.into()),
    ])
}

/// `GET /id/{organization}/{user}`
pub fn identity(org: &Org, base: &str, user: Id) -> Doc {
    let text = |field: &str| user_text(org, user, field);
    object([
        ("id", format!("{base}/id/{}/{user}", org.id).into()),
        ("asserted_user", true.into()),
        ("user_id", user.to_string().into()),
        ("organization_id", org.id.to_string().into()),
        ("username", text("Username")),
        ("nick_name", text("CommunityNickname")),
        ("display_name", text("Name")),
        ("email", text("Email")),
        ("email_verified", true.into()),
        ("first_name", text("FirstName")),
        ("last_name", text("LastName")),
        ("timezone", text("TimeZoneSidKey")),
        ("active", super::rows::active(org, user).into()),
        ("user_type", "STANDARD".into()),
        ("language", text("LanguageLocaleKey")),
        ("locale", text("LocaleSidKey")),
        ("urls", urls(org, base, user)),
    ])
}

/// The user that an admin call names: by id, e-mail address, user name or full name. Without a name the first active
/// person that is not the API client.
pub fn find_user(org: &Org, name: Option<&str>) -> Option<Id> {
    let (at, users) = org.schema.find_any("User")?;
    let table = org.table(at)?;
    let Some(name) = name else {
        return table
            .live()
            .find(|row| {
                row.id != org.integration_user && org.read_by_name(users, row, "IsActive") == Cell::Bool(true)
            })
            .map(|row| row.id);
    };
    if let Some(id) = Id::parse(name).filter(|id| table.get(*id).is_some()) {
        return Some(id);
    }
    let is = |row: &super::store::Row| {
        ["Email", "Username", "Name"].iter().any(|field| {
            org.read_by_name(users, row, field).as_text().is_some_and(|text| text.eq_ignore_ascii_case(name))
        })
    };
    table.live().find(|row| is(row)).map(|row| row.id)
}

/// `GET /services/data`
pub fn versions() -> Doc {
    list((super::OLDEST..=super::NEWEST).map(|version| {
        object([
            ("label", release(version).into()),
            ("url", format!("/services/data/v{version}.0").into()),
            ("version", format!("{version}.0").into()),
        ])
    }))
}

/// Three releases a year: version 31 was Summer '14, and the winter release carries the next year.
fn release(version: u16) -> String {
    let since = version - 31;
    let (season, year) = match since % 3 {
        0 => ("Summer", 14 + since / 3),
        1 => ("Winter", 15 + since / 3),
        _ => ("Spring", 15 + since / 3),
    };
    format!("{season} '{year}")
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn releases_have_their_names() {
        for (version, name) in [
            (31, "Summer '14"),
            (32, "Winter '15"),
            (62, "Winter '25"),
            (66, "Spring '26"),
            (68, "Winter '27"),
        ] {
            assert_eq!(release(version), name);
        }
    }
}
