//! Which campaigns had a part in which deals: influenced pipeline and revenue, win rate, days to close.
//!
//! The model is LinkedIn's: a deal counts for a campaign group when one of its contacts saw, clicked, liked or shared
//! something of the group within the look-back window before the deal closed (before now, for an open one). It is
//! influence and no cause: several groups may each have the whole deal, so groups add up to more than the total, where
//! every deal counts once. A deal without matched contacts can't be credited, and is counted as such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::{Bridge, NavDeps};
use crate::connect::remote::{Cursor, FieldSpec, Reply, Request};
use crate::connect::salesnav::api;
use crate::engine::error::EngineResult;
use crate::record::Record;
use crate::schema::types::Digits;
use crate::schema::{FieldType, SystemKind};
use crate::value::{Millis, Value};

const DAY: i64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DealState {
    Open,
    Won,
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Deal {
    pub amount: Decimal,
    /// Empty = the account's only currency.
    pub currency: String,
    pub created: Millis,
    pub closes: Option<Millis>,
    pub state: DealState,
    /// Urns of the members behind its contacts.
    pub members: BTreeSet<String>,
    pub contacts: usize,
}

/// Somebody met something of a campaign group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    pub member: String,
    pub group: String,
    pub channel: String,
    pub at: Millis,
    pub cost_micros: u64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub window_days: i64,
    /// Deals in another currency are left out; empty = there is one.
    pub currency: String,
    /// `AD`, `ORGANIC`, or both when empty.
    pub channel: String,
    pub now: Millis,
}

/// Metrics of some deals.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Metrics {
    pub deals: u64,
    pub open: u64,
    pub won: u64,
    pub lost: u64,
    pub pipeline: Decimal,
    pub revenue: Decimal,
    /// Percent of the closed ones; `None` = none is closed.
    pub win_rate: Option<Decimal>,
    /// Of the won ones.
    pub days_to_close: Option<Decimal>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    pub group: String,
    pub channel: String,
    /// People of the CRM whom it reached within some deal's window.
    pub people: u64,
    #[serde(flatten)]
    pub metrics: Metrics,
    /// In US dollars, as LinkedIn tells it; organic posts cost nothing.
    pub spend_usd: Decimal,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attribution {
    pub format_version: &'static str,
    pub window_days: i64,
    pub currency: String,
    pub until: String,
    /// Every deal that some group had a part in, once.
    pub influenced: Metrics,
    /// Every deal in this currency.
    pub all: Metrics,
    pub groups: Vec<Group>,
    /// Deals that can't be credited or were left out, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Metrics {
    fn add(&mut self, deal: &Deal, days: &mut Vec<i64>) {
        self.deals += 1;
        match deal.state {
            DealState::Open => {
                self.open += 1;
                self.pipeline += deal.amount;
            }
            DealState::Won => {
                self.won += 1;
                self.revenue += deal.amount;
                if let Some(closed) = deal.closes {
                    days.push((closed.0 - deal.created.0).max(0) / DAY);
                }
            }
            DealState::Lost => self.lost += 1,
        }
    }

    fn conclude(mut self, days: &[i64]) -> Self {
        let closed = self.won + self.lost;
        let share = |part: u64, of: u64| Decimal::from(part * 100).checked_div(Decimal::from(of));
        self.win_rate = share(self.won, closed).map(|rate| rate.round_dp(1).normalize());
        let sum: i64 = days.iter().sum();
        let mean = Decimal::from(sum).checked_div(Decimal::from(days.len() as u64));
        self.days_to_close = mean.map(|mean| mean.round_dp(1).normalize());
        self
    }
}

/// The metrics of those deals for which `counts` is true.
fn metrics<'d>(deals: impl Iterator<Item = &'d Deal>) -> Metrics {
    let (mut all, mut days) = (Metrics::default(), Vec::new());
    deals.for_each(|deal| all.add(deal, &mut days));
    all.conclude(&days)
}

/// Places of deals, and the people behind them.
type Reached<'d> = (BTreeSet<usize>, BTreeSet<&'d str>);

