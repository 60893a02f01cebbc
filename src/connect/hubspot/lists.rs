//! Who is in a list: looked up by name, then page by page.

use super::super::client::{Call, encode};
use super::super::remote::{CallError, ErrorClass};
use super::{HubSpot, next_page};
use crate::record::RecordId;
use crate::schema::json::{list, text};

impl HubSpot {
    pub(super) async fn members(&self, name: &str) -> Result<Vec<RecordId>, CallError> {
        let pages = self.list_pages().await?;
        let known = pages.as_array().into_iter().flatten().flat_map(|page| list(page, "lists"));
        let mut named = known.filter(|known| text(known, "name") == Some(name));
        let Some(id) = named.next().and_then(|known| text(known, "listId")) else {
            return Err(self.client.error(ErrorClass::Rejected, format!("there is no list \"{name}\"")));
        };
        let mut members = Vec::new();
        let mut after = String::new();
        loop {
            let mut target = format!("{}/{}/memberships?limit=250", self.paths.lists(), encode(id));
            if !after.is_empty() {
                target.push_str(&format!("&after={}", encode(&after)));
            }
            let answer = self.ask(&Call::get(target)).await?;
            let ids = list(&answer.json, "results").iter().filter_map(|row| text(row, "recordId"));
            members.extend(ids.map(RecordId::new));
            match next_page(&answer.json) {
                Some(next) if next != after => after = next,
                _ => return Ok(members),
            }
        }
    }
}
