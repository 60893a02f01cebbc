//! `POST {object}/search`: filters, sorting, full text; a look at an index that may lag behind the records.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault};
use super::computed::{Reading, Row, reading};
use super::portal::Portal;
use super::records::View;
use super::request;
use super::schema::Object;
use super::store::Kind;
use super::values;

const MOST_GROUPS: usize = 5;
const MOST_IN_GROUP: usize = 6;
const MOST_FILTERS: usize = 18;
const MOST_RESULTS: usize = 10_000;
/// Characters of a request body.
const MOST_TEXT: usize = 3_000;

/// How values of a property compare.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Number,
    Time,
    /// Case matters.
    Choice,
    Text,
}

/// A value made comparable.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Number(f64),
    Time(i64),
    Text(String),
}

impl Key {
    fn compare(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Time(a), Key::Time(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// What a filter looks at.
enum Subject {
    Property(Reading, Order),
    /// `associations.{object}`
    Associated(Kind),
}

struct Filter {
    subject: Subject,
    operator: String,
    /// `value`, `highValue`, or all of `values`.
    keys: Vec<Key>,
    tokens: Vec<String>,
}

fn order(object: &Object, name: &str) -> Order {
    match object.live(name).map_or("", |(_, property)| property.ty.as_str()) {
        "number" => Order::Number,
        "date" | "datetime" => Order::Time,
        "enumeration" => Order::Choice,
        _ => Order::Text,
    }
}

fn key(order: Order, text: &str) -> Option<Key> {
    match order {
        Order::Number => text.trim().parse().ok().map(Key::Number),
        Order::Time => values::time(text).map(|at| Key::Time(at.0)),
        Order::Choice => Some(Key::Text(text.to_owned())),
        Order::Text => Some(Key::Text(text.to_lowercase())),
    }
}

fn read_key(row: &Row<'_>, reading: &Reading, order: Order) -> Option<Key> {
    match order {
        Order::Number => row.number(reading).map(Key::Number),
        Order::Time => row.time(reading).map(Key::Time),
        Order::Choice => row.read(reading).map(Key::Text),
        Order::Text => row.read(reading).map(|text| Key::Text(text.to_lowercase())),
    }
}

fn problem(message: String) -> Fault {
    let mut fault = Fault::invalid(format!("There was a problem with the request. {message}"));
    fault.errors.push(json!({ "message": message }));
    fault
}

fn filter(portal: &Portal, object: &Object, given: &Json) -> Result<Filter, Fault> {
    let name = request::text(given, "propertyName").ok_or_else(|| Fault::missing("propertyName"))?;
    let operator = request::text(given, "operator").ok_or_else(|| Fault::missing("operator"))?;
    let subject = match name.strip_prefix("associations.") {
        Some(other) => Subject::Associated(portal.kind(other)?),
        None => {
            let how = reading(object, &name);
            let how = how.ok_or_else(|| problem(format!("Property '{name}' does not exist.")))?;
            Subject::Property(how, order(object, &name))
        }
    };
    let order = match &subject {
        Subject::Property(_, order) => *order,
        Subject::Associated(_) => Order::Number,
    };
    let value =
        request::text(given, "value").or_else(|| given.get("value")?.as_bool().map(|b| b.to_string()));
    let many = given.get("values").and_then(Json::as_array);
    let texts: Vec<String> = match operator.as_str() {
        "IN" | "NOT_IN" => {
            let many = many.ok_or_else(|| problem(format!("operator {operator} requires values")))?;
            many.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect()
        }
        "BETWEEN" => {
            let high = request::text(given, "highValue");
            match (value, high) {
                (Some(low), Some(high)) => vec![low, high],
                _ => return Err(problem("operator BETWEEN requires value and highValue".into())),
            }
        }
        "HAS_PROPERTY" | "NOT_HAS_PROPERTY" => {
            if value.is_some() {
                return Err(problem(format!("operator {operator} does not take a value")));
            }
            Vec::new()
        }
        "EQ" | "NEQ" | "LT" | "LTE" | "GT" | "GTE" | "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN" => {
            vec![value.ok_or_else(|| problem(format!("operator {operator} requires a value")))?]
        }
        other => return Err(problem(format!("{other} is not an operator"))),
    };
    if operator.ends_with("CONTAINS_TOKEN") {
        let tokens = texts.iter().map(|text| text.to_lowercase()).collect();
        return Ok(Filter { subject, operator, keys: Vec::new(), tokens });
    }
    let mut keys = Vec::new();
    for text in &texts {
        // A list of texts must be in lower case: other spellings just don't match.
        let listed = matches!(operator.as_str(), "IN" | "NOT_IN") && order == Order::Text;
        let made = if listed { Some(Key::Text(text.clone())) } else { key(order, text) };
        keys.push(made.ok_or_else(|| problem(format!("{text} is not a valid value for {name}")))?);
    }
    Ok(Filter { subject, operator, keys, tokens: Vec::new() })
}

impl Filter {
    fn matches(&self, row: &Row<'_>) -> bool {
        let (how, order) = match &self.subject {
            Subject::Property(how, order) => (how, *order),
            Subject::Associated(kind) => return self.matches_associated(row, *kind),
        };
        if self.operator.ends_with("CONTAINS_TOKEN") {
            let Some(text) = row.read(how).map(|text| text.to_lowercase()) else { return false };
            let all = self.tokens.iter().all(|pattern| has_token(&text, pattern));
            return all == (self.operator == "CONTAINS_TOKEN");
        }
        let value = read_key(row, how, order);
        match self.operator.as_str() {
            "HAS_PROPERTY" => return value.is_some(),
            "NOT_HAS_PROPERTY" => return value.is_none(),
            _ => {}
        }
        // No operator but the one above matches a record without a value, NEQ and NOT_IN included.
        let Some(value) = value else { return false };
        let first = self.keys.first().map(|key| value.compare(key));
        match self.operator.as_str() {
            "EQ" => first == Some(Ordering::Equal),
            "NEQ" => first != Some(Ordering::Equal),
            "LT" => first == Some(Ordering::Less),
            "LTE" => first != Some(Ordering::Greater),
            "GT" => first == Some(Ordering::Greater),
            "GTE" => first != Some(Ordering::Less),
            "BETWEEN" => {
                let high = self.keys.get(1).map(|key| value.compare(key));
                first != Some(Ordering::Less) && high != Some(Ordering::Greater)
            }
            "IN" => self.keys.contains(&value),
            "NOT_IN" => !self.keys.contains(&value),
            _ => false,
        }
    }

    fn matches_associated(&self, row: &Row<'_>, kind: Kind) -> bool {
        let all: Vec<Key> =
            row.portal.links.of((row.kind, row.id), kind).map(|(id, _)| Key::Number(id as f64)).collect();
        match self.operator.as_str() {
            "EQ" | "IN" => self.keys.iter().any(|key| all.contains(key)),
            "NEQ" | "NOT_IN" => !self.keys.iter().any(|key| all.contains(key)),
            "HAS_PROPERTY" => !all.is_empty(),
            "NOT_HAS_PROPERTY" => all.is_empty(),
            _ => false,
        }
    }

    /// The lowest id that can match, for walks by id.
    fn least_id(&self) -> u64 {
        match (&self.subject, self.operator.as_str(), self.keys.first()) {
            (Subject::Property(Reading::Id, _), "GT" | "GTE" | "EQ" | "BETWEEN", Some(Key::Number(id))) => {
                *id as u64
            }
            _ => 0,
        }
    }
}

/// Whether a word of the text, or all of it, matches a pattern with `*`. Both are in lower case.
fn has_token(text: &str, pattern: &str) -> bool {
    if wild(text.as_bytes(), pattern.as_bytes()) {
        return true;
    }
    let words = |text: &str| -> Vec<String> {
        let split = text.split(|c: char| !c.is_alphanumeric() && c != '*');
        split.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let there = words(text);
    let wanted = words(pattern);
    !wanted.is_empty()
        && wanted.iter().all(|pattern| there.iter().any(|word| wild(word.as_bytes(), pattern.as_bytes())))
}

/// Matching with `*`, without recursion.
fn wild(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if text.get(t) == Some(byte) => {
                t += 1;
                p += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

fn groups(portal: &Portal, object: &Object, body: &Map<String, Json>) -> Result<Vec<Vec<Filter>>, Fault> {
    let mut given: Vec<&Json> = Vec::new();
    given.extend(body.get("filterGroups").and_then(Json::as_array).into_iter().flatten());
    let alone = body.get("filters").map(|filters| json!({ "filters": filters }));
    given.extend(&alone);
    if given.len() > MOST_GROUPS {
        return Err(problem(format!("filterGroups has {} groups, the limit is {MOST_GROUPS}", given.len())));
    }
    let mut groups = Vec::new();
    for group in given {
        let filters = group.get("filters").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        if filters.len() > MOST_IN_GROUP {
            let message = format!("a group has {} filters, the limit is {MOST_IN_GROUP}", filters.len());
            return Err(problem(message));
        }
        let filters: Result<Vec<Filter>, Fault> =
            filters.iter().map(|given| filter(portal, object, given)).collect();
        groups.push(filters?);
    }
    let all: usize = groups.iter().map(Vec::len).sum();
    if all > MOST_FILTERS {
        return Err(problem(format!("the request has {all} filters, the limit is {MOST_FILTERS}")));
    }
    Ok(groups)
}

struct Sorting {
    how: Reading,
    order: Order,
    descending: bool,
}

/// `{propertyName, direction}`, the same as a text, or a bare name with `-` for descending.
fn sorting(object: &Object, body: &Map<String, Json>) -> Result<Option<Sorting>, Fault> {
    let sorts = body.get("sorts").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let given = match sorts {
        [] => return Ok(None),
        [one] => one,
        _ => return Err(problem("only one sort is allowed".into())),
    };
    let parsed = given.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    let (name, descending) = match parsed.as_ref().filter(|json| json.is_object()).unwrap_or(given) {
        Json::String(text) => (text.trim_start_matches('-').to_owned(), text.starts_with('-')),
        json => {
            let name = request::text(json, "propertyName").ok_or_else(|| Fault::missing("propertyName"))?;
            (name, json.get("direction").and_then(Json::as_str) == Some("DESCENDING"))
        }
    };
    let how = reading(object, &name).ok_or_else(|| problem(format!("Property '{name}' does not exist.")))?;
    Ok(Some(Sorting { how, order: order(object, &name), descending }))
}

/// The properties that `query` looks through.
fn searchable(object: &Object) -> &'static [&'static str] {
    match &*object.singular {
        "contact" => &["firstname", "lastname", "email", "phone", "fax", "mobilephone", "company"],
        "company" => &["website", "phone", "name", "domain"],
        "deal" => &["dealname", "pipeline", "dealstage", "description", "dealtype"],
        "ticket" => &["subject", "content", "hs_pipeline_stage", "hs_ticket_category"],
        "note" => &["hs_note_body"],
        "task" => &["hs_task_body", "hs_task_subject"],
        "call" => &["hs_call_title", "hs_call_body"],
        "email" => &["hs_email_subject"],
        "meeting" => &["hs_meeting_title", "hs_meeting_body"],
        _ => &["name"],
    }
}

/// Every word of the query begins a word of one of the properties.
fn found(row: &Row<'_>, readings: &[Reading], words: &[String]) -> bool {
    let texts: Vec<String> =
        readings.iter().filter_map(|how| row.read(how)).map(|text| text.to_lowercase()).collect();
    words.iter().all(|word| {
        texts.iter().any(|text| {
            text.starts_with(word)
                || text.split(|c: char| !c.is_alphanumeric()).any(|part| part.starts_with(word))
        })
    })
}

/// `limit` and `after` of a search.
fn window(body: &Map<String, Json>) -> Result<(usize, usize), Fault> {
    let body = Json::Object(body.clone());
    let number = |name: &str, usual: usize| match request::text(&body, name).filter(|text| !text.is_empty()) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| problem(format!("{name} must be a number, not {text}"))),
    };
    let (limit, after): (usize, usize) = (number("limit", 10)?, number("after", 0)?);
    if limit > 200 {
        return Err(problem(format!("limit must be at most 200, not {limit}")));
    }
    if after + limit > MOST_RESULTS {
        let message =
            format!("a search shows at most {MOST_RESULTS} results; after {after} plus limit {limit}");
        return Err(problem(message));
    }
    Ok((limit, after))
}

pub fn search(portal: &Portal, kind: Kind, request: &Request) -> Answer {
    if String::from_utf8_lossy(&request.body).chars().count() > MOST_TEXT {
        return Err(problem(format!("the body is longer than {MOST_TEXT} characters")));
    }
    let body = request::object(request)?;
    let object = portal.object(kind)?;
    let (limit, after) = window(&body)?;
    let groups = groups(portal, object, &body)?;
    let sorting = sorting(object, &body)?;
    let query = body.get("query").and_then(Json::as_str).unwrap_or_default().to_lowercase();
    let words: Vec<String> = query.split_whitespace().map(str::to_owned).collect();
    let texts: Vec<Reading> = searchable(object).iter().filter_map(|name| reading(object, name)).collect();
    let start = groups.iter().map(|all| all.iter().map(Filter::least_id).max().unwrap_or(0)).min();
    let mut rows: Vec<Row<'_>> = object
        .records
        .range(start.unwrap_or(0)..)
        .filter(|(_, record)| record.archived.is_none())
        .map(|(id, record)| Row { portal, object, kind, id: *id, record, at: portal.indexed(*id) })
        .filter(|row| row.record.created <= row.at)
        .filter(|row| groups.is_empty() || groups.iter().any(|all| all.iter().all(|f| f.matches(row))))
        .filter(|row| words.is_empty() || found(row, &texts, &words))
        .collect();
    if let Some(sorting) = &sorting {
        sort(&mut rows, sorting);
    }
    let total = rows.len();
    let properties = request::texts(&body, "properties");
    let view = View { properties, ..View::default() }.resolve(object);
    let page: Vec<Json> =
        rows.iter().skip(after).take(limit).map(|row| Json::Object(portal.show_row(row, &view))).collect();
    let mut answer = json!({ "total": total, "results": page });
    if let (true, Some(answer)) = (after + limit < total, answer.as_object_mut()) {
        answer.insert("paging".into(), json!({ "next": { "after": (after + limit).to_string() } }));
    }
    Ok((200, answer))
}

/// Records without a value come last, whatever the direction; equal ones stay in the order of their ids.
fn sort(rows: &mut [Row<'_>], sorting: &Sorting) {
    rows.sort_by_cached_key(|row| {
        let key = read_key(row, &sorting.how, sorting.order);
        Sorted { key, descending: sorting.descending }
    });
}

#[derive(PartialEq)]
struct Sorted {
    key: Option<Key>,
    descending: bool,
}

impl Eq for Sorted {}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (Some(a), Some(b)) if self.descending => b.compare(a),
            (Some(a), Some(b)) => a.compare(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}
