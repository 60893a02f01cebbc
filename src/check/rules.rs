//! Every rule, in the order in which they are asked. A new rule is a function in the file of its family and a line here.

use super::{
    Ctx, accounts, conditions, flows, keys, linkedin, maps, policies, required, rollups, roundtrip, rows,
    stages, syncs, types, usage,
};
use crate::resolve::hir::{Arm, Row, StageMap, Sync, ValueMap};

type ProgramRule = for<'a, 'p> fn(&mut Ctx<'a, 'p>);
type SyncRule = for<'a, 'p> fn(&mut Ctx<'a, 'p>, &Sync<'a>);
type ArmRule = for<'a, 'p> fn(&mut Ctx<'a, 'p>, &Sync<'a>, &Arm<'a>);
type RowRule = for<'a, 'p> fn(&mut Ctx<'a, 'p>, &Sync<'a>, &Arm<'a>, &Row<'a>);
type ValuesRule = for<'a, 'p> fn(&mut Ctx<'a, 'p>, &ValueMap<'a>);
type StagesRule = for<'a, 'p> fn(&mut Ctx<'a, 'p>, &StageMap<'a>);

const VALUES: &[ValuesRule] = &[
    maps::values_exist,
    maps::values_have_room,
    |ctx, map| maps::lines_are_in_order(ctx, map.arrow, map.rows, map.elses),
    |ctx, map| maps::each_value_once(ctx, map.rows),
    |ctx, map| maps::one_way_back(ctx, map.rows),
    maps::source_values_are_mapped,
];

const STAGES: &[StagesRule] = &[
    stages::stages_exist_and_agree,
    |ctx, map| maps::lines_are_in_order(ctx, map.arrow, map.rows, map.elses),
    |ctx, map| maps::each_value_once(ctx, map.rows),
    |ctx, map| maps::one_way_back(ctx, map.rows),
    stages::stages_keep_their_order,
    stages::a_closed_stage_is_mapped,
    stages::all_stages_are_mapped,
];

const SYNCS: &[SyncRule] = &[
    linkedin::records_flow_as_linkedin_lets_them,
    syncs::creating_syncs_have_a_match,
    syncs::one_way_syncs_have_no_contrary_winner,
    syncs::create_rules_are_within_reach,
    syncs::deletes_are_possible,
    syncs::conversions_can_be_followed,
    syncs::clauses_fit_the_connector,
    syncs::associations_go_through_the_right_sync,
    rollups::rolled_up_values_fit,
    conditions::conditions_make_sense,
    keys::match_keys_are_usable,
    keys::match_keys_tell_records_apart,
    keys::match_keys_stay,
    keys::creates_can_be_found_again,
    conditions::arms_are_routed,
    conditions::conditions_decide_something,
    conditions::routes_can_be_taken,
    accounts::rights_are_there,
    accounts::person_accounts_are_not_the_only_ones,
    accounts::first_syncs_are_within_bulk_limits,
];

const ROWS: &[RowRule] = &[
    rows::rows_are_no_wider_than_their_sync,
    rows::one_way_rows_have_no_contrary_winner,
    rows::written_fields_are_writable,
    conditions::rows_make_sense,
    types::types_fit,
    conditions::rows_can_be_taken,
    stages::lists_are_unambiguous,
    roundtrip::two_way_rows_come_back,
    accounts::written_fields_are_not_owned_by_others,
    linkedin::lead_fields_flow_as_linkedin_lets_them,
];

const ARMS: &[ArmRule] = &[
    rows::each_field_has_one_writer,
    rows::amounts_travel_with_their_currency,
    rows::associations_are_no_wider_than_their_sync,
];

/// Rules that look at a sync as a whole, after its rows.
const SYNCS_AFTER: &[SyncRule] = &[
    required::required_fields_are_written,
    conditions::filters_do_not_feed_themselves,
    conditions::filters_can_be_pushed_down,
    accounts::calculated_fields_are_refreshed,
];

const PROGRAM: &[ProgramRule] = &[
    conditions::converters_make_sense,
    rollups::owners_exist,
    flows::fields_have_one_writer_across_syncs,
    flows::cycles_settle,
    required::creation_has_an_order,
    stages::pipelines_are_mapped_once,
    linkedin::writebacks_are_possible,
    linkedin::settings_fit_the_crm,
    accounts::one_portal_has_one_contract,
    policies::policies_are_kept,
    usage::values_come_back,
    usage::stages_come_back,
    usage::items_are_used,
];

pub fn run(ctx: &mut Ctx<'_, '_>) {
    let program = ctx.program;
    for map in &program.values {
        VALUES.iter().for_each(|rule| rule(ctx, map));
    }
    for map in &program.stages {
        STAGES.iter().for_each(|rule| rule(ctx, map));
    }
    for sync in &program.syncs {
        SYNCS.iter().for_each(|rule| rule(ctx, sync));
        for arm in &sync.arms {
            for row in &arm.rows {
                ROWS.iter().for_each(|rule| rule(ctx, sync, arm, row));
            }
            ARMS.iter().for_each(|rule| rule(ctx, sync, arm));
        }
        SYNCS_AFTER.iter().for_each(|rule| rule(ctx, sync));
    }
    PROGRAM.iter().for_each(|rule| rule(ctx));
}
