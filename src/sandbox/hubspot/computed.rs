//! Values that HubSpot computes: nothing of them is stored, they follow from the record when it is read.

use rust_decimal::Decimal;

use super::answer::iso;
use super::pipelines::Stage;
use super::portal::Portal;
use super::schema::Object;
use super::store::{Kind, Prop, Record};
use crate::value::Millis;

const DAY: i64 = 86_400_000;

/// How to read one property of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    Stored(Prop),
    Id,
    Created,
    Modified,
    SourceType,
    SourceId,
    SourceLabel,
    /// When the owner was set.
    OwnerAssigned,
    FullName,
    EmailDomain,
    /// The primary company of a contact.
    PrimaryCompany,
    /// How many records of an object are associated.
    Linked(&'static str),
    OpenDeals,
    MergedIds,
    DaysToClose,
    ClosedWon,
    ClosedLost,
    Closed,
    /// 1 or 0 as texts.
    CountClosed,
    CountClosedWon,
    CountOpen,
    Probability,
    /// The same, unless somebody wrote another one.
    StageProbability,
    Amount,
    ClosedAmount,
    ProjectedAmount,
    /// When a stage was entered first; `None` = the present one.
    Entered(Option<String>),
    /// When a lifecycle stage was entered, in epoch milliseconds.
    Became(String),
    /// A text that is the same for every record.
    Constant(&'static str),
}

/// How a property is read; `None` when the object has no such property.
pub fn reading(object: &Object, name: &str) -> Option<Reading> {
    let (prop, _) = object.live(name)?;
    if name == object.created_name() && &*object.singular != "deal" || name == "hs_createdate" {
        return Some(Reading::Created);
    }
    if name == object.modified_name() || name == "hs_lastmodifieddate" {
        return Some(Reading::Modified);
    }
    let common = match name {
        "hs_object_id" => Reading::Id,
        "hs_object_source" => Reading::SourceType,
        "hs_object_source_id" => Reading::SourceId,
        "hs_object_source_label" => Reading::SourceLabel,
        "hubspot_owner_assigneddate" => Reading::OwnerAssigned,
        "hs_merged_object_ids" | "hs_calculated_merged_vids" => Reading::MergedIds,
        "num_notes" => Reading::Linked("note"),
        "hs_all_owner_ids" => Reading::Stored(object.prop("hubspot_owner_id").unwrap_or(prop)),
        _ => of_object(object, name).unwrap_or(Reading::Stored(prop)),
    };
    Some(common)
}

fn of_object(object: &Object, name: &str) -> Option<Reading> {
    match &*object.singular {
        "contact" => of_contact(name),
        "company" => of_company(name),
        "deal" => of_deal(name),
        _ => None,
    }
}

fn of_contact(name: &str) -> Option<Reading> {
    Some(match name {
        "hs_all_contact_vids" => Reading::Id,
        "hs_full_name_or_email" => Reading::FullName,
        "hs_email_domain" => Reading::EmailDomain,
        "hs_is_contact" => Reading::Constant("true"),
        "associatedcompanyid" => Reading::PrimaryCompany,
        "num_associated_deals" => Reading::Linked("deal"),
        _ => Reading::Became(lifecycle_of(name)?),
    })
}

fn of_company(name: &str) -> Option<Reading> {
    Some(match name {
        "num_associated_contacts" => Reading::Linked("contact"),
        "num_associated_deals" => Reading::Linked("deal"),
        "hs_num_open_deals" => Reading::OpenDeals,
        _ => Reading::Became(lifecycle_of(name)?),
    })
}

/// `hs_lifecyclestage_lead_date` -> `lead`
fn lifecycle_of(name: &str) -> Option<String> {
    name.strip_prefix("hs_lifecyclestage_")?.strip_suffix("_date").map(str::to_owned)
}

fn of_deal(name: &str) -> Option<Reading> {
    Some(match name {
        "days_to_close" => Reading::DaysToClose,
        "hs_is_closed" => Reading::Closed,
        "hs_is_closed_won" => Reading::ClosedWon,
        "hs_is_closed_lost" => Reading::ClosedLost,
        "hs_is_closed_count" => Reading::CountClosed,
        "hs_closed_won_count" => Reading::CountClosedWon,
        "hs_is_open_count" => Reading::CountOpen,
        "hs_deal_stage_probability" => Reading::StageProbability,
        "hs_deal_stage_probability_shadow" => Reading::Probability,
        "amount_in_home_currency" | "hs_forecast_amount" => Reading::Amount,
        "hs_closed_amount" | "hs_closed_amount_in_home_currency" => Reading::ClosedAmount,
        "hs_projected_amount" | "hs_projected_amount_in_home_currency" => Reading::ProjectedAmount,
        "num_associated_contacts" => Reading::Linked("contact"),
        "hs_v2_date_entered_current_stage" => Reading::Entered(None),
        _ => {
            let stage = name.strip_prefix("hs_v2_date_entered_").or(name.strip_prefix("hs_date_entered_"))?;
            Reading::Entered(Some(stage.to_owned()))
        }
    })
}

/// One record with what its computed values need.
#[derive(Clone, Copy)]
pub struct Row<'p> {
    pub portal: &'p Portal,
    pub object: &'p Object,
    pub kind: Kind,
    pub id: u64,
    pub record: &'p Record,
    /// The record is read as it was at this time: searches lag behind.
    pub at: Millis,
}

