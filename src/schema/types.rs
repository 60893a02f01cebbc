//! The types of fields, and their one-word spelling in snapshots and sync plans: `text(80)`, `decimal(18,2)`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The type of a field. Lengths are in characters; `None` = the vendor declares none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    Text {
        max: Option<u32>,
    },
    LongText {
        max: Option<u32>,
    },
    Int {
        digits: Option<u32>,
    },
    Decimal(Digits),
    Money(Digits),
    /// `whole` = 20 means 20 % (Salesforce, `percent100`); else 0.2 means 20 % (HubSpot, `percent`).
    Percent {
        whole: bool,
        digits: Digits,
    },
    Bool,
    Date,
    DateTime,
    /// One of the field's options.
    Option,
    /// Several of the field's options.
    Options,
    /// The id of a record of one of these objects.
    Ref {
        to: Vec<String>,
    },
    Owner,
    Email,
    Phone,
    Url,
    Id,
    Json,
    /// Could not be resolved; mutes later complaints.
    Unknown,
}

/// All digits, and those after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digits {
    pub precision: Option<u32>,
    pub scale: Option<u32>,
}

impl Digits {
    pub fn new(precision: u32, scale: u32) -> Self {
        Digits { precision: Some(precision), scale: Some(scale) }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sized = |f: &mut fmt::Formatter<'_>, name: &str, size: Option<u32>| match size {
            Some(size) => write!(f, "{name}({size})"),
            None => f.write_str(name),
        };
        let digits =
            |f: &mut fmt::Formatter<'_>, name: &str, digits: Digits| match (digits.precision, digits.scale) {
                (Some(precision), scale) => write!(f, "{name}({precision},{})", scale.unwrap_or(0)),
                (None, _) => f.write_str(name),
            };
        match self {
            FieldType::Text { max } => sized(f, "text", *max),
            FieldType::LongText { max } => sized(f, "long_text", *max),
            FieldType::Int { digits } => sized(f, "int", *digits),
            FieldType::Decimal(size) => digits(f, "decimal", *size),
            FieldType::Money(size) => digits(f, "money", *size),
            FieldType::Percent { whole: true, digits: size } => digits(f, "percent100", *size),
            FieldType::Percent { whole: false, digits: size } => digits(f, "percent", *size),
            FieldType::Bool => f.write_str("bool"),
            FieldType::Date => f.write_str("date"),
            FieldType::DateTime => f.write_str("datetime"),
            FieldType::Option => f.write_str("option"),
            FieldType::Options => f.write_str("options"),
            FieldType::Ref { to } => write!(f, "ref({})", to.join("|")),
            FieldType::Owner => f.write_str("owner"),
            FieldType::Email => f.write_str("email"),
            FieldType::Phone => f.write_str("phone"),
            FieldType::Url => f.write_str("url"),
            FieldType::Id => f.write_str("id"),
            FieldType::Json => f.write_str("json"),
            FieldType::Unknown => f.write_str("unknown"),
        }
    }
}

/// A spelling that is no field type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no field type")]
pub struct NoFieldType(pub String);

impl FromStr for FieldType {
    type Err = NoFieldType;

    fn from_str(text: &str) -> Result<Self, NoFieldType> {
        let wrong = || NoFieldType(text.to_owned());
        let (name, args) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(wrong)?)),
            None => (text, None),
        };
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let size = || args.map(number).transpose();
        let digits = || match args {
            None => Ok(Digits::default()),
            Some(args) => {
                let (precision, scale) = args.split_once(',').ok_or_else(wrong)?;
                Ok(Digits::new(number(precision)?, number(scale)?))
            }
        };
        Ok(match name {
            "text" => FieldType::Text { max: size()? },
            "long_text" => FieldType::LongText { max: size()? },
            "int" => FieldType::Int { digits: size()? },
            "decimal" => FieldType::Decimal(digits()?),
            "money" => FieldType::Money(digits()?),
            "percent" => FieldType::Percent { whole: false, digits: digits()? },
            "percent100" => FieldType::Percent { whole: true, digits: digits()? },
            "bool" => FieldType::Bool,
            "date" => FieldType::Date,
            "datetime" => FieldType::DateTime,
            "option" => FieldType::Option,
            "options" => FieldType::Options,
            "ref" => {
                let to = args.unwrap_or("").split('|').filter(|name| !name.is_empty()).map(str::to_owned);
                FieldType::Ref { to: to.collect() }
            }
            "owner" => FieldType::Owner,
            "email" => FieldType::Email,
            "phone" => FieldType::Phone,
            "url" => FieldType::Url,
            "id" => FieldType::Id,
            "json" => FieldType::Json,
            "unknown" => FieldType::Unknown,
            _ => return Err(wrong()),
        })
    }
}

impl Serialize for FieldType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FieldType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_back() {
        for text in [
            "text",
            "text(80)",
            "int(8)",
            "decimal(18,2)",
            "percent100(3,0)",
            "percent",
            "ref(Account|Lead)",
            "unknown",
        ] {
            assert_eq!(text.parse::<FieldType>().unwrap().to_string(), text);
        }
        assert!("text(".parse::<FieldType>().is_err());
        assert!("decimal(18)".parse::<FieldType>().is_err());
    }
}
