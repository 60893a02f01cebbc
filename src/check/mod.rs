//! The rules of the language over a resolved program: one file per family, one function per rule, listed in `rules`.
//!
//! A rule says what is wrong once, at the place to mend; what an earlier phase has already complained about is left
//! alone. Nothing is decided by the order in which rules run but which of two findings for one place is kept.

mod accounts;
mod conditions;
mod converters;
mod exprs;
mod fit;
mod flows;
mod keys;
mod linkedin;
mod maps;
mod policies;
mod probe;
mod required;
mod rollups;
mod roundtrip;
mod rows;
mod rules;
mod stages;
mod syncs;
mod truth;
mod types;
mod usage;

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic};
use crate::resolve::hir::Program;
use crate::resolve::{Schemas, resolve};
use crate::source::{FileId, Span};
use crate::syntax::ast;

/// A program that was resolved and looked at.
#[derive(Debug)]
pub struct Checked<'a> {
    pub program: Program<'a>,
    pub diagnostics: Vec<Diagnostic>,
}

pub(crate) struct Ctx<'a, 'p> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) program: &'p Program<'a>,
    pub(crate) ast: &'a ast::Program,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Code and place of what was said about rows, which are looked at once for each arm.
    said: BTreeSet<(Code, Span)>,
    /// Facts that are worth one finding however many syncs they concern.
    noted: BTreeSet<(&'static str, String)>,
    /// Places of everything that was said, by resolving too: file, start, end.
    places: BTreeSet<(FileId, u32, u32)>,
    /// Value and stage maps that a two-way row uses.
    pub(crate) two_way_values: BTreeSet<usize>,
    pub(crate) two_way_stages: BTreeSet<usize>,
    /// The names of value maps that a row with `cut` uses.
    pub(crate) cut_values: BTreeSet<Span>,
}

impl Ctx<'_, '_> {
    pub(crate) fn say(&mut self, diagnostic: Diagnostic) {
        let span = diagnostic.primary.span;
        // Required fields are all named at the map that lacks them; elsewhere one finding a place is enough.
        if diagnostic.code == Code::E501 || self.said.insert((diagnostic.code, span)) {
            self.places.insert((span.file, span.start, span.end));
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether something inside a place was complained about already.
    pub(crate) fn said_within(&self, place: Span) -> bool {
        let from = (place.file, place.start, 0);
        let to = (place.file, place.end, u32::MAX);
        self.places.range(from..=to).any(|(_, _, end)| *end <= place.end)
    }

    /// True the first time that it is asked about a fact.
    pub(crate) fn first_time(&mut self, fact: (&'static str, String)) -> bool {
        self.noted.insert(fact)
    }

    /// Whether it was asked about a fact before.
    pub(crate) fn is_noted(&self, fact: (&'static str, String)) -> bool {
        self.noted.contains(&fact)
    }
}

/// Resolves and checks a program against the schemas of its connections.
pub fn check_program<'a>(schemas: &'a Schemas, program: &'a ast::Program) -> Checked<'a> {
    let (resolved, mut diagnostics) = resolve(schemas, program);
    let mut ctx = Ctx {
        schemas,
        program: &resolved,
        ast: program,
        diagnostics: Vec::new(),
        said: BTreeSet::new(),
        noted: BTreeSet::new(),
        places: diagnostics
            .iter()
            .map(|one| one.primary.span)
            .map(|span| (span.file, span.start, span.end))
            .collect(),
        two_way_values: BTreeSet::new(),
        two_way_stages: BTreeSet::new(),
        cut_values: BTreeSet::new(),
    };
    usage::gather(&mut ctx);
    rules::run(&mut ctx);
    diagnostics.extend(ctx.diagnostics);
    Checked { program: resolved, diagnostics }
}
