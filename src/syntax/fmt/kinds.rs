//! Which grammar rule a statement follows, by the block that it stands in: the formatter's map of the language.

use crate::syntax::cause::first_word;
use crate::syntax::grammar::Rule;
use crate::syntax::items::CLAUSES;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Sync,
    Map,
    /// `values` and `stages`.
    Values,
    Route,
    Convert,
    Owners,
    Writeback,
    Settings,
    Test,
    /// `given` and `expect`.
    Fields,
    Policy,
    /// Nothing may stand here.
    Line,
}

impl Kind {
    /// Blocks whose lines are a table with the arrows in one gutter.
    pub fn aligns_arrows(self) -> bool {
        matches!(self, Kind::Map | Kind::Values)
    }

    /// Whether a block that was written on one line stays there: one row a line in tables, one clause a line in
    /// items; short lists of fields and rules may stay.
    pub fn stays_on_one_line(self, statements: usize) -> bool {
        match self {
            Kind::Fields | Kind::Route | Kind::Owners | Kind::Policy => true,
            Kind::Convert | Kind::Writeback | Kind::Settings | Kind::Test => statements == 1,
            Kind::File | Kind::Sync | Kind::Map | Kind::Values | Kind::Line => false,
        }
    }
}

/// The rule of a statement and what its block holds; `None` = no statement of the language.
pub fn kind_of(within: Kind, text: &str, has_block: bool) -> Option<(Rule, Kind)> {
    let word = first_word(text);
    let line = |rule| (!has_block).then_some((rule, Kind::Line));
    match within {
        Kind::File if !has_block => None,
        Kind::File => Some(match word {
            "sync" => (Rule::sync_header, Kind::Sync),
            "stages" => (Rule::stages_header, Kind::Values),
            "values" => (Rule::values_header, Kind::Values),
            "convert" => (Rule::convert_header, Kind::Convert),
            "owners" => (Rule::owners_header, Kind::Owners),
            "writeback" => (Rule::writeback_header, Kind::Writeback),
            "crm_settings" => (Rule::settings_header, Kind::Settings),
            "test" => (Rule::test_header, Kind::Test),
            "policy" => (Rule::policy_header, Kind::Policy),
            _ => return None,
        }),
        Kind::Sync => match (word, has_block) {
            ("map", true) => Some((Rule::map_header, Kind::Map)),
            ("route", true) => Some((Rule::route_header, Kind::Route)),
            (_, true) => None,
            _ => CLAUSES.iter().find(|(known, ..)| *known == word).map(|(_, rule, _)| (*rule, Kind::Line)),
        },
        Kind::Map => line(Rule::row),
        Kind::Values => line(Rule::value_line),
        Kind::Route => line(Rule::route_arm),
        Kind::Convert => line(Rule::convert_arm),
        Kind::Owners => line(Rule::owners_line),
        Kind::Writeback => line(Rule::writeback_line),
        Kind::Settings => line(Rule::settings_line),
        Kind::Test => match (word, has_block) {
            ("given", true) => Some((Rule::given_header, Kind::Fields)),
            ("given", false) => Some((Rule::given_line, Kind::Line)),
            ("expect", true) => Some((Rule::expect_header, Kind::Fields)),
            ("expect", false) => Some((Rule::expect_line, Kind::Line)),
            _ => None,
        },
        Kind::Fields => line(Rule::fields_line),
        Kind::Policy => line(Rule::policy_line),
        Kind::Line => None,
    }
}

/// The place of a clause in a sync: the order in which the reference explains them.
pub fn clause_rank(text: &str) -> usize {
    const ORDER: [&str; 16] = [
        "start",
        "filter",
        "match",
        "create",
        "veto",
        "conflict",
        "delete",
        "save_to",
        "leave",
        "guard",
        "route",
        "on",
        "associate",
        "refresh",
        "propagate",
        "map",
    ];
    let word = first_word(text);
    ORDER.iter().position(|known| *known == word).unwrap_or(ORDER.len())
}

/// The place of an option on its row.
pub fn option_rank(rule: Rule) -> usize {
    const ORDER: [Rule; 9] = [
        Rule::opt_using,
        Rule::opt_default,
        Rule::opt_prefer,
        Rule::opt_owned,
        Rule::opt_empty,
        Rule::opt_create,
        Rule::opt_cut,
        Rule::opt_blank,
        Rule::opt_when,
    ];
    ORDER.iter().position(|known| *known == rule).unwrap_or(ORDER.len())
}
