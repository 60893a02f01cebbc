//! The items other than `sync`: value maps, converters, owners, writebacks, settings, policies.

use super::ast::{self, PolicyRuleKind, SettingsClauseKind, WritebackClauseKind};
use super::build::{Builder, Parts};
use super::cause::{self, Frame};
use super::grammar::Rule;
use super::items::{Reader, block, whole};
use super::outline::Node;
use super::plain;
use crate::diag::errors::text as wording;
use pest::iterators::Pair;

const ROW: Frame<'static> = Frame { colon: None, no_colon: None, has_arrow: true };

/// What a `stages` and a `values` item have in common.
struct ValueTable {
    name: ast::Ident,
    left: ast::MapEnd,
    arrow: ast::Arrow,
    right: ast::MapEnd,
    rows: Vec<ast::ValueRow>,
    elses: Vec<ast::ElseRow>,
    broken: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn stages(&mut self, node: &Node) -> Option<ast::Stages> {
        let ValueTable { name, left, arrow, right, rows, elses, broken } =
            self.table(node, Rule::stages_header)?;
        Some(ast::Stages {
            doc: node.doc.clone(),
            name,
            left,
            arrow,
            right,
            rows,
            elses,
            broken,
            header: node.span,
            span: whole(node),
        })
    }

    pub(super) fn values(&mut self, node: &Node) -> Option<ast::Values> {
        let ValueTable { name, left, arrow, right, rows, elses, broken } =
            self.table(node, Rule::values_header)?;
        Some(ast::Values {
            doc: node.doc.clone(),
            name,
            left,
            arrow,
            right,
            rows,
            elses,
            broken,
            header: node.span,
            span: whole(node),
        })
    }

    fn table(&mut self, node: &Node, rule: Rule) -> Option<ValueTable> {
        let header = self.header(node, rule, 2)?;
        let mut builder = self.builder(node.span);
        let mut parts = Parts::of(header);
        let name = builder.ident(parts.next(Rule::name));
        let left = map_end(&mut builder, parts.next(Rule::map_end)?);
        let arrow = builder.arrow(parts.next(Rule::arrow));
        let right = map_end(&mut builder, parts.next(Rule::map_end)?);
        let (mut rows, mut elses) = (Vec::new(), Vec::new());
        for line in block(node) {
            self.line_only(line);
            if let Some(row) = self.plain(line.span, plain::value_row) {
                rows.push(row);
                continue;
            }
            let Some(pair) = self.strict(line.span, Rule::value_line, ROW) else { continue };
            let mut builder = self.builder(line.span);
            match Parts::of(pair).any() {
                Some(pair) if pair.as_rule() == Rule::value_row => rows.push(value_row(&mut builder, pair)),
                Some(pair) => elses.extend(else_row(&mut builder, pair)),
                None => {}
            }
        }
        let broken = rows.len() + elses.len() < block(node).len();
        Some(ValueTable { name, left, arrow, right, rows, elses, broken })
    }

    pub(super) fn convert(&mut self, node: &Node) -> Option<ast::Convert> {
        let header = self.header(node, Rule::convert_header, 0)?;
        let name = self.builder(node.span).ident(Parts::of(header).next(Rule::name));
        let (mut right, mut left, mut broken) = (None, None, false);
        for line in block(node) {
            self.line_only(line);
            let Some(pair) = self.strict(line.span, Rule::convert_arm, ROW) else {
                broken = true;
                continue;
            };
            let mut builder = self.builder(line.span);
            let mut parts = Parts::of(pair);
            let arrow = builder.arrow(parts.next(Rule::arrow));
            let body = builder.expr(parts.next(Rule::expr));
            let arm = ast::ConvertArm { arrow, body, span: line.span };
            let slots = match arrow.direction {
                ast::Direction::Right => vec![&mut right],
                ast::Direction::Left => vec![&mut left],
                ast::Direction::Both => vec![&mut right, &mut left],
            };
            let mut twice = None;
            for slot in slots {
                match slot {
                    Some(ast::ConvertArm { span, .. }) => twice = Some(*span),
                    None => *slot = Some(arm.clone()),
                }
            }
            if let Some(first) = twice {
                self.diagnostics.push(wording::given_twice(line.span, first, arrow.direction.symbol()));
            }
        }
        let doc = node.doc.clone();
        Some(ast::Convert { doc, name, right, left, broken, header: node.span, span: whole(node) })
    }

