//! What the two records of a pair say to each other, row by row, as one number each.
//!
//! Invariant: when the numbers of two records are the same, the merge would write nothing between them (but for a
//! chance of 1 in 2^64). Different numbers say nothing: the merge looks at both.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bulk::fields::Found;
use crate::interp::{Context, RowValue, SyncProgram};
use crate::plan::ir::{Arm, Expr, Row, Side, Transfer};
use crate::plan::words::visit;
use crate::record::Record;
use crate::value::Value;
use crate::wire::Raw;

/// Rows beyond this many can't be left out of a sum one by one.
const MASKED: usize = 64;

/// How a row takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It can't write between two records that exist.
    Off,
    OneWay(Side),
    TwoWay,
}

struct Line<'p> {
    row: &'p Row,
    role: Role,
    /// One-way: only an empty target is written.
    if_empty: bool,
    may_blank: bool,
    /// Also asked of records that are as they were when the two sides agreed.
    always: bool,
}

/// The rows of one arm, prepared.
pub struct Rows<'p> {
    arm: &'p Arm,
    lines: Vec<Line<'p>>,
    /// Fields whose texts tell that nothing changed since the base, per side.
    plain: [Vec<usize>; 2],
    /// Fields that [`Asked::Always`] reads, per side; `None` = any.
    always: Option<[Vec<usize>; 2]>,
}

/// One record's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    pub sum: u64,
    /// Rows that say nothing to the other side, by number.
    pub mask: u64,
    /// Something about a row needs the whole merge.
    pub odd: bool,
}

/// Which rows are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    All,
    /// Those that are asked although neither side changed.
    Always,
}

/// What an evaluation needs.
pub struct Desk<'d, 'p> {
    pub program: &'d SyncProgram<'p>,
    pub context: &'d dyn Context,
    pub seed: u64,
}

