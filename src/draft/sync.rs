//! The drafted syncs as lines that can be switched off one by one, and their text.

use std::fmt::Write as _;

use super::fields::{self, FieldPair, Side, Via};
use super::maps::{self, StageProposal};
use super::similar::best;
use super::{CERTAIN, identifier, known, quoted};
use crate::resolve::Schemas;
use crate::schema::{Object, System, SystemKind};
use crate::syntax::ast::Direction;

/// One line of a draft. A line that is not active is a comment with its note.
#[derive(Debug, Clone)]
pub struct Line {
    pub text: String,
    pub active: bool,
    pub note: String,
    pub is_row: bool,
}

/// One drafted file.
#[derive(Debug)]
pub struct Draft {
    pub name: String,
    head: String,
    /// System names, left and right.
    systems: [String; 2],
    doc: String,
    clauses: Vec<Line>,
    rows: Vec<Line>,
    maps: Vec<Map>,
    /// An `owners` item belongs into this file.
    owners: bool,
}

/// A `values` or `stages` item.
#[derive(Debug)]
struct Map {
    head: String,
    rows: Vec<Line>,
    remarks: Vec<String>,
}

fn clause(text: String) -> Line {
    Line { text, active: true, note: String::new(), is_row: false }
}

impl Draft {
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.clauses.iter().chain(&self.rows).chain(self.maps.iter().flat_map(|map| &map.rows))
    }

    fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        self.clauses
            .iter_mut()
            .chain(&mut self.rows)
            .chain(self.maps.iter_mut().flat_map(|map| &mut map.rows))
    }

    /// Makes a comment of the line with this text; says whether it stood until now.
    pub fn leave_out(&mut self, text: &str, code: &str) -> bool {
        match self.lines_mut().find(|line| line.active && line.text == text) {
            Some(line) => {
                line.active = false;
                line.note = format!("the checker says {code}");
                true
            }
            None => false,
        }
    }

    /// No row writes a required field: records are not made there. `message` begins with the object's name.
    pub fn never_create(&mut self, message: &str) -> bool {
        let system = self.systems.iter().find(|system| message.starts_with(&format!("{system}.")));
        let Some(system) = system.cloned() else { return false };
        let never = format!("create {system}: never");
        if self.clauses.iter().any(|line| line.text == never) {
            return false;
        }
        let start = format!("create {system}:");
        self.clauses.retain(|line| !line.text.starts_with(&start));
        self.clauses.push(clause(never));
        true
    }

    pub fn match_nothing(&mut self) -> bool {
        let none = "match: none";
        if self.clauses.iter().any(|line| line.active && line.text == none) {
            return false;
        }
        self.clauses.push(clause(none.to_owned()));
        true
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        for line in self.doc.lines() {
            let _ = writeln!(out, "## {line}");
        }
        let _ = writeln!(out, "{} {{", self.head);
        write_lines(&mut out, &self.clauses);
        out.push_str("\nmap {\n");
        write_lines(&mut out, &self.rows);
        out.push_str("}\n}\n");
        for map in &self.maps {
            let _ = writeln!(out, "\n{} {{", map.head);
            write_lines(&mut out, &map.rows);
            for remark in &map.remarks {
                let _ = writeln!(out, "# {remark}");
            }
            out.push_str("else skip\n}\n");
        }
        if self.owners {
            let [left, right] = &self.systems;
            let _ = writeln!(
                out,
                "\nowners: {left} <-> {right} {{\nby email\ninactive -> hold\nunmatched -> hold\n}}"
            );
        }
        out
    }
}

fn write_lines(out: &mut String, lines: &[Line]) {
    for line in lines {
        let _ = match line.active {
            true => writeln!(out, "{}", line.text),
            false => writeln!(out, "# {}  ({})", line.text, line.note),
        };
    }
}

/// All syncs between two connections: the vendors' counterparts first, then objects with like names.
pub fn drafts(schemas: &Schemas, left: &str, right: &str) -> Vec<Draft> {
    let (Some(l), Some(r)) = (schemas.systems.get(left), schemas.systems.get(right)) else {
        return Vec::new();
    };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for known in &known::PAIRS {
        let (a, b) = match (l.kind, r.kind) {
            (SystemKind::Hubspot, SystemKind::Salesforce) => (known.hubspot, known.salesforce),
            (SystemKind::Salesforce, SystemKind::Hubspot) => (known.salesforce, known.hubspot),
            _ => continue,
        };
        if l.objects.contains_key(a) && r.objects.contains_key(b) {
            pairs.push((a, b));
        }
    }
    pairs.extend(alike(l, r, &pairs));
    let mut drafts: Vec<Draft> = Vec::new();
    for (a, b) in pairs {
        if let Some(draft) = draft((left, l, a), (right, r, b), &drafts) {
            drafts.push(draft);
        }
    }
    if let Some(first) =
        drafts.iter_mut().find(|draft| draft.rows.iter().any(|row| row.text.ends_with("using owners")))
    {
        first.owners = true;
    }
    drafts
}

