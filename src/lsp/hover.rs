//! The field under the cursor: what the schema says of it.

use crate::resolve::hir::{CreateRule, End, Expr, FieldRef, Kind, Match, Program, Sync};
use crate::schema::show;
use crate::source::{FileId, Span};

/// The field whose name stands at an offset.
pub fn field_at<'p, 'a>(program: &'p Program<'a>, file: FileId, offset: u32) -> Option<FieldRef<'a>> {
    let here = |span: Span| span.file == file && span.start <= offset && offset <= span.end;
    let mut found = None;
    let mut look = |field: &FieldRef<'a>| {
        if here(field.span) {
            found = Some(*field);
        }
    };
    for sync in &program.syncs {
        for expr in expressions(sync) {
            fields_of(expr, &mut look);
        }
        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
            for end in [&row.left, &row.right] {
                match end {
                    End::Field(field) => look(field),
                    End::Expr(expr) => fields_of(expr, &mut look),
                }
            }
            for expr in [&row.when, &row.default].into_iter().flatten() {
                fields_of(expr, &mut look);
            }
        }
    }
    for end in program.values.iter().flat_map(|map| [&map.left, &map.right]) {
        look(&end.field);
    }
    found
}

/// What is shown for it, as Markdown.
pub fn text(field: &FieldRef<'_>) -> String {
    let path = format!("{}.{}", field.object.system, field.object.name);
    format!("```text\n{}```", show::field(&path, field.object.schema, field.name, field.field))
}

fn fields_of<'e, 'a>(expr: &'e Expr<'a>, look: &mut impl FnMut(&FieldRef<'a>)) {
    expr.walk(&mut |part| {
        if let Kind::Field(_, field) = &part.kind {
            look(field);
        }
    });
}

/// The expressions of a sync's clauses.
fn expressions<'s, 'a>(sync: &'s Sync<'a>) -> Vec<&'s Expr<'a>> {
    let mut found: Vec<&Expr<'a>> = sync.filters.iter().chain(&sync.vetoes).map(|(_, expr)| expr).collect();
    for one in &sync.matches {
        if let Match::Keys { left, right, when, .. } = one {
            found.extend([left, right]);
            found.extend(when);
        }
    }
    for (_, rule, _) in &sync.creates {
        if let CreateRule::When(condition) = rule {
            found.push(condition);
        }
    }
    found.extend(sync.route.iter().flatten().filter_map(|line| line.condition.as_ref()));
    found
}
