//! `schema show hubspot.deal.dealstage`: what a snapshot knows, for people.

use std::fmt::Write as _;

use super::model::{Field, Object, System};

/// All objects of a system, one line each.
pub fn system(name: &str, system: &System) -> String {
    let mut text = format!("{name}: {} objects", system.objects.len());
    if !system.account.id.is_empty() {
        let _ = write!(text, ", account {}", system.account.id);
    }
    if !system.pulled.is_empty() {
        let _ = write!(text, ", pulled {}", system.pulled);
    }
    text.push('\n');
    for (object_name, object) in &system.objects {
        let _ = writeln!(text, "  {object_name:24} {:4} fields  {}", object.fields.len(), object.label);
    }
    if let Some(owners) = &system.owners {
        let active = owners.iter().filter(|owner| owner.active).count();
        let _ = writeln!(text, "  owners: {} ({active} active)", owners.len());
    }
    text
}

/// All fields of an object, one line each, then its pipelines, stages and record types.
pub fn object(path: &str, object: &Object) -> String {
    let mut text = format!("{path}: {} fields  \"{}\"\n", object.fields.len(), object.label);
    for (name, field) in &object.fields {
        let _ = writeln!(text, "  {name:40} {:18} {}", field.ty.to_string(), traits(field));
    }
    for pipeline in &object.pipelines {
        let _ = writeln!(text, "pipeline \"{}\"  {}", pipeline.id, pipeline.label);
        text.push_str(&stages(&pipeline.stages));
    }
    if !object.stages.is_empty() {
        text.push_str("stages\n");
        text.push_str(&stages(&object.stages));
    }
    for record_type in &object.record_types {
        let _ = writeln!(text, "record_type \"{}\"  {}", record_type.name, record_type.label);
    }
    text
}

fn stages(stages: &[super::model::Stage]) -> String {
    let mut text = String::new();
    for stage in stages {
        let end = match (stage.closed, stage.won) {
            (true, true) => "won",
            (true, false) => "lost",
            _ => "open",
        };
        let probability = stage.probability.map_or(String::new(), |p| format!("{p} %"));
        let _ =
            writeln!(text, "  {:30} {:30} {end:5} {probability}", format!("\"{}\"", stage.id), stage.label);
    }
    text
}

/// Everything about one field.
pub fn field(path: &str, object: &Object, name: &str, field: &Field) -> String {
    let mut text = format!("{path}.{name}  \"{}\"\n  type        {}\n", field.label, field.ty);
    if !field.wire.is_empty() {
        let _ = writeln!(text, "  vendor type {}", field.wire);
    }
    let traits = traits(field);
    if !traits.is_empty() {
        let _ = writeln!(text, "  {traits}");
    }
    if matches!(name, "dealstage" | "hs_pipeline_stage") && !object.pipelines.is_empty() {
        for pipeline in &object.pipelines {
            let _ = writeln!(text, "pipeline \"{}\"  {}", pipeline.id, pipeline.label);
            text.push_str(&stages(&pipeline.stages));
        }
    } else if name == "StageName" && !object.stages.is_empty() {
        text.push_str(&stages(&object.stages));
    } else if !field.options.is_empty() {
        let _ = writeln!(text, "  {} values", field.options.len());
        for option in &field.options {
            let inactive = if option.active { "" } else { "  (inactive)" };
            let _ = writeln!(text, "    {:40} {}{inactive}", format!("\"{}\"", option.value), option.label);
        }
    }
    text
}

fn traits(field: &Field) -> String {
    let writing = match (field.createable, field.updateable) {
        (true, true) => "",
        (true, false) => "create only",
        (false, true) => "update only",
        (false, false) => "read-only",
    };
    let words = [
        (writing, true),
        ("required on create", field.required_on_create),
        ("calculated", field.calculated),
        ("unique", field.unique),
        ("external id", field.external_id),
        ("restricted", field.restricted && !field.options.is_empty()),
        ("not searchable", !field.filterable),
        ("custom", field.custom),
    ];
    words
        .iter()
        .filter(|(word, on)| *on && !word.is_empty())
        .map(|(word, _)| *word)
        .collect::<Vec<_>>()
        .join(", ")
}
