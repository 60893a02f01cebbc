//! What ads and posts brought: the documented revenue attribution of `adAnalytics`, and the engagement behind it
//! (the sandbox's own contract; LinkedIn gives no member-level engagement out).

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::core::http::Request;
use super::restli::{Answer, Fault, need, number, ok};
use super::world::{CAMPAIGN_GROUPS, Engagement, World};

const DAY: i64 = 86_400_000;

/// `GET ?q=changed&since=...`: who saw, clicked or liked what.
pub fn engagements(world: &World, request: &Request) -> Answer {
    let since = number(request, "since")?;
    let start = request.param("start").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    let count = request.param("count").and_then(|text| text.parse().ok()).unwrap_or(500_usize).min(1_000);
    let name = |group: u64| CAMPAIGN_GROUPS.iter().find(|(id, _)| *id == group).map_or("", |(_, name)| name);
    let own = world.engagements.iter().filter(|engagement| engagement.at.0 >= since);
    let elements: Vec<Json> = own
        .skip(start)
        .take(count)
        .map(|engagement| {
            let mut out = serde_json::to_value(engagement).unwrap_or_default();
            if let Some(map) = out.as_object_mut() {
                map.insert("campaignGroupName".to_owned(), json!(name(engagement.campaign_group)));
            }
            out
        })
        .collect();
    ok(&json!({ "elements": elements, "paging": { "start": start, "count": count, "links": [] } }))
}

/// `(start:(year:2025,month:1,day:1),end:(...))` -> first and last day.
fn range(text: &str) -> Option<(jiff::civil::Date, jiff::civil::Date)> {
    let day = |part: &str| {
        let number = |name: &str| -> Option<i16> {
            let rest = part.split_once(&format!("{name}:"))?.1;
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
        };
        let (month, day) = (i8::try_from(number("month")?).ok()?, i8::try_from(number("day")?).ok()?);
        jiff::civil::Date::new(number("year")?, month, day).ok()
    };
    let (start, end) = text.split_once(",end:")?;
    Some((day(start)?, day(end)?))
}

/// `GET /rest/adAnalytics?q=attributedRevenueMetrics&...`. No pages, and nothing for whoever asks wrongly by a word.
pub fn ad_analytics(world: &World, request: &Request) -> Answer {
    if need(request, "q")? != "attributedRevenueMetrics" {
        return Err(Fault::new(400, "There is no such finder"));
    }
    need(request, "account")?;
    for wrong in ["accounts", "pivot", "timeGranularity", "sortBy"] {
        if request.param(wrong).is_some() {
            return Err(Fault::new(400, format!("Parameter '{wrong}' is not allowed here")));
        }
    }
    let pivots = super::restli::ids(need(request, "pivots")?)?;
    let allowed = ["ACCOUNT", "CAMPAIGN_GROUP", "CAMPAIGN"];
    if pivots.is_empty() || pivots.len() > 3 || pivots.iter().any(|pivot| !allowed.contains(&pivot.as_str()))
    {
        return Err(Fault::new(400, "pivots are up to three of ACCOUNT, CAMPAIGN_GROUP, CAMPAIGN"));
    }
    let (start, end) =
        range(need(request, "dateRange")?).ok_or_else(|| Fault::new(400, "dateRange can't be read"))?;
    let days = (end - start).get_days();
    if !(30..=366).contains(&days) {
        return Err(Fault::new(400, "The range is 30 to 366 days"));
    }
    let millis = |day: jiff::civil::Date| {
        jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_or(0, |at| at.as_millisecond())
    };
    let (from, to) = (millis(start), millis(end) + DAY);
    let mut groups: BTreeMap<Vec<String>, Vec<&Engagement>> = BTreeMap::new();
    for engagement in world.engagements.iter().filter(|e| e.channel == "AD" && (from..to).contains(&e.at.0)) {
        let place = pivots
            .iter()
            .map(|pivot| match pivot.as_str() {
                "ACCOUNT" => format!("urn:li:sponsoredAccount:{}", engagement.account),
                "CAMPAIGN_GROUP" => format!("urn:li:sponsoredCampaignGroup:{}", engagement.campaign_group),
                _ => format!("urn:li:sponsoredCampaign:{}", engagement.campaign),
            })
            .collect();
        groups.entry(place).or_default().push(engagement);
    }
    let date = |day: jiff::civil::Date| json!({ "year": day.year(), "month": day.month(), "day": day.day() });
    let elements: Vec<Json> = groups
        .into_iter()
        .map(|(pivot, seen)| {
            json!({
                "pivotValues": pivot,
                "dateRange": { "start": date(start), "end": date(end) },
                "revenueAttributionMetrics": metrics(world, &seen),
            })
        })
        .collect();
    ok(&json!({ "elements": elements, "paging": { "start": 0, "count": elements.len(), "links": [] } }))
}

/// Of the opportunities that the CRM sync keeps, as far as one of the group's people is in the CRM. Amounts are
/// decimals in texts.
fn metrics(world: &World, seen: &[&Engagement]) -> Json {
    let known = seen.iter().filter(|e| world.in_crm.get(&e.member).is_some_and(|keys| !keys.is_empty()));
    let influence = known.count().min(seen.len());
    let rows = world.shelves.get("opportunity").map(|shelf| shelf.rows.values().collect::<Vec<_>>());
    let (mut won, mut open, mut amount, mut revenue) = (0_u64, 0_u64, 0.0_f64, 0.0_f64);
    for kept in rows.unwrap_or_default().into_iter().filter(|kept| !kept.deleted).take(influence) {
        let sum = kept.fields.get("amount").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let sum: f64 = sum.and_then(|text| text.parse().ok()).unwrap_or(0.0);
        let is = |name: &str| kept.fields.get(name).and_then(Json::as_bool).unwrap_or(false);
        amount += sum;
        if is("is_won") {
            won += 1;
            revenue += sum;
        } else if !is("is_closed") {
            open += 1;
        }
    }
    let spend: u64 = seen.iter().map(|engagement| engagement.cost_micros).sum();
    let cost = spend as f64 / 1_000_000.0;
    json!({
        "revenueWonInUsd": format!("{revenue:.2}"),
        "returnOnAdSpend": if cost > 0.0 { revenue / cost } else { 0.0 },
        "closedWonOpportunities": won,
        "opportunityAmountInUsd": format!("{amount:.2}"),
        "openOpportunities": open,
        "averageDealSizeInUsd": format!("{:.2}", if won > 0 { revenue / won as f64 } else { 0.0 }),
    })
}
