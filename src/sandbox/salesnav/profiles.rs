//! Which member a record of the CRM is (documented: high-confidence matches only), and tokens for embedded profiles.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::matching::HIGH;
use super::restli::{Answer, AssociationKey, Fault, need, ok, page};
use super::world::{World, person};

fn profile(world: &World, key: &AssociationKey) -> Option<Json> {
    let hit = ["contact", "Contact", "Lead"].into_iter().find_map(|object| {
        let own = |text: &str| text.to_owned();
        let key = (own(object), key.partner.clone(), key.instance.clone(), key.record.clone());
        world.directory.get(&key)?.badge.as_ref()
    });
    let found = hit.filter(|found| found.score >= HIGH || found.source != "AUTO")?;
    let id = found.urn.rsplit(':').next()?;
    let member = world.members.get(*world.member_by_id.get(id)?)?;
    let mut out = json!({
        "member": person(&member.id),
        "profile": format!("https://www.linkedin.com/sales/people/{}", member.id),
    });
    if let (true, Some(map)) = (member.photo, out.as_object_mut()) {
        let photo = format!("https://media.licdn.com/dms/image/sandbox/{}", member.id);
        map.insert("profilePhoto".to_owned(), json!(photo));
    }
    Some(out)
}

/// `GET .../(instanceId:X,partner:Y,recordId:Z)`
pub fn one(world: &World, key: &str) -> Answer {
    let key = AssociationKey::parse(key)?;
    match profile(world, &key) {
        Some(found) => ok(&found),
        None => Err(Fault::new(404, "match unavailable")),
    }
}

/// `GET ...?ids=List((...),(...))`
pub fn many(world: &World, request: &Request) -> Answer {
    let (mut results, mut errors) = (Map::new(), Map::new());
    for key in AssociationKey::parse_list(need(request, "ids")?)? {
        match profile(world, &key) {
            Some(found) => results.insert(key.encoded(), found),
            None => errors.insert(key.encoded(), Fault::new(404, "match unavailable").body()),
        };
    }
    ok(&json!({ "results": results, "statuses": {}, "errors": errors }))
}

/// `GET /v2/salesAccessTokens?q=viewerAndDeveloperApp`; its `expiryTime` is in seconds, unlike every other time.
pub fn access_token(world: &World, request: &Request) -> Answer {
    if need(request, "q")? != "viewerAndDeveloperApp" {
        return Err(Fault::new(400, "There is no such finder"));
    }
    let expires = world.now().0 / 1_000 + 1_800;
    page(request, vec![json!({ "token": "sandbox-display-token", "expiryTime": expires })])
}