/// Custom and other objects whose names or labels are the same on both sides.
fn alike<'s>(left: &'s System, right: &'s System, taken: &[(&str, &str)]) -> Vec<(&'s str, &'s str)> {
    let known = |system: &System, name: &str| {
        known::PAIRS.iter().any(|pair| match system.kind {
            SystemKind::Hubspot => pair.hubspot == name,
            SystemKind::Salesforce => pair.salesforce == name,
            _ => false,
        })
    };
    let standard = !taken.is_empty();
    let mut pairs = Vec::new();
    for (a, a_object) in &left.objects {
        for (b, b_object) in &right.objects {
            if standard && (known(left, a) || known(right, b)) {
                continue;
            }
            let score = best([a, &a_object.label], [b, &b_object.label]);
            let writable = |object: &Object| object.createable && object.updateable;
            let free = !pairs.iter().any(|(x, y)| *x == a.as_str() || *y == b.as_str());
            if score >= CERTAIN && free && (writable(a_object) || writable(b_object)) {
                pairs.push((a.as_str(), b.as_str()));
            }
        }
    }
    pairs
}

type End<'s> = (&'s str, &'s System, &'s str);

fn draft(left: End<'_>, right: End<'_>, before: &[Draft]) -> Option<Draft> {
    let side = |end: End<'_>| -> Option<(SystemKind, Object)> {
        Some((end.1.kind, end.1.objects.get(end.2)?.clone()))
    };
    let ((left_kind, left_object), (right_kind, right_object)) = (side(left)?, side(right)?);
    let l = Side { kind: left_kind, name: left.2, object: &left_object };
    let r = Side { kind: right_kind, name: right.2, object: &right_object };
    let direction = match (l.object.updateable, r.object.updateable) {
        (true, true) => Direction::Both,
        (false, true) => Direction::Right,
        (true, false) => Direction::Left,
        (false, false) => return None,
    };
    let pairs = fields::pairs(&l, &r);
    if !pairs.iter().any(|pair| pair.score >= CERTAIN) {
        return None;
    }
    let known = known::pair((left_kind, left.2), (right_kind, right.2));
    let name = known.map_or_else(|| identifier(left.2), |(pair, _)| pair.name.to_owned());
    let clauses = clauses(left, right, (&l, &r), direction, &pairs, before);
    let mut draft = Draft {
        head: format!("sync {name}: {}.{} {} {}.{}", left.0, left.2, direction.symbol(), right.0, right.2),
        systems: [left.0.to_owned(), right.0.to_owned()],
        doc: format!(
            "Drafted from the schemas of {} and {}. Rows behind `#` are guesses with their score:\n\
             look at every row before the first run, and run `twinmap check`.",
            left.0, right.0
        ),
        clauses,
        rows: Vec::new(),
        maps: Vec::new(),
        owners: false,
        name,
    };
    for pair in &pairs {
        row(&mut draft, left, right, &l, &r, pair);
    }
    // What is certain first; the sort keeps the order within.
    draft.rows.sort_by_key(|line| !line.active);
    Some(draft)
}

/// The clauses of a known pair, or a start and a match line.
fn clauses(
    left: End<'_>,
    right: End<'_>,
    (l, r): (&Side<'_>, &Side<'_>),
    direction: Direction,
    pairs: &[FieldPair],
    before: &[Draft],
) -> Vec<Line> {
    let known = known::pair((l.kind, left.2), (r.kind, right.2));
    let mut clauses = vec![clause("start: all".to_owned())];
    match known {
        Some((pair, swapped)) => {
            let (hubspot, salesforce) = if swapped { (right.0, left.0) } else { (left.0, right.0) };
            let fill = |text: &str| text.replace("LEFT", hubspot).replace("RIGHT", salesforce);
            clauses.extend(pair.clauses.iter().map(|text| clause(fill(text))));
            if let Some((association, lookup, through)) = pair.associate
                && before.iter().any(|draft| draft.name == through)
            {
                let (a, b) = if swapped { (lookup, association) } else { (association, lookup) };
                let arrow = direction.symbol();
                clauses.push(clause(format!("associate {a} {arrow} {b} through {through} primary")));
            }
        }
        None => clauses.push(clause(match_key(left, right, l, r, pairs))),
    }
    // A side that is not written has no creates to speak of; one that may not be created is only updated.
    for (system, object, written) in
        [(left.0, l.object, direction.goes_left()), (right.0, r.object, direction.goes_right())]
    {
        if !written || !object.createable {
            clauses.retain(|line| !line.text.starts_with(&format!("create {system}:")));
        }
        if written && !object.createable {
            clauses.push(clause(format!("create {system}: never")));
        }
    }
    clauses
}

/// A pair of unique fields, else e-mail addresses; without either, only stored ids.
fn match_key(left: End<'_>, right: End<'_>, l: &Side<'_>, r: &Side<'_>, pairs: &[FieldPair]) -> String {
    let unique = |pair: &&FieldPair| {
        let field =
            |side: &Side<'_>, name: &str| side.object.fields.get(name).is_some_and(|field| field.unique);
        pair.via == Via::Nothing && field(l, &pair.left) && field(r, &pair.right)
    };
    let email = |pair: &&FieldPair| pair.via == Via::Converter("email".to_owned());
    match pairs.iter().find(unique).or_else(|| pairs.iter().find(email)) {
        Some(pair) => format!("match: {}.{} == {}.{}", left.0, pair.left, right.0, pair.right),
        None => "match: none".to_owned(),
    }
}

