//! Whether an activity is written, and if not, why: skipped (nobody wants it) or held (it waits for something).

use std::collections::{BTreeMap, BTreeSet};

use super::Bridge;
use crate::connect::salesnav::api::{AdminSettings, Seat};
use crate::engine::error::EngineResult;
use crate::plan::ir::{BinaryOp, CrmSettings, Expr, Writeback, WritebackTarget};
use crate::schema::SystemKind;
use crate::schema::model::Owner;
use crate::state::{NavActivity, StateResult, Store};
use crate::value::{Millis, Value};

/// Nothing older is written back: 23 June 2021. Source: LinkedIn's help on activity writeback.
const OLDEST: Millis = Millis(1_624_406_400_000);

/// What becomes of an activity now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Skip(&'static str),
    Hold(&'static str, String),
    /// Into the target with this place, owned by this user, hung on this record.
    Write {
        target: usize,
        owner: Option<String>,
        on: Option<(String, String)>,
        detail: String,
    },
}

/// Everything that a decision looks at beyond the activity.
pub struct Decider<'d> {
    pub store: &'d Store,
    pub bridge: &'d Bridge<'d>,
    pub item: &'d Writeback,
    pub settings: Option<&'d CrmSettings>,
    pub admin: AdminSettings,
    pub seats: BTreeMap<u64, Seat>,
    /// Users of the CRM by e-mail in lower case.
    pub owners: BTreeMap<String, Owner>,
    pub pending_initial_sync: bool,
}

/// The plural word of `items` for a kind.
fn plural(kind: &str) -> &str {
    crate::schema::salesnav::ACTIVITIES
        .iter()
        .find(|(word, _)| *word == kind)
        .map_or(kind, |(_, plural)| plural)
}

