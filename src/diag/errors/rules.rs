//! E5xx: what a sync writes, creates, deletes, and how syncs meet.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

pub fn required_unset(
    span: Span,
    created: Span,
    object: &str,
    field: &str,
    ty: &str,
    help: String,
) -> Diagnostic {
    Diagnostic::new(Code::E501, span, format!("{object} requires `{field}`, and no row writes it"))
        .here(format!("no row here points at `{field}`"))
        .label(created, "new records are created on this side")
        .note(format!("{field} is {ty}, required, without a default value"))
        .help(help)
}

pub fn read_only(
    span: Span,
    arrow: Span,
    object: &str,
    field: &str,
    calculated: bool,
    system: &str,
) -> Diagnostic {
    let why = if calculated {
        format!("calculated by {system}")
    } else {
        format!("{system} does not let it be written")
    };
    Diagnostic::new(Code::E511, span, format!("{object}.{field} is read-only"))
        .here(why)
        .label(arrow, "this arrow writes to it")
        .help("turn the row round, so that it only reads this field")
}

pub fn create_only(span: Span, object: &str, field: &str) -> Diagnostic {
    Diagnostic::new(Code::E512, span, format!("{object}.{field} can only be set when a record is created"))
        .here("this row would also update it")
        .help("add `on create` to the row")
}

pub fn not_on_create(span: Span, object: &str, field: &str) -> Diagnostic {
    Diagnostic::new(Code::E512, span, format!("{object}.{field} can't be set when a record is created"))
        .here("only updates may set it")
        .help("remove `on create`")
}

pub fn no_match(span: Span, sync: &str) -> Diagnostic {
    Diagnostic::new(Code::E520, span, format!("`{sync}` may create records and does not say how a pair is recognised"))
        .here("no `match:` line in this sync")
        .help("add a key of each side, such as `match: hubspot.email == salesforce.Email`, or `match: none` to link by stored ids only")
}

pub fn contrary_winner(span: Span, arrow: Span, winner: &str, source: &str) -> Diagnostic {
    Diagnostic::new(Code::E530, span, format!("this goes one way, so {source} always wins; {winner} can't"))
        .here("contradicts the arrow")
        .label(arrow, "one way")
        .help("leave this out, or make it two-way with `<->`")
}

pub fn two_winners(span: Span, owner: Span, system: &str) -> Diagnostic {
    Diagnostic::new(
        Code::E530,
        span,
        format!("this row is owned by {system}, so no other side can be preferred"),
    )
    .here("contradicts `owned by`")
    .label(owner, "the owner's value always stands")
    .help("leave one of the two out")
}

pub fn wider_than_sync(span: Span, head: Span, row: &str, sync: &str) -> Diagnostic {
    Diagnostic::new(Code::E531, span, format!("this row goes `{row}`, its sync only `{sync}`"))
        .here("wider than the sync")
        .label(head, format!("the sync goes `{sync}`"))
}

pub fn create_out_of_reach(span: Span, head: Span, system: &str) -> Diagnostic {
    Diagnostic::new(Code::E531, span, format!("this sync never writes to {system}, so it can't create there"))
        .here("beyond the sync")
        .label(head, "the sync goes this way only")
}

pub fn wider_than_map(span: Span, head: Span, row: &str, map: &str) -> Diagnostic {
    Diagnostic::new(Code::E531, span, format!("this line goes `{row}`, its map only `{map}`"))
        .here("wider than the map")
        .label(head, format!("the map goes `{map}`"))
}

pub fn wrong_through(span: Span, sync: &str, wanted: &str) -> Diagnostic {
    Diagnostic::new(Code::E301, span, format!("the links of `{sync}` don't lead to {wanted}"))
        .here("joins other objects")
        .help(format!("name the sync that joins {wanted} with its counterpart"))
}

pub fn creation_cycle(span: Span, field: &str, syncs: &[&str]) -> Diagnostic {
    let list: Vec<String> = syncs.iter().map(|name| format!("`{name}`")).collect();
    let message = match syncs {
        [_] => format!("{field} is required and refers to a record that the same sync has yet to create"),
        _ => format!("{field} is required, and {} wait for each other's records", list.join(" and ")),
    };
    Diagnostic::new(Code::E540, span, message)
        .here("needs a record that needs this one first")
        .help("make one of the references optional in the CRM, or create one of the two objects elsewhere")
}

pub fn delete_not_possible(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(Code::E532, span, message).here("not possible here")
}

pub fn not_supported(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(Code::E533, span, message).here("not supported")
}

pub fn no_order(span: Span, field: &str, ty: &str) -> Diagnostic {
    Diagnostic::new(Code::E301, span, format!("{field} has no order to go forward in"))
        .here(ty.to_owned())
        .help("`forward` goes along the values of an option field; leave it out here")
}

pub fn no_lookup(span: Span, field: &str, ty: &str) -> Diagnostic {
    Diagnostic::new(Code::E533, span, format!("{field} holds no id of another record"))
        .here(format!("it is {ty}"))
        .help("name a lookup field, such as `AccountId`")
}

pub fn one_system(span: Span, first: Span, system: &str) -> Diagnostic {
    Diagnostic::new(Code::E533, span, format!("both sides of this sync are `{system}`"))
        .here("the same connection again")
        .label(first, "one side")
        .help("sync two connections: a second one of `twinmap.toml` may well lead to the same account")
}

pub fn policy_broken(span: Span, policy_span: Span, policy: &str, what: &str) -> Diagnostic {
    Diagnostic::new(Code::E590, span, format!("the policy \"{policy}\" denies this: {what}"))
        .here("denied")
        .label(policy_span, "by this rule")
}

pub fn activity_without_target(span: Span, items: &str) -> Diagnostic {
    Diagnostic::new(Code::E533, span, format!("nothing says what {items} become in the CRM"))
        .here("no line for these")
        .help("add a line such as `call -> Task on Contact, Lead`, or leave them out of `items`")
}
