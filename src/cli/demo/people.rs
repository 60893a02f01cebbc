//! People at work in the simulated CRMs: edits as they would make them on their screens.

use serde_json::{Value as Json, json};

use crate::cli::connections::block_on;
use crate::cli::error::CliError;
use crate::sandbox::server::{Endpoint, Running};

/// Who edits what; `hubspot` and `salesforce` are the ids of a linked pair.
pub struct Edit {
    pub hubspot_side: bool,
    pub object: &'static str,
    pub id: String,
    pub field: &'static str,
    pub value: &'static str,
    pub by: &'static str,
}

impl Edit {
    /// One line for the reader.
    pub fn words(&self) -> String {
        let system = if self.hubspot_side { "hubspot" } else { "salesforce" };
        format!("{} sets {system}.{} {} {} to \"{}\"", self.by, self.object, self.id, self.field, self.value)
    }
}

pub fn make(sandbox: &Running, edits: &[Edit]) -> Result<(), CliError> {
    for edit in edits {
        let (endpoint, fields) = if edit.hubspot_side {
            (&sandbox.hubspot, "properties")
        } else {
            (&sandbox.salesforce, "fields")
        };
        let mut values = serde_json::Map::new();
        values.insert(edit.field.to_owned(), Json::String(edit.value.to_owned()));
        let mut body = json!({ "object": edit.object, "id": edit.id, "by": edit.by });
        if let Some(body) = body.as_object_mut() {
            body.insert(fields.to_owned(), Json::Object(values));
        }
        post(endpoint, &body)?;
    }
    Ok(())
}

fn post(endpoint: &Endpoint, body: &Json) -> Result<(), CliError> {
    let failed =
        |why: String| CliError::Remote { message: format!("the sandbox refused an edit: {why}"), help: None };
    block_on(async {
        let client =
            reqwest::Client::builder().no_proxy().build().map_err(|error| failed(error.to_string()))?;
        let request = client
            .post(format!("{}/_sandbox/edit", endpoint.base_url))
            .header("content-type", "application/json")
            .bearer_auth(&endpoint.token)
            .body(body.to_string());
        let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(failed(format!("{status} {}", answer.text().await.unwrap_or_default())))
    })
}