/// Credits deals to campaign groups.
pub fn attribute(deals: &[Deal], touches: &[Touch], asked: &Asked) -> Attribution {
    let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut counted: Vec<&Deal> = Vec::new();
    for deal in deals {
        if !asked.currency.is_empty() && !deal.currency.is_empty() && deal.currency != asked.currency {
            *left_out.entry("other-currency").or_default() += 1;
            continue;
        }
        if deal.contacts == 0 {
            *left_out.entry("no-contact").or_default() += 1;
        } else if deal.members.is_empty() {
            *left_out.entry("no-matched-contact").or_default() += 1;
        }
        counted.push(deal);
    }
    let mut by_member: BTreeMap<&str, Vec<&Touch>> = BTreeMap::new();
    for touch in touches.iter().filter(|touch| asked.channel.is_empty() || touch.channel == asked.channel) {
        by_member.entry(&touch.member).or_default().push(touch);
    }
    let mut of_group: BTreeMap<(&str, &str), Reached<'_>> = BTreeMap::new();
    let mut influenced: BTreeSet<usize> = BTreeSet::new();
    for (place, deal) in counted.iter().enumerate() {
        let until = if deal.state == DealState::Open { asked.now } else { deal.closes.unwrap_or(asked.now) };
        let since = until.plus(-asked.window_days * DAY);
        for member in &deal.members {
            let seen = by_member.get(member.as_str()).into_iter().flatten();
            for touch in seen.filter(|touch| touch.at >= since && touch.at <= until) {
                let (deals, people) = of_group.entry((&touch.group, &touch.channel)).or_default();
                deals.insert(place);
                people.insert(member);
                influenced.insert(place);
            }
        }
    }
    let picked = |places: &BTreeSet<usize>| {
        let deals: Vec<&Deal> = places.iter().filter_map(|place| counted.get(*place).copied()).collect();
        metrics(deals.into_iter())
    };
    let spend = |group: &str, channel: &str| {
        let own = touches.iter().filter(|touch| touch.group == group && touch.channel == channel);
        let all = own.map(|touch| touch.cost_micros);
        (Decimal::from(all.sum::<u64>()) / Decimal::from(1_000_000)).round_dp(2)
    };
    let mut groups: Vec<Group> = of_group
        .iter()
        .map(|((group, channel), (deals, people))| Group {
            group: (*group).to_owned(),
            channel: (*channel).to_owned(),
            people: people.len() as u64,
            metrics: picked(deals),
            spend_usd: spend(group, channel),
        })
        .collect();
    groups.sort_by(|a, b| b.metrics.revenue.cmp(&a.metrics.revenue).then_with(|| a.group.cmp(&b.group)));
    Attribution {
        format_version: "1",
        window_days: asked.window_days,
        currency: asked.currency.clone(),
        until: asked.now.to_string(),
        influenced: picked(&influenced),
        all: metrics(counted.iter().copied()),
        groups,
        left_out,
    }
}

