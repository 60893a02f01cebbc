//! `/query`, `/queryAll` and their further pages.
//!
//! A cursor keeps the ids that the query found; field values are read when a page is asked for.

use std::collections::BTreeMap;

use super::doc::{Doc, object};
use super::fault::Fault;
use super::ids::Id;
use super::org::Org;
use super::reply::{Call, Reply};
use super::soql::aggregate::{aggregate, is_aggregate, is_count};
use super::soql::ast::Query;
use super::soql::compile::Scope;
use super::soql::eval::{Rows, rows};
use super::soql::parse::parse;
use super::soql::project::Projection;
use super::store::Row;
use super::time::DAY;

const PAGE: usize = 2_000;
const SMALLEST_PAGE: usize = 200;
const MAX_OFFSET: usize = 2_000;
const LOCATOR_LIFE: i64 = 2 * DAY;
/// Older cursors make room for new ones.
const MAX_CURSORS: usize = 1_000;

struct Cursor {
    text: String,
    ids: Vec<Id>,
    opened: i64,
}

#[derive(Default)]
pub struct Cursors {
    open: BTreeMap<u64, Cursor>,
    last: u64,
}

pub fn run(org: &Org, cursors: &mut Cursors, call: &Call<'_>, which: Rows) -> Result<Reply, Fault> {
    let Some(text) = call.request.param("q") else {
        let message = "The query parameter q is missing";
        return Err(Fault::new(400, "MALFORMED_QUERY", message));
    };
    let query = parse(text)?;
    let scope = Scope::new(org, text, &query)?;
    if query.offset > MAX_OFFSET {
        let message = format!("Maximum SOQL offset allowed is {MAX_OFFSET}");
        return Err(Fault::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    if is_count(&query) {
        let n = rows(&scope, &query, which)?.len();
        let n = n.saturating_sub(query.offset).min(query.limit.unwrap_or(usize::MAX));
        return Ok(Reply::json(200, result(n, None, Vec::new())));
    }
    if is_aggregate(&query) {
        let records = aggregate(&scope, &query, which)?;
        return Ok(Reply::json(200, result(records.len(), None, records)));
    }
    let projection = Projection::compile(&scope, &query)?;
    let found = rows(&scope, &query, which)?;
    let taken: Vec<&Row> =
        found.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect();
    let size = page_size(call);
    let (page, more) = taken.split_at(size.min(taken.len()));
    let next = (!more.is_empty()).then(|| {
        let ids = taken.iter().map(|row| row.id).collect();
        let number = cursors.open(Cursor { text: text.to_owned(), ids, opened: org.now() });
        next_url(call, number, size)
    });
    let meta = scope.meta()?;
    let records = projection.render(org, call.version, meta, page);
    Ok(Reply::json(200, result(taken.len(), next, records)))
}

/// `/query/{locator}-{offset}`
pub fn more(org: &Org, cursors: &Cursors, call: &Call<'_>, locator: &str) -> Result<Reply, Fault> {
    let invalid = || Fault::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (id, offset) = locator.rsplit_once('-').ok_or_else(invalid)?;
    let number = Id::parse(id).filter(|id| id.prefix() == LOCATOR).ok_or_else(invalid)?.number();
    let offset: usize = offset.parse().map_err(|_| invalid())?;
    let cursor = cursors.open.get(&number).ok_or_else(invalid)?;
    if org.now() - cursor.opened > LOCATOR_LIFE {
        return Err(invalid());
    }
    let query: Query = parse(&cursor.text)?;
    let scope = Scope::new(org, &cursor.text, &query)?;
    let projection = Projection::compile(&scope, &query)?;
    let size = page_size(call);
    let rest = cursor.ids.get(offset..).ok_or_else(invalid)?;
    let (page, more) = rest.split_at(size.min(rest.len()));
    let table = org.table(scope.object).ok_or_else(invalid)?;
    let page: Vec<&Row> = page.iter().filter_map(|id| table.get(*id)).collect();
    let next = (!more.is_empty()).then(|| next_url(call, number, offset + size));
    let records = projection.render(org, call.version, scope.meta()?, &page);
    Ok(Reply::json(200, result(cursor.ids.len(), next, records)))
}

/// The key prefix of query locators.
const LOCATOR: &str = "0r8";

impl Cursors {
    fn open(&mut self, cursor: Cursor) -> u64 {
        self.last += 1;
        self.open.insert(self.last, cursor);
        if self.open.len() > MAX_CURSORS {
            self.open.pop_first();
        }
        self.last
    }
}

fn next_url(call: &Call<'_>, cursor: u64, offset: usize) -> String {
    format!("/services/data/v{}.0/query/{}-{offset}", call.version, Id::new(LOCATOR, cursor))
}

/// `Sforce-Query-Options: batchSize=500`
fn page_size(call: &Call<'_>) -> usize {
    let header = call.request.header("sforce-query-options").unwrap_or_default();
    let asked = header.split(',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("batchSize").then(|| value.trim().parse::<usize>().ok())?
    });
    asked.map_or(PAGE, |asked| asked.clamp(SMALLEST_PAGE, PAGE))
}

fn result(total: usize, next: Option<String>, records: Vec<Doc>) -> Doc {
    let mut doc = object([("totalSize", total.into()), ("done", next.is_none().into())]);
    if let Some(next) = next {
        doc.push("nextRecordsUrl", next);
    }
    doc.push("records", records);
    doc
}
