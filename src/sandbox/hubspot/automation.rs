//! What a portal does by itself after a write: scripted workflows, companies made from e-mail addresses.

use serde_json::Value as Json;

use super::super::core::workflow;
use super::portal::{Actor, Portal, Source};
use super::store::{Kind, Prop};

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

pub type Automation = workflow::Automation<(Kind, u64)>;

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
            let run = flow.start((kind, id), now);
            self.automation.waiting.push(run);
        }
        if self.settings.auto_companies && changed.iter().any(|name| name == "email") {
            self.company_of(kind, id);
        }
        self.run_due();
    }

    /// Runs the workflows whose time has come.
    pub fn run_due(&mut self) {
        for workflow::Waiting { record: (kind, id), name, set, .. } in self.automation.take_due(self.now()) {
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
