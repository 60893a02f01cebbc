//! What may need work: feeds of changed and deleted records into the durable inbox, and the first full listing.
//!
//! Invariant: a watermark moves in the same transaction that keeps what was seen before it; a feed is read with an
//! overlap, because a CRM's search is late and long transactions commit with old stamps.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::error::EngineResult;
use super::session::{Session, object_on};
use crate::connect::remote::{Changed, Cursor, Reply, Request};
use crate::plan::ir::{ObjectId, Side, Start, Sync, SyncId, SystemId};
use crate::record::{Life, Record, RecordId};
use crate::state::StateError;
use crate::value::Millis;

/// How far back of the watermark each feed is read, in milliseconds.
pub const OVERLAP: i64 = 15 * 60 * 1000;
/// Records between two commits of a listing.
const PAGE: u32 = 200;

/// What becomes of a record that a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Due,
    /// It was there before the sync started.
    Older,
}

/// Pairs of a sync that one run reads again because nobody has for long: two calls of each side.
const SLICE: u32 = 200;

/// What an object's feeds said.
struct Feed {
    /// In the server's time, before they were asked.
    started: Millis,
    changed: Vec<Changed>,
    deleted: Vec<Changed>,
}

/// Where a sync has an object: on its left side, or in one of its arms.
#[derive(Debug, Clone, Copy)]
struct Place {
    sync: SyncId,
    arm: Option<usize>,
    seen: Seen,
}

/// What decides which records a sync is about.
fn scope(sync: &Sync) -> String {
    let mut scope = vec![
        serde_json::json!(sync.filter_left),
        serde_json::json!(sync.filter_right),
        serde_json::json!(sync.arms.iter().map(|arm| &arm.matches).collect::<Vec<_>>()),
        serde_json::json!(sync.route),
    ];
    if sync.start == Start::New {
        scope.push("new".into());
    }
    blake3::hash(serde_json::Value::Array(scope).to_string().as_bytes()).to_hex().to_string()
}

/// All records of an object: pages in memory, and behind them pages that were put aside.
struct Listing {
    started: Millis,
    pages: Vec<Vec<Record>>,
    /// Under this number and up to so many.
    aside: (u32, u64),
}

/// Records to look at, by object.
pub type Dirty = BTreeMap<ObjectId, BTreeSet<RecordId>>;

