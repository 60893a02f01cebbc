//! The functions of the language. Null goes through, except in `coalesce` and `concat`.

use rust_decimal::Decimal;

use super::calc;
use super::eval::{Answer, Env};
use crate::builtin::Func;
use crate::interp::Stop;
use crate::plan::ir::Expr;
use crate::value::Value;

pub fn call(env: &Env<'_>, func: Func, args: &[Expr]) -> Answer {
    match func {
        Func::Concat => {
            let mut text = String::new();
            for arg in args {
                text.push_str(&env.eval(arg)?.to_string());
            }
            return Ok(if text.is_empty() { Value::Null } else { Value::text(text) });
        }
        Func::Coalesce => {
            for arg in args {
                let value = match env.eval(arg) {
                    // An unlisted value may be defaulted; a hold may not.
                    Err(Stop::Skip(_)) => continue,
                    other => other?,
                };
                if !value.is_blank() {
                    return Ok(value);
                }
            }
            return Ok(Value::Null);
        }
        Func::InZone => {
            let (at, zone) = (arg(env, args, 0)?, arg(env, args, 1)?);
            return calc::in_zone(&at, &zone).map_err(Stop::Hold);
        }
        _ => {}
    }
    let values = args.iter().map(|arg| env.eval(arg)).collect::<Result<Vec<_>, _>>()?;
    if values.iter().any(Value::is_null) {
        return Ok(if func == Func::Count { Value::Number(Decimal::ZERO) } else { Value::Null });
    }
    calc::apply(func, &values).map_err(Stop::Hold)
}

fn arg(env: &Env<'_>, args: &[Expr], index: usize) -> Answer {
    args.get(index).map_or(Ok(Value::Null), |arg| env.eval(arg))
}
