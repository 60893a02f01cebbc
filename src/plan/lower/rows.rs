//! Rows with their converters, value maps and stage maps.

use super::Lower;
use crate::builtin::{Converter, Func};
use crate::plan::ir::{
    self, Convert, Else, Expr, OwnerElse, OwnerMap, OwnersId, Row, Side, StageMap, StagesId, Transfer,
    ValueMap, ValuesId,
};
use crate::resolve::hir::{self, End, Use};
use crate::schema::FieldType;
use crate::syntax::ast::{self, ElseAction};
use crate::value::Value;

impl<'a> Lower<'_, 'a> {
    /// The row, and for stage maps with a pipeline or record type the row that carries that along.
    pub(super) fn row(&mut self, sync: &hir::Sync<'a>, arm: &hir::Arm<'a>, row: &hir::Row<'a>) -> Vec<Row> {
        let objects = (sync.left, arm.right);
        let left = self.end_field(&row.left);
        let right = self.end_field(&row.right);
        let transfer = |lower: &mut Self, to: Side| {
            let target = row.target(to)?;
            let source = lower.source(row.end(to.other()), to.other());
            let mut expr = lower.converted(row, objects, to, source);
            if let Some(default) = row.default.as_ref().filter(|default| can_hold(target, default)) {
                let default = lower.expr(default);
                expr = Expr::Call { func: Func::Coalesce, args: vec![expr, default] };
            }
            Some(Transfer {
                expr,
                when: row.when.as_ref().map(|when| lower.expr(when)),
                if_empty: row.if_empty,
                on_create: row.on_create,
                cut: row.cut.is_some(),
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
        let scope = self.scope_row(sync, objects, row, &lowered);
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

    /// The value through the row's converters: in the order written from tail to head, on the way back of a two-way
    /// row from the last to the first.
    fn converted(
        &mut self,
        row: &hir::Row<'a>,
        objects: (hir::Object<'a>, hir::Object<'a>),
        to: Side,
        value: Expr,
    ) -> Expr {
        let maps = self.stage_maps(row, objects);
        if !maps.is_empty() {
            return Expr::MapStage { maps, to, value: Box::new(value) };
        }
        let back = row.arrow.direction == ast::Direction::Both && to == Side::Left;
        let uses: Vec<&Use> = if back { row.uses.iter().rev().collect() } else { row.uses.iter().collect() };
        uses.into_iter().fold(value, |value, item| {
            let flipped = self.program.is_flipped(row, objects, item).unwrap_or(false);
            if let Use::Builtin(Converter::Country | Converter::State, _) = item {
                return self.named_place(row, to, value);
            }
            self.convert(item, to, flipped, objects, Box::new(value))
        })
    }

    fn convert(
        &mut self,
        item: &Use,
        to: Side,
        flipped: bool,
        objects: (hir::Object<'a>, hir::Object<'a>),
        value: Box<Expr>,
    ) -> Expr {
        // A built-in that is written the other way round than it stands here changes its direction.
        let way = if flipped { to.other() } else { to };
        let builtin = |converter| Expr::Convert { converter, to: way, value: value.clone() };
        match item {
            Use::Values(index, _) => Expr::MapValue { map: self.values_id(*index, flipped), to, value },
            Use::Multi { values, .. } => Expr::MapSet { map: self.values_id(*values, flipped), to, value },
            Use::Owners(index, _) => {
                let known = self.program.owner_map(objects, *index);
                let map = self.owners_id(known, flipped, objects);
                Expr::MapOwner { map, to, value }
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
                Converter::RichText => builtin(Convert::RichText),
                Converter::Owners
                | Converter::Country
                | Converter::State
                | Converter::CalendarDay
                | Converter::Phone
                | Converter::IdOf
                | Converter::Multi => *value,
            },
            Use::Stages(..) | Use::Unknown => *value,
        }
    }

    fn values_id(&mut self, index: usize, mirrored: bool) -> ValuesId {
        if !mirrored {
            return ValuesId(id(index));
        }
        if let Some(known) = self.mirrored_values.get(&index) {
            return ValuesId(id(*known));
        }
        let Some(map) = self.values.get(index).cloned() else { return ValuesId(id(index)) };
        let mirror = ValueMap {
            name: map.name,
            to_right: map.to_left,
            to_left: map.to_right,
            else_right: map.else_left,
            else_left: map.else_right,
        };
        self.values.push(mirror);
        self.mirrored_values.insert(index, self.values.len() - 1);
        ValuesId(id(self.values.len() - 1))
    }

    /// The owner map that stands as the row does; without one, owners are matched by e-mail and the rest is held.
    fn owners_id(
        &mut self,
        index: Option<usize>,
        mirrored: bool,
        objects: (hir::Object<'a>, hir::Object<'a>),
    ) -> OwnersId {
        if let (Some(index), false) = (index, mirrored) {
            return OwnersId(id(index));
        }
        let (left, right) = (self.tables.system(objects.0.system), self.tables.system(objects.1.system));
        let wanted = match index.and_then(|index| self.owners.get(index)).cloned() {
            Some(map) => OwnerMap { left, right, to_right: map.to_left, to_left: map.to_right, ..map },
            None => OwnerMap {
                left,
                right,
                to_right: Default::default(),
                to_left: Default::default(),
                inactive: OwnerElse::Hold,
                unmatched: OwnerElse::Hold,
            },
        };
        let known = self.owners.iter().position(|map| *map == wanted);
        let at = known.unwrap_or_else(|| {
            self.owners.push(wanted);
            self.owners.len() - 1
        });
        OwnersId(id(at))
    }

    fn stages_id(&mut self, index: usize, mirrored: bool) -> StagesId {
        if !mirrored {
            return StagesId(id(index));
        }
        if let Some(known) = self.mirrored_stages.get(&index) {
            return StagesId(id(*known));
        }
        let Some(map) = self.stages.get(index).cloned() else { return StagesId(id(index)) };
        let mirror = StageMap {
            name: map.name,
            left_scope: map.right_scope,
            right_scope: map.left_scope,
            left_scope_field: map.right_scope_field,
            right_scope_field: map.left_scope_field,
            to_right: map.to_left,
            to_left: map.to_right,
            else_right: map.else_left,
            else_left: map.else_right,
        };
        self.stages.push(mirror);
        self.mirrored_stages.insert(index, self.stages.len() - 1);
        StagesId(id(self.stages.len() - 1))
    }

    fn stage_maps(
        &mut self,
        row: &hir::Row<'a>,
        objects: (hir::Object<'a>, hir::Object<'a>),
    ) -> Vec<StagesId> {
        let mut maps = Vec::new();
        for item in &row.uses {
            if let Use::Stages(index, _) = item {
                let flipped = self.program.is_flipped(row, objects, item).unwrap_or(false);
                maps.push(self.stages_id(*index, flipped));
            }
        }
        maps
    }

    /// Names and codes of countries and states, by the options that the target (else the source) lists: found by
    /// value or label in any case; a text takes the label.
    fn named_place(&mut self, row: &hir::Row<'a>, to: Side, value: Expr) -> Expr {
        let options = |end: &End<'a>| match end {
            End::Field(field) if field.field.ty == FieldType::Option => field.field.options.as_slice(),
            _ => &[],
        };
        let (target, source) = (options(row.end(to)), options(row.end(to.other())));
        let trimmed = Expr::Call { func: Func::Trim, args: vec![value] };
        let listed = if target.is_empty() { source } else { target };
        if listed.is_empty() {
            return trimmed;
        }
        let mut table = std::collections::BTreeMap::new();
        for option in listed {
            let written =
                if target.is_empty() && !option.label.is_empty() { &option.label } else { &option.value };
            for name in [&option.label, &option.value] {
                table.entry(name.to_lowercase().to_string()).or_insert_with(|| written.to_string());
            }
        }
        // A source option that the target knows by its label only: its code leads there too.
        for option in source.iter().filter(|_| !target.is_empty()) {
            if let Some(written) = table.get(option.label.to_lowercase().as_str()).cloned() {
                table.entry(option.value.to_lowercase().to_string()).or_insert(written);
            }
        }
        let name = match row.end(to) {
            End::Field(field) => format!("places of {}", field.name),
            End::Expr(_) => "places".to_owned(),
        };
        self.values.push(ValueMap {
            name,
            to_right: table.clone(),
            to_left: table,
            else_right: Else::Hold,
            else_left: Else::Hold,
        });
        let map = ValuesId(id(self.values.len() - 1));
        Expr::MapValue { map, to, value: Box::new(Expr::Call { func: Func::Lower, args: vec![trimmed] }) }
    }

    fn scope_row(
        &mut self,
        sync: &hir::Sync<'a>,
        objects: (hir::Object<'a>, hir::Object<'a>),
        row: &hir::Row<'a>,
        stage: &Row,
    ) -> Option<Row> {
        let maps = self.stage_maps(row, objects);
        let scoped = |lower: &Self, side: Side| {
            row.uses.iter().find_map(|item| match item {
                Use::Stages(index, _) => {
                    let map = lower.program.stages.get(*index)?;
                    let flipped = lower.program.is_flipped(row, objects, item).unwrap_or(false);
                    let end = if (side == Side::Left) != flipped { &map.left } else { &map.right };
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
            to_right: table(map.rows, true),
            to_left: table(map.rows, false),
            else_right: else_action(map.elses, true).unwrap_or(Else::Skip),
            else_left: else_action(map.elses, false).unwrap_or(Else::Skip),
        }
    }
}

/// The field that says which pipeline or record type a record is in.
fn scope_field(object: hir::Object<'_>) -> Option<&'static str> {
    ["pipeline", "hs_pipeline", "RecordTypeId"]
        .into_iter()
        .find(|name| object.schema.fields.contains_key(*name))
}

/// Whether a field can take a default: one that fits only one side of a two-way row is used towards that side.
fn can_hold(target: hir::FieldRef<'_>, default: &hir::Expr<'_>) -> bool {
    match &default.kind {
        hir::Kind::Literal(Value::Text(text)) => match target.field.ty {
            FieldType::Option => {
                target.field.options.is_empty() || target.field.options.iter().any(|o| o.value == **text)
            }
            FieldType::Bool | FieldType::Date | FieldType::DateTime => false,
            _ => true,
        },
        _ => true,
    }
}

pub fn value_map(map: &hir::ValueMap<'_>) -> ValueMap {
    ValueMap {
        name: map.name.text.clone(),
        to_right: table(map.rows, true),
        to_left: table(map.rows, false),
        else_right: else_action(map.elses, true).unwrap_or(Else::Hold),
        else_left: else_action(map.elses, false).unwrap_or(Else::Hold),
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
