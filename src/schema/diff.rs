//! What changed between two snapshots of one system, fact by fact. Whether a change matters is not said here:
//! that depends on the mappings (see `drift`).

use super::model::{Choice, Field, Object, Stage, System};
use super::types::{Digits, FieldType};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub object: String,
    pub field: Option<String>,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Id before and after: these are snapshots of two accounts.
    OtherAccount(String, String),
    ObjectAdded,
    ObjectRemoved,
    /// Records can't be made (or changed) any more.
    ObjectClosed,
    FieldAdded {
        required: bool,
    },
    FieldRemoved,
    /// Gone under this name, and here under another with the same type and label.
    FieldRenamed(String),
    Type(String, String),
    Shorter(String, String),
    Longer(String, String),
    NotReadable,
    NotWritable,
    NowWritable,
    NowRequired,
    NotRequired,
    NotSearchable,
    NotUnique,
    ValueAdded(String),
    ValueRemoved(String),
    ValueInactive(String),
    PipelineAdded(String),
    PipelineRemoved(String),
    StageAdded {
        scope: Option<String>,
        stage: String,
    },
    StageRemoved {
        scope: Option<String>,
        stage: String,
    },
    /// Open, won or lost: before and after.
    StageEnd {
        scope: Option<String>,
        stage: String,
        before: &'static str,
        after: &'static str,
    },
    RecordTypeRemoved(String),
    RecordTypeAdded(String),
}

/// All differences, by object, field and kind.
pub fn diff(before: &System, after: &System) -> Vec<Change> {
    let mut changes = Vec::new();
    if !before.account.id.is_empty() && !after.account.id.is_empty() && before.account.id != after.account.id
    {
        let what = What::OtherAccount(before.account.id.clone(), after.account.id.clone());
        changes.push(Change { object: String::new(), field: None, what });
    }
    for (name, old) in &before.objects {
        match after.objects.get(name) {
            Some(new) => object(name, old, new, &mut changes),
            None => changes.push(Change { object: name.clone(), field: None, what: What::ObjectRemoved }),
        }
    }
    for name in after.objects.keys().filter(|name| !before.objects.contains_key(*name)) {
        changes.push(Change { object: name.clone(), field: None, what: What::ObjectAdded });
    }
    changes
}

fn object(name: &str, old: &Object, new: &Object, changes: &mut Vec<Change>) {
    let mut say = |field: Option<&str>, what: What| {
        changes.push(Change { object: name.to_owned(), field: field.map(str::to_owned), what });
    };
    if old.createable && !new.createable || old.updateable && !new.updateable {
        say(None, What::ObjectClosed);
    }
    let mut renamed: Vec<&str> = Vec::new();
    for (field_name, field) in &old.fields {
        let Some(other) = new.fields.get(field_name) else {
            match rename_of(field, old, new, &renamed) {
                Some(now) => {
                    renamed.push(now);
                    say(Some(field_name), What::FieldRenamed(now.to_owned()));
                }
                None => say(Some(field_name), What::FieldRemoved),
            }
            continue;
        };
        field_changes(field, other).into_iter().for_each(|what| say(Some(field_name), what));
    }
    for (field_name, field) in &new.fields {
        if !old.fields.contains_key(field_name) && !renamed.contains(&field_name.as_str()) {
            say(Some(field_name), What::FieldAdded { required: field.required_on_create });
        }
    }
    for pipeline in &old.pipelines {
        match new.pipelines.iter().find(|other| other.id == pipeline.id) {
            None => say(None, What::PipelineRemoved(pipeline.id.clone())),
            Some(other) => {
                let scope = Some(pipeline.id.clone());
                stages(&scope, &pipeline.stages, &other.stages).into_iter().for_each(|what| say(None, what));
            }
        }
    }
    for pipeline in new.pipelines.iter().filter(|one| !old.pipelines.iter().any(|other| other.id == one.id)) {
        say(None, What::PipelineAdded(pipeline.id.clone()));
    }
    stages(&None, &old.stages, &new.stages).into_iter().for_each(|what| say(None, what));
    let named =
        |list: &[super::model::RecordType], name: &str| list.iter().any(|one| one.name == name && one.active);
    for one in old.record_types.iter().filter(|one| one.active && !named(&new.record_types, &one.name)) {
        say(None, What::RecordTypeRemoved(one.name.clone()));
    }
    for one in new.record_types.iter().filter(|one| one.active && !named(&old.record_types, &one.name)) {
        say(None, What::RecordTypeAdded(one.name.clone()));
    }
}

