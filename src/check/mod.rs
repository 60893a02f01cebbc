//! The rules of the language over a resolved program: one file per family, one function per rule.

mod fit;
mod maps;
mod rows;
mod syncs;

use crate::diag::Diagnostic;
use crate::resolve::hir::Program;
use crate::resolve::{Schemas, resolve};
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
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Ctx<'_, '_> {
    pub(crate) fn say(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// Resolves and checks a program against the schemas of its connections.
pub fn check_program<'a>(schemas: &'a Schemas, program: &'a ast::Program) -> Checked<'a> {
    let (resolved, mut diagnostics) = resolve(schemas, program);
    let mut ctx = Ctx { schemas, program: &resolved, diagnostics: Vec::new() };
    for map in &resolved.values {
        maps::values(&mut ctx, map);
    }
    for map in &resolved.stages {
        maps::stages(&mut ctx, map);
    }
    for sync in &resolved.syncs {
        syncs::check(&mut ctx, sync);
        for arm in &sync.arms {
            rows::check(&mut ctx, sync, arm);
        }
    }
    syncs::policies(&mut ctx);
    let found = ctx.diagnostics;
    // A row of a shared map is checked once per arm; the same finding twice says nothing new.
    for diagnostic in found {
        if !diagnostics.contains(&diagnostic) {
            diagnostics.push(diagnostic);
        }
    }
    Checked { program: resolved, diagnostics }
}