    pub(super) fn owners(&mut self, node: &Node) -> Option<ast::Owners> {
        let header = self.header(node, Rule::owners_header, 1)?;
        let builder = self.builder(node.span);
        let names = builder.idents(Parts::of(header.clone()));
        let arrow = builder.arrow(Parts::of(header).next(Rule::arrow));
        let mut names = names.into_iter().rev();
        let (right, left, name) = (names.next()?, names.next()?, names.next());
        let mut owners = ast::Owners {
            doc: node.doc.clone(),
            name,
            left,
            arrow,
            right,
            by: None,
            rows: Vec::new(),
            inactive: None,
            unmatched: None,
            header: node.span,
            span: whole(node),
        };
        for line in block(node) {
            self.line_only(line);
            let Some(pair) = self.strict(line.span, Rule::owners_line, ROW) else { continue };
            let mut builder = self.builder(line.span);
            let Some(inner) = Parts::of(pair).any() else { continue };
            match inner.as_rule() {
                Rule::owners_by => owners.by = Some(builder.ident(Parts::of(inner).next(Rule::name))),
                Rule::value_row => owners.rows.push(value_row(&mut builder, inner)),
                _ => {
                    let mut parts = Parts::of(inner);
                    let what = builder.ident(parts.next(Rule::name));
                    parts.next(Rule::right_arrow);
                    let action = match parts.any() {
                        Some(pair) if pair.as_rule() == Rule::string => {
                            ast::OwnerAction::Owner(builder.text(Some(pair)))
                        }
                        pair => ast::OwnerAction::Word(builder.ident(pair)),
                    };
                    let policy = ast::OwnerPolicy { action, span: line.span };
                    let slot = match what.text.as_str() {
                        "inactive" => &mut owners.inactive,
                        "unmatched" => &mut owners.unmatched,
                        _ => {
                            self.unknown(
                                line.span,
                                "owner rule",
                                &what.text,
                                &["by", "inactive", "unmatched"],
                            );
                            continue;
                        }
                    };
                    let first = slot.replace(policy);
                    if let Some(first) = first {
                        self.diagnostics.push(wording::given_twice(line.span, first.span, &what.text));
                    }
                }
            }
        }
        Some(owners)
    }

    pub(super) fn writeback(&mut self, node: &Node) -> Option<ast::Writeback> {
        let header = self.header(node, Rule::writeback_header, 2)?;
        let mut names = self.builder(node.span).idents(Parts::of(header)).into_iter();
        let (name, from, to) = (names.next()?, names.next()?, names.next()?);
        let mut clauses = Vec::new();
        for line in block(node) {
            self.line_only(line);
            let frame = Frame { has_arrow: cause::looks_like_row(self.piece(line.span).text), ..ROW };
            let Some(pair) = self.strict(line.span, Rule::writeback_line, frame) else { continue };
            let mut builder = self.builder(line.span);
            let Some(inner) = Parts::of(pair).any() else { continue };
            match writeback_kind(&mut builder, inner) {
                Ok(kind) => clauses.push(ast::WritebackClause { kind, span: line.span }),
                Err(word) => {
                    let known = ["items", "seats", "seat", "owner", "creator", "unresolved"];
                    self.unknown(line.span, "clause", &word, &known);
                }
            }
        }
        Some(ast::Writeback {
            doc: node.doc.clone(),
            name,
            from,
            to,
            clauses,
            header: node.span,
            span: whole(node),
        })
    }