/// A new field with the label and type of one that is gone.
fn rename_of<'n>(gone: &Field, old: &Object, new: &'n Object, taken: &[&str]) -> Option<&'n str> {
    let mut like = new.fields.iter().filter(|(name, field)| {
        !old.fields.contains_key(*name)
            && !taken.contains(&name.as_str())
            && std::mem::discriminant(&field.ty) == std::mem::discriminant(&gone.ty)
            && !gone.label.is_empty()
            && field.label.eq_ignore_ascii_case(&gone.label)
    });
    let first = like.next();
    // Two of them: nobody knows which one it is.
    if like.next().is_some() { None } else { first.map(|(name, _)| name.as_str()) }
}

fn field_changes(old: &Field, new: &Field) -> Vec<What> {
    let mut found = Vec::new();
    if old.ty != new.ty {
        let (before, after) = (old.ty.to_string(), new.ty.to_string());
        found.push(match size_change(&old.ty, &new.ty) {
            Some(std::cmp::Ordering::Less) => What::Shorter(before, after),
            Some(_) => What::Longer(before, after),
            None => What::Type(before, after),
        });
    }
    let writable = |field: &Field| (field.createable || field.updateable) && !field.calculated;
    let pairs = [
        (old.readable && !new.readable, What::NotReadable),
        (writable(old) && !writable(new), What::NotWritable),
        (!writable(old) && writable(new), What::NowWritable),
        (!old.required_on_create && new.required_on_create, What::NowRequired),
        (old.required_on_create && !new.required_on_create, What::NotRequired),
        (old.filterable && !new.filterable, What::NotSearchable),
        (old.unique && !new.unique, What::NotUnique),
    ];
    found.extend(pairs.into_iter().filter(|(holds, _)| *holds).map(|(_, what)| what));
    let find = |list: &[Choice], value: &str| {
        list.iter().find(|other| other.value == value).map(|other| other.active)
    };
    for choice in &old.options {
        match find(&new.options, &choice.value) {
            None => found.push(What::ValueRemoved(choice.value.to_string())),
            Some(false) if choice.active => found.push(What::ValueInactive(choice.value.to_string())),
            Some(_) => {}
        }
    }
    for choice in new.options.iter().filter(|choice| choice.active) {
        if find(&old.options, &choice.value).is_none() {
            found.push(What::ValueAdded(choice.value.to_string()));
        }
    }
    found
}

/// Less = the new type takes less. `None` = another kind of type.
fn size_change(old: &FieldType, new: &FieldType) -> Option<std::cmp::Ordering> {
    use FieldType as T;
    let limit = |size: Option<u32>| size.unwrap_or(u32::MAX);
    let digits = |digits: &Digits| {
        let scale = digits.scale.unwrap_or(0);
        (digits.precision.map_or(u32::MAX, |precision| precision.saturating_sub(scale)), scale)
    };
    match (old, new) {
        (T::Text { max: a } | T::LongText { max: a }, T::Text { max: b } | T::LongText { max: b }) => {
            Some(limit(*b).cmp(&limit(*a)))
        }
        (T::Int { digits: a }, T::Int { digits: b }) => Some(limit(*b).cmp(&limit(*a))),
        (T::Decimal(a), T::Decimal(b)) | (T::Money(a), T::Money(b)) => {
            let ((whole, scale), (new_whole, new_scale)) = (digits(a), digits(b));
            Some(if new_whole < whole || new_scale < scale {
                std::cmp::Ordering::Less
            } else {
                std::cmp::Ordering::Greater
            })
        }
        _ => None,
    }
}

fn end(stage: &Stage) -> &'static str {
    match (stage.closed, stage.won) {
        (true, true) => "won",
        (true, false) => "lost",
        _ => "open",
    }
}

