//! From the outline to items: each statement goes to the strict rule of its block and first word.

use super::allow;
use super::ast::{self, Clause, ClauseKind, File, Item, Program, Row};
use super::build::{Builder, Parts};
use super::cause::{self, Frame};
use super::grammar::{Piece, Rule};
use super::outline::{self, ITEM_WORDS, Node};
use super::plain::{self, PlainRow};
use std::collections::BTreeSet;

use crate::diag::errors::text as wording;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, MAX_FILE_BYTES, MAX_LINE_CHARS, MAX_NESTING, SourceMap, Span};
use pest::iterators::Pair;

/// Parses every file of a source map. Never fails: what can't be read is reported and left out.
pub fn parse(sources: &SourceMap) -> (Program, Vec<Diagnostic>) {
    let mut program = Program::default();
    let mut diagnostics = Vec::new();
    for id in sources.ids() {
        let (file, found) = parse_file(sources, id);
        program.files.push(file);
        diagnostics.extend(found);
    }
    (program, diagnostics)
}

/// Parses one file.
pub fn parse_file(sources: &SourceMap, id: FileId) -> (File, Vec<Diagnostic>) {
    let text = sources.text(id);
    let mut file = File { id, items: Vec::new(), allows: Vec::new(), lost: Vec::new() };
    if let Some(diagnostic) = over_limit(id, text) {
        return (file, vec![diagnostic]);
    }
    let outline = outline::outline(id, text);
    let complained = outline
        .diagnostics
        .iter()
        .filter(|found| found.code != Code::E103)
        .map(|found| (found.primary.span.start, found.primary.span.end))
        .collect();
    let mut reader =
        Reader { file: id, text, diagnostics: outline.diagnostics, complained, lost: Vec::new() };
    file.allows = allow::read(sources, &outline.comments);
    for node in &outline.nodes {
        reader.lost.clear();
        match reader.item(node) {
            Some(item) => file.items.push(item),
            None => file.lost.extend(words(reader.piece(node.span).text)),
        }
    }
    (file, reader.diagnostics)
}

fn over_limit(id: FileId, text: &str) -> Option<Diagnostic> {
    if text.len() > MAX_FILE_BYTES {
        return Some(wording::limit(Span::new(id, 0, 0), "this file is too large", "1 MiB"));
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if content.len() > MAX_LINE_CHARS && content.chars().count() > MAX_LINE_CHARS {
            return Some(wording::limit(
                Span::new(id, at, at + content.chars().next().map_or(0, char::len_utf8)),
                "this line is too long",
                "10,000 characters",
            ));
        }
        at += line.len();
    }
    None
}

pub(super) struct Reader<'t> {
    pub(super) file: FileId,
    text: &'t str,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Places that the outline has complained about (but for blocks that are not closed): not read again.
    complained: BTreeSet<(u32, u32)>,
    /// Words of the lines of this item that could not be read.
    pub(super) lost: Vec<String>,
}

/// The names in a text.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

/// Clauses of a sync by first word: the rule, and the words before the `:` (0 = takes none).
pub(super) const CLAUSES: [(&str, Rule, usize); 14] = [
    ("start", Rule::start_clause, 1),
    ("filter", Rule::filter_clause, 2),
    ("match", Rule::match_clause, 1),
    ("create", Rule::create_clause, 2),
    ("veto", Rule::veto_clause, 2),
    ("conflict", Rule::conflict_clause, 1),
    ("delete", Rule::delete_clause, 1),
    ("leave", Rule::leave_clause, 1),
    ("guard", Rule::guard_clause, 1),
    ("on", Rule::convert_clause, 2),
    ("associate", Rule::associate_clause, 0),
    ("propagate", Rule::propagate_clause, 0),
    ("refresh", Rule::refresh_clause, 1),
    ("save_to", Rule::save_to_clause, 1),
];

/// Clauses that may be given several times.
const REPEATABLE: [&str; 6] = ["filter", "match", "create", "veto", "associate", "propagate"];

