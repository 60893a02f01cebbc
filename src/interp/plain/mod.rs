//! The plain evaluator: walks the expression for each record and copies every value. It says what the flat program must
//! come to, and exists in tests only.

mod calc;
mod eval;
mod functions;

use std::collections::BTreeMap;

use super::code::Code;
use super::eval::{Env as Flat, Slots, Source, Stop};
use super::{Context, Lookup, walk};
use crate::builtin::Func;
use crate::calc::Convert;
use crate::plan::ir::{
    BinaryOp, Else, Expr, FieldId, ObjectId, OwnersId, Quantifier, Side, StageMap, StagesId, SyncId,
    SyncPlan, ValueMap, ValuesId,
};
use crate::record::{Record, RecordId};
use crate::value::{Millis, Value};

const FIELDS: u64 = 6;

/// splitmix64
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    fn text(&mut self) -> String {
        const TEXTS: &[&str] = &[
            "",
            " ",
            "a",
            "A",
            "b",
            "won",
            "new",
            "lost",
            "https://www.Acme.example:80/x?y",
            "kim@ACME.example",
            "Müller & Söhne ",
            "ß",
            "İ",
            "12",
            "-1.50",
            "0",
            "1e3",
            "2026-01-31",
            "2026-01-31T10:00:00.000Z",
            "true",
            "yes",
            "a;b",
            "x\ny",
            "<p>Hi &amp; you</p>",
            "+39 06 1234567",
            "0612345",
            "012000000000001",
            "012000000000001AAA",
            "Europe/Rome",
            "Nowhere/Land",
            "日本語のテキスト",
        ];
        self.pick(TEXTS).to_owned()
    }

    fn value(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 1),
            2 => Value::Number(
                ["0", "1", "-2.5", "100", "0.125", "99999999999", "3.10"][self.below(7) as usize]
                    .parse()
                    .unwrap(),
            ),
            3 => Value::Date(["2026-01-31", "1999-12-01"][self.below(2) as usize].parse().unwrap()),
            4 => Value::DateTime(Millis(
                1_774_970_400_000 + i64::try_from(self.below(3)).unwrap() * 40_000_000,
            )),
            5 => Value::set((0..self.below(4)).map(|_| self.text()).collect::<Vec<_>>()),
            _ => Value::text(self.text()),
        }
    }

    fn boxed(&mut self, depth: u32) -> Box<Expr> {
        Box::new(self.expr(depth))
    }

    fn expr(&mut self, depth: u32) -> Expr {
        let side = if self.below(5) == 0 { Side::Right } else { Side::Left };
        if depth == 0 {
            return match self.below(4) {
                0 => Expr::Literal(self.value()),
                1 => Expr::It,
                _ => Expr::Field { side, field: FieldId(u32::try_from(self.below(FIELDS)).unwrap()) },
            };
        }
        let deeper = depth - 1;
        match self.below(20) {
            0 => Expr::Let { value: self.boxed(deeper), body: self.boxed(deeper) },
            1 => Expr::Not(self.boxed(deeper)),
            2 => Expr::Negate(self.boxed(deeper)),
            3..=5 => {
                let op = self.pick(&[
                    BinaryOp::And,
                    BinaryOp::Or,
                    BinaryOp::Equal,
                    BinaryOp::NotEqual,
                    BinaryOp::Less,
                    BinaryOp::LessEqual,
                    BinaryOp::Greater,
                    BinaryOp::GreaterEqual,
                    BinaryOp::In,
                    BinaryOp::Contains,
                    BinaryOp::StartsWith,
                    BinaryOp::EndsWith,
                    BinaryOp::Add,
                    BinaryOp::Subtract,
                    BinaryOp::Multiply,
                    BinaryOp::Divide,
                ]);
                Expr::Binary { op, left: self.boxed(deeper), right: self.boxed(deeper) }
            }
            6 => {
                let texts = self.below(2) == 0;
                let item =
                    |chance: &mut Chance| if texts { Value::text(chance.text()) } else { chance.value() };
                Expr::In { value: self.boxed(deeper), list: (0..self.below(6)).map(|_| item(self)).collect() }
            }
            7 => Expr::IsSet(self.boxed(deeper)),
            8 => Expr::IsBlank(self.boxed(deeper)),
            9 => {
                Expr::Between { value: self.boxed(deeper), low: self.boxed(deeper), high: self.boxed(deeper) }
            }
            10 => Expr::Matches {
                value: self.boxed(deeper),
                pattern: self.pick(&["^a", "[0-9]+", "("]).to_owned(),
            },
            11 => Expr::If {
                condition: self.boxed(deeper),
                then: self.boxed(deeper),
                otherwise: self.boxed(deeper),
            },
            12 | 13 => {
                let func = self.pick(Func::ALL);
                let (least, most) = func.arity();
                let count = least + usize::try_from(self.below(3)).unwrap();
                Expr::Call { func, args: (0..count.min(most)).map(|_| self.expr(deeper)).collect() }
            }
            14 => Expr::MapValue {
                map: ValuesId(u32::try_from(self.below(3)).unwrap()),
                to: side,
                value: self.boxed(deeper),
            },
            15 => Expr::MapSet {
                map: ValuesId(u32::try_from(self.below(3)).unwrap()),
                to: side,
                value: self.boxed(deeper),
            },
            16 => {
                let maps = (0..self.below(4)).map(|n| StagesId(u32::try_from(n).unwrap())).collect();
                let value = self.boxed(deeper);
                if self.below(2) == 0 {
                    Expr::MapStage { maps, to: side, value }
                } else {
                    Expr::MapScope { maps, to: side, value }
                }
            }
            17 => match self.below(6) {
                0 => Expr::MapOwner { map: OwnersId(0), to: side, value: self.boxed(deeper) },
                1 => Expr::LinkedId { sync: SyncId(0), to: side, value: self.boxed(deeper) },
                2 => Expr::InList(self.text()),
                3 => Expr::Linked { sync: SyncId(0), arm: None },
                4 => Expr::IsPrivate(Box::new(Expr::Linked { sync: SyncId(0), arm: Some(0) })),
                _ => Expr::IsPrivate(self.boxed(deeper)),
            },
            18 => Expr::Associated {
                quantifier: self.pick(&[Quantifier::Any, Quantifier::All, Quantifier::No, Quantifier::Count]),
                object: ObjectId(0),
                condition: (self.below(2) == 0).then(|| self.boxed(deeper)),
            },
            _ => {
                let zone = self.pick(&["Europe/Rome", "Nowhere/Land"]).to_owned();
                let region = self.pick(&[None, Some("IT".to_owned()), Some("XX".to_owned())]);
                let converter = self.pick(&[
                    Convert::CalendarDay { zone },
                    Convert::WebAddress,
                    Convert::Email,
                    Convert::Phone { region },
                    Convert::Percent,
                    Convert::Cents,
                    Convert::YesNo,
                    Convert::Trimmed,
                    Convert::Lowercase,
                    Convert::RichText,
                    Convert::Text,
                ]);
                Expr::Convert { converter, to: side, value: self.boxed(deeper) }
            }
        }
    }

    fn record(&mut self) -> Record {
        let slots = (0..FIELDS).map(|_| (self.below(6) > 0).then(|| self.value())).collect();
        Record::new(RecordId::new("7"), slots)
    }
}

