//! A value that may still stand where it was read: in a response's text, in a record, in a program.
//!
//! Same kinds and same meaning as [`Value`]; what an evaluation does not change is never copied. `into_value` and
//! `Value::view` go from one to the other.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::value::{Millis, Value};

/// Text that is borrowed as long as nothing changed it.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    Slice(&'a str),
    /// Text of a kept value: becoming a value again costs no copy.
    Kept(&'a Arc<str>),
    New(String),
}

/// One value of one field.
#[derive(Debug, Clone, Default)]
pub enum View<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Text<'a>),
    Date(Date),
    DateTime(Millis),
    /// Sorted, each once.
    Set(Vec<Text<'a>>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Slice(text) => text,
            Text::Kept(text) => text,
            Text::New(text) => text,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl<'a> Text<'a> {
    /// The text after a change; what the change leaves borrowed stays borrowed.
    pub fn changed(self, change: impl FnOnce(&str) -> Cow<'_, str>) -> Text<'a> {
        match self {
            Text::Slice(text) => match change(text) {
                Cow::Borrowed(part) => Text::Slice(part),
                Cow::Owned(new) => Text::New(new),
            },
            Text::Kept(text) => match change(text) {
                Cow::Borrowed(part) if part.len() == text.len() => Text::Kept(text),
                Cow::Borrowed(part) => Text::Slice(part),
                Cow::Owned(new) => Text::New(new),
            },
            Text::New(text) => match change(&text) {
                Cow::Borrowed(part) if part.len() == text.len() => Text::New(text),
                other => Text::New(other.into_owned()),
            },
        }
    }

    /// A part of the text.
    pub fn part(self, cut: impl FnOnce(&str) -> &str) -> Text<'a> {
        self.changed(|text| Cow::Borrowed(cut(text)))
    }

    pub fn into_arc(self) -> Arc<str> {
        match self {
            Text::Slice(text) => text.into(),
            Text::Kept(text) => text.clone(),
            Text::New(text) => text.into(),
        }
    }

    fn again(&'a self) -> Text<'a> {
        match self {
            Text::Slice(text) => Text::Slice(text),
            Text::Kept(text) => Text::Kept(text),
            Text::New(text) => Text::Slice(text),
        }
    }
}

/// Where the first `count` characters of a text end, when it has more.
pub fn end_of(text: &str, count: usize) -> Option<usize> {
    if text.len() <= count {
        return None;
    }
    let bytes = text.as_bytes();
    let (mut at, mut left) = (0, count);
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        // Characters are counted by the bytes that begin one; without branches, for wide instructions.
        let begin: u8 = block.iter().map(|byte| u8::from((*byte & 0xc0) != 0x80)).sum();
        if usize::from(begin) > left {
            break;
        }
        left -= usize::from(begin);
        at += 16;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let mut begin = rest.iter().enumerate().filter(|(_, byte)| (**byte & 0xc0) != 0x80);
    begin.nth(left).map(|(end, _)| at + end)
}

impl<'a> View<'a> {
    pub fn slice(text: &'a str) -> Self {
        View::Text(Text::Slice(text))
    }

    pub fn text(text: impl Into<String>) -> Self {
        View::Text(Text::New(text.into()))
    }

    pub fn set(values: impl IntoIterator<Item = Text<'a>>) -> Self {
        let mut values: Vec<Text<'a>> = values.into_iter().collect();
        if !values.is_sorted() {
            values.sort_unstable();
        }
        values.dedup();
        View::Set(values)
    }

    pub fn is_null(&self) -> bool {
        matches!(self, View::Null)
    }

    /// As `Value::is_blank`.
    pub fn is_blank(&self) -> bool {
        match self {
            View::Null => true,
            View::Text(text) => text.is_empty(),
            View::Set(values) => values.is_empty(),
            View::Bool(_) | View::Number(_) | View::Date(_) | View::DateTime(_) => false,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            View::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same value, borrowed from this one.
    pub fn again(&'a self) -> View<'a> {
        match self {
            View::Null => View::Null,
            View::Bool(value) => View::Bool(*value),
            View::Number(number) => View::Number(*number),
            View::Text(text) => View::Text(text.again()),
            View::Date(date) => View::Date(*date),
            View::DateTime(at) => View::DateTime(*at),
            View::Set(values) => View::Set(values.iter().map(Text::again).collect()),
        }
    }

    pub fn into_value(self) -> Value {
        match self {
            View::Null => Value::Null,
            View::Bool(value) => Value::Bool(value),
            View::Number(number) => Value::Number(number),
            View::Text(text) => Value::Text(text.into_arc()),
            View::Date(date) => Value::Date(date),
            View::DateTime(at) => Value::DateTime(at),
            View::Set(values) => Value::Set(values.into_iter().map(Text::into_arc).collect()),
        }
    }

    /// What [`View`]'s `Display` prints; texts are not copied.
    pub fn into_text(self) -> Text<'a> {
        match self {
            View::Text(text) => text,
            View::Null => Text::Slice(""),
            View::Bool(true) => Text::Slice("true"),
            View::Bool(false) => Text::Slice("false"),
            other => Text::New(other.to_string()),
        }
    }
}

impl Value {
    /// The value without a copy of its text.
    pub fn view(&self) -> View<'_> {
        match self {
            Value::Null => View::Null,
            Value::Bool(value) => View::Bool(*value),
            Value::Number(number) => View::Number(*number),
            Value::Text(text) => View::Text(Text::Kept(text)),
            Value::Date(date) => View::Date(*date),
            Value::DateTime(at) => View::DateTime(*at),
            Value::Set(values) => View::Set(values.iter().map(Text::Kept).collect()),
        }
    }
}

/// As `Value` prints.
impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            View::Null => Ok(()),
            View::Bool(value) => write!(f, "{value}"),
            View::Number(number) => write!(f, "{}", number.normalize()),
            View::Text(text) => f.write_str(text),
            View::Date(date) => write!(f, "{date}"),
            View::DateTime(at) => write!(f, "{at}"),
            View::Set(values) => {
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(";")?;
                    }
                    f.write_str(value)?;
                }
                Ok(())
            }
        }
    }
}
