//! From resolved tests to cases that stand on their own: names and values, no borrows of the source.

use crate::plan::ir::{Object, Side};
use crate::record::{HistoryEntry, Record, RecordId};
use crate::resolve::hir::{self, Program};
use crate::source::{SourceMap, Span};
use crate::value::{Millis, Value};

/// One `test` item.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub sync: String,
    pub file: String,
    pub line: u32,
    pub givens: Vec<Given>,
    /// Records associated with the one of their side.
    pub around: Vec<Given>,
    /// Links with their ids: sync, left, right.
    pub links: Vec<(String, String, String)>,
    /// The test says something of associated records, lists or links: what it does not say is not so.
    pub knows_world: bool,
    /// What both sides last agreed on: side, field, value. `None` = no `given base`.
    pub base: Option<Vec<(Side, String, Value)>>,
    pub expects: Vec<Expectation>,
}

/// The record of one side.
#[derive(Debug, Clone)]
pub struct Given {
    pub side: Side,
    /// API name of the object: says which arm of a routed sync is meant.
    pub object: Option<String>,
    pub fields: Vec<(String, Value)>,
    /// Lists that the record is in.
    pub lists: Vec<String>,
    pub linked: Vec<Linked>,
    /// How long ago it was edited, in milliseconds.
    pub edited: Option<i64>,
}

impl Given {
    /// A record as a read would give it: fields that the test does not name are blank.
    pub fn record(&self, object: Option<&Object>, id: &str) -> Record {
        let fields = object.map_or(&[][..], |object| &object.fields);
        let slots = fields.iter().map(|field| {
            let value = self.fields.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
            Some(value.cloned().unwrap_or(Value::Null))
        });
        let mut record = Record::new(RecordId::new(id), slots.collect());
        if let Some(edited) = self.edited {
            let at = Millis(NOW - edited);
            record.modified = Some(at);
            let entry = |value: &Value| HistoryEntry {
                value: value.clone(),
                at,
                source: "CRM_UI".to_owned(),
                source_id: String::new(),
            };
            record.history =
                self.fields.iter().map(|(name, value)| (name.clone(), vec![entry(value)])).collect();
        }
        record
    }
}

/// The moment of a test, in milliseconds since 1970: it only matters how far apart edits are.
const NOW: i64 = 1_767_225_600_000;

/// A link in another sync.
#[derive(Debug, Clone)]
pub struct Linked {
    pub sync: String,
    pub arm: Option<usize>,
    pub private: bool,
}

#[derive(Debug, Clone)]
pub struct Expectation {
    pub line: u32,
    pub kind: Expected,
}

#[derive(Debug, Clone)]
pub enum Expected {
    Fields {
        exactly: bool,
        side: Side,
        object: String,
        fields: Vec<(String, Value)>,
    },
    /// `skipped`, `held`, `failed` or `unchanged`, maybe with a reason.
    Outcome {
        word: String,
        reason: Option<String>,
    },
    Conflict {
        winner: Side,
    },
}

/// The program's tests in the order of its files.
pub fn cases(program: &Program<'_>, sources: &SourceMap) -> Vec<Case> {
    program.tests.iter().filter_map(|test| case(program, sources, test)).collect()
}

fn case(program: &Program<'_>, sources: &SourceMap, test: &hir::Test<'_>) -> Option<Case> {
    let sync = program.syncs.get(test.sync)?;
    let line = |span: Span| sources.position(span.file, span.start).line;
    let named = |fields: &[(hir::FieldRef<'_>, Value)]| -> Vec<(String, Value)> {
        fields.iter().map(|(field, value)| (field.name.to_owned(), value.clone())).collect()
    };
    let name_of = |sync: usize| program.syncs.get(sync).map(|sync| sync.name.text.clone());
    let record = |given: &hir::Given<'_>| Given {
        side: given.side,
        object: Some(given.object.name.to_owned()),
        fields: named(&given.fields),
        lists: given.lists.iter().filter(|(_, is)| *is).map(|(list, _)| list.clone()).collect(),
        linked: given
            .linked
            .iter()
            .filter(|link| link.is)
            .filter_map(|link| {
                Some(Linked { sync: name_of(link.sync)?, arm: link.arm, private: link.private })
            })
            .collect(),
        edited: given.edited,
    };
    let of = |associated: bool| {
        test.givens.iter().filter(move |given| given.associated == associated).map(record).collect::<Vec<_>>()
    };
    let says =
        |given: &hir::Given<'_>| given.associated || !given.lists.is_empty() || !given.linked.is_empty();
    let links = test
        .links
        .iter()
        .filter_map(|(sync, left, right)| Some((name_of(*sync)?, left.clone(), right.clone())));
    let knows_world = !test.absent.is_empty() || !test.links.is_empty() || test.givens.iter().any(says);
    let base = test.base.iter().map(|(side, field, value)| (*side, field.name.to_owned(), value.clone()));
    let expects = test.expects.iter().map(|expect| match expect {
        hir::Expect::Fields { exactly, side, object, fields, span } => Expectation {
            line: line(*span),
            kind: Expected::Fields {
                exactly: *exactly,
                side: *side,
                object: (*object).to_owned(),
                fields: named(fields),
            },
        },
        hir::Expect::Outcome { word, reason, span } => Expectation {
            line: line(*span),
            kind: Expected::Outcome { word: word.clone(), reason: reason.clone() },
        },
        hir::Expect::Conflict { winner, span } => {
            Expectation { line: line(*span), kind: Expected::Conflict { winner: *winner } }
        }
    });
    Some(Case {
        name: test.name.clone(),
        sync: sync.name.text.clone(),
        file: sources.path(test.span.file).to_owned(),
        line: line(test.span),
        givens: of(false),
        around: of(true),
        links: links.collect(),
        knows_world,
        base: (!test.base.is_empty()).then(|| base.collect()),
        expects: expects.collect(),
    })
}
