//! The limit: one pass over raw slices, trusting that every line looks like those of the generator. It checks no JSON,
//! no UTF-8, knows the order of the properties, stops a line at the first clause that fails, and carries texts over
//! with their escapes.

use memchr::{memchr, memchr2};
use rivals::{Company, Task, Texts, run};

fn main() {
    let task = Task::new(Texts::Raw);
    run(|line, out| {
        let text = unsafe { std::str::from_utf8_unchecked(line) };
        let mut company = Company::default();
        if fill(text, &mut company) && task.passes(&company) {
            task.write(&company, out);
        }
    });
}

/// Walks the properties; `false` as soon as a clause of the filter can't hold any more.
fn fill<'a>(text: &'a str, company: &mut Company<'a>) -> bool {
    let bytes = text.as_bytes();
    // Behind `{"id":"...","properties":{`.
    let mut at = 7 + memchr(b'"', &bytes[7..]).unwrap() + 16;
    loop {
        // At the quotation mark of a key.
        let start = at + 1;
        let end = start + memchr(b'"', &bytes[start..]).unwrap();
        let key = &bytes[start..end];
        at = end + 2;
        let value = if bytes[at] == b'"' {
            let from = at + 1;
            let mut to = from;
            loop {
                to += memchr2(b'"', b'\\', &bytes[to..]).unwrap();
                if bytes[to] == b'"' {
                    break;
                }
                to += 2;
            }
            at = to + 1;
            Some(&text[from..to])
        } else {
            at += 4;
            None
        };
        match key {
            b"name" => company.name = value,
            b"domain" if value.is_none() => return false,
            b"domain" => company.domain = value,
            b"industry" => company.industry = value,
            b"phone" => company.phone = value,
            b"numberofemployees" => company.numberofemployees = value,
            b"annualrevenue" => {
                company.annualrevenue = value;
                if !value.is_some_and(|text| text.parse::<f64>().is_ok_and(|n| n >= 50_000.0)) {
                    return false;
                }
            }
            b"description" => company.description = value,
            b"address" => company.address = value,
            b"city" => company.city = value,
            b"state" => company.state = value,
            b"zip" => {
                company.zip = value;
                return true;
            }
            b"country" => company.country = value,
            b"lifecyclestage" => {
                company.lifecyclestage = value;
                if !matches!(value, Some("opportunity" | "customer")) {
                    return false;
                }
            }
            b"hs_pipeline_stage" => company.hs_pipeline_stage = value,
            b"founded_year" => company.founded_year = value,
            b"createdate" => company.createdate = value,
            b"notes_last_updated" => company.notes_last_updated = value,
            b"customer_since" => company.customer_since = value,
            b"tags" => company.tags = value,
            b"discount" => company.discount = value,
            b"hs_is_target_account" => company.hs_is_target_account = value,
            b"hs_object_id" => company.hs_object_id = value,
            b"credit_score" => company.credit_score = value,
            _ => {}
        }
        if bytes[at] == b'}' {
            return true;
        }
        at += 1;
    }
}
