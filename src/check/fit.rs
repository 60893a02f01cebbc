//! Whether a value of one type may be written to a field of another without a converter.

use crate::schema::{Field, FieldType};

/// The answer for one direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Fit<'f> {
    Yes,
    /// Different kinds; the help is a line for the person.
    No(Option<String>),
    /// A date meets a point in time.
    Zone,
    /// Longer than declared there: from, to.
    Length(u32, u32),
    /// More digits than declared there.
    Digits,
    /// Values that the target's options lack.
    Missing(Vec<&'f str>),
}

/// Types between which texts travel freely.
pub fn is_text(ty: &FieldType) -> bool {
    matches!(
        ty,
        FieldType::Text { .. }
            | FieldType::LongText { .. }
            | FieldType::Email
            | FieldType::Phone
            | FieldType::Url
    )
}

pub fn is_number(ty: &FieldType) -> bool {
    matches!(
        ty,
        FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. }
    )
}

fn max_length(ty: &FieldType) -> Option<u32> {
    match ty {
        FieldType::Text { max } | FieldType::LongText { max } => *max,
        _ => None,
    }
}

/// From the type (and options, when it is a field's) to a field.
pub fn fits<'f>(from: &FieldType, from_field: Option<&'f Field>, to: &Field) -> Fit<'f> {
    let target = &to.ty;
    match (from, target) {
        (FieldType::Unknown, _) | (_, FieldType::Unknown) => Fit::Yes,
        (a, b) if is_text(a) && is_text(b) => match (max_length(a), max_length(b)) {
            (Some(from), Some(to)) if from > to => Fit::Length(from, to),
            _ => Fit::Yes,
        },
        (FieldType::Id | FieldType::Ref { .. }, b) if is_text(b) => Fit::Yes,
        (FieldType::Percent { whole: a, .. }, FieldType::Percent { whole: b, .. }) if a != b => {
            Fit::No(Some("one side counts 0 to 1, the other 0 to 100: `using percent`".to_owned()))
        }
        (a, b) if is_number(a) && is_number(b) => number_fit(a, b),
        (FieldType::Bool, FieldType::Bool)
        | (FieldType::Date, FieldType::Date)
        | (FieldType::DateTime, FieldType::DateTime)
        | (FieldType::Json, FieldType::Json) => Fit::Yes,
        (FieldType::Date, FieldType::DateTime) | (FieldType::DateTime, FieldType::Date) => Fit::Zone,
        (FieldType::Option, FieldType::Option) | (FieldType::Options, FieldType::Options) => {
            identity(from_field, to)
        }
        (FieldType::Option | FieldType::Options, b) if is_text(b) => {
            Fit::No(Some("write its API value as text: `text(...)`".to_owned()))
        }
        (a, FieldType::Option | FieldType::Options) if is_text(a) => Fit::No(Some(
            "name a `values` map (with an `else`) that turns the text into a value: `using my_values`"
                .to_owned(),
        )),
        (FieldType::Bool, FieldType::Option) | (FieldType::Option, FieldType::Bool) => {
            Fit::No(Some("if the values are Yes and No: `using yes_no`".to_owned()))
        }
        (FieldType::Owner, FieldType::Owner) => {
            Fit::No(Some("owners are matched by e-mail: `using owners`".to_owned()))
        }
        (FieldType::Owner, FieldType::Ref { to }) | (FieldType::Ref { to }, FieldType::Owner) => {
            let user = to.iter().any(|object| object == "User");
            Fit::No(user.then(|| "owners are matched by e-mail: `using owners`".to_owned()))
        }
        (_, FieldType::Ref { .. }) => {
            Fit::No(Some("ids differ in each system: `using id_of(SYNC)`, or an `associate` line".to_owned()))
        }
        (a, b)
            if (is_number(a) || matches!(a, FieldType::Date | FieldType::DateTime | FieldType::Bool))
                && is_text(b) =>
        {
            Fit::No(Some("say that it becomes text: `text(...)` on a one-way row".to_owned()))
        }
        (a, b) if is_text(a) && is_number(b) => {
            Fit::No(Some("say that it is read as a number: `decimal(...)` on a one-way row".to_owned()))
        }
        _ => Fit::No(None),
    }
}

fn number_fit<'f>(from: &FieldType, to: &FieldType) -> Fit<'f> {
    let digits = |ty: &FieldType| match ty {
        FieldType::Int { digits } => (digits.or(Some(9)), Some(0)),
        FieldType::Decimal(d) | FieldType::Money(d) | FieldType::Percent { digits: d, .. } => {
            (d.precision, d.scale)
        }
        _ => (None, None),
    };
    let ((from_all, from_scale), (to_all, to_scale)) = (digits(from), digits(to));
    let to_scale = match to_scale {
        Some(scale) => scale,
        None => return Fit::Yes,
    };
    match (from_all, from_scale) {
        // A source that declares nothing: only targets without decimal places are worth a word.
        (None, _) if to_scale == 0 => Fit::Digits,
        (None, _) => Fit::Yes,
        (Some(all), scale) => {
            let scale = scale.unwrap_or(0);
            let whole_fits =
                to_all.is_none_or(|to_all| all.saturating_sub(scale) <= to_all.saturating_sub(to_scale));
            if scale > to_scale || !whole_fits { Fit::Digits } else { Fit::Yes }
        }
    }
}

/// Option to option is the identity on API values.
fn identity<'f>(from: Option<&'f Field>, to: &Field) -> Fit<'f> {
    let Some(from) = from else { return Fit::Yes };
    if from.options.is_empty() || to.options.is_empty() {
        return Fit::Yes;
    }
    let missing: Vec<&str> = from
        .options
        .iter()
        .filter(|option| option.active && !to.options.iter().any(|known| known.value == option.value))
        .map(|option| option.value.as_str())
        .collect();
    if missing.is_empty() { Fit::Yes } else { Fit::Missing(missing) }
}