impl<'p> Rows<'p> {
    pub fn new(program: &SyncProgram<'p>, arm: &'p Arm) -> Self {
        let direction = program.sync.direction;
        let line = |row: &'p Row| {
            let (role, transfer) = match (&row.to_right, &row.to_left) {
                (Some(transfer), None) if direction.goes_right() => {
                    (Role::OneWay(Side::Right), Some(transfer))
                }
                (None, Some(transfer)) if direction.goes_left() => (Role::OneWay(Side::Left), Some(transfer)),
                (Some(_), Some(_)) => (Role::TwoWay, None),
                _ => (Role::Off, None),
            };
            let is = |of: fn(&Transfer) -> bool| transfer.is_some_and(of);
            let role = if is(|transfer| transfer.on_create) { Role::Off } else { role };
            let stages = [&row.to_right, &row.to_left].into_iter().flatten().any(|at| has_stage(&at.expr));
            Line {
                row,
                role,
                if_empty: is(|transfer| transfer.if_empty),
                may_blank: is(|transfer| transfer.may_blank),
                always: role != Role::TwoWay || stages,
            }
        };
        let lines: Vec<Line<'p>> = arm.rows.iter().map(line).collect();
        let plain = |of: fn(&Row) -> Option<crate::plan::ir::FieldId>| {
            let rows = lines.iter().filter(|line| line.role == Role::TwoWay);
            let mut fields: Vec<usize> = rows.filter_map(|line| of(line.row)).map(|at| at.index()).collect();
            fields.sort_unstable();
            fields.dedup();
            fields
        };
        let plain = [plain(|row| row.left), plain(|row| row.right)];
        let always = always_read(&lines);
        Rows { arm, lines, plain, always }
    }

    /// The fields that have to be read to ask [`Asked::Always`]; `None` = all of them.
    pub fn always_read(&self, side: Side) -> Option<&[usize]> {
        let fields = self.always.as_ref()?;
        fields.get(usize::from(side == Side::Right)).map(Vec::as_slice)
    }

    /// Whether records that did not change since the base still have to be evaluated.
    pub fn any_always(&self) -> bool {
        self.lines.iter().any(|line| line.always && line.role != Role::Off)
    }

    /// The texts of the fields that two-way rows compare with the base. Never 0.
    pub fn plain(&self, seed: u64, side: Side, found: &Found<'_>) -> u64 {
        let fields = self.plain.get(usize::from(side == Side::Right)).map_or(&[][..], Vec::as_slice);
        let mut sum = 1_u64;
        for index in fields {
            // Absent and null are different things here: the merge has to see it.
            let hash = match found.slots.get(*index).copied().flatten() {
                None => 1,
                Some(Raw::Null) => 2,
                Some(Raw::Plain(text) | Raw::Escaped(text)) => xxh3_64_with_seed(text.as_bytes(), seed),
                // `1` and `"1"` are different texts.
                Some(Raw::Other(json)) => xxh3_64_with_seed(json.as_bytes(), seed ^ 1),
            };
            sum = sum.wrapping_add(mix(hash ^ (*index as u64 + 1)));
        }
        sum.max(1)
    }

    /// What a left record says to its counterpart.
    pub fn left(&self, desk: &Desk<'_, 'p>, asked: Asked, left: &Record) -> Sum {
        let mut sum = Sum::default();
        for (number, line) in self.asked(asked) {
            match line.role {
                Role::Off => {}
                Role::OneWay(Side::Left) => match slot(left, line.row.left) {
                    Some(value) => sum.add(number, held(desk.seed, line, &value)),
                    None => sum.odd = true,
                },
                Role::OneWay(Side::Right) => match self.image(desk, line, Side::Right, left) {
                    Image::Value(value) if value.is_blank() && !line.may_blank => sum.leave_out(number),
                    Image::Value(value) => sum.add(number, held(desk.seed, line, &value)),
                    Image::Nothing => sum.leave_out(number),
                    Image::Odd => sum.odd = true,
                },
                Role::TwoWay => {
                    match (self.image(desk, line, Side::Right, left), slot(left, line.row.left)) {
                        (_, None) => sum.leave_out(number),
                        (Image::Value(value), Some(own)) => {
                            sum.add(number, both(desk.seed, &value, own.is_blank()));
                        }
                        _ => sum.odd = true,
                    }
                }
            }
        }
        sum
    }

    /// What a right record answers to a left one with this mask.
    pub fn right(&self, desk: &Desk<'_, 'p>, asked: Asked, mask: u64, right: &Record) -> Sum {
        let mut sum = Sum::default();
        for (number, line) in self.asked(asked) {
            if number < MASKED && mask & (1 << number) != 0 {
                continue;
            }
            match line.role {
                Role::Off => {}
                Role::OneWay(Side::Right) => match slot(right, line.row.right) {
                    Some(value) => sum.add(number, held(desk.seed, line, &value)),
                    None => sum.odd = true,
                },
                Role::OneWay(Side::Left) => match self.image(desk, line, Side::Left, right) {
                    Image::Value(value) => sum.add(number, held(desk.seed, line, &value)),
                    Image::Nothing | Image::Odd => sum.odd = true,
                },
                Role::TwoWay => match slot(right, line.row.right) {
                    Some(value) => {
                        sum.add(number, both(desk.seed, &value, value.is_blank()));
                        // A stage without a way back keeps the record from being written at all.
                        sum.odd |= line.always && self.image(desk, line, Side::Left, right) == Image::Odd;
                    }
                    None => sum.odd = true,
                },
            }
        }
        sum
    }

    fn asked(&self, asked: Asked) -> impl Iterator<Item = (usize, &Line<'p>)> {
        self.lines.iter().enumerate().filter(move |(_, line)| asked == Asked::All || line.always)
    }

    fn image(&self, desk: &Desk<'_, 'p>, line: &Line<'p>, to: Side, source: &Record) -> Image {
        match desk.program.transfer(desk.context, line.row, self.arm, to, source, None) {
            RowValue::Value(value) => Image::Value(value),
            RowValue::Skip(_) if line.role != Role::TwoWay => Image::Nothing,
            _ => Image::Odd,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Image {
    Value(Value),
    /// The row does not apply.
    Nothing,
    Odd,
}

impl Sum {
    fn add(&mut self, number: usize, hash: u64) {
        if hash != 0 {
            self.sum = self.sum.wrapping_add(mix(hash ^ (number as u64 + 1).rotate_right(8)));
        }
    }

    fn leave_out(&mut self, number: usize) {
        match number < MASKED {
            true => self.mask |= 1 << number,
            false => self.odd = true,
        }
    }
}

/// A one-way row's value on either side. Blank is 0.
fn held(seed: u64, line: &Line<'_>, value: &Value) -> u64 {
    match hash(seed, value) {
        0 => 0,
        // Whatever stands in a field that is only filled while empty is right.
        _ if line.if_empty => 1,
        hash => hash,
    }
}

/// A two-way row's value, with whether the side's own field is blank. Both blank is 0.
fn both(seed: u64, value: &Value, blank: bool) -> u64 {
    match (hash(seed, value), blank) {
        (0, true) => 0,
        (0, false) => 2,
        (hash, true) => hash.rotate_left(1) ^ 1,
        (hash, false) => hash.rotate_left(1),
    }
}

/// The same for values that `interp::same` calls the same; 0 for blank and `false`.
pub fn hash(seed: u64, value: &Value) -> u64 {
    let tagged = |tag: u64, bytes: &[u8]| xxh3_64_with_seed(bytes, seed.wrapping_add(tag)).max(1);
    match value {
        Value::Null | Value::Bool(false) => 0,
        value if value.is_blank() => 0,
        Value::Bool(true) => tagged(1, b"true"),
        Value::Number(number) => tagged(2, &number.normalize().serialize()),
        Value::Text(text) => tagged(3, text.as_bytes()),
        Value::Date(date) => tagged(4, date.to_string().as_bytes()),
        Value::DateTime(at) => tagged(5, &at.0.to_le_bytes()),
        Value::Set(values) => tagged(6, values.join("\u{1f}").as_bytes()),
    }
}

/// Spreads a number's bits, so that sums of them are as good as the numbers.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn slot(record: &Record, field: Option<crate::plan::ir::FieldId>) -> Option<Value> {
    match field {
        Some(field) => record.slot(field.index()).cloned(),
        None => Some(Value::Null),
    }
}

/// Fields that the rows read which are asked always, per side.
fn always_read(lines: &[Line<'_>]) -> Option<[Vec<usize>; 2]> {
    let mut fields = [Vec::new(), Vec::new()];
    let [left, right] = &mut fields;
    let mut whole = false;
    for line in lines.iter().filter(|line| line.always && line.role != Role::Off) {
        left.extend(line.row.left.map(|field| field.index()));
        right.extend(line.row.right.map(|field| field.index()));
        for transfer in [&line.row.to_right, &line.row.to_left].into_iter().flatten() {
            for expr in std::iter::once(&transfer.expr).chain(&transfer.when) {
                visit(expr, &mut |part| match part {
                    Expr::Field { side: Side::Left, field } => left.push(field.index()),
                    Expr::Field { side: Side::Right, field } => right.push(field.index()),
                    // They look at more of the record than they name.
                    Expr::MapStage { .. }
                    | Expr::MapScope { .. }
                    | Expr::Associated { .. }
                    | Expr::InList(_)
                    | Expr::IsPrivate(_)
                    | Expr::Linked { .. } => whole = true,
                    _ => {}
                });
            }
        }
    }
    for fields in &mut fields {
        fields.sort_unstable();
        fields.dedup();
    }
    (!whole).then_some(fields)
}

fn has_stage(expr: &Expr) -> bool {
    let mut found = false;
    visit(expr, &mut |part| found |= matches!(part, Expr::MapStage { .. } | Expr::MapScope { .. }));
    found
}
