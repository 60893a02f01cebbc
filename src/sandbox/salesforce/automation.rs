//! Scripted workflows: when a field of an object changes, others are set, at once or later.
//!
//! One that runs at once is part of the write that started it: the client's answer comes after it, with one stamp.
//! A workflow does not start workflows.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::dml;
use super::ids::Id;
use super::org::{Org, Who};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    pub name: String,
    pub object: String,
    /// The field that starts it.
    pub when: String,
    /// Only when it becomes this value.
    #[serde(default)]
    pub becomes: Option<String>,
    pub set: Map<String, Value>,
    #[serde(default)]
    pub delay_ms: i64,
    /// How often it runs; none = always.
    #[serde(default)]
    pub times: Option<u64>,
}

/// A run of a workflow that waits for its time.
#[derive(Debug, Clone)]
struct Waiting {
    due: i64,
    object: usize,
    id: Id,
    name: String,
    set: Map<String, Value>,
}

#[derive(Debug, Default)]
pub struct Automation {
    workflows: Vec<Workflow>,
    waiting: Vec<Waiting>,
}

impl Automation {
    /// Adds a workflow; one of the same name is replaced.
    pub fn add(&mut self, workflow: Workflow) {
        self.workflows.retain(|known| known.name != workflow.name);
        self.workflows.push(workflow);
    }

    pub fn clear(&mut self) {
        self.workflows.clear();
        self.waiting.clear();
    }

    /// For rolling back: how many runs wait.
    pub fn mark(&self) -> usize {
        self.waiting.len()
    }

    pub fn back_to(&mut self, mark: usize) {
        self.waiting.truncate(mark);
    }
}

impl Org {
    /// Starts what a write of these fields starts.
    pub fn react(&mut self, who: &Who, object: usize, id: Id, changed: &[u16]) {
        if who.by.starts_with("workflow ") || self.automation.workflows.is_empty() {
            return;
        }
        let Some(meta) = self.schema.get(object) else { return };
        let Some(row) = self.table(object).and_then(|table| table.get(id)) else { return };
        let starts = |flow: &Workflow| {
            let Some((place, field)) = meta.find_any(&flow.when) else { return false };
            meta.name.eq_ignore_ascii_case(&flow.object)
                && changed.contains(&place)
                && flow.times != Some(0)
                && flow.becomes.as_deref().is_none_or(|want| self.read(meta, row, place).csv(field) == want)
        };
        let started: Vec<usize> =
            self.automation.workflows.iter().enumerate().filter(|(_, f)| starts(f)).map(|(n, _)| n).collect();
        let now = self.clock.now().0;
        for n in started {
            let Some(flow) = self.automation.workflows.get_mut(n) else { continue };
            flow.times = flow.times.map(|times| times - 1);
            let run = Waiting {
                due: now + flow.delay_ms,
                object,
                id,
                name: flow.name.clone(),
                set: flow.set.clone(),
            };
            if flow.delay_ms > 0 { self.automation.waiting.push(run) } else { self.perform(&run) }
        }
    }

    /// Runs the workflows whose time has come. Not inside a transaction.
    pub fn run_due(&mut self) {
        if self.automation.waiting.is_empty() {
            return;
        }
        let now = self.clock.now().0;
        let (due, wait): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.automation.waiting).into_iter().partition(|run| run.due <= now);
        self.automation.waiting = wait;
        for run in due {
            self.perform(&run);
        }
    }

    fn perform(&mut self, run: &Waiting) {
        let user = super::session::find_user(self, None).unwrap_or(self.integration_user);
        let who = Who::new(user, format!("workflow {}", run.name));
        // A workflow that can't write any more (the record is gone, the field too) does nothing.
        let _ = dml::update(self, &who, run.object, run.id, &run.set);
    }
}
