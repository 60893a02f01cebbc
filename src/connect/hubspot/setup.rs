//! The unique property `twinmap_id`. Uniqueness can be given to a property only when it is made.

use serde_json::{Value as Json, json};

use super::HubSpot;
use crate::connect::client::{Body, Call, encode};
use crate::connect::remote::{CallError, ErrorClass};
use crate::connect::setup::{HUBSPOT_ID, Need, NeedState};
use crate::connect::transport::Method;
use crate::schema::json::{flag, list, text};

impl HubSpot {
    pub(crate) async fn needs(&self, objects: &[String]) -> Result<Vec<Need>, CallError> {
        let mut needs = Vec::new();
        for object in objects {
            let target = format!("{}/{}", self.paths.properties(object), encode(HUBSPOT_ID));
            let answer = self.client.send(&Call::get(target)).await?;
            let state = match answer.status {
                404 => NeedState::Missing,
                _ if !answer.ok() => return Err(self.refused(&answer)),
                _ => judge(&answer.json),
            };
            needs.push(Need {
                object: object.clone(),
                field: HUBSPOT_ID.to_owned(),
                what: "single-line text, unique values",
                state,
            });
        }
        Ok(needs)
    }

    pub(crate) async fn provide(&self, need: &Need) -> Result<(), CallError> {
        let listing = self.ask(&Call::get(self.paths.properties(&need.object))).await?;
        let own = |row: &&Json| text(row, "name") == Some("hs_object_id");
        let rows = list(&listing.json, "results");
        let group = rows.iter().find(own).or_else(|| rows.first()).and_then(|row| text(row, "groupName"));
        let Some(group) = group else {
            return Err(self
                .client
                .error(ErrorClass::Rejected, format!("`{}` has no property group", need.object)));
        };
        let body = json!({
            "name": need.field,
            "label": "Twinmap id",
            "description": "Set by twinmap so that a record is never created twice. Don't edit.",
            "groupName": group,
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": true,
            "formField": false,
        });
        let call = Call::write(Method::Post, self.paths.properties(&need.object), Body::Json(body));
        let answer = self.client.send(&call).await?;
        if answer.ok() { Ok(()) } else { Err(self.refused(&answer)) }
    }
}

fn judge(property: &Json) -> NeedState {
    let unusable = |why: &str| NeedState::Unusable(why.to_owned());
    let read_only = property.get("modificationMetadata").and_then(|data| flag(data, "readOnlyValue"));
    if flag(property, "hasUniqueValue") != Some(true) {
        return unusable(
            "it is there without unique values, which can't be added later: archive it in HubSpot's property settings",
        );
    }
    if text(property, "type") != Some("string") {
        return unusable("it is there and is no text: archive it in HubSpot's property settings");
    }
    if read_only == Some(true) {
        return unusable("its values are read-only for this app");
    }
    NeedState::Present
}
