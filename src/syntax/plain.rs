//! The plainest lines, read without the grammar: `"VALUE" <-> "VALUE"`, and `name <-> name` with options of names only.
//!
//! Most lines of a large program are of these two shapes. Each function gives exactly what the grammar gives (a test
//! holds them against each other), or nothing, and then the grammar reads the line. Whatever is wrong with a line is
//! therefore the grammar's to say: nothing here reports anything.

use super::ast::{
    Arrow, Direction, Expr, ExprKind, Ident, Path, RowOption, RowOptionKind, Str, Use, ValueRow,
};
use super::grammar::Piece;
use crate::source::Span;

/// Words that are no names of their own (`reserved` in the grammar).
const RESERVED: [&str; 20] = [
    "or",
    "and",
    "not",
    "in",
    "is",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "between",
    "if",
    "then",
    "else",
    "when",
    "using",
    "default",
    "prefer",
    "owned",
    "true",
    "false",
];

/// The parts of a row.
#[derive(Debug)]
pub struct PlainRow {
    pub left: Expr,
    pub arrow: Arrow,
    pub right: Expr,
    pub options: Vec<RowOption>,
}

/// `"VALUE" <-> "VALUE"`, without escapes.
pub fn value_row(piece: Piece<'_>) -> Option<ValueRow> {
    let mut scan = Scan { piece, at: 0 };
    let left = scan.quoted()?;
    let arrow = scan.arrow()?;
    let right = scan.quoted()?;
    scan.at_end().then_some(ValueRow { left, arrow, right, span: piece.whole() })
}

/// `name <-> name`, with options that need no expression.
pub fn row(piece: Piece<'_>) -> Option<PlainRow> {
    let mut scan = Scan { piece, at: 0 };
    let left = field(scan.name()?);
    let arrow = scan.arrow()?;
    let right = field(scan.name()?);
    let mut options = Vec::new();
    while !scan.at_end() {
        options.push(scan.option()?);
    }
    Some(PlainRow { left, arrow, right, options })
}

fn field(name: Ident) -> Expr {
    let span = name.span;
    Expr { kind: ExprKind::Path(Path { parts: vec![name], span }), span }
}

