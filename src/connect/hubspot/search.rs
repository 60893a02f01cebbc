//! The feed of changed records, over a search that sorts by one property, ends at 10,000 rows and lags.
//!
//! A scan never pages by offset, because rows move while it runs: each query starts from the last stamp seen. The
//! rows of a page's last stamp are asked again with the next page; when a whole page has one stamp, that stamp is
//! walked by record id. So any number of rows and any number of equal stamps come to an end.

use serde_json::{Value as Json, json};

use super::{HubSpot, next_page, records};
use crate::connect::client::{Call, encode};
use crate::connect::remote::{CallError, Changed, Completion, Cursor, ErrorClass, Reply};
use crate::schema::hubspot::canonical;
use crate::schema::json::text;
use crate::value::Millis;
use crate::wire;

/// Most rows of a search page.
const PAGE: usize = 200;

/// The property that search knows the change stamp by.
pub fn modified_property(object: &str) -> &'static str {
    if canonical(object) == "contact" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
}

/// Where a scan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scan {
    From(Millis),
    /// Rows of exactly this stamp, with ids above the one given.
    Ties(Millis, u64),
}

impl Scan {
    fn cursor(&self) -> Cursor {
        Cursor(match self {
            Scan::From(at) => format!("from:{}", at.0),
            Scan::Ties(at, id) => format!("ties:{}:{id}", at.0),
        })
    }

    fn parse(cursor: &Cursor) -> Option<Scan> {
        let mut parts = cursor.0.split(':');
        let kind = parts.next()?;
        let at = Millis(parts.next()?.parse().ok()?);
        match kind {
            "from" => Some(Scan::From(at)),
            "ties" => Some(Scan::Ties(at, parts.next()?.parse().ok()?)),
            _ => None,
        }
    }
}

impl HubSpot {
    pub(super) async fn changed(
        &self,
        object: &str,
        since: Millis,
        after: Option<Cursor>,
        limit: u32,
    ) -> Completion {
        let scan = match after {
            None => Scan::From(since),
            Some(cursor) => Scan::parse(&cursor).ok_or_else(|| {
                self.client.error(ErrorClass::Rejected, "a page mark of another connection")
            })?,
        };
        let limit = usize::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
        let stamp = modified_property(object);
        let rows = self.search(object, query(&scan, stamp, limit)).await?;
        let full = rows.len() >= limit;
        let (items, next) = match scan {
            Scan::From(_) => after_window(rows, full),
            Scan::Ties(at, _) => {
                let last = rows.last().and_then(|row| row.id.as_str().parse().ok());
                let next = match last.filter(|_| full) {
                    Some(id) => Scan::Ties(at, id),
                    None => Scan::From(at.plus(1)),
                };
                (rows, Some(next))
            }
        };
        Ok(Reply::Changed { items, next: next.map(|scan| scan.cursor()) })
    }

    async fn search(&self, object: &str, body: Json) -> Result<Vec<Changed>, CallError> {
        let target = format!("{}/search", self.paths.objects(object));
        let answer = self.ask(&Call::ask(target, body).class("search")).await?;
        let stamp = modified_property(object);
        self.rows(&answer.json, |row| {
            Some(Changed { id: records::id(row.get("id")?)?, at: records::stamp(row, stamp)? })
        })
    }

    /// Archived records, from the list of archived ones: the only evidence of deletion that is not an absence.
    pub(super) async fn deleted(&self, object: &str, since: Millis, after: Option<Cursor>) -> Completion {
        let mut target =
            format!("{}?archived=true&limit=100&properties=hs_object_id", self.paths.objects(object));
        if let Some(cursor) = after {
            target.push_str(&format!("&after={}", encode(&cursor.0)));
        }
        let answer = self.ask(&Call::get(target)).await?;
        let mut items = self.rows(&answer.json, |row| {
            let at = text(row, "archivedAt").or_else(|| text(row, "updatedAt")).and_then(wire::instant)?;
            Some(Changed { id: records::id(row.get("id")?)?, at })
        })?;
        items.retain(|item| item.at >= since);
        Ok(Reply::Changed { items, next: next_page(&answer.json).map(Cursor) })
    }
}

/// What of a window's page is certain, and where to go on.
fn after_window(mut rows: Vec<Changed>, full: bool) -> (Vec<Changed>, Option<Scan>) {
    rows.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
    let (Some(first), Some(last)) = (rows.first().map(|row| row.at), rows.last().map(|row| row.at)) else {
        return (rows, None);
    };
    if !full {
        return (rows, None);
    }
    if first == last {
        return (Vec::new(), Some(Scan::Ties(last, 0)));
    }
    rows.retain(|row| row.at < last);
    (rows, Some(Scan::From(last)))
}

fn query(scan: &Scan, stamp: &str, limit: usize) -> Json {
    let filter = |property: &str, operator: &str, value: String| json!({"propertyName": property, "operator": operator, "value": value});
    let (filters, sort) = match scan {
        Scan::From(at) => (vec![filter(stamp, "GTE", at.0.to_string())], stamp),
        Scan::Ties(at, id) => (
            vec![
                filter(stamp, "GTE", at.0.to_string()),
                filter(stamp, "LTE", at.0.to_string()),
                filter("hs_object_id", "GT", id.to_string()),
            ],
            "hs_object_id",
        ),
    };
    json!({
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
        "properties": [stamp],
        "limit": limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordId;

    fn row(id: u64, at: i64) -> Changed {
        Changed { id: RecordId::new(id.to_string()), at: Millis(at) }
    }

    #[test]
    fn a_full_page_keeps_its_last_stamp_for_the_next_query() {
        let (items, next) = after_window(vec![row(1, 5), row(2, 6), row(3, 6)], true);
        assert_eq!((items, next), (vec![row(1, 5)], Some(Scan::From(Millis(6)))));
        let (items, next) = after_window(vec![row(1, 6), row(2, 6)], true);
        assert_eq!((items, next), (vec![], Some(Scan::Ties(Millis(6), 0))));
        let (items, next) = after_window(vec![row(1, 5), row(2, 6)], false);
        assert_eq!((items.len(), next), (2, None));
    }

    #[test]
    fn cursors_read_back() {
        for scan in [Scan::From(Millis(7)), Scan::Ties(Millis(7), 99)] {
            assert_eq!(Scan::parse(&scan.cursor()), Some(scan));
        }
        assert_eq!(Scan::parse(&Cursor("0r8".to_owned())), None);
    }
}
