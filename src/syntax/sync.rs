//! `sync` items: clauses, routes and rows, each by the strict rule of its first word.

use super::ast::{self, Clause, ClauseKind, Row};
use super::build::{Builder, Parts};
use super::cause::{self, Frame};
use super::grammar::Rule;
use super::items::{CLAUSES, Reader, block, whole, words};
use super::outline::Node;
use super::plain::{self, PlainRow};
use crate::diag::errors::text as wording;
use crate::diag::suggest::nearest;
use crate::source::Span;
use pest::iterators::Pair;

/// Clauses that may be given several times.
const REPEATABLE: [&str; 6] = ["filter", "match", "create", "veto", "associate", "propagate"];

impl<'t> Reader<'t> {
    pub(super) fn sync(&mut self, node: &Node) -> Option<ast::Sync> {
        let header = self.header(node, Rule::sync_header, 2)?;
        let builder = self.builder(node.span);
        let mut parts = Parts::of(header);
        let name = builder.ident(parts.next(Rule::name));
        let object = |pair: Option<Pair<'t, Rule>>| -> Option<ast::ObjectRef> {
            let pair = pair?;
            let span = builder.span(&pair);
            let mut names = Parts::of(pair);
            let (system, object) =
                (builder.ident(names.next(Rule::name)), builder.ident(names.next(Rule::name)));
            Some(ast::ObjectRef { system, object, span })
        };
        let left = object(parts.next(Rule::object))?;
        let arrow = builder.arrow(parts.next(Rule::arrow));
        let mut right = Vec::new();
        while let Some(arm) = object(parts.next(Rule::object)) {
            right.push(arm);
        }
        let mut sync = ast::Sync {
            doc: node.doc.clone(),
            name,
            left,
            arrow,
            right,
            clauses: Vec::new(),
            maps: Vec::new(),
            lost: Vec::new(),
            header: node.span,
            span: whole(node),
        };
        let mut seen: Vec<(String, Span)> = Vec::new();
        for line in block(node) {
            let text = self.piece(line.span).text;
            match cause::first_word(text) {
                "map" if line.block.is_some() => {
                    if let Some(map) = self.map(line) {
                        sync.maps.push(map);
                    }
                }
                "route" if line.block.is_some() => {
                    let keyword = Span { end: line.span.start + 5, ..line.span };
                    self.once(&mut seen, "route", keyword);
                    let kind = ClauseKind::Route(self.route(line));
                    sync.clauses.push(Clause { kind, keyword, span: whole(line) });
                }
                word => {
                    let word = word.to_owned();
                    self.line_only(line);
                    if let Some(clause) = self.clause(line, &word) {
                        if !REPEATABLE.contains(&word.as_str()) {
                            self.once(&mut seen, &word, clause.keyword);
                        }
                        sync.clauses.push(clause);
                    }
                }
            }
        }
        sync.lost = std::mem::take(&mut self.lost);
        Some(sync)
    }

    fn once(&mut self, seen: &mut Vec<(String, Span)>, word: &str, at: Span) {
        match seen.iter().find(|(known, _)| known == word) {
            Some((_, first)) => self.diagnostics.push(wording::given_twice(at, *first, word)),
            None => seen.push((word.to_owned(), at)),
        }
    }

    fn clause(&mut self, node: &Node, word: &str) -> Option<Clause> {
        let Some((_, rule, words)) = CLAUSES.iter().find(|(known, ..)| *known == word) else {
            let text = self.piece(node.span).text;
            self.lost.extend(words(text));
            if cause::looks_like_row(text) {
                self.diagnostics.push(
                    wording::unreadable(node.span, &["a clause"], false)
                        .help("rows stand inside `map { ... }`"),
                );
            } else {
                let known: Vec<&str> =
                    CLAUSES.iter().map(|(word, ..)| *word).chain(["map", "route"]).collect();
                self.unknown(node.span, "clause", word, &known);
            }
            return None;
        };
        let frame = Frame {
            colon: (*words > 0).then_some((word, *words)),
            no_colon: (*words == 0).then_some(word),
            has_arrow: *words == 0,
        };
        let pair = self.strict(node.span, *rule, frame)?;
        let keyword = Span { end: node.span.start + u32::try_from(word.len()).unwrap_or(0), ..node.span };
        let mut builder = self.builder(node.span);
        let kind = clause_kind(&mut builder, *rule, Parts::of(pair))?;
        Some(Clause { kind, keyword, span: node.span })
    }

    fn route(&mut self, node: &Node) -> Vec<ast::RouteArm> {
        let mut arms = Vec::new();
        for line in block(node) {
            self.line_only(line);
            let frame = Frame { colon: None, no_colon: None, has_arrow: true };
            let Some(pair) = self.strict(line.span, Rule::route_arm, frame) else { continue };
            let mut builder = self.builder(line.span);
            let mut parts = Parts::of(pair);
            let condition = match parts.peek() {
                Some(Rule::expr) => Some(builder.expr(parts.next(Rule::expr))),
                _ => None,
            };
            let target = builder.ident(parts.next(Rule::name));
            arms.push(ast::RouteArm { condition, target, span: line.span });
        }
        arms
    }

    fn map(&mut self, node: &Node) -> Option<ast::MapBlock> {
        let frame = Frame { colon: None, no_colon: Some("map"), has_arrow: false };
        let header = self.strict(node.span, Rule::map_header, frame);
        // `map: {` is complained about, and means all arms.
        if header.is_none() && self.piece(node.span).text.split_whitespace().collect::<String>() != "map:" {
            return None;
        }
        let builder = self.builder(node.span);
        let arm = header.and_then(|header| Parts::of(header).next(Rule::name));
        let arm = arm.map(|pair| builder.ident(Some(pair)));
        let rows = block(node).iter().filter_map(|line| self.row(line)).collect();
        let keyword = Span { end: node.span.start + 3, ..node.span };
        Some(ast::MapBlock { arm, rows, keyword, span: whole(node) })
    }

    fn row(&mut self, node: &Node) -> Option<Row> {
        self.line_only(node);
        let PlainRow { left, arrow, right, options } = match self.plain(node.span, plain::row) {
            Some(row) => row,
            None => self.row_by_grammar(node)?,
        };
        let mut seen: Vec<(std::mem::Discriminant<ast::RowOptionKind>, Span)> = Vec::new();
        for option in &options {
            let kind = std::mem::discriminant(&option.kind);
            match seen.iter().find(|(known, _)| *known == kind) {
                Some((_, first)) => {
                    let what =
                        self.piece(option.span).text.split_whitespace().next().unwrap_or("").to_owned();
                    self.diagnostics.push(wording::given_twice(option.span, *first, &what));
                }
                None => seen.push((kind, option.span)),
            }
        }
        Some(Row { doc: node.doc.clone(), left, arrow, right, options, span: node.span })
    }

    fn row_by_grammar(&mut self, node: &Node) -> Option<PlainRow> {
        let frame = Frame { colon: None, no_colon: None, has_arrow: true };
        let before = self.diagnostics.len();
        let Some(pair) = self.strict(node.span, Rule::row, frame) else {
            self.name_bad_option(node, before);
            return None;
        };
        Some(row_parts(&mut self.builder(node.span), Parts::of(pair)))
    }

    /// `name -> Name prefre salesforce`: the grammar stops behind the head; say that the word is no option.
    fn name_bad_option(&mut self, node: &Node, before: usize) {
        const OPTIONS: [&str; 9] = ["using", "default", "prefer", "owned", "if", "on", "cut", "may", "when"];
        let Some(last) = self.diagnostics.get(before) else { return };
        if last.code.id() != "E101" || last.primary.span.end <= last.primary.span.start {
            return;
        }
        let at = last.primary.span;
        let word = cause::first_word(self.piece(at).text).to_owned();
        let head = self.piece(Span { end: at.start, ..node.span }).text.to_owned();
        let behind_head = cause::looks_like_row(&head)
            && head.ends_with([' ', '\t'])
            && !head.trim_end().ends_with(['>', '-']);
        if behind_head
            && !word.is_empty()
            && !OPTIONS.contains(&word.as_str())
            && !word.starts_with(|c: char| c.is_ascii_digit())
        {
            self.diagnostics.truncate(before);
            self.unknown(at, "option", &word, &OPTIONS);
        }
    }
}