impl NavDeps<'_> {
    /// Reads deals, their contacts and LinkedIn's engagement, and credits them.
    pub async fn attribution(&self, bridge: &Bridge<'_>, asked: &Asked) -> EngineResult<Attribution> {
        let deals = self.deals(bridge).await?;
        let first = deals.iter().filter_map(|deal| deal.closes).min().unwrap_or(asked.now).min(asked.now);
        let since = first.plus(-asked.window_days * DAY);
        let seen = api::engagements(bridge.nav, &bridge.link.contract, since).await?;
        let touches: Vec<Touch> = seen
            .into_iter()
            .map(|one| Touch {
                member: one.member,
                group: one.campaign_group_name,
                channel: one.channel,
                at: one.at,
                cost_micros: one.cost_micros,
            })
            .collect();
        Ok(attribute(&deals, &touches, asked))
    }

    async fn deals(&self, bridge: &Bridge<'_>) -> EngineResult<Vec<Deal>> {
        let settings = self.deps.plan.crm_settings.iter().find(|item| item.system == bridge.system);
        let won_value = settings.and_then(|item| item.won_value.clone());
        let field = |name: &str, ty: FieldType| FieldSpec { name: name.into(), ty };
        let text = || FieldType::Text { max: None };
        let money = || FieldType::Money(Digits::default());
        let hubspot = bridge.kind == SystemKind::Hubspot;
        let (object, contacts, key, fields) = match hubspot {
            true => (
                "deal",
                "contact",
                "contact",
                [
                    field("amount", money()),
                    field("deal_currency_code", text()),
                    field("closedate", FieldType::DateTime),
                    field("hs_is_closed", FieldType::Bool),
                    field("hs_is_closed_won", FieldType::Bool),
                    field(won_value.as_deref().unwrap_or("amount"), money()),
                ],
            ),
            false => (
                "Opportunity",
                "Contact",
                "OpportunityContactRole.ContactId",
                [
                    field("Amount", money()),
                    field("CurrencyIsoCode", text()),
                    field("CloseDate", FieldType::Date),
                    field("IsClosed", FieldType::Bool),
                    field("IsWon", FieldType::Bool),
                    field(won_value.as_deref().unwrap_or("Amount"), money()),
                ],
            ),
        };
        // A field is asked for once.
        let twice =
            fields.first().map(|amount| amount.name.clone()) == fields.last().map(|won| won.name.clone());
        let asked: Arc<[FieldSpec]> = fields.into_iter().take(if twice { 5 } else { 6 }).collect();
        let mut deals = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let request = Request::List {
                object: object.into(),
                fields: asked.clone(),
                associations: Arc::new([key.into()]),
                after: after.take(),
            };
            let Reply::Records { records, next } = bridge.remote.call(request).await? else { break };
            for record in &records {
                deals.push(self.deal(bridge, record, contacts, key)?);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(deals)
    }

    fn deal(&self, bridge: &Bridge<'_>, record: &Record, object: &str, key: &str) -> EngineResult<Deal> {
        let slot = |place: usize| record.slots.get(place).and_then(Option::as_ref);
        let number = |place: usize| match slot(place) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let is = |place: usize| slot(place) == Some(&Value::Bool(true));
        let state = match (is(3), is(4)) {
            (_, true) => DealState::Won,
            (true, false) => DealState::Lost,
            (false, false) => DealState::Open,
        };
        let closes = match slot(2) {
            Some(Value::DateTime(at)) => Some(*at),
            Some(Value::Date(day)) => {
                let at = jiff::tz::TimeZone::UTC.to_timestamp(day.at(23, 59, 59, 0));
                at.ok().map(|at| Millis(at.as_millisecond()))
            }
            _ => None,
        };
        let ends = record.associations.get(key).map_or(&[][..], Vec::as_slice);
        let mut members = BTreeSet::new();
        for end in ends {
            let found = self.deps.store.match_of(bridge.crm_name, object, end.to.as_str())?;
            members.extend(found.as_ref().and_then(|found| found.who()).map(str::to_owned));
        }
        let won = number(5).filter(|_| state == DealState::Won);
        Ok(Deal {
            amount: won.or_else(|| number(0)).unwrap_or_default(),
            currency: slot(1).map_or(String::new(), ToString::to_string),
            created: record.created.unwrap_or_default(),
            closes,
            state,
            members,
            contacts: ends.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(amount: i64, state: DealState, closes: i64, members: &[&str]) -> Deal {
        Deal {
            amount: Decimal::from(amount),
            currency: "EUR".to_owned(),
            created: Millis(0),
            closes: Some(Millis(closes * DAY)),
            state,
            members: members.iter().map(|one| (*one).to_owned()).collect(),
            contacts: 1,
        }
    }

    fn touch(member: &str, group: &str, day: i64) -> Touch {
        Touch {
            member: member.to_owned(),
            group: group.to_owned(),
            channel: "AD".to_owned(),
            at: Millis(day * DAY),
            cost_micros: 2_500_000,
        }
    }

    #[test]
    fn a_deal_counts_whole_for_each_group_and_once_in_all() {
        let deals = [
            deal(100, DealState::Won, 200, &["a"]),
            deal(50, DealState::Lost, 200, &["b"]),
            deal(70, DealState::Open, 200, &["a", "b"]),
            deal(30, DealState::Won, 200, &[]),
        ];
        // The window is inclusive: day 20 is the 180th before day 200, day 19 is not.
        let touches = [touch("a", "One", 20), touch("a", "Two", 150), touch("b", "Two", 19)];
        let asked = Asked {
            window_days: 180,
            currency: "EUR".to_owned(),
            channel: String::new(),
            now: Millis(200 * DAY),
        };
        let found = attribute(&deals, &touches, &asked);
        assert_eq!((found.influenced.deals, found.influenced.revenue), (2, Decimal::from(100)));
        assert_eq!(found.influenced.pipeline, Decimal::from(70));
        let groups: Vec<_> =
            found.groups.iter().map(|one| (one.group.as_str(), one.metrics.revenue)).collect();
        assert_eq!(groups, [("One", Decimal::from(100)), ("Two", Decimal::from(100))]);
        assert_eq!(found.influenced.days_to_close, Some(Decimal::from(200)));
        assert_eq!(found.all.win_rate, Some("66.7".parse().unwrap()));
        assert_eq!(found.left_out, BTreeMap::from([("no-matched-contact", 1)]));
        let other = attribute(&deals, &touches, &Asked { currency: "USD".to_owned(), ..asked });
        assert_eq!((other.all.deals, other.left_out.get("other-currency")), (0, Some(&4)));
    }
}
