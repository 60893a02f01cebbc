//! LinkedIn's prerequisites as named checks: what is wrong, and what to do about it.

use crate::connect::facts::CrmFacts;
use crate::connect::salesnav::api::{Contract, Seat};
use crate::schema::SystemKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub grade: Grade,
    pub what: String,
    pub fix: String,
}

/// What is looked at.
pub struct Subject<'s> {
    pub kind: SystemKind,
    pub facts: &'s CrmFacts,
    pub contract: Option<&'s Contract>,
    /// `None` = not connected yet.
    pub seats: Option<&'s [Seat]>,
    pub writeback: bool,
    /// The rules of LinkedIn's older help pages.
    pub parity: bool,
}

const EDITIONS: [&str; 4] = ["Enterprise", "Performance", "Unlimited", "Developer"];

fn check(name: &'static str, grade: Grade, what: impl Into<String>, fix: &str) -> Check {
    Check { name, grade, what: what.into(), fix: fix.to_owned() }
}

pub fn checks(subject: &Subject<'_>) -> Vec<Check> {
    let mut all = Vec::new();
    if subject.kind == SystemKind::Salesforce {
        salesforce(subject, &mut all);
    }
    match subject.contract {
        None => {}
        Some(contract) if contract.description == "ADVANCED_PLUS" => {
            all.push(check("contract-edition", Grade::Ok, format!("{} is Advanced Plus", contract.name), ""));
        }
        Some(contract) => all.push(check(
            "contract-edition",
            Grade::Fail,
            format!("{} is {}: CRM sync needs Advanced Plus", contract.name, contract.description),
            "choose another contract, or ask LinkedIn for Advanced Plus (formerly Team and Enterprise)",
        )),
    }
    if let Some(seats) = subject.seats {
        all.push(seat_roles(seats));
    }
    all.push(check("browser", Grade::Ok, "no browser and no JavaScript are needed", ""));
    all
}

fn seat_roles(seats: &[Seat]) -> Check {
    let admins: Vec<&Seat> =
        seats.iter().filter(|seat| seat.active && seat.roles.contains("ADMIN")).collect();
    match admins.as_slice() {
        [] => {
            check("seats", Grade::Fail, "no active seat has the admin role", "give one seat the admin role")
        }
        some if some.iter().any(|seat| seat.is_team_member()) => {
            check("seats", Grade::Ok, "an admin is a team member too", "")
        }
        _ => check(
            "seats",
            Grade::Warn,
            "the admins have no team member's licence: they can configure, and can't verify how it works for a seat",
            "give an admin a team member's licence as well",
        ),
    }
}

fn salesforce(subject: &Subject<'_>, all: &mut Vec<Check>) {
    let facts = subject.facts;
    all.push(edition(&facts.edition));
    for (name, right, given, wanted) in [
        ("view-all-data", "View All Data", facts.view_all, true),
        ("modify-all-data", "Modify All Data", facts.modify_all, subject.writeback),
    ] {
        all.push(match given {
            Some(true) => check(name, Grade::Ok, format!("the user may {right}"), ""),
            Some(false) if wanted => check(
                name,
                Grade::Fail,
                format!("user {} lacks {right}", facts.user),
                "give the profile or a permission set of the connection's user this right",
            ),
            Some(false) => check(name, Grade::Ok, format!("{right} is not needed without writeback"), ""),
            None => check(name, Grade::Warn, format!("whether the user may {right} is not shown"), ""),
        });
    }
    all.push(match facts.package {
        Some(false) => check(
            "package",
            Grade::Fail,
            "the app Sales Navigator for Salesforce is not installed",
            "install it from AppExchange (\"LinkedIn Sales Navigator for Salesforce\"), for all users",
        ),
        _ => check("package", Grade::Ok, "the app Sales Navigator for Salesforce is installed", ""),
    });
    all.push(match facts.integration_user {
        Some(true) => {
            check("integration-user", Grade::Ok, format!("{} is an integration user", facts.user), "")
        }
        _ => check(
            "integration-user",
            Grade::Warn,
            format!("{} looks like a person: the sync drops when they leave or change roles", facts.user),
            "connect with an integration user",
        ),
    });
    if facts.person_accounts == Some(true) {
        all.push(check(
            "person-accounts",
            Grade::Warn,
            "the org has person accounts: they take no part",
            "nothing to do; they are counted with the reason in every run",
        ));
    }
    if facts.is_sandbox == Some(true) {
        all.push(match subject.parity {
            true => check(
                "sandbox-org",
                Grade::Fail,
                "this is a Salesforce sandbox, which LinkedIn's older rules exclude",
                "connect a production org, or take `parity` out of the connection",
            ),
            false => check("sandbox-org", Grade::Ok, "a Salesforce sandbox, which may be connected", ""),
        });
    }
}

/// The edition as the org tells it, `Enterprise Edition`.
fn edition(edition: &str) -> Check {
    let allowed = EDITIONS.join(", ");
    if EDITIONS.iter().any(|known| edition.starts_with(known)) {
        return check("edition", Grade::Ok, edition, "");
    }
    if edition.starts_with("Professional") {
        // The question itself went over the API.
        return check("edition", Grade::Ok, format!("{edition}, with API access"), "");
    }
    check(
        "edition",
        Grade::Fail,
        format!("{edition} can't be connected"),
        &format!("LinkedIn connects {allowed}, and Professional with API access"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grades(facts: &CrmFacts, parity: bool) -> Vec<(&'static str, Grade)> {
        let subject = Subject {
            kind: SystemKind::Salesforce,
            facts,
            contract: None,
            seats: None,
            writeback: true,
            parity,
        };
        checks(&subject).into_iter().map(|check| (check.name, check.grade)).collect()
    }

    #[test]
    fn each_prerequisite_is_a_check_of_its_own() {
        let good = CrmFacts {
            edition: "Enterprise Edition".to_owned(),
            is_sandbox: Some(true),
            view_all: Some(true),
            modify_all: Some(true),
            package: Some(true),
            user: "it@acme.example".to_owned(),
            integration_user: Some(true),
            person_accounts: Some(false),
        };
        assert!(grades(&good, false).iter().all(|(_, grade)| *grade == Grade::Ok));
        assert!(grades(&good, true).contains(&("sandbox-org", Grade::Fail)));
        let bad = CrmFacts {
            edition: "Group Edition".to_owned(),
            view_all: Some(false),
            modify_all: Some(false),
            package: Some(false),
            integration_user: Some(false),
            ..good
        };
        let failed: Vec<&str> =
            grades(&bad, false).into_iter().filter(|(_, g)| *g == Grade::Fail).map(|(n, _)| n).collect();
        assert_eq!(failed, ["edition", "view-all-data", "modify-all-data", "package"]);
    }
}
