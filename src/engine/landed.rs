//! A write that took effect becomes memory: link, bases, ledger, outcome and inbox in one transaction.
//!
//! Invariant: a base is what the server stored when that means what was sent, and what was sent otherwise: a difference
//! is then a genuine edit, and is merged as one in the next run.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;

use super::error::EngineResult;
use super::ops::{Op, OpKind, Ref, Sent, Via};
use super::session::{Session, object_on};
use super::world::named;
use crate::connect::remote::AssociateAction;
use crate::interp::same;
use crate::merge::change::json;
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::{HistoryEntry, Record, RecordId};
use crate::schema::FieldType;
use crate::state::links::LEFT;
use crate::state::{LedgerRow, Link};
use crate::value::{Millis, Value};

/// What became of a landed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    Done,
    /// The server holds something else than what was sent: the pair is due again.
    Differs,
    /// The record belongs to another pair already; nothing was linked.
    Clone,
}

impl Session<'_> {
    /// Commits an operation that took effect on record `id`; `back` is the record as read after it.
    pub fn landed(&self, op_id: &str, op: &Op, id: &RecordId, back: Option<&Record>) -> EngineResult<Landed> {
        if op.from.is_some() {
            return self.propagation_landed(op_id, op, id, back);
        }
        let mut link = match self.link_for(op, id, back)? {
            Some(link) => link,
            None => {
                self.store().set_outcome(
                    op_id,
                    "clone",
                    id.as_str(),
                    "belongs to another pair",
                    self.now(),
                )?;
                return Ok(Landed::Clone);
            }
        };
        let mut differs = false;
        let mut ledger = Vec::new();
        let mut others: BTreeMap<i64, Link> = BTreeMap::new();
        for sent in &op.fields {
            let (kept, stored_other) = self.kept(op, sent, back);
            differs |= stored_other;
            self.note_kept(op, id, sent, &kept);
            if let Some(row) = &sent.row {
                let side = sent.via.as_ref().map_or(op.side, |via| via.side);
                let pair = match side {
                    _ if self.ablation().shared_base => (sent.after.clone(), sent.after.clone()),
                    Side::Right => (sent.source.clone(), kept),
                    Side::Left => (kept, sent.source.clone()),
                };
                let at = match &sent.via {
                    None => Some(&mut link),
                    Some(via) => match self.other_link(via, id)? {
                        Some(found) if found.id == link.id => Some(&mut link),
                        found => found.map(|found| others.entry(found.id).or_insert(found)),
                    },
                };
                if let Some(at) = at {
                    keep_base(&mut at.bases.rows, row, pair, (side, sent.ahead));
                    match &sent.undone {
                        Some(value) => at.bases.undone.insert(row.clone(), value.clone()),
                        None => at.bases.undone.remove(row),
                    };
                }
            }
            if sent.loses_edit {
                ledger.push(self.ledger_row(op_id, op, id, sent, &sent.before, &sent.rule)?);
            }
            for lost in self.blindly_lost(op, sent, back) {
                ledger.push(self.ledger_row(
                    op_id,
                    op,
                    id,
                    sent,
                    &lost.value,
                    "edited while it was being written",
                )?);
            }
        }
        self.keep_associations(op, &mut link);
        let (source_stamp, stamp) = (op.source_stamp, back.and_then(|record| record.modified).or(op.stamp));
        match op.side {
            Side::Right => keep_stamps(&mut link, source_stamp, stamp),
            Side::Left => keep_stamps(&mut link, stamp, source_stamp),
        }
        let now = self.now();
        link.at = now;
        if op.kind == OpKind::Archive {
            link.state = crate::state::LinkState::Tombstone;
            link.reason.clone_from(&op.reason);
        }
        self.store().atomically(|store| {
            store.put_link(&link)?;
            for link in others.values() {
                store.put_link(link)?;
            }
            for row in &ledger {
                store.add_ledger(row, now)?;
            }
            store.set_outcome(op_id, "ok", id.as_str(), "", now)?;
            if op.kind == OpKind::Create {
                let mut woken = self.woken.borrow_mut();
                woken.extend(store.wake(&link.sync, LEFT, &link.left, now)?);
                woken.extend(store.wake(&link.sync, &link.arm, &link.right, now)?);
            }
            Ok(())
        })?;
        self.agree_around(op, id)?;
        Ok(if differs { Landed::Differs } else { Landed::Done })
    }

    /// A later write of this run may take its value from here.
    fn note_kept(&self, op: &Op, id: &RecordId, sent: &Sent, kept: &Value) {
        if self.is_shared(op.sync) {
            self.kept.borrow_mut().insert((op.object, id.clone(), sent.field.clone()), kept.clone());
        }
    }

    /// The link of another sync that a field travelled through.
    fn other_link(&self, via: &Via, id: &RecordId) -> EngineResult<Option<Link>> {
        if via.link > 0 {
            return Ok(self.store().link(via.link)?);
        }
        let Some(source) = self.resolve(&via.source)? else { return Ok(None) };
        self.pair_of(via.sync, via.arm, via.side, (id, &source))
    }

    /// The pair of `id` on `side` and `source` on the other one, made when neither has a partner; `None` = one has.
    pub(super) fn pair_of(
        &self,
        sync: SyncId,
        arm: usize,
        side: Side,
        (id, source): (&RecordId, &RecordId),
    ) -> EngineResult<Option<Link>> {
        if let Some(link) = self.link_on(sync, arm, side.other(), source.as_str())? {
            let there = if side == Side::Right { &link.right } else { &link.left };
            return Ok((there == id.as_str()).then_some(link));
        }
        if self.link_on(sync, arm, side, id.as_str())?.is_some() {
            return Ok(None);
        }
        let (left, right) = if side == Side::Right { (source, id) } else { (id, source) };
        Ok(Some(self.new_link(sync, arm, left.as_str(), right.as_str(), "matched")?))
    }

    /// A value that travelled within one CRM belongs to no pair: what was lost meanwhile is all there is to keep.
    fn propagation_landed(
        &self,
        op_id: &str,
        op: &Op,
        id: &RecordId,
        back: Option<&Record>,
    ) -> EngineResult<Landed> {
        let mut ledger = Vec::new();
        for sent in &op.fields {
            for lost in self.blindly_lost(op, sent, back) {
                let rule = "edited while it was being written";
                ledger.push(self.ledger_row(op_id, op, id, sent, &lost.value, rule)?);
            }
        }
        let now = self.now();
        self.store().atomically(|store| {
            for row in &ledger {
                store.add_ledger(row, now)?;
            }
            store.set_outcome(op_id, "ok", id.as_str(), "", now)
        })?;
        Ok(Landed::Done)
    }

    /// The link of the operation; a create makes it, unless an earlier try did. `None` = the record is another's.
    fn link_for(&self, op: &Op, id: &RecordId, back: Option<&Record>) -> EngineResult<Option<Link>> {
        if op.kind != OpKind::Create {
            let found = if op.link == 0 {
                let at = self.resolve(&op.source)?;
                match at {
                    Some(source) if op.kind == OpKind::Update && self.is_shared(op.sync) => {
                        self.pair_of(op.sync, op.arm, op.side, (id, &source))?
                    }
                    Some(source) => self.link_on(op.sync, op.arm, op.side.other(), source.as_str())?,
                    None => None,
                }
            } else {
                self.store().link(op.link)?
            };
            return Ok(found);
        }
        let Ref::Known(source) = &op.source else { return Ok(None) };
        let known = self.link_on(op.sync, op.arm, op.side.other(), source.as_str())?;
        if let Some(link) = known {
            let there = if op.side == Side::Right { &link.right } else { &link.left };
            return Ok((there == id.as_str()).then_some(link));
        }
        let taken = self.link_on(op.sync, op.arm, op.side, id.as_str())?.is_some();
        // What was made may have been merged meanwhile into a record of another pair.
        if let Some(back) = back
            && (taken || self.is_anothers(op.sync, op.arm, op.side, back, source)?)
        {
            self.close_made(op, source, back)?;
            return Ok(None);
        }
        if taken {
            return Ok(None);
        }
        let (left, right) = if op.side == Side::Right { (source, id) } else { (id, source) };
        Ok(Some(self.new_link(op.sync, op.arm, left.as_str(), right.as_str(), "created")?))
    }

    /// Whether an answer says of every field that was sent what the server made of it. A record that is not shown at
    /// all has nothing to say, now or later.
    pub fn shows(&self, op: &Op, back: Option<&Record>) -> bool {
        let Some(back) = back.filter(|_| matches!(op.kind, OpKind::Create | OpKind::Update)) else {
            return true;
        };
        op.fields.iter().all(|sent| named(self.plan(), op.object, back, &sent.field).is_some())
    }

    /// The value that the base keeps for a field, and whether the server holds another one.
    fn kept(&self, op: &Op, sent: &Sent, back: Option<&Record>) -> (Value, bool) {
        let got = back.and_then(|record| named(self.plan(), op.object, record, &sent.field));
        let Some(got) = got else { return (sent.after.clone(), false) };
        if self.ablation().blind_readback {
            return (got.clone(), false);
        }
        let ty = self.field_type(op.object, &sent.field);
        if stored_as(ty.as_ref(), &sent.after, got) {
            return (got.clone(), false);
        }
        (sent.after.clone(), true)
    }

    pub fn field_type(&self, object: ObjectId, field: &str) -> Option<FieldType> {
        let object = self.plan().object(object)?;
        object.fields.iter().find(|known| known.name == field).map(|known| known.ty.clone())
    }

    /// Values that somebody wrote between our reading and our writing, where the CRM could not refuse the write.
    fn blindly_lost(&self, op: &Op, sent: &Sent, back: Option<&Record>) -> Vec<HistoryEntry> {
        if self.ablation().no_history_check || op.kind != OpKind::Update {
            return Vec::new();
        }
        let Some(entries) = back.and_then(|record| record.history.get(&sent.field)) else {
            return Vec::new();
        };
        let ty = self.field_type(op.object, &sent.field);
        let ours = entries.iter().position(|entry| stored_as(ty.as_ref(), &sent.after, &entry.value));
        let Some(ours) = ours else { return Vec::new() };
        let before = entries.iter().skip(ours + 1);
        // An edit in the very moment of our reading may have come after it: then it is not what we read.
        let lost = before.take_while(|entry| {
            op.stamp.is_none_or(|read| entry.at >= read) && !same(&entry.value, &sent.before)
        });
        lost.cloned().collect()
    }

    fn ledger_row(
        &self,
        op_id: &str,
        op: &Op,
        id: &RecordId,
        sent: &Sent,
        lost: &Value,
        rule: &str,
    ) -> EngineResult<LedgerRow> {
        Ok(LedgerRow {
            // The run that asked for the write, which may be an earlier one.
            run: op_id.rsplit_once('-').map_or(self.run.as_str(), |(run, _)| run).to_owned(),
            sync: self.sync(op.sync)?.name.clone(),
            system: self.system_name(op.object).to_owned(),
            object: self.object_name(op.object).to_owned(),
            record: id.to_string(),
            field: sent.field.clone(),
            lost: json(lost),
            won: json(&sent.after),
            rule: rule.to_owned(),
            at: self.now().to_string(),
        })
    }

    fn keep_associations(&self, op: &Op, link: &mut Link) {
        for (text, ids) in &op.associations {
            let known = link.bases.associations.entry(text.clone()).or_default();
            match op.kind {
                OpKind::Associate(AssociateAction::Remove) => known.retain(|id| !ids.contains(id)),
                OpKind::Associate(_) => known.extend(ids.iter().cloned()),
                _ => known.clone_from(ids),
            }
        }
    }

    /// The record that a reference stands for now; `None` = it was not made (yet).
    pub fn resolve(&self, at: &Ref) -> EngineResult<Option<RecordId>> {
        let Ref::New { sync, side, source } = at else {
            let Ref::Known(id) = at else { return Ok(None) };
            return Ok(Some(id.clone()));
        };
        let made = match Ref::parse_new(source.as_str()) {
            Some(inner) => match self.resolve(&inner)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
            None => None,
        };
        let source = made.as_ref().unwrap_or(source);
        let found = self.facts().counterpart(*sync, *side, source.as_str());
        self.check_trouble()?;
        Ok(match found {
            Some(Ref::Known(id)) => Some(id),
            _ => None,
        })
    }

    /// The source record's object and id: what the inbox knows an operation by.
    pub fn origin(&self, op: &Op) -> EngineResult<Option<(ObjectId, RecordId)>> {
        let sync = self.sync(op.sync)?;
        let Some(arm) = sync.arms.get(op.arm) else { return Ok(None) };
        let object = op.from.unwrap_or_else(|| object_on(sync, arm, op.side.other()));
        Ok(self.resolve(&op.source)?.map(|id| (object, id)))
    }
}

