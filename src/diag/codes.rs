//! The registry of diagnostic codes. A code is never reused; its page is `docs/errors/<code>.md`.

use super::Severity;

/// A code of the registry, such as `E201`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// What the registry knows of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    pub id: &'static str,
    /// Stable kebab-case name, for search and SARIF.
    pub slug: &'static str,
    /// When it fires, in one sentence without names.
    pub title: &'static str,
    /// `docs/errors/<code>.md`
    pub page: &'static str,
}

macro_rules! codes {
    ($($name:ident $slug:literal $title:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Clone, Copy)]
        enum Index { $($name),* }

        impl Code {
            $(#[doc = $title] pub const $name: Code = Code(Index::$name as u16);)*
        }

        /// Every code, in the order of the registry.
        pub const REGISTRY: &[Info] = &[$(Info {
            id: stringify!($name),
            slug: $slug,
            title: $title,
            page: include_str!(concat!("../../docs/errors/", stringify!($name), ".md")),
        }),*];
    };
}

codes! {
    E101 "unreadable-line" "a line can't be read";
    E102 "unknown-word" "an unknown item, clause or option word";
    E103 "unclosed-block" "a block is not closed";
    E104 "unclosed-text" "a quoted text is not closed";
    E105 "wrong-arrow" "an arrow that the language does not have";
    E106 "missing-colon" "a clause without its colon, or a colon too many";
    E107 "odd-character" "a look-alike, invisible or control character outside quotes";
    E108 "given-twice" "an option or clause given twice where one is allowed";
    E109 "bad-literal" "a number, duration, percent, escape or regular expression that can't be read";
    E110 "not-utf8" "the file is not UTF-8";
    E111 "limit-passed" "a limit of the language is passed";
    W112 "idle-allow" "an `# allow` without a reason, or that allows nothing";
    E201 "unknown-field" "a field that the object does not have";
    E202 "unknown-object" "an object that the system does not have";
    E203 "unknown-system" "a system that is no connection of the project";
    E204 "unknown-sync" "a sync that does not exist";
    E205 "unknown-map" "a converter, value map, stage map or owner map that does not exist";
    E206 "unknown-pipeline" "a pipeline or record type that does not exist";
    E207 "unknown-list" "a list that does not exist";
    E208 "unknown-function" "a function that does not exist";
    E209 "unknown-association" "an association that does not exist";
    E210 "same-name" "two items with one name";
    E211 "two-writers" "two rows that write one field";
    W212 "unused-item" "an item that nothing uses";
    E213 "wrong-side" "a field of the other side";
    E214 "unknown-unit" "an unknown time zone, currency, region or unit";
    E215 "wrong-argument-count" "a function or converter with the wrong number of arguments";
    W216 "shadows-built-in" "an item named like a built-in";
    E217 "unqualified-match" "a name in `match` without its system";
    E301 "types-differ" "the types of a row do not fit and no converter is named";
    W302 "text-may-not-fit" "a text that may be longer than its target takes";
    E303 "zone-missing" "a date and a time of day meet without a time zone";
    E304 "currency-missing" "an amount that travels without its currency";
    W305 "number-may-not-fit" "a number that may have more digits than its target takes";
    E306 "wrong-operand" "a comparison or argument of the wrong type";
    E401 "unmapped-values" "a value map that misses values and has no `else`";
    E402 "row-after-else" "a row after `else`";
    E403 "unknown-value" "a value, option or stage that does not exist there";
    W404 "inactive-value" "an inactive or hidden value";
    E405 "won-meets-lost" "a won stage mapped to a lost stage";
    E406 "open-meets-closed" "an open stage mapped to a closed stage";
    W407 "stages-out-of-order" "stages whose order is inverted";
    W408 "no-closed-stage" "a stage map without any closed stage";
    W409 "unmapped-stages" "stages that are not mapped";
    E411 "no-single-way-back" "two-way rows that are not one-to-one without a single way back";
    W412 "never-taken" "a row or branch that can never be taken";
    E413 "value-twice" "the same value twice in one direction";
    E414 "pipeline-twice" "a pipeline mapped twice without disjoint filters";
    W415 "no-way-back" "a value that can come in but has no way back";
    E416 "route-without-else" "a route without `else`";
    E420 "not-round-trip" "a converter that does not round-trip";
    E421 "one-way-on-two-way" "a one-way converter or map on a two-way row";
    W422 "undo-not-restoring" "a two-way row where an undo on one side does not restore the other";
    E423 "expression-on-two-way" "an expression or literal on a two-way row";
    E501 "required-field-unset" "a required field that no row writes when a record is created";
    E511 "read-only-field" "a row that writes a read-only or calculated field";
    E512 "create-only-field" "a field that can only be set on create is updated, or one that can't be set on create";
    E520 "no-match" "a sync that may create and has no `match` line";
    W521 "create-without-unique-key" "creates without a unique key in the target";
    W522 "match-key-changes" "a match key that is itself mapped two-way";
    E523 "unusable-match-key" "a match key that can't be read, compared or searched";
    W524 "shared-match-key" "a match key that many records may share";
    E530 "contrary-winner" "a one-way sync or row with a contrary conflict winner or owner";
    E531 "row-wider-than-sync" "a row that goes a way that its sync does not";
    E532 "delete-not-possible" "a delete, archive or removal that the connector or object can't do";
    E533 "not-supported" "an object, direction or association that the connector lacks";
    E540 "creation-cycle" "required references that need each other on create";
    E541 "cycle-oscillates" "a cycle of syncs whose values never settle";
    E542 "cycle-drifts" "a cycle of syncs that changes values on the way round";
    E543 "cycle-without-owner" "a cycle of one-way rows without an owner";
    W550 "filter-feeds-itself" "a filter that reads what its own sync writes";
    W551 "constant-condition" "a filter or condition that is always true or always false";
    W552 "local-filter" "a filter that the API can't evaluate";
    E560 "two-contracts" "one HubSpot portal with two Sales Navigator contracts, or the reverse";
    E561 "person-accounts-only" "a sync whose filters select person accounts only";
    E562 "missing-permission" "an edition, permission or scope that the snapshot lacks";
    W563 "person-accounts-left-out" "person accounts exist and are left out";
    W570 "calculated-without-refresh" "a calculated field read in an incremental sync without `refresh`";
    W571 "foreign-writer" "a field that another workflow or integration owns";
    W580 "bulk-limit" "a first sync above the vendor's bulk limit";
    E590 "policy-broken" "a policy that the program breaks";
}

impl Code {
    pub fn info(self) -> Info {
        const UNKNOWN: Info = Info { id: "E000", slug: "unknown", title: "unknown code", page: "" };
        REGISTRY.get(self.0 as usize).copied().unwrap_or(UNKNOWN)
    }

    pub fn id(self) -> &'static str {
        self.info().id
    }

    pub fn slug(self) -> &'static str {
        self.info().slug
    }

    /// The first letter decides: E = error, W = warning. Lint levels of `twinmap.toml` may change it later.
    pub fn severity(self) -> Severity {
        if self.id().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// Looks a code up by its id in any case (`e201`) or by its slug.
    pub fn find(name: &str) -> Option<Code> {
        let hit = REGISTRY.iter().position(|info| info.id.eq_ignore_ascii_case(name) || info.slug == name)?;
        u16::try_from(hit).ok().map(Code)
    }

    pub fn all() -> impl Iterator<Item = Code> {
        (0..u16::try_from(REGISTRY.len()).unwrap_or(0)).map(Code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_slugs_are_unique_and_found() {
        for code in Code::all() {
            assert_eq!(Code::find(code.id()), Some(code));
            assert_eq!(Code::find(code.slug()), Some(code));
        }
    }
}
