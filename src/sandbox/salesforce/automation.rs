//! Scripted workflows: when a field of an object changes, others are set, at once or later.
//!
//! One that runs at once is part of the write that started it: the client's answer comes after it, with one stamp.
//! A workflow does not start workflows.

use super::super::core::workflow::{self, Waiting, Workflow};
use super::dml;
use super::ids::Id;
use super::org::{Org, Who};

/// A record by the index of its object, and its id.
pub type Automation = workflow::Automation<(usize, Id)>;

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
        let now = self.clock.now();
        for n in started {
            let Some(flow) = self.automation.workflows.get_mut(n) else { continue };
            let run = flow.start((object, id), now);
            if flow.delay_ms > 0 { self.automation.waiting.push(run) } else { self.perform(&run) }
        }
    }

    /// Runs the workflows whose time has come. Not inside a transaction.
    pub fn run_due(&mut self) {
        for run in self.automation.take_due(self.clock.now()) {
            self.perform(&run);
        }
    }

    fn perform(&mut self, run: &Waiting<(usize, Id)>) {
        let user = super::session::find_user(self, None).unwrap_or(self.integration_user);
        let who = Who::new(user, format!("workflow {}", run.name));
        // A workflow that can't write any more (the record is gone, the field too) does nothing.
        let _ = dml::update(self, &who, run.record.0, run.record.1, &run.set);
    }
}