impl<'p> Row<'p> {
    /// The value of a property, unless it is empty.
    pub fn read(&self, reading: &Reading) -> Option<String> {
        let record = self.record;
        match reading {
            Reading::Stored(prop) => self.stored(*prop).map(str::to_owned),
            Reading::Id => Some(self.id.to_string()),
            Reading::Created => Some(iso(record.created)),
            Reading::Modified => Some(iso(self.modified())),
            Reading::SourceType | Reading::SourceLabel => self.source().map(|source| source.ty.clone()),
            Reading::SourceId => self.source().map(|source| source.id.clone()),
            Reading::OwnerAssigned => {
                let version = record.version(self.object.prop("hubspot_owner_id")?)?;
                (!version.value.is_empty()).then(|| iso(version.at))
            }
            Reading::FullName => self.full_name(),
            Reading::EmailDomain => {
                let email = self.text("email")?;
                email.rsplit_once('@').map(|(_, domain)| domain.to_owned())
            }
            Reading::PrimaryCompany => self.primary_company().map(|id| id.to_string()),
            Reading::Linked(name) => {
                let kind = self.portal.named(name)?;
                Some(self.linked(kind).count().to_string())
            }
            Reading::OpenDeals => self.open_deals(),
            Reading::MergedIds => self.merged(),
            Reading::Constant(text) => Some((*text).to_owned()),
            Reading::Became(stage) => self.became(stage),
            _ => self.of_deal(reading),
        }
    }

