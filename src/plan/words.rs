//! Expressions of a plan in words: for `show`, for `why`, for the reasons of skips.
//!
//! The words say what an expression asks, not how it is written; field names stay the CRM's own.

use rust_decimal::Decimal;

use super::ir::{BinaryOp, Convert, Expr, FieldId, ObjectId, Quantifier, Side, SyncId, SyncPlan};
use crate::value::Value;

/// The objects whose records an expression reads.
#[derive(Debug, Clone, Copy)]
pub struct Reads<'p> {
    pub plan: &'p SyncPlan,
    pub left: ObjectId,
    pub right: ObjectId,
}

/// The expression as a person would say it: `domain is set and Type is not "Other"`. Fields are qualified by their
/// system when both sides are read.
pub fn words(reads: Reads<'_>, expr: &Expr) -> String {
    let (mut left, mut right) = (false, false);
    sides_read(expr, &mut left, &mut right);
    Words { reads, qualified: left && right }.expr(expr)
}

/// Calls `look` with an expression and every part of it.
pub fn visit(expr: &Expr, look: &mut impl FnMut(&Expr)) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        look(expr);
        open.extend(parts(expr));
    }
}

/// Names of the fields that an expression reads of the record at hand, each once, in order of names. What it reads of
/// associated records is not among them.
pub fn fields_read(reads: Reads<'_>, expr: &Expr) -> std::collections::BTreeSet<String> {
    let mut names = std::collections::BTreeSet::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if let Expr::Field { side, field } = expr {
            let object = if *side == Side::Left { reads.left } else { reads.right };
            let field = reads.plan.object(object).and_then(|object| object.fields.get(field.index()));
            names.extend(field.map(|field| field.name.clone()));
        }
        if !matches!(expr, Expr::Associated { .. }) {
            open.extend(parts(expr));
        }
    }
    names
}

/// How a value travels, without the field it starts from: `as a web address`, `by the value map industries`.
pub fn steps(reads: Reads<'_>, expr: &Expr) -> Vec<String> {
    let words = Words { reads, qualified: false };
    let mut steps = Vec::new();
    let mut at = expr;
    loop {
        let (step, inner) = match at {
            Expr::MapValue { map, value, .. } => (words.value_map(*map), value),
            Expr::MapSet { map, value, .. } => (format!("each value {}", words.value_map(*map)), value),
            Expr::MapStage { maps, value, .. } => (words.stage_maps(maps), value),
            Expr::MapScope { value, .. } => ("the pipeline or record type of that stage".to_owned(), value),
            Expr::MapOwner { value, .. } => ("the owner with the same e-mail address".to_owned(), value),
            Expr::LinkedId { sync, value, .. } => {
                (format!("the id of the record linked by `{}`", words.sync_name(*sync)), value)
            }
            Expr::Convert { converter, value, .. } => (converter_words(converter), value),
            Expr::Let { value, body } => (format!("as {}", words.expr(body)), value),
            _ => break,
        };
        steps.push(step);
        at = inner;
    }
    steps.reverse();
    steps
}

/// The field that a chain of [`steps`] starts from, or the words of what it starts from.
pub fn origin(reads: Reads<'_>, expr: &Expr) -> String {
    match expr {
        Expr::MapValue { value, .. }
        | Expr::MapSet { value, .. }
        | Expr::MapStage { value, .. }
        | Expr::MapScope { value, .. }
        | Expr::MapOwner { value, .. }
        | Expr::LinkedId { value, .. }
        | Expr::Convert { value, .. }
        | Expr::Let { value, .. } => origin(reads, value),
        other => words(reads, other),
    }
}

/// `5m` in words; whole units only.
pub fn duration(milliseconds: i64) -> String {
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    for (length, name) in units {
        if milliseconds >= length && milliseconds % length == 0 {
            let count = milliseconds / length;
            return format!("{count} {name}{}", if count == 1 { "" } else { "s" });
        }
    }
    format!("{milliseconds} ms")
}

