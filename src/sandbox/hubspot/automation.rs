//! What a portal does by itself after a write: scripted workflows, companies made from e-mail addresses.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::portal::{Actor, Portal, Source};
use super::store::{Key, Kind, Prop};
use crate::value::Millis;

/// Mail providers whose domains are nobody's company.
const FREE_MAIL: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "yahoo.com",
    "icloud.com",
    "gmx.de",
    "gmx.net",
];

/// A workflow: when a property of an object changes, others are set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    pub name: String,
    pub object: String,
    /// The property that starts it.
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

/// A run of a workflow that waits for its time.
#[derive(Debug)]
struct Waiting {
    due: Millis,
    record: Key,
    name: String,
    set: Map<String, Json>,
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
}

impl Portal {
    /// Starts what a write of these properties starts. A workflow does not start workflows.
    pub fn react(&mut self, kind: Kind, id: u64, changed: &[String], actor: &Actor) {
        if actor.by.starts_with("workflow ") {
            return;
        }
        let Ok(object) = self.object(kind) else { return };
        let now = self.now();
        let read = |name: &str| object.prop(name).and_then(|prop| object.records.get(&id)?.get(prop));
        let started: Vec<String> = self
            .automation
            .workflows
            .iter()
            .filter(|flow| object.is_called(&flow.object) && changed.contains(&flow.when))
            .filter(|flow| flow.becomes.as_deref().is_none_or(|value| read(&flow.when) == Some(value)))
            .filter(|flow| flow.times != Some(0))
            .map(|flow| flow.name.clone())
            .collect();
        for flow in self.automation.workflows.iter_mut().filter(|flow| started.contains(&flow.name)) {
            flow.times = flow.times.map(|times| times - 1);
            let due = now.plus(flow.delay_ms);
            let (record, name, set) = ((kind, id), flow.name.clone(), flow.set.clone());
            self.automation.waiting.push(Waiting { due, record, name, set });
        }
        if self.settings.auto_companies && changed.iter().any(|name| name == "email") {
            self.company_of(kind, id);
        }
        self.run_due();
    }

    /// Runs the workflows whose time has come.
    pub fn run_due(&mut self) {
        let now = self.now();
        let (due, wait): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.automation.waiting).into_iter().partition(|run| run.due <= now);
        self.automation.waiting = wait;
        for Waiting { record: (kind, id), name, set, .. } in due {
            let source = Source {
                ty: "AUTOMATION_PLATFORM".into(),
                id: format!("enrollmentId:{id};actionExecutionIndex:0"),
                label: Some(name.clone()),
                user: None,
            };
            let actor = Actor { source: self.source(source), by: format!("workflow {name}") };
            // A workflow that can't write any more (the record is gone, the option too) does nothing.
            if let Ok(values) = self.check(kind, Some(id), &Json::Object(set)) {
                let _ = self.update(kind, id, values, &actor);
            }
        }
    }

    /// Associates a contact with the company of its address; makes the company when there is none.
    fn company_of(&mut self, kind: Kind, id: u64) {
        let Some(company) = self.named("company").filter(|_| self.named("contact") == Some(kind)) else {
            return;
        };
        let Ok(object) = self.object(kind) else { return };
        let email = object.prop("email").and_then(|prop| object.records.get(&id)?.get(prop));
        let Some(domain) =
            email.and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain.to_owned())
        else {
            return;
        };
        if FREE_MAIL.contains(&domain.as_str()) || self.links.of((kind, id), company).next().is_some() {
            return;
        }
        let source = Source {
            ty: "CONTACTS".into(),
            id: "FetchAssociatedCompanyIdStep".into(),
            label: None,
            user: None,
        };
        let actor = Actor { source: self.source(source), by: "hubspot".into() };
        let (Some(prop), Some(primary)) = (self.domain_prop(company), self.links.primary(kind, company))
        else {
            return;
        };
        let found = self.with_domain(company, prop, &domain);
        let made = found.map_or_else(|| self.create(company, vec![(prop, domain)], &actor), Ok);
        if let Ok(other) = made {
            let _ = self.associate((kind, id), (company, other), &[primary], &actor);
        }
    }

    fn domain_prop(&self, company: Kind) -> Option<Prop> {
        self.object(company).ok()?.prop("domain")
    }

    fn with_domain(&self, company: Kind, prop: Prop, domain: &str) -> Option<u64> {
        let records = &self.object(company).ok()?.records;
        let is = |(_, record): &(&u64, &super::store::Record)| {
            record.archived.is_none() && record.get(prop) == Some(domain)
        };
        records.iter().find(is).map(|(id, _)| *id)
    }
}
