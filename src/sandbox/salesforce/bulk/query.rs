//! Jobs that read: the records of a query as CSV, in pages behind a locator.

use serde_json::Value;

use super::super::fault::Fault;
use super::super::ids::Id;
use super::super::meta::{Field, Type};
use super::super::org::Org;
use super::super::reply::{Call, Reply};
use super::super::soql::aggregate::is_aggregate;
use super::super::soql::ast::{Item, Operand, Query};
use super::super::soql::compile::{Place, Scope, value};
use super::super::soql::eval::{Rows, rows};
use super::super::soql::parse::parse;
use super::{Detail, Jobs, Layout, Start, Work, info, layout, line};

/// Records of a page when the client asks for no number.
const PAGE: usize = 50_000;

/// A query and, once it was run, its rows.
#[derive(Debug)]
pub struct Selected {
    text: String,
    which: Rows,
    ids: Vec<Id>,
}

pub fn open(org: &Org, jobs: &mut Jobs, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = call.object()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let which = match text("operation") {
        "query" => Rows::Live,
        "queryAll" => Rows::All,
        other => {
            return Err(Fault::new(
                400,
                "INVALIDOPERATION",
                format!("operation {other:?}: query or queryAll"),
            ));
        }
    };
    let soql = text("query");
    let query = parse(soql)?;
    let scope = Scope::new(org, soql, &query)?;
    columns(&scope, &query)?;
    // Says what is wrong with the filter and the order.
    rows(&scope, &Query { limit: Some(0), ..query.clone() }, which)?;
    let object = scope.meta()?.name.clone();
    let work = Work::Query(Selected { text: soql.to_owned(), which, ids: Vec::new() });
    let start = Start { operation: text("operation").to_owned(), object, layout: layout(&body)?, work };
    Ok(Reply::json(200, info(jobs.open(org, call, start), Detail::Brief)))
}

/// The columns of the CSV: plain fields only.
fn columns(scope: &Scope<'_>, query: &Query) -> Result<Vec<(String, Place)>, Fault> {
    let refuse = |message: &str| Err(Fault::new(400, "API_ERROR", message));
    if is_aggregate(query) || query.offset > 0 {
        return refuse("Aggregate queries and OFFSET are not supported in Bulk Query");
    }
    let mut columns = Vec::new();
    for item in &query.select {
        let Item::Operand { operand: Operand::Path(path), .. } = item else {
            return refuse("Only fields are supported in Bulk Query");
        };
        let place = scope.place(path)?;
        if place.ty == Type::Compound {
            return refuse("Selecting compound data not supported in Bulk Query");
        }
        let mut names = scope.without_alias(path)?.to_vec();
        if let Some(last) = names.last_mut() {
            place.name.clone_into(last);
        }
        columns.push((names.join("."), place));
    }
    Ok(columns)
}

impl Selected {
    /// (records, 0), or why the query failed.
    pub fn perform(&mut self, org: &Org) -> Result<(usize, usize), String> {
        let found = self.run(org).map_err(|fault| format!("{} : {}", fault.code, fault.message))?;
        self.ids = found;
        Ok((self.ids.len(), 0))
    }

    fn run(&self, org: &Org) -> Result<Vec<Id>, Fault> {
        let query = parse(&self.text)?;
        let scope = Scope::new(org, &self.text, &query)?;
        let found = rows(&scope, &query, self.which)?;
        Ok(found.into_iter().take(query.limit.unwrap_or(usize::MAX)).map(|row| row.id).collect())
    }

    /// `/results?maxRecords=N&locator=...`; the last page's locator is the word `null`.
    pub fn page(&self, org: &Org, call: &Call<'_>, layout: Layout) -> Result<Reply, Fault> {
        let invalid = || Fault::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
        let from = match call.request.param("locator") {
            None => 0,
            Some(locator) => {
                let bytes = data_encoding::BASE64_NOPAD.decode(locator.as_bytes()).map_err(|_| invalid())?;
                let digits = String::from_utf8(bytes).map_err(|_| invalid())?;
                digits.parse().ok().filter(|from| *from <= self.ids.len()).ok_or_else(invalid)?
            }
        };
        let size = call.request.param("maxRecords").and_then(|text| text.parse().ok());
        let to = from.saturating_add(size.filter(|n| *n > 0).unwrap_or(PAGE)).min(self.ids.len());
        let query = parse(&self.text)?;
        let scope = Scope::new(org, &self.text, &query)?;
        let (meta, columns) = (scope.meta()?, columns(&scope, &query)?);
        let table = org.table(scope.object).ok_or_else(invalid)?;
        let mut out = String::new();
        line(&mut out, layout, columns.iter().map(|(name, _)| name.as_str()));
        let usual = Field::default();
        let mut count = 0usize;
        for row in self.ids.get(from..to).unwrap_or_default().iter().filter_map(|id| table.get(*id)) {
            count += 1;
            let cells = columns.iter().map(|(_, place)| {
                let field = place.object.and_then(|object| org.schema.get(object)?.field(place.field));
                value(org, meta, row, place).csv(field.unwrap_or(&usual))
            });
            let cells: Vec<String> = cells.collect();
            line(&mut out, layout, cells.iter().map(String::as_str));
        }
        let next = if to < self.ids.len() {
            data_encoding::BASE64_NOPAD.encode(to.to_string().as_bytes())
        } else {
            "null".to_owned()
        };
        Ok(Reply::csv(out).with("Sforce-Locator", next).with("Sforce-NumberOfRecords", count.to_string()))
    }
}
