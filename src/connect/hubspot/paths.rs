//! HubSpot's paths: the same resources under the date-versioned and the v3/v4 names.

use crate::connect::client::encode;
use crate::schema::hubspot::{canonical, plural};

pub const DEFAULT_VERSION: &str = "2026-09";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// `None` = v3 and v4.
    dated: Option<String>,
}

impl Paths {
    /// `2026-09` and the like, or `v3`. Anything else is refused with the words for the person.
    pub fn new(version: Option<&str>) -> Result<Self, String> {
        let version = version.unwrap_or(DEFAULT_VERSION);
        if matches!(version, "v3" | "v4" | "3" | "4") {
            return Ok(Paths { dated: None });
        }
        let dated = version.len() == 7
            && version
                .bytes()
                .enumerate()
                .all(|(at, b)| if at == 4 { b == b'-' } else { b.is_ascii_digit() });
        match dated {
            true => Ok(Paths { dated: Some(version.to_owned()) }),
            false => Err(format!("`{version}` is no HubSpot API version: write `{DEFAULT_VERSION}` or `v3`")),
        }
    }

    fn crm(&self, resource: &str, legacy: &str) -> String {
        match &self.dated {
            Some(version) => format!("/crm/{resource}/{version}"),
            None => format!("/crm/{legacy}/{resource}"),
        }
    }

    pub fn objects(&self, object: &str) -> String {
        format!("{}/{}", self.crm("objects", "v3"), segment(object))
    }

    pub fn properties(&self, object: &str) -> String {
        format!("{}/{}", self.crm("properties", "v3"), segment(object))
    }

    pub fn pipelines(&self, object: &str) -> String {
        format!("{}/{}", self.crm("pipelines", "v3"), segment(object))
    }

    pub fn owners(&self) -> String {
        self.crm("owners", "v3")
    }

    pub fn lists(&self) -> String {
        self.crm("lists", "v3")
    }

    pub fn associations(&self, from: &str, to: &str) -> String {
        format!("{}/{}/{}", self.crm("associations", "v4"), segment(from), segment(to))
    }

    pub fn account(&self) -> String {
        format!("/account-info/{}/details", self.dated.as_deref().unwrap_or("v3"))
    }

    /// Where access tokens are given out.
    pub fn token(&self) -> String {
        format!("/oauth/{}/token", self.dated.as_deref().unwrap_or("v3"))
    }
}

fn segment(object: &str) -> String {
    encode(plural(canonical(object)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_of_paths() {
        let dated = Paths::new(None).unwrap();
        assert_eq!(dated.objects("company"), "/crm/objects/2026-09/companies");
        assert_eq!(dated.associations("contact", "company"), "/crm/associations/2026-09/contacts/companies");
        let legacy = Paths::new(Some("v3")).unwrap();
        assert_eq!(legacy.objects("0-3"), "/crm/v3/objects/deals");
        assert_eq!(legacy.associations("deal", "2-77"), "/crm/v4/associations/deals/2-77");
        assert_eq!(legacy.account(), "/account-info/v3/details");
        assert!(Paths::new(Some("2026-9")).is_err());
    }
}
