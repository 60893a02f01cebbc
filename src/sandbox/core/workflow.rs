//! Scripted workflows, the same in every simulated CRM: when a field of an object changes, others are set, at once or
//! later. What starts one, and how it writes, is the CRM's own.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::value::Millis;

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
    pub set: Map<String, Json>,
    #[serde(default)]
    pub delay_ms: i64,
    /// How often it runs; none = always.
    #[serde(default)]
    pub times: Option<u64>,
}

impl Workflow {
    /// A run of it on a record; uses up one of its times.
    pub fn start<R>(&mut self, record: R, now: Millis) -> Waiting<R> {
        self.times = self.times.map(|times| times - 1);
        let due = now.plus(self.delay_ms);
        Waiting { due, record, name: self.name.clone(), set: self.set.clone() }
    }
}

/// A run of a workflow that waits for its time.
#[derive(Debug, Clone)]
pub struct Waiting<R> {
    due: Millis,
    pub record: R,
    pub name: String,
    pub set: Map<String, Json>,
}

#[derive(Debug)]
pub struct Automation<R> {
    pub workflows: Vec<Workflow>,
    pub waiting: Vec<Waiting<R>>,
}

impl<R> Default for Automation<R> {
    fn default() -> Self {
        Automation { workflows: Vec::new(), waiting: Vec::new() }
    }
}

impl<R> Automation<R> {
    /// Adds a workflow; one of the same name is replaced.
    pub fn add(&mut self, workflow: Workflow) {
        self.workflows.retain(|known| known.name != workflow.name);
        self.workflows.push(workflow);
    }

    pub fn clear(&mut self) {
        self.workflows.clear();
        self.waiting.clear();
    }

    /// Takes out the runs whose time has come.
    pub fn take_due(&mut self, now: Millis) -> Vec<Waiting<R>> {
        let (due, wait) = std::mem::take(&mut self.waiting).into_iter().partition(|run| run.due <= now);
        self.waiting = wait;
        due
    }

    /// For rolling back: how many runs wait.
    pub fn mark(&self) -> usize {
        self.waiting.len()
    }

    pub fn back_to(&mut self, mark: usize) {
        self.waiting.truncate(mark);
    }
}