/// What a row agrees on now. The value of a source that is still to be written is not agreed on: its side stays as it was.
fn keep_base(
    rows: &mut BTreeMap<String, (Value, Value)>,
    row: &str,
    pair: (Value, Value),
    (written, ahead): (Side, bool),
) {
    if !ahead {
        rows.insert(row.to_owned(), pair);
    } else if let Some(known) = rows.get_mut(row) {
        match written {
            Side::Left => known.0 = pair.0,
            Side::Right => known.1 = pair.1,
        }
    }
}

/// Stamps say since when no row has an edit that is not in its base. A write of some rows says nothing of the others, so
/// only the first ones are taken here; later ones come from a merge that finds nothing to do.
fn keep_stamps(link: &mut Link, left: Option<Millis>, right: Option<Millis>) {
    link.left_stamp = link.left_stamp.or(left);
    link.right_stamp = link.right_stamp.or(right);
}

/// Whether the server holds what was sent, in the form in which it keeps such values: trimmed, normalised, e-mails and
/// addresses in lower case, numbers at its scale, times at whole seconds.
pub fn stored_as(ty: Option<&FieldType>, sent: &Value, got: &Value) -> bool {
    if same(sent, got) {
        return true;
    }
    match (sent, got) {
        (Value::Text(sent), Value::Text(got)) => {
            let plain = |text: &str| text.trim().replace("\r\n", "\n").nfc().collect::<String>();
            let (sent, got) = (plain(sent), plain(got));
            match ty {
                Some(FieldType::Email | FieldType::Url) => {
                    let loose = |text: &str| text.to_lowercase().trim_end_matches('/').to_owned();
                    loose(&sent) == loose(&got)
                }
                Some(FieldType::Ref { .. } | FieldType::Owner | FieldType::Id) => {
                    sent == got || sent.len() >= 15 && got.len() >= 15 && sent.get(..15) == got.get(..15)
                }
                _ => sent == got,
            }
        }
        (Value::Number(sent), Value::Number(got)) => {
            let scale = match ty {
                Some(
                    FieldType::Decimal(digits) | FieldType::Money(digits) | FieldType::Percent { digits, .. },
                ) => digits.scale,
                Some(FieldType::Int { .. }) => Some(0),
                _ => None,
            };
            scale.is_some_and(|scale| sent.round_dp(scale) == got.round_dp(scale))
        }
        (Value::DateTime(Millis(sent)), Value::DateTime(Millis(got))) => {
            sent.div_euclid(1000) == got.div_euclid(1000)
        }
        _ => false,
    }
}
