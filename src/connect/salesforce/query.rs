//! Sending a query and following its pages. A query too long for an address goes as a composite subrequest.

use serde_json::{Value as Json, json};

use super::{Salesforce, errors};
use crate::connect::client::{Call, encode};
use crate::connect::remote::{CallError, ErrorClass};
use crate::schema::json::{flag, list, text};

/// Address and headers together may have 16,384 bytes.
const MAX_TARGET: usize = 12_000;
/// Longest query that the vendor takes is 100,000 characters.
pub(super) const MAX_QUERY: usize = 90_000;

/// Whether deleted rows are wanted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Live,
    All,
}

/// What a refused query says.
pub(super) struct QueryError {
    pub error: CallError,
    /// The column that the user can't see, when that is the reason.
    pub no_column: Option<String>,
    /// The object is not there for this user.
    pub no_object: bool,
}

impl From<CallError> for QueryError {
    fn from(error: CallError) -> Self {
        QueryError { error, no_column: None, no_object: false }
    }
}

impl Salesforce {
    /// All rows of a query.
    pub(super) async fn query(&self, soql: &str, rows: Rows) -> Result<Vec<Json>, QueryError> {
        let resource = if rows == Rows::All { "queryAll" } else { "query" };
        let target = format!("{}/{resource}?q={}", self.base, encode(soql));
        let mut answer = match target.len() > MAX_TARGET {
            true => self.query_in_composite(target).await?,
            false => {
                let answer = self.client.send(&Call::get(target)).await?;
                self.checked(answer.status, answer.json)?
            }
        };
        // Rows may go away between pages; those of a single page are all there.
        let single = text(&answer, "nextRecordsUrl").is_none();
        let total = answer.get("totalSize").and_then(Json::as_u64).filter(|_| single);
        let mut found = Vec::new();
        loop {
            if let Json::Object(map) = &mut answer
                && let Some(Json::Array(records)) = map.remove("records")
            {
                found.extend(records);
            } else {
                return Err(self.cut_short("without `records`").into());
            }
            let Some(next) = text(&answer, "nextRecordsUrl") else {
                // What an answer leaves out would be taken for unchanged.
                let few = total.is_some_and(|total| total > found.len() as u64);
                if few || flag(&answer, "done") == Some(false) {
                    return Err(self.cut_short("with fewer rows than it says").into());
                }
                return Ok(found);
            };
            // A page mark is a path of this org; anything else would carry the session elsewhere.
            if !next.starts_with("/services/data/") {
                let message = "the next page lies outside the API";
                return Err(self.client.error(ErrorClass::Rejected, message).into());
            }
            let page = self.client.send(&Call::get(next)).await?;
            answer = self.checked(page.status, page.json)?;
        }
    }

    fn cut_short(&self, how: &str) -> CallError {
        self.client.error(ErrorClass::Unknown, format!("a query's answer {how}"))
    }

    async fn query_in_composite(&self, target: String) -> Result<Json, QueryError> {
        let body = json!({
            "allOrNone": false,
            "compositeRequest": [{"method": "GET", "url": target, "referenceId": "q"}],
        });
        let answer = self.client.send(&Call::ask(format!("{}/composite", self.base), body)).await?;
        let answer = self.checked(answer.status, answer.json)?;
        let Some(row) = list(&answer, "compositeResponse").first() else {
            let message = "a composite answer without `compositeResponse`";
            return Err(self.client.error(ErrorClass::Rejected, message).into());
        };
        let status =
            row.get("httpStatusCode").and_then(Json::as_u64).and_then(|code| u16::try_from(code).ok());
        self.checked(status.unwrap_or(500), row.get("body").cloned().unwrap_or(Json::Null))
    }

    fn checked(&self, status: u16, json: Json) -> Result<Json, QueryError> {
        if (200..300).contains(&status) {
            return Ok(json);
        }
        let code = errors::code(&json).unwrap_or("");
        let message = errors::message(&json).unwrap_or("");
        let no_column = (code == "INVALID_FIELD").then(|| column(message)).flatten();
        let error =
            self.client.error(ErrorClass::Rejected, format!("status {status}: {}", errors::summary(&json)));
        Err(QueryError { error, no_column, no_object: code == "INVALID_TYPE" || status == 404 })
    }
}

/// `... No such column 'x' on entity 'Y' ...`
fn column(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("No such column '")?;
    rest.split_once('\'').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::column;

    #[test]
    fn the_missing_column_is_found_in_the_message() {
        let message = "\nSELECT Id, Foo__c FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Account'. If you are attempting";
        assert_eq!(column(message).as_deref(), Some("Foo__c"));
        assert_eq!(column("unexpected token"), None);
    }
}