fn row(draft: &mut Draft, left: End<'_>, right: End<'_>, l: &Side<'_>, r: &Side<'_>, pair: &FieldPair) {
    let arrow = pair.direction.symbol();
    let mut text = format!("{} {arrow} {}", pair.left, pair.right);
    let fields = l.object.fields.get(&pair.left).zip(r.object.fields.get(&pair.right));
    let Some((left_field, right_field)) = fields else { return };
    match &pair.via {
        Via::Nothing => {}
        Via::Converter(name) => {
            let _ = write!(text, " using {name}");
        }
        Via::Values => {
            let name = format!("{}_{}", draft.name, identifier(&pair.left));
            let _ = write!(text, " using {name}");
            let rows = maps::value_rows(left_field, right_field);
            // A map that says nothing for certain is no map: the row waits for a person.
            if !rows.iter().any(|row| row.active) {
                draft.rows.push(Line {
                    active: false,
                    note: "no like values".to_owned(),
                    ..Line::row(text, pair.score)
                });
                return;
            }
            if pair.score >= CERTAIN {
                draft.maps.push(Map {
                    head: format!(
                        "values {name}: {}.{}.{} {arrow} {}.{}.{}",
                        left.0, left.2, pair.left, right.0, right.2, pair.right
                    ),
                    rows: one_way(rows, pair.direction),
                    remarks: Vec::new(),
                });
            }
        }
        Via::Stages => {
            let names = stage_maps(draft, left, right, &maps::stages(l.object, r.object));
            if names.is_empty() {
                return;
            }
            let _ = write!(text, " using {}", names.join(", "));
        }
    }
    draft.rows.push(Line::row(text, pair.score));
}

/// The rows of a map whose field only goes one way.
fn one_way(rows: Vec<Line>, direction: Direction) -> Vec<Line> {
    if direction == Direction::Both {
        return rows;
    }
    rows.into_iter()
        .map(|row| Line { text: row.text.replacen("<->", direction.symbol(), 1), ..row })
        .collect()
}

fn stage_maps(draft: &mut Draft, left: End<'_>, right: End<'_>, proposals: &[StageProposal]) -> Vec<String> {
    let mut names = Vec::new();
    for proposal in proposals.iter().filter(|proposal| proposal.rows.iter().any(|row| row.score >= CERTAIN)) {
        let name = match &proposal.pipeline {
            Some(pipeline) => format!("stages_{}", identifier(pipeline)),
            None => "stages_all".to_owned(),
        };
        draft.maps.push(Map {
            head: stage_head(&name, (left.0, left.2), (right.0, right.2), proposal),
            rows: stage_rows(proposal),
            remarks: remarks(proposal),
        });
        names.push(name);
    }
    names
}

/// `stages NAME: LEFT pipeline "..." <-> RIGHT record_type "..."`
pub fn stage_head(name: &str, left: (&str, &str), right: (&str, &str), proposal: &StageProposal) -> String {
    let scope = |word: &str, scope: &Option<String>| {
        scope.as_ref().map(|scope| format!(" {word} {}", quoted(scope))).unwrap_or_default()
    };
    format!(
        "stages {name}: {}.{}{} <-> {}.{}{}",
        left.0,
        left.1,
        scope("pipeline", &proposal.pipeline),
        right.0,
        right.1,
        scope("record_type", &proposal.record_type)
    )
}

fn stage_rows(proposal: &StageProposal) -> Vec<Line> {
    let row = |row: &super::StagePair| {
        Line::row(format!("{} <-> {}", quoted(&row.left), quoted(&row.right)), row.score)
    };
    proposal.rows.iter().map(row).collect()
}

fn remarks(proposal: &StageProposal) -> Vec<String> {
    let list = |values: &[String]| values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ");
    let mut remarks = Vec::new();
    for (side, values) in [("left", &proposal.unmatched_left), ("right", &proposal.unmatched_right)] {
        if !values.is_empty() {
            remarks.push(format!("without a counterpart on the {side}: {}", list(values)));
        }
    }
    remarks
}

/// A proposal as a `stages` item, every row with its score.
pub fn stage_item(name: &str, left: (&str, &str), right: (&str, &str), proposal: &StageProposal) -> String {
    let mut out = format!("{} {{\n", stage_head(name, left, right, proposal));
    for (line, row) in stage_rows(proposal).iter().zip(&proposal.rows) {
        let _ = match line.active {
            true => writeln!(
                out,
                "{} # {} and {}, score {}",
                line.text, row.left_label, row.right_label, row.score
            ),
            false => writeln!(
                out,
                "# {}  ({} and {}, score {})",
                line.text, row.left_label, row.right_label, row.score
            ),
        };
    }
    for remark in remarks(proposal) {
        let _ = writeln!(out, "# {remark}");
    }
    out.push_str("else skip\n}\n");
    out
}