/// Answers that depend on what is asked.
struct World(Vec<Record>);

impl Context for World {
    fn owner(&self, _: OwnersId, _: Side, id: &str) -> Lookup {
        match id.len() % 4 {
            0 => Lookup::Found("005".into()),
            1 => Lookup::Missing("nobody".to_owned()),
            2 => Lookup::Skip,
            _ => Lookup::Blank,
        }
    }
    fn linked_id(&self, _: SyncId, to: Side, id: &str) -> Lookup {
        self.owner(OwnersId(0), to, id)
    }
    fn is_linked(&self, _: SyncId, _: Option<u32>, record: &Record) -> bool {
        record.slot(0).is_some_and(|value| !value.is_blank())
    }
    fn is_linked_to_private(&self, _: SyncId, record: &Record) -> bool {
        record.slot(1).is_some_and(|value| !value.is_blank())
    }
    fn in_list(&self, list: &str, record: &Record) -> bool {
        record.id.as_str() == "7" && list.len().is_multiple_of(2)
    }
    fn associated(&self, _: ObjectId, _: &Record) -> Vec<Record> {
        self.0.clone()
    }
}

fn plan() -> SyncPlan {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let values = |else_right: Else, else_left: Else| ValueMap {
        name: "map".to_owned(),
        to_right: pairs(&[("a", "X"), ("b", "X"), ("12", "Y"), ("true", "yes")]),
        to_left: pairs(&[("X", "a"), ("Y", "12"), ("won", "a")]),
        else_right,
        else_left,
    };
    let stages = |left: Option<&str>, right: Option<&str>, otherwise: Else| StageMap {
        name: "stages".to_owned(),
        left_scope: left.map(str::to_owned),
        right_scope: right.map(str::to_owned),
        left_scope_field: left.map(|_| FieldId(1)),
        right_scope_field: right.map(|_| FieldId(2)),
        to_right: pairs(&[("new", "a"), ("won", "A"), ("lost", "A")]),
        to_left: pairs(&[("a", "new"), ("A", "won")]),
        else_right: otherwise.clone(),
        else_left: otherwise,
    };
    let mut plan: SyncPlan = serde_json::from_value(serde_json::json!({
        "format_version": 1, "project": "p", "edition": "2026", "schema_hashes": {}, "systems": [], "objects": [], "values": [], "stages": [],
        "owners": [], "syncs": [], "writebacks": [], "crm_settings": [], "policies": []
    }))
    .unwrap();
    plan.values =
        vec![values(Else::Skip, Else::Hold), values(Else::To("Z".to_owned()), Else::To("a".to_owned()))];
    plan.stages = vec![
        stages(Some("a"), Some("012000000000001AAA"), Else::Hold),
        stages(None, None, Else::Fail),
        stages(Some("won"), None, Else::To("new".to_owned())),
    ];
    plan
}

