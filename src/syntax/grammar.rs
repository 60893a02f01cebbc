//! The pest grammar and the strict parse of one statement.

use pest::Parser as _;
use pest::iterators::Pair;

use crate::source::{FileId, Span};

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/twinmap.pest"]
pub struct Grammar;

/// One statement of a file, as handed to the grammar.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'t> {
    pub file: FileId,
    pub text: &'t str,
    /// Where it begins in the file.
    pub start: usize,
}

/// Where a strict parse stopped and what it would have taken there.
#[derive(Debug)]
pub struct Stop {
    /// Offset in the file.
    pub at: usize,
    pub expected: Vec<Rule>,
}

impl<'t> Piece<'t> {
    pub fn parse(self, rule: Rule) -> Result<Pair<'t, Rule>, Stop> {
        match Grammar::parse(rule, self.text) {
            Ok(mut pairs) => pairs.next().ok_or(Stop { at: self.start, expected: Vec::new() }),
            Err(error) => {
                let offset = match error.location {
                    pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
                };
                let expected = match error.variant {
                    pest::error::ErrorVariant::ParsingError { positives, .. } => positives,
                    pest::error::ErrorVariant::CustomError { .. } => Vec::new(),
                };
                Err(Stop { at: self.start + offset, expected })
            }
        }
    }

    /// The place of a pair in the file, without surrounding blanks.
    pub fn span(self, pair: &Pair<'_, Rule>) -> Span {
        let (start, text) = (pair.as_span().start(), pair.as_str());
        let trimmed = text.trim_end();
        Span::new(self.file, self.start + start, self.start + start + trimmed.len())
    }

    pub fn whole(self) -> Span {
        Span::new(self.file, self.start, self.start + self.text.len())
    }
}
