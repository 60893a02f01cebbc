//! What a record costs in `map`: `cargo bench --bench map`.
//!
//! The task is that of `benches/rivals/project`. The records are one record over and over, with another id each: of
//! its filter, one passes and one doesn't. How it compares with other programs: `benches/rivals/measure.py`.

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

mod shared;

use divan::counter::BytesCount;
use twinmap::bulk::{Mapping, Wanted, pipe};
use twinmap::interp::{NoContext, SyncProgram};
use twinmap::plan::ir::{Side, SyncId, SyncPlan};
use twinmap::record::{Record, RecordId};
use twinmap::schema::SystemKind;
use twinmap::wire;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const RECORDS: usize = 2_000;

const PROPERTIES: &str = r#""about_us":null,"address":"Rue de l'Église 192","address2":null,"annualrevenue":"1050555.35","city":"Αθήνα",
"closedate":null,"country":"Greece","createdate":"2015-05-10T06:54:00.277Z","credit_score":"99.72","customer_since":"2020-02-05",
"days_to_close":null,"description":"family worldwide qualité since to supplier café\nof \"machines\" and Kunden consulting, growth owned",
"discount":"0.075","domain":"acme.example","founded_year":"1987","hs_analytics_num_page_views":"436","hs_is_target_account":"true",
"hs_object_id":"10000000000","hs_pipeline":"default","hs_pipeline_stage":"negotiating","industry":"LEGAL_SERVICES",
"lifecyclestage":"STAGE","name":"Blue River S.A.","notes_last_updated":"2025-05-20T12:19:21.100Z","numberofemployees":"516",
"phone":"+1 89 2158755","state":null,"tags":"public;smb","website":"https://acme.example/","zip":"74446""#;

fn plan() -> SyncPlan {
    shared::plan("benches/rivals/project", "local", &["accounts.twin"])
}

fn line(number: usize, stage: &str) -> String {
    let properties = PROPERTIES.replace('\n', "").replace("STAGE", stage);
    format!("{{\"id\":\"{number}\",\"properties\":{{{properties}}},\"archived\":false}}\n")
}

fn mapped(bencher: divan::Bencher<'_, '_>, stage: &str) {
    let plan = plan();
    let mapping = Mapping::new(&plan, SyncId(0), Side::Left).unwrap();
    let input: String = (0..RECORDS).map(|number| line(number, stage)).collect();
    bencher.counter(BytesCount::of_str(&input)).bench(|| {
        let wanted = Wanted { out: &mut std::io::sink(), bad: &mut |_| Ok(()), progress: &mut |_| {} };
        pipe(&mapping, &NoContext, input.as_bytes(), 1, wanted).unwrap().tally.written
    });
}

/// 2,000 records that pass the filter.
#[divan::bench]
fn records_that_pass(bencher: divan::Bencher<'_, '_>) {
    mapped(bencher, "customer");
}

/// 2,000 records that don't.
#[divan::bench]
fn records_that_do_not_pass(bencher: divan::Bencher<'_, '_>) {
    mapped(bencher, "lead");
}

/// All rows of one kept record, as `run` evaluates them.
#[divan::bench]
fn rows_of_a_kept_record(bencher: divan::Bencher<'_, '_>) {
    let plan = plan();
    let program = SyncProgram::new(&plan, SyncId(0)).unwrap();
    let object = plan.object(program.sync.left).unwrap();
    let json: serde_json::Value = serde_json::from_str(&line(1, "customer")).unwrap();
    let slot = |field: &twinmap::plan::ir::Field| {
        wire::decode(SystemKind::Hubspot, &field.ty, json.get("properties")?.get(&field.name)?).ok()
    };
    let record = Record::new(RecordId::new("1"), object.fields.iter().map(slot).collect());
    let Some(arm) = program.sync.arms.first() else { return };
    bencher.bench(|| {
        let rows = arm.rows.iter();
        rows.map(|row| program.transfer(&NoContext, row, arm, Side::Right, &record, None)).collect::<Vec<_>>()
    });
}