    pub(super) fn crm_settings(&mut self, node: &Node) -> Option<ast::CrmSettings> {
        let header = self.header(node, Rule::settings_header, 2)?;
        let mut names = self.builder(node.span).idents(Parts::of(header)).into_iter();
        let (system, crm) = (names.next()?, names.next()?);
        let mut clauses = Vec::new();
        for line in block(node) {
            self.line_only(line);
            let word = cause::first_word(self.piece(line.span).text);
            let frame = Frame { colon: Some((word, 1)), no_colon: None, has_arrow: false };
            let Some(pair) = self.strict(line.span, Rule::settings_line, frame) else { continue };
            let mut builder = self.builder(line.span);
            let Some(inner) = Parts::of(pair).any() else { continue };
            let kind = match inner.as_rule() {
                Rule::wb_seats => SettingsClauseKind::Seats(builder.ident(Parts::of(inner).next(Rule::name))),
                Rule::wb_seat => {
                    let mut parts = Parts::of(inner);
                    let email = builder.text(parts.next(Rule::string));
                    SettingsClauseKind::Seat { email, state: builder.ident(parts.next(Rule::name)) }
                }
                Rule::set_save => SettingsClauseKind::AutoSave(builder.idents(Parts::of(inner))),
                _ => {
                    let mut parts = Parts::of(inner);
                    let what = builder.ident(parts.next(Rule::name));
                    let value = match parts.any() {
                        Some(pair) if pair.as_rule() == Rule::string => {
                            ast::SettingValue::Text(builder.text(Some(pair)))
                        }
                        pair => ast::SettingValue::Name(builder.ident(pair)),
                    };
                    match what.text.as_str() {
                        "pipeline_entry" => SettingsClauseKind::PipelineEntry(value),
                        "won_value" => SettingsClauseKind::WonValue(value),
                        _ => {
                            let known = ["seats", "seat", "pipeline_entry", "won_value", "auto_save"];
                            self.unknown(line.span, "setting", &what.text, &known);
                            continue;
                        }
                    }
                }
            };
            clauses.push(ast::SettingsClause { kind, span: line.span });
        }
        Some(ast::CrmSettings {
            doc: node.doc.clone(),
            system,
            crm,
            clauses,
            header: node.span,
            span: whole(node),
        })
    }

    pub(super) fn policy(&mut self, node: &Node) -> Option<ast::Policy> {
        let header = self.header(node, Rule::policy_header, 0)?;
        let name = self.builder(node.span).text(Parts::of(header).next(Rule::string));
        let mut rules = Vec::new();
        for line in block(node) {
            self.line_only(line);
            let frame = Frame { colon: None, no_colon: Some("deny"), has_arrow: false };
            let Some(pair) = self.strict(line.span, Rule::policy_line, frame) else { continue };
            let mut builder = self.builder(line.span);
            let Some(inner) = inner_of(pair) else { continue };
            let rule = inner.as_rule();
            let mut parts = Parts::of(inner);
            let kind = match rule {
                Rule::deny_plan => {
                    PolicyRuleKind::DenyPlan { condition: builder.expr(parts.next(Rule::expr)) }
                }
                Rule::deny_write => {
                    let target = builder.path(parts.next(Rule::path));
                    PolicyRuleKind::DenyWrite { target, except: except(&builder, parts) }
                }
                _ => {
                    let what = builder.path(parts.next(Rule::path));
                    let to = builder.ident(parts.next(Rule::name));
                    PolicyRuleKind::DenySend { what, to, except: except(&builder, parts) }
                }
            };
            rules.push(ast::PolicyRule { kind, span: line.span });
        }
        Some(ast::Policy { name, rules, header: node.span, span: whole(node) })
    }
}

/// The rule behind the leading keyword of a policy line.
fn inner_of(pair: Pair<'_, Rule>) -> Option<Pair<'_, Rule>> {
    pair.into_inner()
        .find(|part| matches!(part.as_rule(), Rule::deny_write | Rule::deny_send | Rule::deny_plan))
}

fn except(builder: &Builder<'_, '_>, mut parts: Parts<'_>) -> Vec<ast::Ident> {
    parts.next(Rule::except).map_or_else(Vec::new, |pair| builder.idents(Parts::of(pair)))
}

fn map_end<'t>(builder: &mut Builder<'t, '_>, pair: Pair<'t, Rule>) -> ast::MapEnd {
    let span = builder.span(&pair);
    let mut parts = Parts::of(pair);
    let path = builder.path(parts.next(Rule::path));
    let word = parts.next(Rule::name).map(|pair| builder.ident(Some(pair)));
    let qualifier = word.map(|word| ast::Qualifier { word, value: builder.text(parts.next(Rule::string)) });
    ast::MapEnd { path, qualifier, span }
}

