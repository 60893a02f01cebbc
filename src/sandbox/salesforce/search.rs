//! `/search` (SOSL) and `/parameterizedSearch`: words looked up in the text fields of objects, without an index.

use serde_json::Value;

use super::cell::{Cell, fold};
use super::doc::{Doc, object};
use super::fault::Fault;
use super::meta::{Field, Object, Type};
use super::org::Org;
use super::reply::{Call, Reply};
use super::soql::ast::Query;
use super::soql::compile::Scope;
use super::soql::eval::{Rows, rows};
use super::soql::parse::parse;
use super::soql::project::Projection;
use super::store::Row;

/// Which fields are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    All,
    Name,
    Email,
    Phone,
}

#[derive(Debug)]
struct Wanted {
    words: Vec<String>,
    place: Where,
    /// One query per object.
    queries: Vec<String>,
    limit: usize,
}

const USUAL: &[&str] = &["Account", "Contact", "Lead", "Opportunity"];
const MOST: usize = 2_000;

fn malformed(message: impl Into<String>) -> Fault {
    Fault::new(400, "MALFORMED_SEARCH", message)
}

/// `GET /search?q=FIND {...} IN ALL FIELDS RETURNING Account(Id, Name)`
pub fn sosl(org: &Org, call: &Call<'_>) -> Result<Reply, Fault> {
    let text = call.request.param("q").unwrap_or_default();
    answer(org, call, &read(text)?)
}

/// `{FIND term} [IN place FIELDS] [RETURNING object[(fields [WHERE ...])], ...] [LIMIT n]`
fn read(text: &str) -> Result<Wanted, Fault> {
    let upper = text.trim_start().get(..4).unwrap_or_default().to_ascii_uppercase();
    if upper != "FIND" {
        return Err(malformed("unexpected token: the search must begin with FIND"));
    }
    let no_term = || malformed("No search term found. The search term must be enclosed in braces.");
    let (_, rest) = text.split_once('{').ok_or_else(no_term)?;
    let (term, mut rest) = rest.split_once('}').ok_or_else(no_term)?;
    let words = words(term)?;
    let mut place = Where::All;
    if let Some(after) = keyword(rest, "IN") {
        let (name, after) = after.trim_start().split_once(' ').unwrap_or((after, ""));
        place = match name.to_ascii_uppercase().as_str() {
            "ALL" | "SIDEBAR" => Where::All,
            "NAME" => Where::Name,
            "EMAIL" => Where::Email,
            "PHONE" => Where::Phone,
            other => return Err(malformed(format!("unexpected token: '{other}'"))),
        };
        rest = keyword(after, "FIELDS").ok_or_else(|| malformed("unexpected token: expecting FIELDS"))?;
    }
    let (mut queries, mut limit) = (Vec::new(), MOST);
    if let Some(after) = keyword(rest, "RETURNING") {
        let (parts, after) = objects(after)?;
        queries = parts.into_iter().map(|(name, inside)| query(&name, &inside)).collect();
        rest = after;
    }
    if let Some(after) = keyword(rest, "LIMIT") {
        limit = after.trim().parse().map_err(|_| malformed("unexpected token after LIMIT"))?;
    } else if !rest.trim().is_empty() {
        return Err(malformed(format!("unexpected token: '{}'", rest.trim())));
    }
    if queries.is_empty() {
        queries = USUAL.iter().map(|name| query(name, "")).collect();
    }
    Ok(Wanted { words, place, queries, limit: limit.min(MOST) })
}

fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = text.trim_start();
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    (head.eq_ignore_ascii_case(word) && !rest.starts_with(|c: char| c.is_alphanumeric())).then_some(rest)
}

/// Objects, each with its fields or what stands in its brackets.
type Named = Vec<(String, String)>;

/// `Account(Id, Name WHERE ...), Contact`: names with what stands in their brackets, and the rest.
fn objects(text: &str) -> Result<(Named, &str), Fault> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let end = trimmed.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(trimmed.len());
        let (name, after) = trimmed.split_at(end);
        if name.is_empty() {
            return Err(malformed("unexpected token in RETURNING"));
        }
        rest = after;
        let mut inside = String::new();
        if let Some(after) = rest.trim_start().strip_prefix('(') {
            let close = closing(after).ok_or_else(|| malformed("unexpected token: '<EOF>'"))?;
            let (own, tail) = after.split_at(close);
            own.clone_into(&mut inside);
            rest = tail.get(1..).unwrap_or_default();
        }
        found.push((name.to_owned(), inside));
        match rest.trim_start().strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok((found, rest)),
        }
    }
}

/// Where the bracket that is open ends.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return Some(at),
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

/// What stands in the brackets of an object, as a query.
fn query(object: &str, inside: &str) -> String {
    let upper = inside.to_ascii_uppercase();
    let tail = [" WHERE ", " ORDER BY ", " LIMIT "].iter().filter_map(|word| upper.find(word)).min();
    let (fields, tail) = inside.split_at(tail.unwrap_or(inside.len()));
    let fields = if fields.trim().is_empty() { "Id" } else { fields };
    format!("SELECT {fields} FROM {object}{tail}")
}

