//! The mapping under simulation: companies and people, both ways, with a one-way field, an e-mail key and an association.

use std::collections::BTreeMap;

use twinmap::plan::ir::*;
use twinmap::schema::{FieldType, SystemKind};
use twinmap::syntax::ast::Direction;

pub const COMPANY: usize = 0;
pub const ACCOUNT: usize = 1;
pub const PERSON: usize = 2;
pub const CONTACT: usize = 3;

/// How one object of a seed stands: its system (0 HubSpot, 1 Salesforce) and its fields.
pub struct Shape {
    pub name: &'static str,
    pub system: usize,
    pub fields: &'static [&'static str],
    /// Field that no two records may share.
    pub unique: Option<usize>,
    /// Fields that people edit.
    pub edited: &'static [usize],
}

/// Field 0 is the key, field 1 our external id.
pub const SHAPES: [Shape; 4] = [
    Shape {
        name: "company",
        system: 0,
        fields: &["code", "twinmap_id", "phone", "city", "note", "scope"],
        unique: None,
        edited: &[2, 3, 4],
    },
    Shape {
        name: "Account",
        system: 1,
        fields: &["Code__c", "Twinmap_Id__c", "Phone", "City__c", "Note__c", "Twinmap_Op__c"],
        unique: None,
        edited: &[2, 3],
    },
    Shape {
        name: "contact",
        system: 0,
        fields: &["email", "twinmap_id", "firstname"],
        unique: Some(0),
        edited: &[2],
    },
    Shape {
        name: "Contact",
        system: 1,
        fields: &["Email", "Twinmap_Id__c", "FirstName", "AccountId", "Twinmap_Op__c"],
        unique: None,
        edited: &[2],
    },
];

/// The field of a company that its filter reads: companies with a value there stay out.
pub const SCOPE: usize = 5;

/// The object on the other side.
pub fn twin(object: usize) -> usize {
    object ^ 1
}

/// What of the mapping varies from seed to seed.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    pub winner: Side,
    /// 0 = winner within five minutes, 1 = newest, 2 = owned fields on top of the winner.
    pub rule: u32,
    /// Objects without a field for our ids: found again by what they hold.
    pub bare: bool,
    pub associations: bool,
    /// Companies are filtered.
    pub filter: bool,
    /// An account is archived when its company is deleted.
    pub archives: bool,
    /// A link ends when its company leaves the filter.
    pub unlinks: bool,
    /// How many records a run may make without approval.
    pub creates: u64,
}

fn field(shape: &Shape, index: usize) -> Field {
    let name = shape.fields[index];
    let ty = match name {
        "email" | "Email" => FieldType::Email,
        "AccountId" => FieldType::Ref { to: vec!["Account".to_owned()] },
        _ => FieldType::Text { max: None },
    };
    Field {
        name: name.to_owned(),
        label: name.to_owned(),
        ty,
        nullable: true,
        createable: true,
        updateable: true,
        unique: shape.unique == Some(index),
        filterable: true,
        options: Vec::new(),
    }
}

fn object(shape: &Shape, variant: Variant) -> Object {
    let at = |name: &str| {
        shape.fields.iter().position(|field| *field == name).map(|at| FieldId(u32::try_from(at).unwrap()))
    };
    Object {
        system: SystemId(u32::try_from(shape.system).unwrap()),
        name: shape.name.to_owned(),
        label: shape.name.to_owned(),
        fields: (0..shape.fields.len()).map(|index| field(shape, index)).collect(),
        associations: if shape.name == "contact" { vec!["company".to_owned()] } else { Vec::new() },
        external_id: at("twinmap_id").or(at("Twinmap_Id__c")).filter(|_| !variant.bare),
        op_stamp: at("Twinmap_Op__c").filter(|_| !variant.bare),
    }
}

