//! JSON with members in the order they were put in, and numbers as they are written: answers look as the vendor's do.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub enum Doc {
    Null,
    Bool(bool),
    /// The digits as they go out.
    Number(Cow<'static, str>),
    Text(Cow<'static, str>),
    List(Vec<Doc>),
    Object(Vec<(Cow<'static, str>, Doc)>),
}

/// An object from its members.
pub fn object<const N: usize>(members: [(&'static str, Doc); N]) -> Doc {
    Doc::Object(members.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)).collect())
}

pub fn list<T: Into<Doc>>(items: impl IntoIterator<Item = T>) -> Doc {
    Doc::List(items.into_iter().map(Into::into).collect())
}

impl Doc {
    pub fn get(&self, key: &str) -> Option<&Doc> {
        match self {
            Doc::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn at(&self, index: usize) -> Option<&Doc> {
        match self {
            Doc::List(items) => items.get(index),
            _ => None,
        }
    }

    pub fn push(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Doc>) {
        if let Doc::Object(members) = self {
            members.push((key.into(), value.into()));
        }
    }

    /// For handlers that take request bodies.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.to_text(Layout::Compact)).unwrap_or(Value::Null)
    }

    pub fn to_text(&self, layout: Layout) -> String {
        let mut out = String::new();
        self.write(&mut out, layout, 0);
        out
    }

    fn write(&self, out: &mut String, layout: Layout, depth: usize) {
        match self {
            Doc::Null => out.push_str("null"),
            Doc::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Doc::Number(digits) => out.push_str(digits),
            Doc::Text(text) => quote(text, out),
            Doc::List(items) if items.is_empty() => out.push_str("[]"),
            Doc::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    layout.start_item(out, n, depth);
                    item.write(out, layout, depth + 1);
                }
                layout.end(out, depth);
                out.push(']');
            }
            Doc::Object(members) if members.is_empty() => out.push_str("{}"),
            Doc::Object(members) => {
                out.push('{');
                for (n, (key, value)) in members.iter().enumerate() {
                    layout.start_item(out, n, depth);
                    quote(key, out);
                    out.push_str(if layout == Layout::Pretty { " : " } else { ":" });
                    value.write(out, layout, depth + 1);
                }
                layout.end(out, depth);
                out.push('}');
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Compact,
    /// What the header `X-PrettyPrint: 1` asks for.
    Pretty,
}

impl Layout {
    fn start_item(self, out: &mut String, n: usize, depth: usize) {
        if n > 0 {
            out.push(',');
        }
        if self == Layout::Pretty {
            let _ = write!(out, "\n{:1$}", "", 2 * (depth + 1));
        }
    }

    fn end(self, out: &mut String, depth: usize) {
        if self == Layout::Pretty {
            let _ = write!(out, "\n{:1$}", "", 2 * depth);
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&Value::String(text.to_owned()).to_string());
}

impl From<bool> for Doc {
    fn from(value: bool) -> Self {
        Doc::Bool(value)
    }
}

impl From<i64> for Doc {
    fn from(value: i64) -> Self {
        Doc::Number(value.to_string().into())
    }
}

impl From<usize> for Doc {
    fn from(value: usize) -> Self {
        Doc::Number(value.to_string().into())
    }
}

impl From<&'static str> for Doc {
    fn from(value: &'static str) -> Self {
        Doc::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Doc {
    fn from(value: String) -> Self {
        Doc::Text(Cow::Owned(value))
    }
}

impl From<&String> for Doc {
    fn from(value: &String) -> Self {
        Doc::Text(Cow::Owned(value.clone()))
    }
}

impl From<Vec<Doc>> for Doc {
    fn from(value: Vec<Doc>) -> Self {
        Doc::List(value)
    }
}

impl<T: Into<Doc>> From<Option<T>> for Doc {
    fn from(value: Option<T>) -> Self {
        value.map_or(Doc::Null, Into::into)
    }
}

impl From<&Value> for Doc {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Doc::Null,
            Value::Bool(value) => Doc::Bool(*value),
            Value::Number(number) => Doc::Number(number.to_string().into()),
            Value::String(text) => Doc::Text(text.clone().into()),
            Value::Array(items) => list(items),
            Value::Object(members) => {
                Doc::Object(members.iter().map(|(key, value)| (key.clone().into(), value.into())).collect())
            }
        }
    }
}
