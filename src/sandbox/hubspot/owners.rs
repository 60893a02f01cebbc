//! The people who can own records.

use serde_json::{Value as Json, json};

use super::answer::{Answer, Fault, iso};
use super::portal::Portal;
use super::request::Query;
use crate::value::Millis;

#[derive(Debug, Clone)]
pub struct Owner {
    pub id: String,
    pub email: String,
    pub first: String,
    pub last: String,
    pub user_id: u64,
    pub created: Millis,
    pub updated: Millis,
    /// Set when the user was deactivated.
    pub archived: Option<Millis>,
}

impl Owner {
    fn json(&self) -> Json {
        let mut body = json!({
            "id": self.id,
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first,
            "lastName": self.last,
            "userId": self.user_id,
            "userIdIncludingInactive": self.user_id,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "archived": self.archived.is_some(),
        });
        if let (Some(_), Some(body)) = (self.archived, body.as_object_mut()) {
            body.insert("userId".into(), Json::Null);
        }
        body
    }
}

/// `GET owners`: in pages by id.
pub fn list(portal: &Portal, query: &Query) -> Answer {
    let archived = query.flag("archived")?;
    let limit = query.limit(100, 500)?;
    let after = query.get("after").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let number = |owner: &Owner| owner.id.parse::<u64>().unwrap_or(0);
    let mut rows: Vec<&Owner> = portal
        .owners
        .iter()
        .filter(|owner| owner.archived.is_some() == archived && number(owner) > after)
        .filter(|owner| query.get("email").is_none_or(|email| owner.email.eq_ignore_ascii_case(email)))
        .collect();
    rows.sort_by_key(|owner| number(owner));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let mut body = json!({ "results": rows.iter().map(|owner| owner.json()).collect::<Vec<_>>() });
    if let (true, Some(last), Some(body)) = (more, rows.last(), body.as_object_mut()) {
        body.insert("paging".into(), json!({ "next": { "after": last.id } }));
    }
    Ok((200, body))
}

/// `GET owners/{id}`, by owner id or user id.
pub fn get(portal: &Portal, id: &str, query: &Query) -> Answer {
    let archived = query.flag("archived")?;
    let by_user = query.get("idProperty") == Some("userId");
    let is = |owner: &&Owner| {
        owner.archived.is_some() == archived
            && if by_user { owner.user_id.to_string() == id } else { owner.id == id }
    };
    let owner = portal.owners.iter().find(is).ok_or_else(Fault::not_found)?;
    Ok((200, owner.json()))
}
