//! The objects of a new org: describe bodies from `data/`, and small setup objects written here.

use serde_json::{Map, Value, json};

use super::meta::{Field, Object, Schema};

const DESCRIBED: &[&str] = &[
    include_str!("data/Account.json"),
    include_str!("data/Contact.json"),
    include_str!("data/Lead.json"),
    include_str!("data/Opportunity.json"),
    include_str!("data/OpportunityContactRole.json"),
    include_str!("data/Task.json"),
];

/// Name, key prefix, plural, object flags (c create, u update, d delete, r replicate, q query) and fields, one a line:
/// name, type with length, flags (c create, u update, n nillable, d defaulted, k id lookup, q unique, N name field,
/// r restricted picklist; no list of languages and time zones is kept, so those take any), and the objects that a reference points to, joined by `|`.
type Small = (&'static str, &'static str, &'static str, &'static str, &'static str);

const SMALL: &[Small] = &[
    (
        "User",
        "005",
        "Users",
        "curq",
        "Username string(80) cukq\nLastName string(80) cu\nFirstName string(40) cun\nName string(121) N\n\
         CompanyName string(80) cun\nDivision string(80) cun\nDepartment string(80) cun\nTitle string(80) cun\n\
         City string(40) cun\nCountry string(80) cun\nEmail email(128) cuk\nPhone phone(40) cun\n\
         MobilePhone phone(40) cun\nAlias string(8) cu\nCommunityNickname string(40) cuq\nIsActive boolean cud\n\
         TimeZoneSidKey picklist(40) cu\nUserRoleId reference cun UserRole\nLocaleSidKey picklist(40) cu\n\
         EmailEncodingKey picklist(40) cu\nProfileId reference cu Profile\nUserType picklist(40) nr\n\
         LanguageLocaleKey picklist(40) cu\nEmployeeNumber string(20) cun\nManagerId reference cun User\n\
         FederationIdentifier string(512) cunkq\nLastLoginDate datetime n\nForecastEnabled boolean cud\n\
         UserPermissionsMarketingUser boolean cud\nUserPermissionsInteractionUser boolean cud",
    ),
    (
        "Organization",
        "00D",
        "Organizations",
        "uq",
        "Name string(80) uN\nDivision string(80) un\nStreet textarea(255) un\nCity string(40) un\n\
         State string(80) un\nPostalCode string(20) un\nCountry string(80) un\nPhone phone(40) un\n\
         PrimaryContact string(80) un\nDefaultLocaleSidKey picklist(40) ur\nTimeZoneSidKey picklist(40) r\n\
         LanguageLocaleKey picklist(40) ur\nFiscalYearStartMonth int un\nOrganizationType picklist(40) nr\n\
         NamespacePrefix string(15) n\nInstanceName string(5) n\nIsSandbox boolean d\nIsReadOnly boolean d\n\
         TrialExpirationDate datetime n\nUsesStartDateAsFiscalYearName boolean ud",
    ),
    (
        "Campaign",
        "701",
        "Campaigns",
        "cudrq",
        "Name string(80) cuN\nParentId reference cun Campaign\nType picklist(40) cun\nStatus picklist(40) cun\n\
         StartDate date cun\nEndDate date cun\nIsActive boolean cud\nDescription textarea(32000) cun\n\
         OwnerId reference cud User",
    ),
    (
        "CampaignMember",
        "00v",
        "Campaign Members",
        "cudrq",
        "CampaignId reference c Campaign\nLeadId reference cn Lead\nContactId reference cn Contact\n\
         Status picklist(40) cun\nHasResponded boolean",
    ),
    (
        "RecordType",
        "012",
        "Record Types",
        "cuq",
        "Name string(80) cuN\nDeveloperName string(80) cu\nNamespacePrefix string(15) n\n\
         Description string(255) cun\nBusinessProcessId reference cun BusinessProcess\n\
         SobjectType picklist(40) cr\nIsActive boolean cud\nIsPersonType boolean d",
    ),
    (
        "OpportunityStage",
        "01J",
        "Opportunity Stages",
        "q",
        "MasterLabel string(255) nN\nApiName string(255) nk\nIsActive boolean d\nSortOrder int n\n\
         IsClosed boolean d\nIsWon boolean d\nForecastCategory picklist(40) r\n\
         ForecastCategoryName picklist(255) nr\nDefaultProbability percent n\nDescription string(255) n",
    ),
    (
        "LeadStatus",
        "01J",
        "Lead Status Values",
        "q",
        "MasterLabel string(255) nN\nApiName string(255) nk\nSortOrder int n\nIsDefault boolean d\n\
         IsConverted boolean d",
    ),
    (
        "Profile",
        "00e",
        "Profile",
        "q",
        "Name string(255) N\nUserType picklist(40) nr\nDescription string(255) n\n\
         PermissionsViewAllData boolean d\nPermissionsModifyAllData boolean d",
    ),
    (
        "Note",
        "002",
        "Notes",
        "cudrq",
        "Title string(80) cuN\nBody textarea(32000) cun\n\
         ParentId reference cu Account|Contact|Lead|Opportunity\nIsPrivate boolean cud\nOwnerId reference cud User",
    ),
    (
        "UserRole",
        "00E",
        "Role",
        "curq",
        "Name string(80) cuN\nParentRoleId reference cun UserRole\nDeveloperName string(80) cun",
    ),
    (
        "BusinessProcess",
        "019",
        "Business Processes",
        "q",
        "Name string(80) N\nNamespacePrefix string(15) n\nDescription string(255) n\n\
         TableEnumOrId picklist(40) r\nIsActive boolean d",
    ),
    (
        "Group",
        "00G",
        "Group",
        "cudq",
        "Name string(40) cuN\nDeveloperName string(80) cun\nRelatedId reference n User\nType picklist(40) c\n\
         Email email(255) cun\nOwnerId reference d User",
    ),
    (
        "PermissionSet",
        "0PS",
        "Permission Sets",
        "cudq",
        "Name string(80) cuqN\nLabel string(80) cu\nDescription string(255) cun\nProfileId reference n Profile\n\
         IsOwnedByProfile boolean d\nIsCustom boolean d\nNamespacePrefix string(15) n",
    ),
    (
        "PermissionSetAssignment",
        "0Pa",
        "Permission Set Assignments",
        "cdq",
        "PermissionSetId reference c PermissionSet\nAssigneeId reference c User",
    ),
    (
        "FieldPermissions",
        "01k",
        "Field Permissions",
        "cudq",
        "ParentId reference c PermissionSet\nSobjectType picklist(40) c\nField string(255) c\n\
         PermissionsEdit boolean cud\nPermissionsRead boolean cud",
    ),
    (
        "ObjectPermissions",
        "110",
        "Object Permissions",
        "cudq",
        "ParentId reference c PermissionSet\nSobjectType picklist(40) c\nPermissionsCreate boolean cud\n\
         PermissionsRead boolean cud\nPermissionsEdit boolean cud\nPermissionsDelete boolean cud\n\
         PermissionsViewAllRecords boolean cud\nPermissionsModifyAllRecords boolean cud",
    ),
    (
        CUSTOM_FIELD,
        "00N",
        "Custom Fields",
        "cudq",
        "DeveloperName string(80) cN\nTableEnumOrId string(40) c\nFullName string(255) n\nNamespacePrefix string(15) n",
    ),
];

/// The table of the Tooling API.
const CUSTOM_FIELD: &str = "CustomField";

const SYSTEM: &str = "CreatedDate datetime d\nCreatedById reference d User\nLastModifiedDate datetime d\n\
                      LastModifiedById reference d User\nSystemModstamp datetime d";

/// The objects of a new org. With `setup`, also the fields that exactly-once creation uses.
pub fn schema(setup: bool) -> Schema {
    let mut schema = Schema { usual: parse(include_str!("data/field.json")), ..Schema::default() };
    for text in DESCRIBED {
        schema.add(Object::from_json(parse(text)));
    }
    for small in SMALL {
        let mut object = small_object(small);
        object.tooling = object.name == CUSTOM_FIELD;
        schema.add(object);
    }
    // A stage or status of its own key prefix is also the default of its field.
    let record_type = schema.find("Account").and_then(|(_, account)| account.find("RecordTypeId"));
    let record_type = record_type.map(|(_, field)| field.clone());
    if let (Some(field), Some(object)) = (record_type, schema.find_mut("Opportunity")) {
        object.add_field(field);
    }
    if setup {
        for name in ["Account", "Contact", "Lead", "Opportunity", "Task"] {
            if let Some(object) = schema.find_mut(name) {
                object.add_field(Field::from_json(text_field("Twinmap_Id__c", "Twinmap Id", 64, true)));
                object.add_field(Field::from_json(text_field("Twinmap_Op__c", "Twinmap Op", 64, false)));
            }
        }
    }
    schema
}

fn parse(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The describe of a custom text field.
pub fn text_field(name: &str, label: &str, length: u64, key: bool) -> Map<String, Value> {
    object_of(json!({
        "name": name, "label": label, "type": "string", "soapType": "xsd:string", "length": length,
        "byteLength": length * 3, "custom": true, "createable": true, "updateable": true, "nillable": true,
        "filterable": true, "sortable": true, "groupable": true, "aggregatable": true, "permissionable": true,
        "externalId": key, "unique": key, "idLookup": key,
    }))
}

pub fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The describe of a custom object with its name field and system fields.
pub fn custom_object(name: &str, label: &str, plural: &str, prefix: &str) -> Value {
    let mut fields = vec![system_id("Record"), field("IsDeleted boolean d")];
    fields.extend(["OwnerId reference cud User", "Name string(80) cunkN"].iter().map(|line| field(line)));
    fields.extend(SYSTEM.lines().map(field));
    json!({
        "name": name, "label": label, "labelPlural": plural, "keyPrefix": prefix, "custom": true,
        "createable": true, "updateable": true, "deletable": true, "undeletable": true, "replicateable": true,
        "queryable": true, "retrieveable": true, "searchable": true, "layoutable": true, "triggerable": true,
        "sobjectDescribeOption": "FULL", "fields": fields,
        "supportedScopes": [{"label": format!("All {plural}"), "name": "everything"}],
    })
}

fn small_object((name, prefix, plural, flags, fields): &Small) -> Object {
    let has = |flag: char| flags.contains(flag);
    let label = label(name);
    let mut described = vec![system_id(&label)];
    if has('d') {
        described.push(field("IsDeleted boolean d"));
    }
    described.extend(fields.lines().chain(SYSTEM.lines()).map(field));
    let mut json = object_of(json!({
        "name": name, "label": label, "labelPlural": plural, "keyPrefix": prefix, "createable": has('c'),
        "updateable": has('u'), "deletable": has('d'), "undeletable": has('d'), "replicateable": has('r'),
        "queryable": has('q'), "retrieveable": true, "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": format!("All {plural}"), "name": "everything"}], "fields": described,
    }));
    complete(&mut json);
    Object::from_json(json)
}

