//! Who may see and change what: object and field permissions of the user whose request is handled.
//!
//! Permissions are applied to the schema before a request, so that describe, queries and writes all see the same.
//! Everything is allowed but for what an admin took away, and for fields that an API made: those are seen only with a
//! `FieldPermissions` row in a permission set that the user is assigned.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::Cell;
use super::fault::Fault;
use super::ids::Id;
use super::meta::Access;
use super::org::Org;
use super::store::Row;

/// Rows of these objects say what a user may do.
const SOURCES: &[&str] = &["FieldPermissions", "PermissionSetAssignment", "PermissionSet", "schema"];

#[derive(Debug, Default)]
pub struct Permissions {
    /// (user, object, field or "" for the object itself), names in lower case.
    taken: BTreeMap<(Id, String, String), Access>,
    version: u64,
    applied: Option<(Option<Id>, u64)>,
}

impl Permissions {
    /// Something was written that permissions may depend on.
    pub fn note(&mut self, object: &str) {
        if SOURCES.contains(&object) {
            self.version += 1;
        }
    }

    pub fn forget(&mut self) {
        self.version += 1;
    }
}

impl Org {
    /// Shows the schema as this user sees it; without a user, all of it.
    pub fn act_as(&mut self, user: Option<Id>) {
        let want = (user, self.permissions.version);
        if self.permissions.applied == Some(want) {
            return;
        }
        let shown = user.map(|user| shown_fields(self, user)).unwrap_or_default();
        for object in &mut self.schema.objects {
            object.access = Access::Edit;
            let name = object.name.to_ascii_lowercase();
            for field in &mut object.fields {
                let key = (name.clone(), field.name.to_ascii_lowercase());
                field.access = match user {
                    Some(_) if field.granted => shown.get(&key).copied().unwrap_or(Access::None),
                    _ => Access::Edit,
                };
            }
        }
        if let Some(user) = user {
            let own = self.permissions.taken.range((user, String::new(), String::new())..);
            let own: Vec<_> = own.take_while(|((whose, ..), _)| *whose == user).collect();
            for ((_, object, field), access) in own {
                let Some(object) = self.schema.find_mut(object) else { continue };
                match object.field_mut(field) {
                    Some(field) => field.access = field.access.min(*access),
                    None => object.access = *access,
                }
            }
        }
        self.permissions.applied = Some(want);
    }

    /// An admin changes what a user may do with a field, or with an object.
    ///
    /// # Errors
    /// A name that is not there, or a field that permissions can't hide.
    pub fn permit(
        &mut self,
        user: Id,
        object: &str,
        field: Option<&str>,
        access: Access,
    ) -> Result<(), Fault> {
        let (_, meta) = self.schema.find_any(object).ok_or_else(Fault::not_found)?;
        if let Some(name) = field {
            let (_, found) = meta.find_any(name).ok_or_else(|| unknown(name))?;
            let settable = found.custom || found.json.get("permissionable") == Some(&true.into());
            if !settable {
                let message =
                    format!("{}.{} is seen by everybody: it is not permissionable", meta.name, found.name);
                return Err(Fault::new(400, "INVALID_ARGUMENT", message));
            }
        }
        let key = (user, object.to_ascii_lowercase(), field.unwrap_or_default().to_ascii_lowercase());
        self.permissions.taken.insert(key, access);
        self.schema_changed = self.now();
        self.permissions.forget();
        Ok(())
    }
}

/// What a new row of the permission objects must hold to.
pub fn check(org: &Org, at: usize, row: &Row) -> Result<(), Fault> {
    let Some(meta) = org.schema.get(at) else { return Ok(()) };
    let key: &[&str] = match meta.name.as_str() {
        "FieldPermissions" => &["ParentId", "Field"],
        "ObjectPermissions" => &["ParentId", "SobjectType"],
        // Somebody is in a campaign once.
        "CampaignMember" => &["CampaignId", "ContactId", "LeadId"],
        "PermissionSetAssignment" => &["PermissionSetId", "AssigneeId"],
        _ => return Ok(()),
    };
    if meta.name == "FieldPermissions" {
        let path = org.read_by_name(meta, row, "Field").as_text().unwrap_or_default().to_owned();
        let found = path.split_once('.').and_then(|(object, field)| {
            org.schema.find_any(object).and_then(|(_, object)| object.find_any(field)).map(|(_, field)| field)
        });
        let settable = found.is_some_and(|field| field.json.get("permissionable") == Some(&true.into()));
        if !settable {
            let message = format!("Field Name: bad value for restricted picklist field: {path}");
            return Err(Fault::record("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ["Field"]));
        }
    }
    let values =
        |row: &Row| -> Vec<Cell> { key.iter().map(|name| org.read_by_name(meta, row, name)).collect() };
    let own = values(row);
    let twin =
        org.table(at).and_then(|table| table.live().find(|other| other.id != row.id && values(other) == own));
    match twin {
        Some(twin) => {
            let message = format!(
                "duplicate value found: <unknown> duplicates value on record with id: {}",
                twin.id.short()
            );
            Err(Fault::record("DUPLICATE_VALUE", message, [""; 0]))
        }
        None => Ok(()),
    }
}

fn unknown(name: &str) -> Fault {
    Fault::new(400, "INVALID_ARGUMENT", format!("there is no field {name}"))
}

/// (object, field) -> what the user's permission sets allow.
fn shown_fields(org: &Org, user: Id) -> BTreeMap<(String, String), Access> {
    let mut shown = BTreeMap::new();
    let rows = |name: &str| org.schema.find_any(name).and_then(|(at, meta)| Some((meta, org.table(at)?)));
    let (Some((assigned, assignments)), Some((granted, grants))) =
        (rows("PermissionSetAssignment"), rows("FieldPermissions"))
    else {
        return shown;
    };
    let of_user = assignments
        .live()
        .filter(|row| org.read_by_name(assigned, row, "AssigneeId").as_id() == Some(user))
        .filter_map(|row| org.read_by_name(assigned, row, "PermissionSetId").as_id());
    let sets: BTreeSet<Id> = of_user.collect();
    for row in grants.live() {
        let read = |name: &str| org.read_by_name(granted, row, name);
        if !read("ParentId").as_id().is_some_and(|set| sets.contains(&set)) {
            continue;
        }
        let (Some(path), true) = (text(&read("Field")), read("PermissionsRead") == Cell::Bool(true)) else {
            continue;
        };
        let Some((object, field)) = path.split_once('.') else { continue };
        let access = if read("PermissionsEdit") == Cell::Bool(true) { Access::Edit } else { Access::Read };
        let known = shown.entry((object.to_owned(), field.to_owned())).or_insert(access);
        *known = (*known).max(access);
    }
    shown
}

fn text(cell: &Cell) -> Option<String> {
    cell.as_text().map(str::to_ascii_lowercase)
}