fn words(term: &str) -> Result<Vec<String>, Fault> {
    let clean = term.replace(['"', '(', ')'], " ");
    let words = clean.split_whitespace().filter(|word| !matches!(*word, "AND" | "OR"));
    let words: Vec<String> = words.map(|word| fold(word).filter(|c| *c != '\\').collect()).collect();
    if words.iter().map(|word: &String| word.chars().filter(|c| c.is_alphanumeric()).count()).sum::<usize>()
        < 2
    {
        return Err(malformed("search term must be longer than one character"));
    }
    Ok(words)
}

/// `GET` or `POST /parameterizedSearch`
pub fn parameterized(org: &Org, call: &Call<'_>) -> Result<Reply, Fault> {
    let (term, objects, fields, limit) = if call.request.method == "POST" {
        posted(call)?
    } else {
        let own = |name: &str| call.request.param(name).unwrap_or_default().to_owned();
        let objects: Vec<(String, String)> = own("sobject")
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| (name.to_owned(), own(&format!("{name}.fields"))))
            .collect();
        (own("q"), objects, own("fields"), own("overallLimit").parse().ok())
    };
    if term.is_empty() {
        return Err(Fault::new(400, "MISSING_ARGUMENT", "The search string q is missing"));
    }
    let objects = if objects.is_empty() {
        USUAL.iter().map(|n| ((*n).to_owned(), String::new())).collect()
    } else {
        objects
    };
    let inside = |own: String| if own.is_empty() { fields.clone() } else { own };
    let queries = objects.into_iter().map(|(name, own)| query(&name, &inside(own))).collect();
    let limit = limit.unwrap_or(MOST).min(MOST);
    answer(org, call, &Wanted { words: words(&term)?, place: Where::All, queries, limit })
}

type Posted = (String, Named, String, Option<usize>);

fn posted(call: &Call<'_>) -> Result<Posted, Fault> {
    let body = call.object()?;
    let names = |value: Option<&Value>| -> String {
        let names = value.and_then(Value::as_array).cloned().unwrap_or_default();
        names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    };
    let objects = body.get("sobjects").and_then(Value::as_array).cloned().unwrap_or_default();
    let objects = objects
        .iter()
        .filter_map(|item| Some((item.get("name")?.as_str()?.to_owned(), names(item.get("fields")))));
    let term = body.get("q").and_then(Value::as_str).unwrap_or_default().to_owned();
    let limit = body.get("overallLimit").and_then(Value::as_u64).map(|n| n as usize);
    Ok((term, objects.collect(), names(body.get("fields")), limit))
}

fn answer(org: &Org, call: &Call<'_>, wanted: &Wanted) -> Result<Reply, Fault> {
    let mut records: Vec<Doc> = Vec::new();
    for text in &wanted.queries {
        let query: Query = parse(text)?;
        let scope = Scope::new(org, text, &query)?;
        let meta = scope.meta()?;
        let projection = Projection::compile(&scope, &query)?;
        let found = rows(&scope, &query, Rows::Live)?;
        let hits: Vec<&Row> = found
            .into_iter()
            .filter(|row| wanted.words.iter().all(|word| mentions(org, meta, row, word, wanted.place)))
            .take(query.limit.unwrap_or(MOST))
            .collect();
        records.extend(projection.render(org, call.version, meta, &hits));
    }
    records.truncate(wanted.limit);
    // Until version 36 the answer was the bare list.
    let doc =
        if call.version < 37 { Doc::List(records) } else { object([("searchRecords", records.into())]) };
    Ok(Reply::json(200, doc))
}

fn mentions(org: &Org, meta: &Object, row: &Row, word: &str, place: Where) -> bool {
    let looked_at = |field: &Field| match place {
        Where::All => matches!(field.ty, Type::Text | Type::Email | Type::Picklist),
        Where::Name => {
            field.json.get("nameField") == Some(&Value::Bool(true)) || field.name.ends_with("Name")
        }
        Where::Email => field.ty == Type::Email,
        Where::Phone => field.wire == "phone",
    };
    meta.seen_fields().filter(|(_, field)| looked_at(field)).any(|(at, _)| match org.read(meta, row, at) {
        Cell::Text(text) => matches(&text, word),
        _ => false,
    })
}

/// Whether a word of the text is this one; `*` stands for the rest of it.
fn matches(text: &str, word: &str) -> bool {
    let text: String = fold(text).collect();
    let whole = |c: char| c.is_whitespace() || ",;()/".contains(c);
    match word.strip_suffix('*') {
        Some(start) => text.split(whole).any(|part| part.starts_with(start)),
        None => text.split(whole).any(|part| part == word || part.split(['@', '.', '-']).any(|p| p == word)),
    }
}