fn stages(scope: &Option<String>, old: &[Stage], new: &[Stage]) -> Vec<What> {
    let mut found = Vec::new();
    let active = |list: &[Stage], id: &str| list.iter().any(|stage| stage.id == id && stage.active);
    for stage in old.iter().filter(|stage| stage.active) {
        let (scope, id) = (scope.clone(), stage.id.clone());
        match new.iter().find(|other| other.id == stage.id && other.active) {
            None => found.push(What::StageRemoved { scope, stage: id }),
            Some(other) if end(other) != end(stage) => {
                found.push(What::StageEnd { scope, stage: id, before: end(stage), after: end(other) });
            }
            Some(_) => {}
        }
    }
    for stage in new.iter().filter(|stage| stage.active && !active(old, &stage.id)) {
        found.push(What::StageAdded { scope: scope.clone(), stage: stage.id.clone() });
    }
    found
}

impl What {
    /// Stable name for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            What::OtherAccount(..) => "other-account",
            What::ObjectAdded => "object-added",
            What::ObjectRemoved => "object-removed",
            What::ObjectClosed => "object-closed",
            What::FieldAdded { .. } => "field-added",
            What::FieldRemoved => "field-removed",
            What::FieldRenamed(_) => "field-renamed",
            What::Type(..) => "type-changed",
            What::Shorter(..) => "shorter",
            What::Longer(..) => "longer",
            What::NotReadable => "not-readable",
            What::NotWritable => "read-only",
            What::NowWritable => "writable",
            What::NowRequired => "required",
            What::NotRequired => "not-required",
            What::NotSearchable => "not-searchable",
            What::NotUnique => "not-unique",
            What::ValueAdded(_) => "value-added",
            What::ValueRemoved(_) => "value-removed",
            What::ValueInactive(_) => "value-inactive",
            What::PipelineAdded(_) => "pipeline-added",
            What::PipelineRemoved(_) => "pipeline-removed",
            What::StageAdded { .. } => "stage-added",
            What::StageRemoved { .. } => "stage-removed",
            What::StageEnd { .. } => "stage-end-changed",
            What::RecordTypeAdded(_) => "record-type-added",
            What::RecordTypeRemoved(_) => "record-type-removed",
        }
    }

    /// The change in words, to stand behind the object's or field's name.
    pub fn words(&self) -> String {
        let within = |scope: &Option<String>| {
            scope.as_ref().map(|scope| format!(" of pipeline \"{scope}\"")).unwrap_or_default()
        };
        match self {
            What::OtherAccount(a, b) => format!("another account: {a} became {b}"),
            What::ObjectAdded => "a new object".to_owned(),
            What::ObjectRemoved => "is gone".to_owned(),
            What::ObjectClosed => "records can't be made or changed any more".to_owned(),
            What::FieldAdded { required: true } => "a new field, required when a record is made".to_owned(),
            What::FieldAdded { required: false } => "a new field".to_owned(),
            What::FieldRemoved => "is gone".to_owned(),
            What::FieldRenamed(now) => format!("is now called `{now}`"),
            What::Type(a, b) | What::Shorter(a, b) | What::Longer(a, b) => format!("was {a}, is {b}"),
            What::NotReadable => "can't be read any more".to_owned(),
            What::NotWritable => "is read-only now".to_owned(),
            What::NowWritable => "can be written now".to_owned(),
            What::NowRequired => "is required now when a record is made".to_owned(),
            What::NotRequired => "is not required any more".to_owned(),
            What::NotSearchable => "can't be searched any more".to_owned(),
            What::NotUnique => "is not unique any more".to_owned(),
            What::ValueAdded(value) => format!("has a new value \"{value}\""),
            What::ValueRemoved(value) => format!("has no value \"{value}\" any more"),
            What::ValueInactive(value) => format!("the value \"{value}\" is inactive now"),
            What::PipelineAdded(id) => format!("has a new pipeline \"{id}\""),
            What::PipelineRemoved(id) => format!("has no pipeline \"{id}\" any more"),
            What::StageAdded { scope, stage } => format!("has a new stage \"{stage}\"{}", within(scope)),
            What::StageRemoved { scope, stage } => {
                format!("has no stage \"{stage}\"{} any more", within(scope))
            }
            What::StageEnd { scope, stage, before, after } => {
                format!("the stage \"{stage}\"{} was {before}, is {after}", within(scope))
            }
            What::RecordTypeAdded(name) => format!("has a new record type \"{name}\""),
            What::RecordTypeRemoved(name) => format!("has no record type \"{name}\" any more"),
        }
    }
}