fn transfer(from: Side, field: u32, may_blank: bool) -> Option<Transfer> {
    Some(Transfer {
        expr: Expr::Field { side: from, field: FieldId(field) },
        when: None,
        if_empty: false,
        on_create: false,
        cut: false,
        may_blank,
    })
}

fn row(left: u32, right: u32, both: bool, variant: Variant) -> Row {
    Row {
        id: format!("{left}-{right}"),
        doc: None,
        left: Some(FieldId(left)),
        right: Some(FieldId(right)),
        to_right: transfer(Side::Left, left, true),
        to_left: both.then(|| transfer(Side::Right, right, true)).flatten(),
        prefer: None,
        owned_by: (variant.rule == 2 && left == 3).then_some(Side::Right),
        text: String::new(),
        at: String::new(),
    }
}

fn sync(name: &str, left: usize, rows: Vec<Row>, associations: Vec<Association>, variant: Variant) -> Sync {
    let id = |object: usize| ObjectId(u32::try_from(object).unwrap());
    let key = |side: Side| Expr::Field { side, field: FieldId(0) };
    let conflict = match variant.rule {
        1 => Conflict::Newest,
        _ => Conflict::Winner { side: variant.winner, window: 300_000 },
    };
    let guard = Guard {
        creates: Limit::Count(variant.creates),
        updates: Limit::Count(1000),
        deletes: Limit::Count(if variant.archives { 1000 } else { 0 }),
        blanks: Limit::Count(1000),
    };
    Sync {
        name: name.to_owned(),
        doc: None,
        left: id(left),
        direction: Direction::Both,
        arms: vec![Arm {
            right: id(twin(left)),
            matches: vec![Match::Keys { left: key(Side::Left), right: key(Side::Right), when: None }],
            rows,
            associations,
        }],
        route: Vec::new(),
        follow_conversion: false,
        start: Start::All,
        filter_left: (variant.filter && left == COMPANY)
            .then(|| Expr::IsBlank(Box::new(Expr::Field { side: Side::Left, field: FieldId(SCOPE as u32) }))),
        filter_right: None,
        create_left: Create::Always,
        create_right: Create::Always,
        veto_left: Vec::new(),
        veto_right: Vec::new(),
        conflict,
        delete: match variant.archives && left == COMPANY {
            true => Delete::Archive { side: Side::Right },
            false => Delete::Ignore,
        },
        leave: if variant.unlinks { Leave::Unlink } else { Leave::Keep },
        guard,
        propagate: Vec::new(),
        refresh: None,
        save_to: None,
    }
}

pub fn plan(variant: Variant) -> SyncPlan {
    let system = |name: &str, kind| System { name: name.to_owned(), kind, account: String::new() };
    let company = Association {
        direction: Direction::Both,
        left: AssociationEnd::Set(0),
        right: AssociationEnd::Lookup(FieldId(3)),
        through: SyncId(0),
        primary: true,
        text: "company <-> AccountId".to_owned(),
    };
    let associations = if variant.associations { vec![company] } else { Vec::new() };
    let row = |left, right, both| row(left, right, both, variant);
    SyncPlan {
        format_version: FORMAT_VERSION,
        project: "simulation".to_owned(),
        edition: "2026".to_owned(),
        schema_hashes: BTreeMap::new(),
        systems: vec![system("hubspot", SystemKind::Hubspot), system("salesforce", SystemKind::Salesforce)],
        objects: SHAPES.iter().map(|shape| object(shape, variant)).collect(),
        values: Vec::new(),
        stages: Vec::new(),
        owners: Vec::new(),
        syncs: vec![
            sync(
                "companies",
                COMPANY,
                vec![row(0, 0, true), row(2, 2, true), row(3, 3, true), row(4, 4, false)],
                Vec::new(),
                variant,
            ),
            sync("people", PERSON, vec![row(0, 0, true), row(2, 2, true)], associations, variant),
        ],
        writebacks: Vec::new(),
        crm_settings: Vec::new(),
        policies: Vec::new(),
    }
}