/// A row as the grammar reads it.
pub(super) fn row_parts<'t>(builder: &mut Builder<'t, '_>, mut parts: Parts<'t>) -> PlainRow {
    let left = builder.expr(parts.next(Rule::expr));
    let arrow = builder.arrow(parts.next(Rule::arrow));
    let right = builder.expr(parts.next(Rule::expr));
    let mut options = Vec::new();
    while let Some(option) = parts.next(Rule::option) {
        options.extend(builder.option(option));
    }
    PlainRow { left, arrow, right, options }
}

fn clause_kind<'t>(builder: &mut Builder<'t, '_>, rule: Rule, mut parts: Parts<'t>) -> Option<ClauseKind> {
    Some(match rule {
        Rule::start_clause => ClauseKind::Start(builder.ident(parts.next(Rule::name))),
        Rule::filter_clause | Rule::veto_clause => {
            let system = builder.ident(parts.next(Rule::name));
            let condition = builder.expr(parts.next(Rule::expr));
            if rule == Rule::filter_clause {
                ClauseKind::Filter { system, condition }
            } else {
                ClauseKind::Veto { system, condition }
            }
        }
        Rule::match_clause => {
            let keys = builder.expr(parts.next(Rule::expr));
            let when = parts.next(Rule::expr).map(|pair| builder.expr(Some(pair)));
            ClauseKind::Match(match_kind(builder, keys, when)?)
        }
        Rule::create_clause => {
            let system = builder.ident(parts.next(Rule::name));
            let rule = builder.expr(parts.next(Rule::expr));
            let rule = match single_name(&rule) {
                Some("always") => ast::CreateRule::Always,
                Some("never") => ast::CreateRule::Never,
                _ => ast::CreateRule::When(rule),
            };
            ClauseKind::Create { system, rule }
        }
        Rule::conflict_clause => {
            let system = builder.ident(parts.next(Rule::name));
            let within = parts.next(Rule::duration).map(|pair| builder.duration(Some(pair)));
            ClauseKind::Conflict(match system.text.as_str() {
                "newest" => ast::Conflict::Newest(system.span),
                "hold" => ast::Conflict::Hold(system.span),
                _ => ast::Conflict::Winner { system, within },
            })
        }
        Rule::delete_clause => {
            let word = builder.ident(parts.next(Rule::name));
            let system = parts.next(Rule::name).map(|pair| builder.ident(Some(pair)));
            let deleted_in = parts.next(Rule::name).map(|pair| builder.ident(Some(pair)));
            ClauseKind::Delete(match (word.text.as_str(), system) {
                ("ignore", None) => ast::Delete::Ignore,
                ("unlink", None) => ast::Delete::Unlink,
                ("archive", Some(system)) => ast::Delete::Archive { system, deleted_in },
                ("archive", None) => {
                    builder.diagnostics.push(wording::unreadable(
                        word.span,
                        &["the system to archive in"],
                        true,
                    ));
                    return None;
                }
                _ => {
                    let known = ["ignore", "unlink", "archive"];
                    let near = nearest(&word.text, known);
                    builder.diagnostics.push(wording::unknown_word(
                        word.span,
                        "delete rule",
                        &word.text,
                        near,
                        &known,
                    ));
                    return None;
                }
            })
        }
        Rule::leave_clause => ClauseKind::Leave(builder.ident(parts.next(Rule::name))),
        Rule::guard_clause => {
            let mut limits = Vec::new();
            while let Some(pair) = parts.next(Rule::guard_limit) {
                let span = builder.span(&pair);
                let mut inner = Parts::of(pair);
                let what = builder.ident(inner.next(Rule::name));
                let limit = builder.number(inner.next(Rule::number));
                limits.push(ast::GuardLimit { what, limit, span });
            }
            ClauseKind::Guard(limits)
        }
        Rule::convert_clause => ClauseKind::OnConvert(builder.ident(parts.next(Rule::name))),
        Rule::associate_clause => {
            let left = builder.path(parts.next(Rule::path));
            let arrow = builder.arrow(parts.next(Rule::arrow));
            let right = builder.path(parts.next(Rule::path));
            let through = builder.ident(parts.next(Rule::name));
            let primary = parts.next(Rule::kw_primary).map(|pair| builder.span(&pair));
            ClauseKind::Associate(ast::Associate { left, arrow, right, through, primary })
        }
        Rule::propagate_clause => {
            let from = builder.path(parts.next(Rule::path));
            let to = builder.path(parts.next(Rule::path));
            let forward = parts.next(Rule::kw_forward).map(|pair| builder.span(&pair));
            ClauseKind::Propagate(ast::Propagate { from, to, forward })
        }
        Rule::refresh_clause => ClauseKind::Refresh(builder.duration(parts.next(Rule::duration))),
        Rule::save_to_clause => {
            let kind = builder.ident(parts.next(Rule::name));
            ClauseKind::SaveTo { kind, name: builder.text(parts.next(Rule::string)) }
        }
        _ => return None,
    })
}

fn match_kind(builder: &mut Builder<'_, '_>, keys: ast::Expr, when: Option<ast::Expr>) -> Option<ast::Match> {
    let span = keys.span;
    if when.is_none() && single_name(&keys) == Some("none") {
        return Some(ast::Match::None(span));
    }
    match keys.kind {
        ast::ExprKind::Binary { op: ast::BinaryOp::Equal, left, right, .. } => {
            Some(ast::Match::Keys { left: *left, right: *right, when })
        }
        ast::ExprKind::Path(mut path) if path.parts.len() == 1 && when.is_none() => {
            path.parts.pop().map(ast::Match::Matcher)
        }
        _ => {
            builder.diagnostics.push(
                wording::unreadable(span, &["`LEFT == RIGHT`", "`none`"], false)
                    .help("compare one key of each side: `match: hubspot.email == salesforce.Email`"),
            );
            None
        }
    }
}

fn single_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::Path(path) => match path.parts.as_slice() {
            [name] => Some(&name.text),
            _ => None,
        },
        _ => None,
    }
}