/// A value in words: texts quoted, null as `nothing`.
pub fn value_words(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Text(text) => format!("\"{text}\""),
        Value::Set(items) => {
            let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

fn converter_words(converter: &Convert) -> String {
    match converter {
        Convert::CalendarDay { zone } => format!("its calendar day in {zone}"),
        Convert::WebAddress => "as a web address".to_owned(),
        Convert::Email => "as an e-mail address".to_owned(),
        Convert::Phone { region: Some(region) } => format!("as a phone number of {region}"),
        Convert::Phone { region: None } => "as a phone number".to_owned(),
        Convert::Percent => "0 to 1 meets 0 to 100".to_owned(),
        Convert::Cents => "cents meet whole units".to_owned(),
        Convert::YesNo => "yes/no meets true/false".to_owned(),
        Convert::Trimmed => "without outer blanks".to_owned(),
        Convert::Lowercase => "in lower case".to_owned(),
        Convert::RichText => "as plain text".to_owned(),
        Convert::Text => "as text".to_owned(),
    }
}

fn sides_read(expr: &Expr, left: &mut bool, right: &mut bool) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if let Expr::Field { side, .. } = expr {
            if *side == Side::Left { *left = true } else { *right = true }
        }
        // What is asked of associated records is said of them, not of the sides.
        if !matches!(expr, Expr::Associated { .. }) {
            open.extend(parts(expr));
        }
    }
}

/// The expressions right inside one.
pub fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Literal(_) | Expr::Field { .. } | Expr::It | Expr::InList(_) | Expr::Linked { .. } => {
            Vec::new()
        }
        Expr::Let { value, body } => vec![value, body],
        Expr::Not(inner)
        | Expr::Negate(inner)
        | Expr::IsSet(inner)
        | Expr::IsBlank(inner)
        | Expr::IsPrivate(inner) => vec![inner],
        Expr::Binary { left, right, .. } => vec![left, right],
        Expr::In { value, .. }
        | Expr::Matches { value, .. }
        | Expr::MapValue { value, .. }
        | Expr::MapSet { value, .. }
        | Expr::MapStage { value, .. }
        | Expr::MapScope { value, .. }
        | Expr::MapOwner { value, .. }
        | Expr::LinkedId { value, .. }
        | Expr::Convert { value, .. } => vec![value],
        Expr::Between { value, low, high } => vec![value, low, high],
        Expr::If { condition, then, otherwise } => vec![condition, then, otherwise],
        Expr::Call { args, .. } => args.iter().collect(),
        Expr::Associated { condition, .. } => condition.iter().map(|inner| &**inner).collect(),
    }
}

struct Words<'p> {
    reads: Reads<'p>,
    qualified: bool,
}