impl Decider<'_> {
    fn wants(&self, kind: &str) -> bool {
        let items = &self.item.items;
        // Tags are a thing of the past: only who names them gets them.
        let all = items.iter().any(|item| item == "all") || items.is_empty() && kind != "tag";
        all || items.iter().any(|item| item == plural(kind))
    }

    fn target(&self, kind: &str) -> Option<(usize, &WritebackTarget)> {
        let mut targets = self.item.targets.iter().enumerate();
        targets.find(|(_, target)| target.kinds.iter().any(|known| known == kind))
    }

    /// Calls count only from the apps; other kinds from everywhere, unless the program says otherwise.
    fn origin_fits(&self, kind: &str, origin: &str) -> bool {
        match self.item.only.get(kind) {
            Some(condition) => holds(condition, origin) == Some(true),
            None => kind != "call" || is_mobile(origin),
        }
    }

    /// Program first, then the seat's own switch, then everybody's.
    fn seat_is_on(&self, seat: &Seat) -> bool {
        let email = seat.email.to_lowercase();
        let in_writeback = self.item.seats.get(&email).copied().unwrap_or(self.item.all_seats);
        let in_settings = match self.settings {
            Some(settings) => match settings.seats.get(&email) {
                Some(own) => *own,
                None => match seat.crm_sync.as_str() {
                    "ON" => true,
                    "OFF" => false,
                    _ => settings.all_seats && self.admin.auto_sync_all_seats,
                },
            },
            None => match seat.crm_sync.as_str() {
                "ON" => true,
                "OFF" => false,
                _ => self.admin.auto_sync_all_seats,
            },
        };
        in_writeback && in_settings
    }

    pub fn decide(&self, one: &NavActivity) -> EngineResult<Decision> {
        let kind = one.kind.as_str();
        if !self.wants(kind) {
            return Ok(Decision::Skip("item-not-chosen"));
        }
        let Some((place, target)) = self.target(kind) else { return Ok(Decision::Skip("no-target")) };
        if !self.origin_fits(kind, &one.origin) {
            return Ok(Decision::Skip(if kind == "call" { "call-not-mobile" } else { "condition" }));
        }
        if one.at < OLDEST {
            return Ok(Decision::Skip("before-2021-06-23"));
        }
        if !one.copied {
            return Ok(Decision::Skip("not-copied"));
        }
        let seat = u64::try_from(one.seat).ok().and_then(|id| self.seats.get(&id));
        let Some(seat) = seat else { return Ok(Decision::Skip("seat-gone")) };
        if !self.seat_is_on(seat) {
            return Ok(Decision::Skip("seat-off"));
        }
        if let Some(hold) = self.hold(kind, seat) {
            return Ok(hold);
        }
        let owner = match self.owner(seat) {
            Ok(owner) => owner,
            Err(hold) => return Ok(hold),
        };
        let (on, detail) = self.resolve(target, &one.about)?;
        if on.is_none() {
            if self.item.unresolved == "drop" {
                return Ok(Decision::Skip("unmatched"));
            }
            // A Salesforce note can't stand alone.
            if self.bridge.kind == SystemKind::Salesforce && target.object == "Note" {
                return Ok(Decision::Hold("unmatched-note", detail));
            }
        }
        Ok(Decision::Write { target: place, owner, on, detail })
    }

    /// What an activity of this seat has to wait for: the admin and the user both have to allow it.
    fn hold(&self, kind: &str, seat: &Seat) -> Option<Decision> {
        let hold = |reason: &'static str, detail: &str| Some(Decision::Hold(reason, detail.to_owned()));
        if self.item.creator == "seat" {
            return hold("creator-seat", "writing as the seat holder needs their own sign-in to the CRM");
        }
        if !self.admin.writeback {
            return hold("writeback-off", "the admin settings of Sales Navigator");
        }
        let items = &self.admin.writeback_items;
        if !items.contains("ALL") && !items.contains(&kind.to_uppercase()) {
            return hold("item-off", "the admin settings of Sales Navigator");
        }
        if self.pending_initial_sync {
            return hold("pending-initial-sync", "LinkedIn's first sync may take 24 hours");
        }
        if seat.user_authorised_at.is_none() {
            return hold("user-not-authenticated", &seat.email);
        }
        None
    }

    fn owner(&self, seat: &Seat) -> Result<Option<String>, Decision> {
        if self.item.owner != "seat" {
            return Ok(None);
        }
        match self.owners.get(&seat.email.to_lowercase()) {
            Some(owner) if owner.active => Ok(Some(owner.id.clone())),
            Some(_) => Err(Decision::Hold("crm-user-inactive", seat.email.clone())),
            None => Err(Decision::Hold("no-crm-user", seat.email.clone())),
        }
    }

    /// The one record that an activity about this member or company hangs on.
    pub fn resolve(
        &self,
        target: &WritebackTarget,
        about: &str,
    ) -> StateResult<(Option<(String, String)>, String)> {
        let found = self.store.matches_with(self.bridge.crm_name, about)?;
        for object in &target.on {
            let own: Vec<_> = found.iter().filter(|known| known.object == *object).collect();
            match own.as_slice() {
                [] => {}
                [one] => return Ok((Some((object.clone(), one.record.clone())), String::new())),
                many => {
                    let ids: BTreeSet<&str> = many.iter().map(|known| known.record.as_str()).collect();
                    let ids = ids.into_iter().collect::<Vec<_>>().join(", ");
                    return Ok((None, format!("several {object} records are {about}: {ids}")));
                }
            }
        }
        Ok((None, format!("no record of the CRM is matched with {about}")))
    }
}

fn is_mobile(origin: &str) -> bool {
    matches!(origin, "ios" | "android")
}

/// A condition over the origin of an activity.
fn holds(condition: &Expr, origin: &str) -> Option<bool> {
    match condition {
        Expr::Binary { op: BinaryOp::And, left, right } => {
            Some(holds(left, origin)? && holds(right, origin)?)
        }
        Expr::Binary { op: BinaryOp::Or, left, right } => Some(holds(left, origin)? || holds(right, origin)?),
        Expr::Not(inner) => Some(!holds(inner, origin)?),
        Expr::Binary { op: BinaryOp::Equal, right, .. } => Some(is(right, origin)),
        Expr::Binary { op: BinaryOp::NotEqual, right, .. } => Some(!is(right, origin)),
        _ => None,
    }
}

fn is(word: &Expr, origin: &str) -> bool {
    match word {
        Expr::Literal(Value::Text(word)) => &**word == origin || &**word == "mobile" && is_mobile(origin),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobile_is_any_of_the_apps() {
        let word = |text: &str| Box::new(Expr::Literal(Value::text(text)));
        let equal = |text| Expr::Binary { op: BinaryOp::Equal, left: Box::new(Expr::It), right: word(text) };
        assert_eq!(holds(&equal("mobile"), "ios"), Some(true));
        assert_eq!(holds(&equal("mobile"), "desktop"), Some(false));
        assert_eq!(holds(&Expr::Not(Box::new(equal("android"))), "ios"), Some(true));
    }
}