    fn stored(&self, prop: Prop) -> Option<&'p str> {
        if self.at >= self.record.updated { self.record.get(prop) } else { self.record.get_at(prop, self.at) }
    }

    pub fn modified(&self) -> Millis {
        if self.at >= self.record.updated { self.record.updated } else { self.record.updated_at(self.at) }
    }

    /// The value as a number, for comparisons.
    pub fn number(&self, reading: &Reading) -> Option<f64> {
        match reading {
            Reading::Id => Some(self.id as f64),
            Reading::Stored(prop) => self.stored(*prop)?.parse().ok(),
            _ => self.read(reading)?.parse().ok(),
        }
    }

    /// The value as a time, for comparisons.
    pub fn time(&self, reading: &Reading) -> Option<i64> {
        match reading {
            Reading::Modified => Some(self.modified().0),
            Reading::Created => Some(self.record.created.0),
            Reading::Stored(prop) => super::values::time(self.stored(*prop)?).map(|at| at.0),
            _ => super::values::time(&self.read(reading)?).map(|at| at.0),
        }
    }

    fn text(&self, name: &str) -> Option<&'p str> {
        self.stored(self.object.prop(name)?)
    }

    fn source(&self) -> Option<&'p super::portal::Source> {
        self.portal.sources.get(self.record.source.0 as usize)
    }

    /// Associated records that are not archived.
    fn linked(&self, kind: Kind) -> impl Iterator<Item = u64> {
        let portal = self.portal;
        let all = portal.links.of((self.kind, self.id), kind);
        all.map(|(id, _)| id).filter(move |id| portal.live(kind, *id).is_some())
    }

    fn full_name(&self) -> Option<String> {
        let parts: Vec<&str> =
            [self.text("firstname"), self.text("lastname")].into_iter().flatten().collect();
        if parts.is_empty() { self.text("email").map(str::to_owned) } else { Some(parts.join(" ")) }
    }

    fn primary_company(&self) -> Option<u64> {
        let company = self.portal.named("company")?;
        let primary = self.portal.links.primary(self.kind, company)?;
        let mut all = self.portal.links.of((self.kind, self.id), company);
        all.find(|(id, types)| types.contains(&primary) && self.portal.live(company, *id).is_some())
            .map(|(id, _)| id)
    }

    fn open_deals(&self) -> Option<String> {
        let kind = self.portal.named("deal")?;
        let object = self.portal.object(kind).ok()?;
        let open = |id: &u64| {
            let row = object.records.get(id).map(|record| Row { object, kind, id: *id, record, ..*self });
            row.is_some_and(|row| !row.stage().is_some_and(Stage::is_closed))
        };
        Some(self.linked(kind).filter(open).count().to_string())
    }

    fn merged(&self) -> Option<String> {
        let mine = self.object.aliases.iter().filter(|(_, id)| **id == self.id);
        let old: Vec<String> = mine.map(|(alias, _)| alias.to_string()).collect();
        (!old.is_empty()).then(|| old.join(";"))
    }

    fn became(&self, stage: &str) -> Option<String> {
        let prop = self.object.prop("lifecyclestage")?;
        let first = self.record.history(prop).filter(|version| &*version.value == stage).last();
        first.map(|version| version.at.0.to_string())
    }

    /// The stage that a deal is in.
    fn stage(&self) -> Option<&'p Stage> {
        let id = self.text("dealstage")?;
        self.object.pipelines.iter().flat_map(|pipeline| &pipeline.stages).find(|stage| stage.id == id)
    }

    fn of_deal(&self, reading: &Reading) -> Option<String> {
        let stage = self.stage();
        let closed = stage.is_some_and(Stage::is_closed);
        let won = stage.is_some_and(Stage::is_won);
        let count = |yes: bool| Some(u8::from(yes).to_string());
        match reading {
            Reading::DaysToClose => Some(self.days_to_close().to_string()),
            Reading::Closed => stage.map(|_| closed.to_string()),
            Reading::ClosedWon => Some(won.to_string()),
            Reading::ClosedLost => Some((closed && !won).to_string()),
            Reading::CountClosed => stage.and_then(|_| count(closed)),
            Reading::CountClosedWon => count(won),
            Reading::CountOpen => stage.and_then(|_| count(!closed)),
            Reading::StageProbability => {
                let written = self.text("hs_deal_stage_probability").map(str::to_owned);
                written.or_else(|| stage.map(|stage| exact(stage.probability())))
            }
            Reading::Probability => Some(exact(stage.map_or(0.0, Stage::probability))),
            Reading::Amount => self.text("amount").map(str::to_owned),
            Reading::ClosedAmount => Some(self.text("amount").filter(|_| won).unwrap_or("0").to_owned()),
            Reading::ProjectedAmount => Some(self.projected(stage)),
            Reading::Entered(stage) => self.entered(stage.as_deref()),
            _ => None,
        }
    }

    fn days_to_close(&self) -> i64 {
        let close = self.text("closedate").and_then(super::values::time);
        let created = self.text("createdate").and_then(super::values::time).unwrap_or(self.record.created);
        close.map_or(0, |Millis(close)| (close - created.0).max(0) / DAY)
    }

    fn projected(&self, stage: Option<&Stage>) -> String {
        let amount: Decimal = self.text("amount").and_then(|text| text.parse().ok()).unwrap_or_default();
        let tenths = (stage.map_or(0.0, Stage::probability) * 10.0).round() as i64;
        amount.checked_mul(Decimal::new(tenths, 1)).unwrap_or_default().normalize().to_string()
    }

    fn entered(&self, stage: Option<&str>) -> Option<String> {
        let prop = self.object.prop("dealstage")?;
        let stage = stage.or(self.stored(prop))?;
        let newest = self.record.history(prop).find(|version| &*version.value == stage);
        newest.map(|version| iso(version.at))
    }
}

/// All the digits of a double, as HubSpot prints its probabilities.
fn exact(number: f64) -> String {
    let text = format!("{number:.60}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
