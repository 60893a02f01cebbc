//! Two records become one, and records that are forgotten for privacy.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault};
use super::objects;
use super::portal::{Actor, Portal};
use super::request;
use super::store::{Key, Kind, Prop, Record};

/// `POST {object}/merge`: `{primaryObjectId, objectIdToMerge}`.
pub fn merge(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let actor = portal.api();
    let id = merge_as(portal, kind, &body, &actor)?;
    Ok((200, Json::Object(objects::written(portal, kind, id, &Json::Null)?)))
}

pub fn merge_as(portal: &mut Portal, kind: Kind, body: &Json, actor: &Actor) -> Result<u64, Fault> {
    let find = |name: &str| -> Result<u64, Fault> {
        let id = request::text(body, name).ok_or_else(|| Fault::missing(name))?;
        objects::find(portal, kind, &id, None, false)
    };
    let (primary, other) = (find("primaryObjectId")?, find("objectIdToMerge")?);
    if primary == other {
        return Err(Fault::invalid("An object can't be merged into itself"));
    }
    portal.merge(kind, primary, other, actor)
}

impl Portal {
    /// Makes one record of two, under a new id. The primary's values win; the other's fill its blanks. Both old
    /// ids lead to the new one from now on.
    fn merge(&mut self, kind: Kind, primary: u64, other: u64, actor: &Actor) -> Result<u64, Fault> {
        let (at, id) = (self.now(), self.next_id(kind)?);
        let object = self.object_mut(kind)?;
        let email = object.prop("email");
        let first = object.records.remove(&primary).ok_or_else(Fault::not_found)?;
        let second = object.records.remove(&other).ok_or_else(Fault::not_found)?;
        object.aliases.retain(|_, target| *target != id);
        for target in object.aliases.values_mut().filter(|target| **target == primary || **target == other) {
            *target = id;
        }
        object.aliases.extend([(primary, id), (other, id)]);
        let more: Option<String> = email.and_then(|email| second.get(email)).map(str::to_owned);
        let additional = object.prop("hs_additional_emails").filter(|_| &*object.singular == "contact");
        let mut merged: Record = first;
        merged.absorb(second);
        merged.updated = at;
        object.records.insert(id, merged);
        self.move_unique(kind, &[primary, other], id);
        self.move_links((kind, primary), (kind, id));
        self.move_links((kind, other), (kind, id));
        for list in &mut self.lists {
            list.replace(kind, &[primary, other], id);
        }
        if let (Some(prop), Some(address)) = (additional, more) {
            self.write(kind, id, vec![(prop, address)], actor, at)?;
        }
        let fields = BTreeMap::from([("merged".to_owned(), json!([primary.to_string(), other.to_string()]))]);
        self.note(actor, "merge", (kind, id), fields);
        Ok(id)
    }

    fn move_links(&mut self, from: Key, to: Key) {
        for (kind, id, types) in self.links.all(from) {
            self.links.set(from, (kind, id), Vec::new());
            if (kind, id) == to {
                continue;
            }
            let mut all = self.links.get(to, (kind, id)).to_vec();
            all.extend(types);
            self.links.set(to, (kind, id), all);
        }
    }
}

/// `POST contacts/gdpr-delete`: `{objectId, idProperty?}`. The address can't be used again.
pub fn forget(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let name = request::text(&body, "objectId").ok_or_else(|| Fault::missing("objectId"))?;
    let property = request::text(&body, "idProperty");
    let found = objects::find(portal, kind, &name, property.as_deref(), false);
    let id = match found {
        Ok(id) => id,
        Err(fault) if fault.status == 404 && property.as_deref() == Some("email") => {
            portal.blocked.insert(name.trim().to_lowercase());
            return Ok((204, Json::Null));
        }
        Err(fault) => return Err(fault),
    };
    let actor = portal.api();
    let object = portal.object(kind)?;
    let email = object.prop("email").and_then(|prop| object.records.get(&id)?.get(prop));
    portal.blocked.extend(email.map(str::to_owned));
    portal.archive(kind, id, &actor)?;
    for (other_kind, other, _) in portal.links.all((kind, id)) {
        portal.links.set((kind, id), (other_kind, other), Vec::new());
    }
    portal.object_mut(kind)?.records.remove(&id);
    Ok((204, Json::Null))
}

impl Record {
    /// Takes over the values that this record does not have, with their history, and the earlier creation.
    fn absorb(&mut self, other: Record) {
        if other.created < self.created {
            self.created = other.created;
            self.source = other.source;
        }
        let missing: Vec<Prop> = other.props().filter(|prop| self.get(*prop).is_none()).collect();
        for prop in missing {
            let versions: Vec<_> = other.history(prop).cloned().collect();
            for version in versions.into_iter().rev() {
                self.set(version);
            }
        }
    }
}