impl Words<'_> {
    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Literal(value) => value_words(value),
            Expr::Field { side, field } => self.field(*side, *field),
            Expr::It => "it".to_owned(),
            Expr::Let { value, body } => format!("{} of it = {}", self.expr(body), self.expr(value)),
            Expr::Not(inner) => self.negated(inner),
            Expr::Negate(inner) => format!("-{}", self.operand(inner)),
            Expr::Binary { op, left, right } => self.binary(*op, left, right),
            Expr::In { value, list } => format!("{} is {}", self.operand(value), one_of(list)),
            Expr::IsSet(inner) => format!("{} is set", self.operand(inner)),
            Expr::IsBlank(inner) => format!("{} is blank", self.operand(inner)),
            Expr::Between { value, low, high } => {
                format!("{} is between {} and {}", self.operand(value), self.operand(low), self.operand(high))
            }
            Expr::Matches { value, pattern } => {
                format!("{} matches the pattern \"{pattern}\"", self.operand(value))
            }
            Expr::If { condition, then, otherwise } => {
                format!("if {} then {}, else {}", self.expr(condition), self.expr(then), self.expr(otherwise))
            }
            Expr::Call { func, args } => {
                let args: Vec<String> = args.iter().map(|arg| self.expr(arg)).collect();
                format!("{}({})", func.name(), args.join(", "))
            }
            Expr::Associated { quantifier, object, condition } => {
                self.associated(*quantifier, *object, condition.as_deref())
            }
            Expr::InList(name) => format!("it is in the list \"{name}\""),
            Expr::Linked { sync, arm } => format!("it is linked{}", self.link_words(*sync, *arm)),
            Expr::IsPrivate(inner) => match &**inner {
                Expr::Linked { sync, .. } => {
                    format!("its record linked by `{}` is private", self.sync_name(*sync))
                }
                other => format!("it is private and {}", self.expr(other)),
            },
            chain => {
                let steps = steps(self.reads, chain);
                format!("{} ({})", origin(self.reads, chain), steps.join(", "))
            }
        }
    }

    fn field(&self, side: Side, field: FieldId) -> String {
        let id = if side == Side::Left { self.reads.left } else { self.reads.right };
        let Some(object) = self.reads.plan.object(id) else { return "?".to_owned() };
        let name = object.fields.get(field.index()).map_or("?", |field| field.name.as_str());
        match self.reads.plan.system(object.system).filter(|_| self.qualified) {
            Some(system) => format!("{}.{name}", system.name),
            None => name.to_owned(),
        }
    }

    /// In brackets when it is a question or sum of its own.
    fn operand(&self, expr: &Expr) -> String {
        let text = self.expr(expr);
        match expr {
            Expr::Binary { .. } | Expr::Between { .. } | Expr::In { .. } | Expr::If { .. } | Expr::Not(_) => {
                format!("({text})")
            }
            _ => text,
        }
    }

    /// What `linked(...)` asks for, behind "linked".
    fn link_words(&self, sync: SyncId, arm: Option<u32>) -> String {
        let plan = self.reads.plan;
        let arm = arm.and_then(|arm| plan.object(plan.sync(sync)?.arms.get(arm as usize)?.right));
        let to = arm.map(|object| format!(" to a {}", object.name)).unwrap_or_default();
        format!("{to} by `{}`", self.sync_name(sync))
    }

    fn negated(&self, inner: &Expr) -> String {
        match inner {
            Expr::IsSet(value) => format!("{} is not set", self.operand(value)),
            Expr::IsBlank(value) => format!("{} is not blank", self.operand(value)),
            Expr::In { value, list } => format!("{} is not {}", self.operand(value), one_of(list)),
            Expr::Binary { op: BinaryOp::Equal, left, right } => self.binary(BinaryOp::NotEqual, left, right),
            Expr::InList(name) => format!("it is not in the list \"{name}\""),
            Expr::Linked { sync, arm } => format!("it is not linked{}", self.link_words(*sync, *arm)),
            other => format!("not ({})", self.expr(other)),
        }
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr) -> String {
        let word = match op {
            BinaryOp::And | BinaryOp::Or => return self.junction(op, left, right),
            BinaryOp::Equal => "is",
            BinaryOp::NotEqual => "is not",
            BinaryOp::Less => "is less than",
            BinaryOp::LessEqual => "is at most",
            BinaryOp::Greater => "is more than",
            BinaryOp::GreaterEqual => "is at least",
            BinaryOp::In => "is in",
            BinaryOp::Contains => "contains",
            BinaryOp::StartsWith => "starts with",
            BinaryOp::EndsWith => "ends with",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
        };
        format!("{} {word} {}", self.operand(left), self.operand(right))
    }

    /// `and` binds more tightly than `or`: brackets only where the two meet.
    fn junction(&self, op: BinaryOp, left: &Expr, right: &Expr) -> String {
        let side = |expr: &Expr| match expr {
            Expr::Binary { op: BinaryOp::Or, .. } if op == BinaryOp::And => format!("({})", self.expr(expr)),
            _ => self.expr(expr),
        };
        let word = if op == BinaryOp::And { "and" } else { "or" };
        format!("{} {word} {}", side(left), side(right))
    }

    fn associated(&self, quantifier: Quantifier, object: ObjectId, condition: Option<&Expr>) -> String {
        let name = self.reads.plan.object(object).map_or("record", |object| object.name.as_str());
        let inner = Words { reads: Reads { left: object, right: object, ..self.reads }, qualified: false };
        let condition = condition.map(|condition| format!(": {}", inner.expr(condition))).unwrap_or_default();
        match quantifier {
            Quantifier::Any => format!("(at least one associated {name}{condition})"),
            Quantifier::All => format!("(every associated {name}{condition})"),
            Quantifier::No => format!("(no associated {name}{condition})"),
            Quantifier::Count => format!("(the number of associated {name} records{condition})"),
        }
    }

    fn value_map(&self, map: super::ir::ValuesId) -> String {
        let name = self.reads.plan.values.get(map.index()).map_or("?", |map| map.name.as_str());
        format!("by the value map `{name}`")
    }

    fn stage_maps(&self, maps: &[super::ir::StagesId]) -> String {
        let stages = &self.reads.plan.stages;
        let names: Vec<String> = maps
            .iter()
            .filter_map(|map| stages.get(map.index()))
            .map(|map| format!("`{}`", map.name))
            .collect();
        format!("by the stage map{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
    }

    fn sync_name(&self, sync: SyncId) -> &str {
        self.reads.plan.sync(sync).map_or("?", |sync| sync.name.as_str())
    }
}

fn one_of(list: &[Value]) -> String {
    let values: Vec<String> = list.iter().map(value_words).collect();
    match values.as_slice() {
        [one] => one.clone(),
        _ => format!("one of {}", values.join(", ")),
    }
}

/// `20 %` of thousandths.
pub fn share(per_mille: u64) -> String {
    format!("{} %", Decimal::new(i64::try_from(per_mille).unwrap_or(i64::MAX), 1).normalize())
}
