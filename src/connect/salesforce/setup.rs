//! The fields `Twinmap_Id__c` and `Twinmap_Op__c`, made through the Tooling API and shown to the integration user by
//! a permission set: a field that an API makes is visible to nobody at first.

use serde_json::{Value as Json, json};

use super::query::Rows;
use super::{Salesforce, errors, soql};
use crate::connect::client::{Body, Call, encode};
use crate::connect::remote::{CallError, ErrorClass};
use crate::connect::setup::{Need, NeedState, SALESFORCE_ID, SALESFORCE_OP};
use crate::connect::transport::Method;
use crate::schema::json::{flag, list, number, text};

const PERMISSION_SET: &str = "Twinmap";
const LENGTH: u32 = 64;

impl Salesforce {
    pub(crate) async fn needs(&self, objects: &[String]) -> Result<Vec<Need>, CallError> {
        let mut needs = Vec::new();
        for object in objects {
            soql::name(object).map_err(|error| self.misused(error))?;
            let target = format!("{}/sobjects/{}/describe", self.base, encode(object));
            let describe = self.ask(&Call::get(target)).await?.json;
            for (field, what, key) in
                [(SALESFORCE_ID, "text 64, external id, unique", true), (SALESFORCE_OP, "text 64", false)]
            {
                let found = list(&describe, "fields").iter().find(|row| text(row, "name") == Some(field));
                let state = found.map_or(NeedState::Missing, |row| judge(row, key));
                needs.push(Need { object: object.clone(), field: field.to_owned(), what, state });
            }
        }
        Ok(needs)
    }

    pub(crate) async fn provide(&self, need: &Need) -> Result<(), CallError> {
        let key = need.field == SALESFORCE_ID;
        let label = if key { "Twinmap id" } else { "Twinmap operation" };
        let full = format!("{}.{}", need.object, need.field);
        let body = json!({
            "FullName": format!("{}.{}", owner(&need.object), need.field),
            "Metadata": {
                "type": "Text",
                "label": label,
                "length": LENGTH,
                "externalId": key,
                "unique": key,
                "required": false,
                "inlineHelpText": "Set by twinmap so that a record is never created twice.",
            },
        });
        match self.post(&format!("{}/tooling/sobjects/CustomField", self.base), body).await? {
            Ok(_) => {}
            // There, but not to be seen by this user: showing it is all that is missing.
            Err(refused) if errors::code(&refused) == Some("DUPLICATE_DEVELOPER_NAME") => {}
            Err(refused) => {
                return Err(self.misused(format!("{full} was not made: {}", errors::summary(&refused))));
            }
        }
        self.show(need, &full).await
    }

    /// Lets the user of this connection read and edit the field.
    async fn show(&self, need: &Need, full: &str) -> Result<(), CallError> {
        let user = self.identity().await?.user;
        let set = self.permission_set().await?;
        let rows = [
            (
                "FieldPermissions",
                json!({
                    "ParentId": set, "SobjectType": need.object, "Field": full,
                    "PermissionsRead": true, "PermissionsEdit": true,
                }),
            ),
            ("PermissionSetAssignment", json!({"AssigneeId": user, "PermissionSetId": set})),
        ];
        for (object, body) in rows {
            let made = self.post(&format!("{}/sobjects/{object}", self.base), body).await?;
            match made {
                Ok(_) => {}
                Err(refused) if errors::code(&refused).is_some_and(|code| code.starts_with("DUPLICATE")) => {}
                Err(refused) => {
                    let why = errors::summary(&refused);
                    return Err(self.client.error(
                        ErrorClass::Permission,
                        format!("{full} is made, but this user was not given access to it ({object}: {why})"),
                    ));
                }
            }
        }
        Ok(())
    }

    async fn permission_set(&self) -> Result<String, CallError> {
        let query = format!("SELECT Id FROM PermissionSet WHERE Name = {}", soql::quoted(PERMISSION_SET));
        let rows = self.query(&query, Rows::Live).await.map_err(|refused| refused.error)?;
        if let Some(id) = rows.first().and_then(|row| text(row, "Id")) {
            return Ok(id.to_owned());
        }
        let body = json!({"Name": PERMISSION_SET, "Label": "Twinmap",
            "Description": "Access to the fields that twinmap keeps its ids in."});
        match self.post(&format!("{}/sobjects/PermissionSet", self.base), body).await? {
            Ok(made) => text(&made, "id")
                .map(str::to_owned)
                .ok_or_else(|| self.misused("a permission set without id")),
            Err(refused) => {
                Err(self.misused(format!("no permission set was made: {}", errors::summary(&refused))))
            }
        }
    }

    async fn post(&self, target: &str, body: Json) -> Result<Result<Json, Json>, CallError> {
        let answer = self.client.send(&Call::write(Method::Post, target, Body::Json(body))).await?;
        Ok(if answer.ok() { Ok(answer.json) } else { Err(answer.json) })
    }
}

/// Tasks and events have their fields from Activity.
fn owner(object: &str) -> &str {
    match object {
        "Task" | "Event" => "Activity",
        other => other,
    }
}

fn judge(field: &Json, key: bool) -> NeedState {
    let unusable = |why: &str| NeedState::Unusable(why.to_owned());
    let is = |name: &str| flag(field, name) == Some(true);
    if text(field, "type") != Some("string") || number(field, "length").is_none_or(|length| length < LENGTH) {
        return unusable("it is there and is no text of 64 characters: delete or change it in Setup");
    }
    if key && !(is("externalId") && is("unique")) {
        return unusable("it is there and is not both external id and unique: change it in Setup");
    }
    if !is("createable") || !is("updateable") {
        return unusable("it is there and this user can't edit it: give edit access in a permission set");
    }
    NeedState::Present
}