pub(super) fn value_row<'t>(builder: &mut Builder<'t, '_>, pair: Pair<'t, Rule>) -> ast::ValueRow {
    let span = builder.span(&pair);
    let mut parts = Parts::of(pair);
    let left = builder.text(parts.next(Rule::string));
    let arrow = builder.arrow(parts.next(Rule::arrow));
    ast::ValueRow { left, arrow, right: builder.text(parts.next(Rule::string)), span }
}

fn else_row<'t>(builder: &mut Builder<'t, '_>, pair: Pair<'t, Rule>) -> Option<ast::ElseRow> {
    let span = builder.span(&pair);
    let mut parts = Parts::of(pair);
    parts.next(Rule::kw_else);
    let action = match parts.peek() {
        Some(Rule::arrow) => {
            let direction = builder.arrow(parts.next(Rule::arrow));
            ast::ElseAction::To { direction, value: builder.text(parts.next(Rule::string)) }
        }
        _ => {
            let word = builder.ident(parts.next(Rule::name));
            match word.text.as_str() {
                "skip" => ast::ElseAction::Skip,
                "hold" => ast::ElseAction::Hold,
                "fail" => ast::ElseAction::Fail,
                text => {
                    let known = ["skip", "hold", "fail"];
                    let near = crate::diag::suggest::nearest(text, known);
                    builder.diagnostics.push(wording::unknown_word(
                        word.span,
                        "`else` rule",
                        text,
                        near,
                        &known,
                    ));
                    return None;
                }
            }
        }
    };
    Some(ast::ElseRow { action, span })
}

fn writeback_kind<'t>(
    builder: &mut Builder<'t, '_>,
    pair: Pair<'t, Rule>,
) -> Result<WritebackClauseKind, String> {
    let rule = pair.as_rule();
    let mut parts = Parts::of(pair.clone());
    Ok(match rule {
        Rule::wb_items => WritebackClauseKind::Items(builder.idents(parts)),
        Rule::wb_seats => WritebackClauseKind::Seats(builder.ident(parts.next(Rule::name))),
        Rule::wb_seat => {
            let email = builder.text(parts.next(Rule::string));
            WritebackClauseKind::Seat { email, state: builder.ident(parts.next(Rule::name)) }
        }
        Rule::wb_only => {
            let kind = builder.ident(parts.next(Rule::name));
            WritebackClauseKind::Only { kind, condition: builder.expr(parts.next(Rule::expr)) }
        }
        Rule::wb_target => {
            let (mut kinds, mut on) = (Vec::new(), Vec::new());
            let mut object = None;
            let mut behind = false;
            while let Some(part) = parts.any() {
                match part.as_rule() {
                    Rule::right_arrow => behind = true,
                    Rule::name if !behind => kinds.push(builder.ident(Some(part))),
                    Rule::name if object.is_none() => object = Some(builder.ident(Some(part))),
                    Rule::name => on.push(builder.ident(Some(part))),
                    _ => {}
                }
            }
            let object = object.unwrap_or_else(|| builder.ident(None));
            WritebackClauseKind::Target { kinds, object, on }
        }
        _ => {
            let what = builder.ident(parts.next(Rule::name));
            let value = builder.ident(parts.next(Rule::name));
            match what.text.as_str() {
                "owner" => WritebackClauseKind::Owner(value),
                "creator" => WritebackClauseKind::Creator(value),
                "unresolved" => WritebackClauseKind::Unresolved(value),
                _ => return Err(what.text),
            }
        }
    })
}
