//! Rows with their converters, value maps and stage maps.

use super::Lower;
use crate::builtin::{Converter, Func};
use crate::plan::ir::{
    self, Convert, Else, Expr, OwnerElse, OwnersId, Row, Side, StageMap, StagesId, Transfer, ValueMap,
    ValuesId,
};
use crate::resolve::hir::{self, End, Use};
use crate::syntax::ast::{self, ElseAction};

impl<'a> Lower<'_, 'a> {
    /// The row, and for stage maps with a pipeline or record type the row that carries that along.
    pub(super) fn row(&mut self, sync: &hir::Sync<'a>, row: &hir::Row<'a>) -> Vec<Row> {
        let left = self.end_field(&row.left);
        let right = self.end_field(&row.right);
        let transfer = |lower: &mut Self, to: Side| {
            row.target(to)?;
            let source = lower.source(row.end(to.other()), to.other());
            let mut expr = lower.converted(row, to, source);
            if let Some(default) = &row.default {
                let default = lower.expr(default);
                expr = Expr::Call { func: Func::Coalesce, args: vec![expr, default] };
            }
            Some(Transfer {
                expr,
                when: row.when.as_ref().map(|when| lower.expr(when)),
                if_empty: row.if_empty,
                on_create: row.on_create,
                cut: row.cut,
                may_blank: row.may_blank,
            })
        };
        let (to_right, to_left) = (transfer(self, Side::Right), transfer(self, Side::Left));
        let name = |lower: &Self, end: &End<'a>| match end {
            End::Field(field) => field.name.to_owned(),
            End::Expr(expr) => lower.source_line(expr.span),
        };
        let text = self.source_line(row.span);
        let arrow = row.arrow.direction.symbol();
        let at = self.at(row.span);
        let lowered = Row {
            id: format!("{}:{}{arrow}{}", sync.name.text, name(self, &row.left), name(self, &row.right)),
            doc: row.doc.clone(),
            left,
            right,
            to_right,
            to_left,
            prefer: row.prefer.map(|(side, _)| side),
            owned_by: row.owned_by.map(|(side, _)| side),
            text,
            at,
        };
        let scope = self.scope_row(sync, row, &lowered);
        // The pipeline goes before the stage, as the vendors want it.
        scope.into_iter().chain(std::iter::once(lowered)).collect()
    }

    fn end_field(&mut self, end: &End<'a>) -> Option<ir::FieldId> {
        match end {
            End::Field(field) => Some(self.tables.field(*field)),
            End::Expr(_) => None,
        }
    }

    fn source(&mut self, end: &End<'a>, side: Side) -> Expr {
        match end {
            End::Field(field) => Expr::Field { side, field: self.tables.field(*field) },
            End::Expr(expr) => self.expr(expr),
        }
    }

    fn converted(&mut self, row: &hir::Row<'a>, to: Side, value: Expr) -> Expr {
        let maps = stage_maps(row);
        if !maps.is_empty() {
            return Expr::MapStage { maps, to, value: Box::new(value) };
        }
        row.uses.iter().fold(value, |value, item| self.convert(item, to, Box::new(value)))
    }

    fn convert(&mut self, item: &Use, to: Side, value: Box<Expr>) -> Expr {
        let builtin = |converter| Expr::Convert { converter, to, value: value.clone() };
        match item {
            Use::Values(index, _) => Expr::MapValue { map: ValuesId(id(*index)), to, value },
            Use::Multi { values, .. } => Expr::MapSet { map: ValuesId(id(*values)), to, value },
            Use::Owners(index, _) => {
                let map = index.unwrap_or(0);
                Expr::MapOwner { map: OwnersId(id(map)), to, value }
            }
            Use::Convert(index, _) => {
                let Some(found) = self.program.converts.get(*index) else { return *value };
                let arm = if to == Side::Right { &found.right } else { &found.left };
                match arm {
                    Some(body) => Expr::Let { value, body: Box::new(self.expr(body)) },
                    None => *value,
                }
            }
            Use::CalendarDay { zone, .. } => builtin(Convert::CalendarDay { zone: zone.clone() }),
            Use::Phone { region, .. } => builtin(Convert::Phone { region: region.clone() }),
            Use::IdOf { sync, .. } => Expr::LinkedId { sync: self.sync_id(sync), to, value },
            Use::Builtin(converter, _) => match converter {
                Converter::WebAddress => builtin(Convert::WebAddress),
                Converter::Email => builtin(Convert::Email),
                Converter::Percent => builtin(Convert::Percent),
                Converter::Cents => builtin(Convert::Cents),
                Converter::YesNo => builtin(Convert::YesNo),
                Converter::Trimmed => builtin(Convert::Trimmed),
                Converter::Lowercase => builtin(Convert::Lowercase),
                Converter::Country => builtin(Convert::Country),
                Converter::State => builtin(Convert::State),
                Converter::RichText => builtin(Convert::RichText),
                Converter::Owners
                | Converter::CalendarDay
                | Converter::Phone
                | Converter::IdOf
                | Converter::Multi => *value,
            },
            Use::Stages(..) | Use::Unknown => *value,
        }
    }

    fn scope_row(&mut self, sync: &hir::Sync<'a>, row: &hir::Row<'a>, stage: &Row) -> Option<Row> {
        let maps = stage_maps(row);
        let scoped = |lower: &Self, side: Side| {
            row.uses.iter().find_map(|item| match item {
                Use::Stages(index, _) => {
                    let map = lower.program.stages.get(*index)?;
                    let end = if side == Side::Left { &map.left } else { &map.right };
                    end.scope.as_ref().map(|_| end.object)
                }
                _ => None,
            })
        };
        let field = |lower: &mut Self, side: Side| {
            let object = scoped(lower, side)?;
            scope_field(object).and_then(|name| lower.tables.named(object, name))
        };
        let (left, right) = (field(self, Side::Left), field(self, Side::Right));
        if left.is_none() && right.is_none() {
            return None;
        }
        let transfer = |lower: &mut Self, to: Side| {
            let target = if to == Side::Left { left } else { right };
            row.target(to)?;
            target?;
            let value = Box::new(lower.source(row.end(to.other()), to.other()));
            Some(Transfer {
                expr: Expr::MapScope { maps: maps.clone(), to, value },
                when: None,
                if_empty: false,
                on_create: false,
                cut: false,
                may_blank: false,
            })
        };
        let (to_right, to_left) = (transfer(self, Side::Right), transfer(self, Side::Left));
        Some(Row {
            id: format!("{}:scope of {}", sync.name.text, stage.id.split(':').next_back().unwrap_or("")),
            doc: None,
            left,
            right,
            to_right,
            to_left,
            prefer: stage.prefer,
            owned_by: stage.owned_by,
            text: format!("pipeline and record type, by {}", stage.text),
            at: stage.at.clone(),
        })
    }

    pub(super) fn stage_map(&mut self, map: &hir::StageMap<'a>) -> StageMap {
        let scope = |end: &hir::MapEnd<'a>| {
            let (name, _) = end.scope.as_ref()?;
            // A record type is written by id; the snapshot knows the id of this environment.
            let types = &end.object.schema.record_types;
            let by_name = types.iter().find(|known| known.name == *name).map(|known| known.id.clone());
            Some(by_name.unwrap_or_else(|| name.clone()))
        };
        let field = |lower: &mut Self, end: &hir::MapEnd<'a>| {
            end.scope.as_ref()?;
            scope_field(end.object).and_then(|name| lower.tables.named(end.object, name))
        };
        let (left_scope_field, right_scope_field) = (field(self, &map.left), field(self, &map.right));
        StageMap {
            name: map.name.text.clone(),
            left_scope: scope(&map.left),
            right_scope: scope(&map.right),
            left_scope_field,
            right_scope_field,
            to_right: table(&map.rows, true),
            to_left: table(&map.rows, false),
            else_right: else_action(&map.elses, true).unwrap_or(Else::Skip),
            else_left: else_action(&map.elses, false).unwrap_or(Else::Skip),
        }
    }
}

