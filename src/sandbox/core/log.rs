//! What the simulated servers did, as they saw it: every mutation, and how many requests of which kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::value::Millis;

/// One write that took effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mutation {
    /// 1, 2, 3, ... over all systems.
    pub seq: u64,
    pub at: Millis,
    pub system: &'static str,
    /// `create`, `update`, `archive`, `associate`, `dissociate`, `schema`.
    pub action: &'static str,
    pub object: String,
    pub record: String,
    /// The API client or person who did it: `api`, or the name an admin call gave.
    pub by: String,
    /// Field -> new value, as stored.
    pub fields: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Default)]
struct Inner {
    mutations: Vec<Mutation>,
    /// (system, class) -> requests.
    requests: BTreeMap<(&'static str, &'static str), u64>,
}

/// Shared by the faces of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Inner>>);

impl Log {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a mutation; its `seq` is set here.
    pub fn add(&self, mut mutation: Mutation) {
        let mut inner = self.inner();
        mutation.seq = inner.mutations.len() as u64 + 1;
        inner.mutations.push(mutation);
    }

    pub fn count(&self, system: &'static str, class: &'static str) {
        *self.inner().requests.entry((system, class)).or_default() += 1;
    }

    /// Mutations after number `seq`.
    pub fn since(&self, seq: u64) -> Vec<Mutation> {
        self.inner().mutations.iter().skip(seq as usize).cloned().collect()
    }

    /// `{"hubspot":{"api":12,"mutations":3},...}`
    pub fn stats(&self) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
        let inner = self.inner();
        let mut all: BTreeMap<&'static str, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for (&(system, class), &n) in &inner.requests {
            all.entry(system).or_default().insert(class, n);
        }
        for mutation in &inner.mutations {
            *all.entry(mutation.system).or_default().entry("mutations").or_default() += 1;
        }
        all
    }
}
