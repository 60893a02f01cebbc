//! Errors of the REST API: a status and an array of `{message, errorCode, fields}`.

use super::doc::{Doc, list, object};

#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    /// `None`: the key is left out, as errors that are about no record do.
    pub fields: Option<Vec<String>>,
    /// The detail of a duplicate rule.
    pub duplicates: Option<Doc>,
}

impl Fault {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: None, duplicates: None }
    }

    /// A write that was refused for one record.
    pub fn record<S: Into<String>>(
        code: &'static str,
        message: impl Into<String>,
        fields: impl IntoIterator<Item = S>,
    ) -> Self {
        let fields = fields.into_iter().map(Into::into).collect();
        Self { fields: Some(fields), ..Self::new(400, code, message) }
    }

    pub fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", message)
    }

    /// The body of a failed call.
    pub fn body(&self) -> Doc {
        let mut item = Doc::Object(Vec::new());
        if let Some(duplicates) = &self.duplicates {
            item.push("duplicateResut", duplicates.clone());
        }
        item.push("message", &self.message);
        item.push("errorCode", self.code);
        if let Some(fields) = &self.fields {
            item.push("fields", list(fields));
        }
        list([item])
    }

    /// The error of one item of a collection.
    pub fn item(&self) -> Doc {
        object([
            ("statusCode", self.code.into()),
            ("message", (&self.message).into()),
            ("fields", list(self.fields.iter().flatten())),
        ])
    }
}