struct Scan<'t> {
    piece: Piece<'t>,
    at: usize,
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &'t str {
        self.piece.text.get(self.at..).unwrap_or("")
    }

    fn blanks(&mut self) {
        self.at += self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    }

    fn at_end(&mut self) -> bool {
        self.blanks();
        self.at >= self.piece.text.len()
    }

    fn span(&self, start: usize) -> Span {
        Span::new(self.piece.file, self.piece.start + start, self.piece.start + self.at)
    }

    /// A word, when a blank, a comma, an arrow or the end follows it.
    fn word(&mut self) -> Option<(&'t str, Span)> {
        self.blanks();
        let (start, rest) = (self.at, self.rest());
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let word = rest.get(..length)?;
        let goes_on = !matches!(rest.as_bytes().get(length), None | Some(b' ' | b'\t' | b',' | b'<' | b'-'));
        if goes_on || !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        self.at += length;
        Some((word, self.span(start)))
    }

    fn name(&mut self) -> Option<Ident> {
        let (word, span) = self.word()?;
        (!RESERVED.contains(&word)).then(|| Ident { text: word.to_owned(), span })
    }

    fn keyword(&mut self, wanted: &str) -> Option<()> {
        self.word().filter(|(word, _)| *word == wanted).map(|_| ())
    }

    fn arrow(&mut self) -> Option<Arrow> {
        self.blanks();
        let start = self.at;
        let known = [("<->", Direction::Both), ("->", Direction::Right), ("<-", Direction::Left)];
        let (symbol, direction) = known.into_iter().find(|(symbol, _)| self.rest().starts_with(symbol))?;
        self.at += symbol.len();
        Some(Arrow { direction, span: self.span(start) })
    }

    /// A quoted text without escapes or control characters.
    fn quoted(&mut self) -> Option<Str> {
        self.blanks();
        let start = self.at;
        let inner = self.rest().strip_prefix('"')?;
        let length = memchr::memchr(b'"', inner.as_bytes())?;
        let value = inner.get(..length)?;
        if value.bytes().any(|byte| byte == b'\\' || byte < b' ') {
            return None;
        }
        self.at += length + 2;
        Some(Str { value: value.to_owned(), span: self.span(start) })
    }

    fn option(&mut self) -> Option<RowOption> {
        self.blanks();
        let start = self.at;
        let (word, _) = self.word()?;
        let kind = match word {
            "using" => RowOptionKind::Using(self.uses()?),
            "prefer" => RowOptionKind::Prefer(self.name()?),
            "owned" => {
                self.keyword("by")?;
                RowOptionKind::OwnedBy(self.name()?)
            }
            "if" => self.keyword("empty").map(|()| RowOptionKind::IfEmpty)?,
            "on" => self.keyword("create").map(|()| RowOptionKind::OnCreate)?,
            "may" => self.keyword("blank").map(|()| RowOptionKind::MayBlank)?,
            "cut" => RowOptionKind::Cut,
            _ => return None,
        };
        Some(RowOption { kind, span: self.span(start) })
    }

    fn uses(&mut self) -> Option<Vec<Use>> {
        let mut uses = Vec::new();
        loop {
            let name = self.name()?;
            let end = self.at;
            uses.push(Use { span: name.span, name, args: Vec::new() });
            self.blanks();
            match self.rest().as_bytes().first() {
                Some(b',') => self.at += 1,
                Some(b'(') => return None,
                _ => {
                    self.at = end;
                    return Some(uses);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{Builder, Parts};
    use super::super::grammar::Rule;
    use super::super::{blocks, sync};
    use super::*;
    use crate::source::FileId;

    const LINES: [&str; 28] = [
        "name <-> Name",
        "name<->Name",
        "a -> B",
        "a <- B",
        "a <- B cut",
        "phone  \t<->   Phone   using phone",
        "phone <-> Phone using phone, trimmed cut",
        "phone <-> Phone using phone , trimmed   may blank prefer salesforce",
        "a -> B on create if empty owned by hubspot",
        "any -> all",
        "no <-> count cut cut",
        "cut <-> may may blank",
        "on <-> on on create",
        "using <-> B",
        "a -> in",
        "a <-- B",
        "a <->> B",
        "a => B",
        "a.b <-> C",
        "a <-> B, cut",
        "a <-> B using",
        "a <-> B using phone(\"IT\")",
        "a <-> B using phone (\"IT\")",
        "a <-> B using when",
        "a <-> B prefer",
        "a <-> B perfer x",
        "a <-> B default 5",
        "1a <-> B",
    ];

    const VALUES: [&str; 10] = [
        "\"a\" <-> \"b\"",
        "\"a\"->\"b\"",
        "\"a\"  <-\t\"b\"",
        "\"\" -> \"ä # not a comment\"",
        "\"a\\\"\" -> \"b\"",
        "\"a\" -> \"b\" x",
        "\"a\" -> b",
        "\"a\" \"b\"",
        "\"a -> b",
        "else skip",
    ];

    /// What the plain reading gives is what the grammar gives.
    #[test]
    fn agrees_with_the_grammar() {
        let mut plain = 0;
        for text in LINES {
            let piece = Piece { file: FileId(0), text, start: 7 };
            let by_grammar = piece.parse(Rule::row).ok().map(|pair| {
                sync::row_parts(&mut Builder { piece, diagnostics: &mut Vec::new() }, Parts::of(pair))
            });
            if let Some(read) = row(piece) {
                plain += 1;
                assert_eq!(format!("{:?}", Some(read)), format!("{by_grammar:?}"), "{text}");
            }
        }
        for text in VALUES {
            let piece = Piece { file: FileId(0), text, start: 7 };
            let by_grammar = piece.parse(Rule::value_line).ok().and_then(|pair| Parts::of(pair).any());
            let by_grammar = by_grammar
                .map(|pair| blocks::value_row(&mut Builder { piece, diagnostics: &mut Vec::new() }, pair));
            if let Some(read) = value_row(piece) {
                plain += 1;
                assert_eq!(format!("{:?}", Some(read)), format!("{by_grammar:?}"), "{text}");
            }
        }
        assert_eq!(plain, 17, "plain lines are read plainly");
    }
}