impl<'t> Reader<'t> {
    pub(super) fn piece(&self, span: Span) -> Piece<'t> {
        Piece { file: self.file, text: self.text.get(span.range()).unwrap_or(""), start: span.start as usize }
    }

    /// The strict parse of a statement, or its one diagnostic.
    pub(super) fn strict(&mut self, span: Span, rule: Rule, frame: Frame<'_>) -> Option<Pair<'t, Rule>> {
        let read = self.try_strict(span, rule, frame);
        if read.is_none() {
            let text = self.piece(span).text;
            self.lost.extend(words(text));
        }
        read
    }

    fn try_strict(&mut self, span: Span, rule: Rule, frame: Frame<'_>) -> Option<Pair<'t, Rule>> {
        if self.is_complained(span) {
            return None;
        }
        let piece = self.piece(span);
        if let Some(diagnostic) = cause::odd_characters(piece) {
            self.diagnostics.push(diagnostic);
            return None;
        }
        if too_deep(piece.text) {
            self.diagnostics.push(wording::nested_too_deep(span));
            return None;
        }
        match piece.parse(rule) {
            Ok(pair) => Some(pair),
            Err(stop) => {
                self.diagnostics.push(cause::cause(piece, &stop, frame));
                None
            }
        }
    }

    fn is_complained(&self, span: Span) -> bool {
        self.complained.range((span.start, 0)..=(span.end, u32::MAX)).any(|(_, end)| *end <= span.end)
    }

    pub(super) fn builder(&mut self, span: Span) -> Builder<'t, '_> {
        Builder { piece: self.piece(span), diagnostics: &mut self.diagnostics }
    }

    /// A word that is none of the known ones.
    pub(super) fn unknown(&mut self, span: Span, kind: &str, word: &str, known: &[&str]) {
        if word.is_empty() {
            let first = self.piece(span).text.chars().next().map_or(0, char::len_utf8);
            let at = Span::new(span.file, span.start as usize, span.start as usize + first);
            self.diagnostics.push(wording::unreadable(at, &[], false));
            return;
        }
        let at = Span::new(span.file, span.start as usize, span.start as usize + word.len());
        let near = nearest(word, known.iter().copied());
        self.diagnostics.push(wording::unknown_word(at, kind, word, near, known));
    }

    /// A statement that must not open a block.
    pub(super) fn line_only(&mut self, node: &Node) {
        if node.block.is_some() {
            self.diagnostics.push(wording::no_block_expected(node.span));
            self.complained.insert((node.span.start, node.span.end));
        }
    }

    fn item(&mut self, node: &Node) -> Option<Item> {
        let text = self.piece(node.span).text;
        let word = cause::first_word(text);
        if node.block.is_none() {
            if ITEM_WORDS.contains(&word) {
                self.diagnostics.push(wording::block_expected(node.span, word));
            } else if let Some(diagnostic) = cause::odd_characters(self.piece(node.span)) {
                self.diagnostics.push(diagnostic);
            } else if !self.is_complained(node.span) {
                self.diagnostics.push(if word.is_empty() {
                    wording::unreadable(node.span, &["an item such as `sync`"], false)
                } else {
                    let near = nearest(word, ITEM_WORDS);
                    let at =
                        Span::new(self.file, node.span.start as usize, node.span.start as usize + word.len());
                    wording::unknown_word(at, "item", word, near, &ITEM_WORDS)
                });
            }
            return None;
        }
        match word {
            "sync" => self.sync(node).map(Item::Sync),
            "stages" => self.stages(node).map(Item::Stages),
            "values" => self.values(node).map(Item::Values),
            "convert" => self.convert(node).map(Item::Convert),
            "owners" => self.owners(node).map(Item::Owners),
            "writeback" => self.writeback(node).map(Item::Writeback),
            "crm_settings" => self.crm_settings(node).map(Item::CrmSettings),
            "test" => self.test(node).map(Item::Test),
            "policy" => self.policy(node).map(Item::Policy),
            _ => {
                if let Some(diagnostic) = cause::odd_characters(self.piece(node.span)) {
                    self.diagnostics.push(diagnostic);
                } else {
                    self.unknown(node.span, "item", word, &ITEM_WORDS);
                }
                None
            }
        }
    }

    /// The header of an item. `None` also when it can't be read; its block is then not read either.
    pub(super) fn header(&mut self, node: &Node, rule: Rule, words: usize) -> Option<Pair<'t, Rule>> {
        let word = cause::first_word(self.piece(node.span).text);
        let colon = (words > 0).then_some((word, words));
        self.strict(node.span, rule, Frame { colon, no_colon: None, has_arrow: true })
    }

    fn sync(&mut self, node: &Node) -> Option<ast::Sync> {
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
        let header = self.strict(node.span, Rule::map_header, frame)?;
        let builder = self.builder(node.span);
        let arm = Parts::of(header).next(Rule::name).map(|pair| builder.ident(Some(pair)));
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

    /// A line of a plain shape, unless something was said about it before.
    pub(super) fn plain<T>(&self, span: Span, read: impl FnOnce(Piece<'t>) -> Option<T>) -> Option<T> {
        read(self.piece(span)).filter(|_| !self.is_complained(span))
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

/// From the statement's first byte to its block's last.
pub(super) fn whole(node: &Node) -> Span {
    node.block.as_ref().map_or(node.span, |block| node.span.to(block.span))
}

pub(super) fn block(node: &Node) -> &[Node] {
    node.block.as_ref().map_or(&[], |block| &block.nodes)
}

/// Whether a statement nests more deeply than the grammar may be asked to read.
pub(super) fn too_deep(text: &str) -> bool {
    // Each level takes a character at least.
    text.len() > MAX_NESTING && depth(text) > MAX_NESTING
}

/// How deeply brackets are nested in the code of a statement.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in outline::strip_strings_and_comment(text).chars() {
        match c {
            '(' | '[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // `not not not ...`, `- - -` and `if if if` nest without brackets.
    let code = outline::strip_strings_and_comment(text);
    let words = code.split_whitespace().filter(|word| *word == "not" || *word == "if").count();
    let minus = code
        .bytes()
        .zip(code.bytes().skip(1).chain([0]))
        .filter(|pair| pair.0 == b'-' && pair.1 != b'>')
        .count();
    deepest.max(words).max(minus)
}
