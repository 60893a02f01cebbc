//! From resolved tests to cases that stand on their own: names and values, no borrows of the source.

use crate::plan::ir::Side;
use crate::resolve::hir::{self, Program};
use crate::source::{SourceMap, Span};
use crate::value::Value;

/// One `test` item.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub sync: String,
    pub file: String,
    pub line: u32,
    pub givens: Vec<Given>,
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
    let givens = test.givens.iter().map(|(side, fields)| Given {
        side: *side,
        object: fields.first().map(|(field, _)| field.object.name.to_owned()),
        fields: named(fields),
    });
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
        givens: givens.collect(),
        base: (!test.base.is_empty()).then(|| base.collect()),
        expects: expects.collect(),
    })
}
