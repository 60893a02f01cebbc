//! Any JSON is taken or refused as an answer of a CRM, and what was taken reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinmap::schema::import::{Kind, empty, import};
use twinmap::schema::{System, SystemKind};

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    for kind in [SystemKind::Hubspot, SystemKind::Salesforce] {
        let mut system = empty(kind);
        for what in [
            Kind::Fields,
            Kind::Pipelines,
            Kind::Stages,
            Kind::RecordTypes,
            Kind::Owners,
            Kind::Lists,
            Kind::Account,
        ] {
            let _ = import(&mut system, Some("Account"), what, &json);
        }
        let text = serde_json::to_string(&system).unwrap();
        assert_eq!(serde_json::from_str::<System>(&text).unwrap(), system);
    }
});