impl Session<'_> {
    /// The objects of syncs.
    pub fn objects(&self, syncs: &[SyncId]) -> EngineResult<BTreeSet<ObjectId>> {
        let mut objects: BTreeSet<ObjectId> = BTreeSet::new();
        for id in syncs {
            let sync = self.sync(*id)?;
            objects.insert(sync.left);
            objects.extend(sync.arms.iter().map(|arm| arm.right));
        }
        Ok(objects)
    }

    /// Fills the inbox from every object of the chosen syncs.
    pub async fn fetch(&mut self) -> EngineResult<()> {
        let syncs = self.chosen();
        let objects = self.objects(&syncs)?;
        self.deps.progress.stage("reading changes", objects.len() as u64);
        // All systems are asked at once; what they say is kept in one order.
        let feeds = try_join_all(objects.iter().map(|object| self.feed(*object))).await?;
        for (object, feed) in objects.iter().zip(feeds) {
            self.check_stop()?;
            if let Some(feed) = feed {
                self.keep_feed(*object, feed)?;
            }
            self.deps.progress.step(1);
        }
        self.list_new_syncs(&syncs).await?;
        for id in &syncs {
            self.observe_oldest(*id)?;
        }
        Ok(())
    }

    /// What is due now of the objects of the chosen syncs.
    pub fn due(&self) -> EngineResult<Dirty> {
        let mut dirty = Dirty::new();
        for object in self.objects(&self.chosen())? {
            let (system, name) = (self.system_name(object), self.object_name(object));
            let due = self.store().due(system, name, self.now())?;
            dirty.entry(object).or_default().extend(due.into_iter().map(|entry| RecordId::new(entry.id)));
        }
        Ok(dirty)
    }

    /// A slice of the pairs that were looked at longest ago: finds what no feed has told.
    fn observe_oldest(&self, id: SyncId) -> EngineResult<()> {
        if self.ablation().no_reread {
            return Ok(());
        }
        let sync = self.sync(id)?;
        let (system, name) = (self.system_name(sync.left), self.object_name(sync.left));
        let now = self.now();
        let oldest = self.store().stalest_links(&sync.name, now.plus(-self.options.reread), SLICE)?;
        if oldest.is_empty() {
            return Ok(());
        }
        self.store().atomically(|store| {
            for link in oldest {
                store.observe_once(system, name, &link.left, now)?;
                store.mark_verified(link.id, now)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Syncs that run for the first time (or whose scope or match rules changed) see every record once. All their objects
    /// are listed at once, each of them once.
    async fn list_new_syncs(&mut self, syncs: &[SyncId]) -> EngineResult<()> {
        let started = self.now();
        let mut new = Vec::new();
        let mut places: BTreeMap<ObjectId, Vec<Place>> = BTreeMap::new();
        for id in syncs {
            let sync = self.sync(*id)?;
            let (key, scope) = (format!("scope:{}", sync.name), scope(sync));
            let known = self.store().meta(&key)?;
            if known.as_deref() == Some(&scope) && !self.options.full {
                continue;
            }
            // What is older than a changed scope stays so, and is looked at again: it may fit the new scope's pairs.
            let older = sync.start == Start::New && known.is_none();
            let seen = if older { Seen::Older } else { Seen::Due };
            places.entry(sync.left).or_default().push(Place { sync: *id, arm: None, seen });
            for (index, arm) in sync.arms.iter().enumerate() {
                places.entry(arm.right).or_default().push(Place { sync: *id, arm: Some(index), seen });
            }
            new.push((key, scope, known.is_none().then(|| format!("activated:{}", sync.name))));
        }
        let room = Cell::new(self.options.portion);
        let listings =
            try_join_all(places.keys().zip(0..).map(|(object, number)| self.list(*object, number, &room)))
                .await?;
        for ((object, places), listing) in places.iter().zip(listings) {
            self.keep_listing(*object, places, listing)?;
        }
        self.store().atomically(|store| {
            for (key, scope, activated) in &new {
                store.set_meta(key, scope)?;
                if let Some(activated) = activated {
                    store.set_meta(activated, &started.0.to_string())?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Every record of an object, page by page; as many as there is room for stay in memory.
    async fn list(&self, object: ObjectId, number: u32, room: &Cell<u64>) -> EngineResult<Listing> {
        let plan = self.plan();
        let shape = self.shape(object)?.clone();
        let remote = self.systems.remote(plan, shape.system)?;
        let (system, name) = (self.system_name(object), self.object_name(object));
        let started = self.systems.server_time(shape.system, self.now());
        self.deps.progress.stage(&format!("reading {system}.{name}"), 0);
        let mut listing = Listing { started, pages: Vec::new(), aside: (number, 0) };
        let mut after: Option<Cursor> = None;
        loop {
            self.check_stop()?;
            let request = Request::List {
                object: shape.name.clone(),
                fields: shape.fields.clone(),
                associations: shape.associations.clone(),
                after: after.take(),
            };
            let Reply::Records { records, next } = remote.call(request).await? else { break };
            let count = records.len() as u64;
            self.deps.progress.step(count);
            // Pages that were put aside come behind those in memory.
            if count <= room.get() && listing.aside.1 == 0 {
                room.set(room.get() - count);
                listing.pages.push(records);
            } else {
                self.world.spill.put_page(number, listing.aside.1, &records)?;
                listing.aside.1 += 1;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(listing)
    }

    fn keep_listing(&mut self, object: ObjectId, places: &[Place], listing: Listing) -> EngineResult<()> {
        for records in listing.pages {
            self.keep_page(object, places, records)?;
        }
        let (slot, count) = listing.aside;
        for number in 0..count {
            let records = self.world.spill.take_page(slot, number)?.unwrap_or_default();
            self.keep_page(object, places, records)?;
        }
        let (system, name) = (self.system_name(object), self.object_name(object));
        Ok(self.store().set_watermark(system, name, listing.started)?)
    }

    /// A page of a listing: its records are read now, or put aside when there are very many.
    fn keep_page(&mut self, object: ObjectId, places: &[Place], records: Vec<Record>) -> EngineResult<()> {
        self.world.read += records.len() as u64;
        let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
        for record in records {
            self.world.put(object, record);
        }
        for place in places {
            self.note_page(*place, object, &ids)?;
        }
        if self.world.held() as u64 > self.options.portion {
            self.world.set_aside()?;
        }
        Ok(())
    }

    /// Match keys and inbox entries of one page, in one transaction.
    fn note_page(&self, place: Place, object: ObjectId, ids: &[RecordId]) -> EngineResult<()> {
        let Place { sync, arm, seen } = place;
        let (system, name) = (self.system_name(object), self.object_name(object));
        let side = if arm.is_none() { Side::Left } else { Side::Right };
        let now = self.now();
        self.store().atomically(|store| {
            if seen == Seen::Due {
                let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
                store.observe(system, name, &texts, now)?;
            }
            for id in ids {
                let kept = self.keep_keys(sync, arm, side, object, id).and_then(|()| match seen {
                    Seen::Due => Ok(()),
                    Seen::Older => self.keep_older(sync, arm, side, object, id),
                });
                kept.map_err(|error| StateError::Other(error.to_string()))?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Changed and deleted records since the watermark; `None` = the object was never listed.
    async fn feed(&self, object: ObjectId) -> EngineResult<Option<Feed>> {
        self.check_stop()?;
        let plan = self.plan();
        let shape = self.shape(object)?.clone();
        let remote = self.systems.remote(plan, shape.system)?;
        let (system, name) = (self.system_name(object), self.object_name(object));
        let started = self.systems.server_time(shape.system, self.now());
        let Some(watermark) = self.store().watermark(system, name)? else { return Ok(None) };
        let overlap = if self.ablation().no_overlap { 0 } else { OVERLAP };
        let since = watermark.plus(-overlap);
        if self.ablation().watermark_early {
            self.store().set_watermark(system, name, started)?;
        }
        let mut feed = Feed { started, changed: Vec::new(), deleted: Vec::new() };
        let mut after = None;
        loop {
            let request = Request::Changed { object: shape.name.clone(), since, after, limit: PAGE };
            let Reply::Changed { items, next } = remote.call(request).await? else { break };
            feed.changed.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        let mut after = None;
        loop {
            let request = Request::Deleted { object: shape.name.clone(), since, after };
            let Reply::Changed { items, next } = remote.call(request).await? else { break };
            feed.deleted.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(Some(feed))
    }

    fn keep_feed(&mut self, object: ObjectId, feed: Feed) -> EngineResult<()> {
        let (system, name) = (self.system_name(object), self.object_name(object));
        let (at, now) = (self.shape(object)?.system, self.now());
        let (changed, deleted) = (self.changes(at, &feed.changed), self.changes(at, &feed.deleted));
        self.store().atomically(|store| {
            store.observe_changes(system, name, &changed, now)?;
            store.observe_changes(system, name, &deleted, now)?;
            store.set_watermark(system, name, feed.started)
        })?;
        self.world.deleted.extend(feed.deleted.into_iter().map(|item| (object, item.id)));
        Ok(())
    }

    /// Changes with their times by our own clock.
    fn changes(&self, system: SystemId, items: &[Changed]) -> Vec<(String, Millis)> {
        // Below two seconds the difference is the measurement: servers tell the time in whole seconds.
        let ahead = self.systems.server_time(system, Millis(0)).0;
        let ahead = if ahead.abs() > 2_000 { ahead } else { 0 };
        items.iter().map(|item| (item.id.to_string(), item.at.plus(-ahead))).collect()
    }

    /// Reads what is due and not read yet, and refreshes its match keys in every sync that it takes part in.
    pub async fn read_dirty(&mut self, sync: SyncId, dirty: &Dirty) -> EngineResult<()> {
        let found = self.sync(sync)?;
        let sides = std::iter::once((None, Side::Left, found.left)).chain(
            found
                .arms
                .iter()
                .enumerate()
                .map(|(index, arm)| (Some(index), Side::Right, object_on(found, arm, Side::Right))),
        );
        let sides: Vec<(Option<usize>, Side, ObjectId)> = sides.collect();
        let wanted = sides.iter().filter_map(|(_, _, object)| {
            Some((*object, dirty.get(object)?.iter().cloned().collect::<Vec<_>>()))
        });
        self.read_all(wanted.collect()).await?;
        for (arm, side, object) in sides {
            let Some(ids) = dirty.get(&object) else { continue };
            let store = self.store();
            let place = if side == Side::Left { crate::state::links::LEFT } else { self.object_name(object) };
            store.atomically(|store| {
                for id in ids {
                    match self.world.get(object, id) {
                        Some(record) if record.life == Life::Live => self
                            .keep_keys(sync, arm, side, object, id)
                            .map_err(|error| StateError::Other(error.to_string()))?,
                        // Gone or not shown: it must not be taken for a candidate any more.
                        _ => store.put_keys(&found.name, place, id.as_str(), &[])?,
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
