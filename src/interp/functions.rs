//! The functions of the language. Null goes through, except in `coalesce` and `concat`.

use regex::Regex;
use rust_decimal::Decimal;

use super::code::{At, Zone};
use super::eval::{Answer, Env, It, Stop};
use crate::builtin::Func;
use crate::calc;
use crate::view::{Text, View};

pub fn concat<'e>(env: &Env<'e>, args: &[At], it: It<'_, 'e>) -> Answer<'e> {
    let mut text = String::new();
    for arg in args {
        text.push_str(&env.eval(*arg, it)?.into_text());
    }
    Ok(if text.is_empty() { View::Null } else { View::Text(Text::New(text)) })
}

pub fn coalesce<'e>(env: &Env<'e>, args: &[At], it: It<'_, 'e>) -> Answer<'e> {
    for arg in args {
        let value = match env.eval(*arg, it) {
            // An unlisted value may be defaulted; a hold may not.
            Err(Stop::Skip(_)) => continue,
            other => other?,
        };
        if !value.is_blank() {
            return Ok(value);
        }
    }
    Ok(View::Null)
}

pub fn in_zone<'e>(env: &Env<'e>, at: At, zone: &Zone, it: It<'_, 'e>) -> Answer<'e> {
    let at = env.eval(at, it)?;
    match zone {
        Zone::Known(_) if !matches!(at, View::DateTime(_)) => Ok(View::Null),
        Zone::Known(Ok(zone)) => calc::in_zone(&at, Some(zone)).map_err(Stop::Hold),
        Zone::Known(Err(why)) => Err(Stop::Hold(why.clone())),
        Zone::Asked(zone) => {
            let zone = zone.map_or(Ok(View::Null), |zone| env.eval(zone, it))?;
            match (zone.as_text(), &at) {
                (Some(name), View::DateTime(_)) => {
                    let zone = calc::zone(name).map_err(Stop::Hold)?;
                    calc::in_zone(&at, Some(&zone)).map_err(Stop::Hold)
                }
                _ => Ok(View::Null),
            }
        }
    }
}

pub fn regex_extract<'e>(
    env: &Env<'e>,
    text: At,
    regex: Option<&Regex>,
    group: Option<At>,
    it: It<'_, 'e>,
) -> Answer<'e> {
    let text = env.eval(text, it)?;
    let group = group.map(|group| env.eval(group, it)).transpose()?;
    if text.is_null() || group.as_ref().is_some_and(View::is_null) {
        return Ok(View::Null);
    }
    let Some(regex) = regex else { return Ok(View::Null) };
    let group = group.map_or(0, |group| calc::size(&group));
    Ok(calc::regex_extract(text.into_text(), regex, group))
}

pub fn call<'e>(env: &Env<'e>, func: Func, args: &[At], it: It<'_, 'e>) -> Answer<'e> {
    match args {
        [one] => apply(func, &mut [env.eval(*one, it)?]),
        [one, two] => apply(func, &mut [env.eval(*one, it)?, env.eval(*two, it)?]),
        more => {
            let mut values = more.iter().map(|arg| env.eval(*arg, it)).collect::<Result<Vec<_>, _>>()?;
            apply(func, &mut values)
        }
    }
}

fn apply<'e>(func: Func, values: &mut [View<'e>]) -> Answer<'e> {
    if values.iter().any(View::is_null) {
        return Ok(if func == Func::Count { View::Number(Decimal::ZERO) } else { View::Null });
    }
    calc::apply(func, values).map_err(Stop::Hold)
}
