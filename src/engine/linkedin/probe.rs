//! `writeback test`: one contact and one activity of every kind that is on, in the CRM, to be looked at there.
//!
//! The records are marked as tests. When the CRM refuses one, what was made before it is taken away again.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Bridge, NavDeps, activity};
use crate::connect::remote::{
    AssociateAction, AssociateItem, FieldSpec, Outcome, Reply, Request, WriteItem, WriteKind,
};
use crate::connect::salesnav::api::Activity;
use crate::engine::error::{EngineError, EngineResult};
use crate::plan::ir::{Writeback, WritebackTarget};
use crate::record::RecordId;
use crate::schema::{FieldType, SystemKind};
use crate::value::{Millis, Value};

/// What a test made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Probed {
    /// `contact`, or the kind of activity.
    pub what: String,
    pub object: String,
    pub id: String,
    /// Field -> value as it was sent.
    pub fields: BTreeMap<String, String>,
}

/// What a test came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Probe {
    pub made: Vec<Probed>,
    /// The CRM's words for a refusal; everything of the test was taken away again.
    pub refused: Option<String>,
    /// The kinds that could not be tried, and why.
    pub left_out: BTreeMap<String, String>,
}

const MARK: &str = "twinmap test";

fn text(name: &str, value: &str) -> (FieldSpec, Value) {
    (FieldSpec { name: name.into(), ty: FieldType::Text { max: None } }, Value::text(value))
}

impl NavDeps<'_> {
    /// The bridge of a writeback, live or not started yet: a test may come before the start.
    pub async fn probe(
        &self,
        bridge: &Bridge<'_>,
        item: &Writeback,
        email: Option<&str>,
    ) -> EngineResult<Probe> {
        let mut probe = Probe::default();
        let person = if bridge.kind == SystemKind::Hubspot { "contact" } else { "Contact" };
        let mut fields = match bridge.kind {
            SystemKind::Hubspot => vec![text("firstname", "Test"), text("lastname", MARK)],
            _ => vec![text("FirstName", "Test"), text("LastName", MARK)],
        };
        let name = if bridge.kind == SystemKind::Hubspot { "email" } else { "Email" };
        fields.extend(email.map(|email| text(name, email)));
        let Some(contact) = self.make(bridge, "contact", person, fields, &mut probe).await? else {
            return Ok(probe);
        };
        let wanted = |kind: &str| {
            let plural = crate::schema::salesnav::ACTIVITIES.iter().find(|(word, _)| *word == kind);
            let plural = plural.map_or(kind, |(_, plural)| plural);
            item.items.is_empty() || item.items.iter().any(|item| item == "all" || item == plural)
        };
        for target in &item.targets {
            for kind in target.kinds.iter().filter(|kind| wanted(kind)) {
                if !target.on.iter().any(|object| object == person) {
                    let why = format!("its line does not let it hang on {person}");
                    probe.left_out.insert(kind.clone(), why);
                    continue;
                }
                self.try_kind(bridge, target, kind, &contact, person, &mut probe).await?;
                if probe.refused.is_some() {
                    self.sweep(bridge, &mut probe).await?;
                    return Ok(probe);
                }
            }
        }
        self.deps.store.nav_audit(
            self.deps.timer.now(),
            "writeback-test",
            &json!({ "writeback": item.name, "made": probe.made }),
        )?;
        Ok(probe)
    }

    async fn try_kind(
        &self,
        bridge: &Bridge<'_>,
        target: &WritebackTarget,
        kind: &str,
        contact: &RecordId,
        person: &str,
        probe: &mut Probe,
    ) -> EngineResult<()> {
        let now = self.deps.timer.now();
        let one = sample(kind, now);
        let fields = activity::fields(bridge.kind, target, &one, None, Some(contact.as_str()));
        let Some(id) = self.make(bridge, kind, &target.object, fields, probe).await? else { return Ok(()) };
        if bridge.kind != SystemKind::Hubspot {
            return Ok(());
        }
        let item = AssociateItem {
            op: format!("test-{kind}").into(),
            from: id,
            to: contact.clone(),
            action: AssociateAction::Add,
        };
        let request =
            Request::Associate { from: target.object.as_str().into(), to: person.into(), items: vec![item] };
        if let Reply::Written(outcomes) = bridge.remote.call(request).await?
            && let Some((_, Outcome::Refused(refusal))) = outcomes.first()
        {
            probe.refused = Some(refusal.message.clone());
        }
        Ok(())
    }

    /// Makes one record; a refusal is noted and nothing is given.
    async fn make(
        &self,
        bridge: &Bridge<'_>,
        what: &str,
        object: &str,
        fields: Vec<(FieldSpec, Value)>,
        probe: &mut Probe,
    ) -> EngineResult<Option<RecordId>> {
        let shown = fields.iter().map(|(field, value)| (field.name.to_string(), value.to_string())).collect();
        let item = WriteItem {
            op: format!("test-{what}").into(),
            kind: WriteKind::Create { unique: None },
            fields,
            associations: Vec::new(),
        };
        let request = Request::Write { object: object.into(), items: vec![item] };
        let Reply::Written(outcomes) = bridge.remote.call(request).await? else { return Ok(None) };
        match outcomes.into_iter().next() {
            Some((_, Outcome::Created { id } | Outcome::Updated { id })) => {
                probe.made.push(Probed {
                    what: what.to_owned(),
                    object: object.to_owned(),
                    id: id.to_string(),
                    fields: shown,
                });
                Ok(Some(id))
            }
            Some((_, Outcome::Refused(refusal))) => {
                probe.refused = Some(format!("{object}: {}: {}", refusal.code, refusal.message));
                Ok(None)
            }
            Some((_, Outcome::Exists { message, .. })) => {
                probe.refused = Some(format!("{object}: {message}"));
                Ok(None)
            }
            other => Err(EngineError::Missing(format!("the CRM gave no clear answer: {other:?}"))),
        }
    }

    /// Takes away what a test made, the contact last.
    pub async fn sweep(&self, bridge: &Bridge<'_>, probe: &mut Probe) -> EngineResult<()> {
        while let Some(made) = probe.made.pop() {
            let request = Request::Archive {
                object: made.object.as_str().into(),
                ids: vec![RecordId::new(made.id.as_str())],
            };
            bridge.remote.call(request).await?;
        }
        Ok(())
    }
}

/// An activity that nobody made.
fn sample(kind: &str, now: Millis) -> Activity {
    Activity {
        id: format!("test-{kind}-{}", now.0),
        kind: kind.to_uppercase(),
        seat: 0,
        about: "urn:li:person:test".to_owned(),
        origin: "IOS".to_owned(),
        created_at: now,
        modified_at: now,
        subject: if kind == "inmail" { MARK.to_owned() } else { String::new() },
        body: format!("{MARK}: this {kind} was made by `twinmap writeback test` and may be deleted"),
        copy_to_crm: true,
        duration_ms: (kind == "call").then_some(60_000),
    }
}
