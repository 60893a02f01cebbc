//! A row whose answer stands in the input's text, or is a text of the plan: written without being decoded or evaluated.
//!
//! Invariant: what is written is what decoding, evaluating and writing would have written, byte for byte; where that is
//! not plain to see nothing is written, and the row is evaluated as in a run. A test holds the two together.

use crate::interp::{Copied, Copies, SyncProgram, TransferProgram};
use crate::schema::{FieldType, SystemKind};
use crate::wire::{self, Raw};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    Written,
    /// A blank, which is left out.
    Blank,
    /// To be evaluated.
    Unclear,
}

/// A row that copies.
#[derive(Debug, Clone, Copy)]
pub struct Straight {
    /// Index of the source's field.
    pub field: usize,
    copies: Copies,
    form: Form,
    /// The target's numbers and booleans stand in quotation marks.
    quoted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Bool,
    Date,
    Instant,
    Set,
}

impl Straight {
    /// The row as a copy, when it is one. `ty` gives the type of a source field.
    pub fn of<'t>(
        program: &TransferProgram<'_>,
        target: SystemKind,
        ty: impl Fn(usize) -> Option<&'t FieldType>,
    ) -> Option<Straight> {
        let copies = program.copies()?;
        let form = match ty(copies.field)? {
            FieldType::Int { .. }
            | FieldType::Decimal(_)
            | FieldType::Money(_)
            | FieldType::Percent { .. } => Form::Number,
            FieldType::Bool => Form::Bool,
            FieldType::Date => Form::Date,
            FieldType::DateTime => Form::Instant,
            FieldType::Options => Form::Set,
            _ if copies.counts() => Form::Number,
            _ => Form::Text,
        };
        let takes = copies.is_whole() || form == Form::Text || (form == Form::Number && copies.counts());
        let quoted = target == SystemKind::Hubspot;
        takes.then_some(Straight { field: copies.field, copies, form, quoted })
    }

    /// Appends `key` and the value.
    #[inline]
    pub fn write(
        &self,
        sync: &SyncProgram<'_>,
        program: &TransferProgram<'_>,
        raw: Raw<'_>,
        key: &[u8],
        out: &mut Vec<u8>,
    ) -> Went {
        let (text, bare) = match raw {
            Raw::Null | Raw::Plain("") => return Went::Blank,
            Raw::Plain(text) => (text, false),
            Raw::Escaped(json) => return self.escaped(program, json, key, out),
            Raw::Other(json) => (json, true),
        };
        let same = match self.form {
            Form::Text if bare => false,
            Form::Text => {
                let Some(copied) = sync.copied(program, &self.copies, text) else { return Went::Unclear };
                return write(copied, key, out);
            }
            Form::Number => wire::digits(text).is_some_and(|(whole, behind)| {
                self.copies.takes_number(behind) && program.keeps_number(whole, behind)
            }),
            Form::Bool => matches!(text, "true" | "false"),
            Form::Date => !bare && wire::is_date(text),
            Form::Instant => !bare && wire::is_instant(text),
            Form::Set => !bare && is_set(text),
        };
        if !same {
            return Went::Unclear;
        }
        out.extend_from_slice(key);
        if self.quoted || !matches!(self.form, Form::Number | Form::Bool) {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(text.as_bytes());
        }
        Went::Written
    }

    /// A text whose escapes are spelled as they would be written.
    fn escaped(&self, program: &TransferProgram<'_>, json: &str, key: &[u8], out: &mut Vec<u8>) -> Went {
        let bytes = json.as_bytes();
        let mut from = 0;
        if self.form != Form::Text || !self.copies.is_whole() || !program.keeps_length(json.len()) {
            return Went::Unclear;
        }
        while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memchr(b'\\', rest)) {
            if !matches!(bytes.get(from + at + 1), Some(b'"' | b'\\' | b'n' | b't' | b'r' | b'b' | b'f')) {
                return Went::Unclear;
            }
            from += at + 2;
        }
        out.extend_from_slice(key);
        out.extend_from_slice(bytes);
        Went::Written
    }
}

fn write(copied: Copied<'_>, key: &[u8], out: &mut Vec<u8>) -> Went {
    if copied.text.is_empty() {
        return Went::Blank;
    }
    out.extend_from_slice(key);
    if copied.part {
        // What stood between quotation marks without escapes needs none.
        out.push(b'"');
        out.extend_from_slice(copied.before.as_bytes());
        out.extend_from_slice(copied.text.as_bytes());
        out.push(b'"');
    } else {
        wire::quoted(copied.text, out);
    }
    Went::Written
}

/// Items in order, each once.
fn is_set(text: &str) -> bool {
    let mut last = "";
    text.split(';').all(|item| std::mem::replace(&mut last, item) < item)
}
