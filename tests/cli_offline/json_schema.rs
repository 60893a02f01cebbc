//! A small validator for the JSON Schemas that `schema-of` prints. It knows the keywords that they use and refuses
//! others, so that no keyword is passed over in silence.

use serde_json::Value;

/// What does not fit, each with its place.
pub fn misfits(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, document, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        let mut say = |what: String| found.push(format!("{at}: {what}"));
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let path = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(path).unwrap(), value, at, found);
                return;
            }
            "const" if wanted != value => say(format!("{value} is not {wanted}")),
            "enum" if !wanted.as_array().unwrap().contains(value) => {
                say(format!("{value} is none of {wanted}"))
            }
            "const" | "enum" => {}
            "type" => {
                let types: Vec<&str> = match wanted {
                    Value::String(one) => vec![one],
                    many => many.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect(),
                };
                let is = |kind: &&str| match *kind {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                if !types.iter().any(is) {
                    say(format!("{value} is no {wanted}"));
                }
            }
            "minimum" => {
                if value.as_i64().is_some_and(|value| value < wanted.as_i64().unwrap()) {
                    say(format!("{value} is below {wanted}"));
                }
            }
            "pattern" => {
                let pattern = regex::Regex::new(wanted.as_str().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    say(format!("{value} does not match {wanted}"));
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        say(format!("{name} is missing"));
                    }
                }
            }
            "minItems" => {
                if value.as_array().is_some_and(|items| (items.len() as u64) < wanted.as_u64().unwrap()) {
                    say(format!("fewer than {wanted} items"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{at}/{index}"), found);
                }
            }
            "properties" | "additionalProperties" => {}
            other => panic!("keyword {other} at {at}"),
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let place = format!("{at}/{name}");
        match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(known) => check(root, known, inner, &place, found),
            None => match schema.get("additionalProperties") {
                Some(Value::Bool(false)) => found.push(format!("{place}: not known")),
                Some(schema @ Value::Object(_)) => check(root, schema, inner, &place, found),
                _ => {}
            },
        }
    }
}