/// Adds the members of an object describe that say nothing.
pub fn complete(json: &mut Map<String, Value>) {
    for (keys, value) in [(FALSE, json!(false)), (EMPTY, json!([])), (NULL, Value::Null)] {
        for key in keys {
            json.entry((*key).to_owned()).or_insert(value.clone());
        }
    }
}

const FALSE: &[&str] = &[
    "custom",
    "searchable",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "triggerable",
    "activateable",
    "customSetting",
    "deepCloneable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "compactLayoutable",
    "searchLayoutable",
];
const EMPTY: &[&str] = &["actionOverrides", "childRelationships", "namedLayoutInfos"];
const NULL: &[&str] = &[
    "associateEntityType",
    "associateParentEntity",
    "defaultImplementation",
    "extendedBy",
    "extendsInterfaces",
    "implementedBy",
    "implementsInterfaces",
    "listviewable",
    "lookupLayoutable",
    "networkScopeFieldName",
];

fn system_id(label: &str) -> Value {
    json!({
        "name": "Id", "label": format!("{label} ID"), "type": "id", "soapType": "tns:ID", "length": 18,
        "byteLength": 18, "defaultedOnCreate": true, "idLookup": true, "filterable": true, "sortable": true,
        "groupable": true, "aggregatable": true,
    })
}