/// The field that says which pipeline or record type a record is in.
fn scope_field(object: hir::Object<'_>) -> Option<&'static str> {
    ["pipeline", "hs_pipeline", "RecordTypeId"]
        .into_iter()
        .find(|name| object.schema.fields.contains_key(*name))
}

fn stage_maps(row: &hir::Row<'_>) -> Vec<StagesId> {
    row.uses
        .iter()
        .filter_map(|item| match item {
            Use::Stages(index, _) => Some(StagesId(id(*index))),
            _ => None,
        })
        .collect()
}

pub fn value_map(map: &hir::ValueMap<'_>) -> ValueMap {
    ValueMap {
        name: map.name.text.clone(),
        to_right: table(&map.rows, true),
        to_left: table(&map.rows, false),
        else_right: else_action(&map.elses, true).unwrap_or(Else::Hold),
        else_left: else_action(&map.elses, false).unwrap_or(Else::Hold),
    }
}

fn table(rows: &[ast::ValueRow], right: bool) -> std::collections::BTreeMap<String, String> {
    let goes = |row: &&ast::ValueRow| {
        if right { row.arrow.direction.goes_right() } else { row.arrow.direction.goes_left() }
    };
    rows.iter()
        .filter(goes)
        .map(|row| {
            let (left, right_value) = (row.left.value.clone(), row.right.value.clone());
            if right { (left, right_value) } else { (right_value, left) }
        })
        .collect()
}

fn else_action(elses: &[ast::ElseRow], right: bool) -> Option<Else> {
    elses.iter().find_map(|row| match &row.action {
        ElseAction::Skip => Some(Else::Skip),
        ElseAction::Hold => Some(Else::Hold),
        ElseAction::Fail => Some(Else::Fail),
        ElseAction::To { direction, value } => {
            let direction = direction.direction;
            let goes = if right { direction.goes_right() } else { direction.goes_left() };
            goes.then(|| Else::To(value.value.clone()))
        }
    })
}

pub fn owner_else(action: Option<&ast::OwnerAction>) -> OwnerElse {
    match action {
        Some(ast::OwnerAction::Owner(email)) => OwnerElse::Owner(email.value.to_lowercase()),
        Some(ast::OwnerAction::Word(word)) if word.text == "skip" => OwnerElse::Skip,
        Some(ast::OwnerAction::Word(word)) if word.text == "blank" => OwnerElse::Blank,
        _ => OwnerElse::Hold,
    }
}

fn id(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