/// Over 200,000 random programs and records the flat program comes to what the plain one does, be the record kept or not.
#[test]
fn the_flat_program_does_what_the_plain_one_does() {
    let (plan, mut chance, mut values) = (plan(), Chance(1), 0);
    for _ in 0..200_000 {
        let depth = u32::try_from(chance.below(4)).unwrap() + 1;
        let expr = chance.expr(depth);
        let (left, right) = (chance.record(), chance.record());
        let right = (chance.below(2) == 0).then_some(&right);
        let world = World((0..chance.below(3)).map(|_| chance.record()).collect());
        let current = (chance.below(2) == 0).then(|| chance.value());
        let mut regexes = BTreeMap::new();
        walk(&expr, &mut |expr| {
            if let Expr::Matches { pattern, .. } = expr
                && let Ok(regex) = regex::Regex::new(pattern)
            {
                regexes.insert(pattern.clone(), regex);
            }
        });
        let want = eval::Env {
            plan: &plan,
            context: &world,
            side: Side::Left,
            left: Some(&left),
            right,
            it: None,
            current: current.as_ref(),
            regexes: &regexes,
        }
        .eval(&expr);
        let mut code = Code::new(&plan);
        let root = code.add(&expr);
        let slots = Slots {
            id: "7".into(),
            slots: left.slots.iter().map(|slot| slot.as_ref().map(Value::view)).collect(),
        };
        for source in [Source::Record(&left), Source::Slots(&slots)] {
            let env = Flat {
                code: &code,
                context: &world,
                side: Side::Left,
                left: Some(source),
                right: right.map(Source::Record),
                current: current.as_ref(),
            };
            let got: Result<Value, Stop> = env.value(root).map(crate::view::View::into_value);
            assert_eq!(got, want, "{expr:?} over {left:?} and {right:?} with {current:?}");
        }
        values += u32::from(want.is_ok_and(|value| !value.is_null()));
    }
    assert!(values > 40_000, "{values} values: too few programs come to one");
}