/// `TimeZoneSidKey` -> `Time Zone Sid Key`
fn label(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// One line of a small object.
fn field(line: &str) -> Value {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let kind = words.next().unwrap_or_default();
    let flags = words.next().unwrap_or_default();
    let target = words.next();
    let (kind, length) = kind.split_once('(').unwrap_or((kind, ""));
    let length: u64 = length.trim_end_matches(')').parse().unwrap_or(0);
    let length = if kind == "reference" { 18 } else { length };
    let has = |flag: char| flags.contains(flag);
    let soap = match kind {
        "reference" => "tns:ID",
        "boolean" => "xsd:boolean",
        "int" => "xsd:int",
        "percent" => "xsd:double",
        "datetime" => "xsd:dateTime",
        _ => "xsd:string",
    };
    let mut json = json!({
        "name": name, "label": label(name), "type": kind, "soapType": soap, "length": length,
        "byteLength": if kind == "reference" { 18 } else { length * 3 }, "createable": has('c'),
        "updateable": has('u'), "nillable": has('n'), "defaultedOnCreate": has('d'), "idLookup": has('k'),
        "unique": has('q'), "nameField": has('N'), "restrictedPicklist": has('r'), "filterable": true,
        "sortable": true, "groupable": kind != "percent" && kind != "datetime",
    });
    let set = |json: &mut Value, key: &str, value: Value| {
        if let Value::Object(map) = json {
            map.insert(key.to_owned(), value);
        }
    };
    if let Some(target) = target {
        set(&mut json, "referenceTo", json!(target.split('|').collect::<Vec<_>>()));
        set(&mut json, "relationshipName", json!(name.trim_end_matches("Id")));
    }
    if kind == "int" {
        set(&mut json, "digits", json!(9));
    }
    if kind == "percent" {
        set(&mut json, "precision", json!(3));
    }
    json
}
