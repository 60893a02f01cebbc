//! Runs cases: filter, route, create rule and rows for a single record; the three-way merge for a pair.

use super::asks::{asks_beyond, fields_of};
use super::case::{Case, Expectation, Expected, Given};
use super::context::{Owners, Snapshots, World, id_of};
use super::coverage::Recorder;
use super::{Failure, FieldDiff, Outcome, Report, Summary, TestResult};
use crate::interp::{FilterOutcome, RowValue, SyncProgram, same};
use crate::merge::pair::Merger;
use crate::merge::{Pair, PairOutcome};
use crate::plan::ir::{Arm, Create, Expr, FieldId, ObjectId, Row, Side, SyncPlan};
use crate::plan::words::value_words;
use crate::record::Record;
use crate::state::Bases;
use crate::value::Value;

/// Runs every case, and counts what they reach of the plan when `with_coverage`.
pub fn run(plan: &SyncPlan, cases: &[Case], owners: &Owners, coverage: bool) -> Report {
    let mut recorder = coverage.then(|| Recorder::new(plan));
    let tests: Vec<TestResult> = cases
        .iter()
        .map(|case| {
            let context = World { snapshots: Snapshots { plan, owners }, case };
            one(plan, case, &context, recorder.as_mut())
        })
        .collect();
    let failed = tests.iter().filter(|test| test.outcome == Outcome::Failed).count();
    Report {
        format_version: "1",
        summary: Summary { passed: tests.len() - failed, failed },
        tests,
        coverage: recorder.map(Recorder::finish),
    }
}

/// What a case comes to before its expectations are looked at.
struct Course<'p> {
    program: SyncProgram<'p>,
    arm: usize,
    left: Option<Record>,
    right: Option<Record>,
    /// `None` = no record takes part.
    outcome: PairOutcome,
    /// Per side why nothing is made or written there.
    skipped: Vec<(Side, String)>,
    /// Both sides were given.
    pair: bool,
}

fn one(plan: &SyncPlan, case: &Case, context: &World<'_>, recorder: Option<&mut Recorder<'_>>) -> TestResult {
    let mut failures = Vec::new();
    let say =
        |message: String| Failure { file: case.file.clone(), line: case.line, message, fields: Vec::new() };
    match course(plan, case, context) {
        Ok(course) => {
            if let Some(recorder) = recorder {
                record(&course, context, recorder);
            }
            if case.expects.is_empty() {
                failures.push(say("this test expects nothing; add an `expect` line".to_owned()));
            }
            for expect in &case.expects {
                failures.extend(unmet(case, &course, context, expect));
            }
        }
        Err(why) => failures.push(say(why)),
    }
    TestResult {
        name: case.name.clone(),
        sync: case.sync.clone(),
        file: case.file.clone(),
        line: case.line,
        outcome: if failures.is_empty() { Outcome::Passed } else { Outcome::Failed },
        failures,
    }
}

fn course<'p>(plan: &'p SyncPlan, case: &Case, context: &World<'_>) -> Result<Course<'p>, String> {
    let program = plan
        .sync_named(&case.sync)
        .and_then(|(id, _)| SyncProgram::new(plan, id))
        .ok_or_else(|| format!("the plan has no sync `{}`", case.sync))?;
    let given = |side: Side| case.givens.iter().find(|given| given.side == side);
    let (left, right) = (given(Side::Left), given(Side::Right));
    if left.is_none() && right.is_none() {
        return Err("this test gives no record; add a `given` line for one side".to_owned());
    }
    let mut arm = right.and_then(|given| arm_of(plan, &program, given)).unwrap_or(0);
    let left = left.map(|given| given.record(plan.object(program.sync.left), id_of(Side::Left)));
    if right.is_none()
        && let Some(left) = &left
    {
        arm = program.route(context, left).unwrap_or(0);
    }
    let right_object = program.sync.arms.get(arm).and_then(|arm| plan.object(arm.right));
    let right = right.map(|given| given.record(right_object, id_of(Side::Right)));
    let pair = left.is_some() && right.is_some();
    let mut course =
        Course { program, arm, left, right, outcome: PairOutcome::default(), skipped: Vec::new(), pair };
    if pair {
        merge(&mut course, case, context);
    } else {
        create(&mut course, case, context);
    }
    let stopped: Vec<(Side, String)> =
        course.outcome.skipped.iter().map(|(side, reason)| (*side, (*reason).to_owned())).collect();
    course.skipped.extend(stopped);
    Ok(course)
}

fn arm_of(plan: &SyncPlan, program: &SyncProgram<'_>, given: &Given) -> Option<usize> {
    let name = given.object.as_deref()?;
    program.sync.arms.iter().position(|arm| plan.object(arm.right).is_some_and(|object| object.name == name))
}

/// One side is given: what would be made on the other.
fn create(course: &mut Course<'_>, case: &Case, context: &World<'_>) {
    let (to, source) = match (&course.left, &course.right) {
        (Some(left), _) => (Side::Right, left),
        (_, Some(right)) => (Side::Left, right),
        (None, None) => return,
    };
    let sync = course.program.sync;
    let goes = if to == Side::Right { sync.direction.goes_right() } else { sync.direction.goes_left() };
    if !goes {
        return course.skipped.push((to, "direction".to_owned()));
    }
    let filter = if to == Side::Right { &sync.filter_left } else { &sync.filter_right };
    match course.program.filter(context, to.other(), source) {
        FilterOutcome::In => {}
        FilterOutcome::Out if !case.knows_world && filter.as_ref().is_some_and(asks_beyond) => {}
        FilterOutcome::Out => return course.skipped.push((to, "filter".to_owned())),
        FilterOutcome::Unclear(why) => return course.skipped.push((to, format!("unclear: {why}"))),
    }
    let (rule, vetoes) = match to {
        Side::Left => (&sync.create_left, &sync.veto_left),
        Side::Right => (&sync.create_right, &sync.veto_right),
    };
    if let Err(reason) = course.program.may_create(context, to, source) {
        // A rule that asks about associated records, links and lists, of which the test says nothing, says yes.
        let open = match reason {
            _ if case.knows_world => false,
            "veto" => vetoes.iter().any(asks_beyond),
            "create-rule" => matches!(rule, Create::When(condition) if asks_beyond(condition)),
            _ => false,
        };
        if !open {
            return course.skipped.push((to, reason.to_owned()));
        }
    }
    let merger = Merger { program: &course.program, context };
    let mut outcome = merger.create(course.arm, to, source);
    // A record that is left alone gets none of its fields.
    if !outcome.skipped.is_empty() {
        outcome.writes.clear();
    }
    course.outcome = outcome;
}

/// Both sides are given: what would be written on either.
fn merge(course: &mut Course<'_>, case: &Case, context: &World<'_>) {
    let (Some(left), Some(right)) = (&course.left, &course.right) else { return };
    let sync = course.program.sync;
    let (left_in, right_in) =
        (takes_part(course, case, context, Side::Left), takes_part(course, case, context, Side::Right));
    let mut skipped = Vec::new();
    if !left_in && sync.direction.goes_right() {
        skipped.push((Side::Right, "filter".to_owned()));
    }
    if !right_in && sync.direction.goes_left() {
        skipped.push((Side::Left, "filter".to_owned()));
    }
    let bases = case.base.as_ref().map(|base| bases(course, context, base, left, right));
    let pair = Pair {
        arm: course.arm,
        left,
        right,
        bases: bases.as_ref(),
        stamps: (left.modified, right.modified),
        may_write: (sync.direction.goes_left() && right_in, sync.direction.goes_right() && left_in),
        offsets: (0, 0),
        clock_error: 0,
        decided: None,
        calls: None,
    };
    let outcome = Merger { program: &course.program, context }.merge(&pair);
    course.outcome = outcome;
    course.skipped.extend(skipped);
}

/// A pair is linked already: it takes part unless what the test says of a record puts it out.
fn takes_part(course: &Course<'_>, case: &Case, context: &World<'_>, side: Side) -> bool {
    let record = if side == Side::Left { &course.left } else { &course.right };
    let Some(record) = record else { return true };
    let named: Vec<&str> = case
        .givens
        .iter()
        .filter(|given| given.side == side)
        .flat_map(|given| given.fields.iter().map(|(name, _)| name.as_str()))
        .collect();
    let object = match side {
        Side::Left => Some(course.program.sync.left),
        Side::Right => course.program.sync.arms.get(course.arm).map(|arm| arm.right),
    };
    let says = |clause: &Expr| {
        let known = |field: FieldId| {
            object
                .and_then(|object| field_name(course.program.plan, object, Some(field)))
                .is_some_and(|name| named.contains(&name))
        };
        (case.knows_world || !asks_beyond(clause)) && fields_of(clause).into_iter().all(known)
    };
    let clauses = course.program.clauses(context, side, record);
    clauses.iter().all(|(clause, outcome)| *outcome == FilterOutcome::In || !says(clause))
}

/// The last agreed values: as given; what only one side gives is translated; what neither gives did not change.
fn bases(
    course: &Course<'_>,
    context: &World<'_>,
    base: &[(Side, String, Value)],
    left: &Record,
    right: &Record,
) -> Bases {
    let mut bases = Bases::default();
    let Some(arm) = course.program.sync.arms.get(course.arm) else { return bases };
    let fields = |side: Side| {
        base.iter()
            .filter(move |(at, ..)| *at == side)
            .map(|(_, name, value)| (name.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    let record = |side: Side, object: ObjectId| {
        let given = Given {
            side,
            object: None,
            fields: fields(side),
            lists: Vec::new(),
            linked: Vec::new(),
            edited: None,
        };
        given.record(course.program.plan.object(object), "base")
    };
    let (base_left, base_right) =
        (record(Side::Left, course.program.sync.left), record(Side::Right, arm.right));
    let given = |side: Side, object: ObjectId, field: Option<FieldId>| {
        let name = field_name(course.program.plan, object, field)?;
        base.iter().find(|(at, known, _)| *at == side && known == name).map(|(.., value)| value.clone())
    };
    for row in &arm.rows {
        let of_left = given(Side::Left, course.program.sync.left, row.left);
        let of_right = given(Side::Right, arm.right, row.right);
        let now = |record: &Record, field: Option<FieldId>| {
            field.and_then(|field| record.slot(field.index()).cloned()).unwrap_or(Value::Null)
        };
        let translated =
            |to: Side, source: &Record| match course.program.transfer(context, row, arm, to, source, None) {
                RowValue::Value(value) => value,
                _ => Value::Null,
            };
        let pair = match (of_left, of_right) {
            (Some(left), Some(right)) => (left, right),
            (Some(left), None) => (left, translated(Side::Right, &base_left)),
            (None, Some(right)) => (translated(Side::Left, &base_right), right),
            (None, None) => (now(left, row.left), now(right, row.right)),
        };
        bases.rows.insert(row.id.clone(), pair);
    }
    bases
}

fn field_name(plan: &SyncPlan, object: ObjectId, field: Option<FieldId>) -> Option<&str> {
    plan.object(object)?.fields.get(field?.index()).map(|field| field.name.as_str())
}

fn record(course: &Course<'_>, context: &World<'_>, recorder: &mut Recorder<'_>) {
    for (side, record) in [(Side::Left, &course.left), (Side::Right, &course.right)] {
        if let Some(record) = record {
            let target = if side == Side::Left { &course.right } else { &course.left };
            recorder.saw(&course.program, context, course.arm, side, record, target.as_ref());
        }
    }
}

/// The failure of one expectation, if it is not met.
fn unmet(case: &Case, course: &Course<'_>, context: &World<'_>, expect: &Expectation) -> Option<Failure> {
    let failure = |message: String, fields: Vec<FieldDiff>| {
        Some(Failure { file: case.file.clone(), line: expect.line, message, fields })
    };
    match &expect.kind {
        Expected::Fields { exactly, side, object, fields } => {
            fields_match(course, context, *side, object, fields, *exactly)
                .and_then(|(message, diffs)| failure(message, diffs))
        }
        Expected::Outcome { word, reason } => {
            outcome_matches(course, word, reason.as_deref()).and_then(|message| failure(message, Vec::new()))
        }
        Expected::Conflict { winner } => {
            conflict_matches(course, *winner).and_then(|message| failure(message, Vec::new()))
        }
    }
}

type Misfit = Option<(String, Vec<FieldDiff>)>;

fn fields_match(
    course: &Course<'_>,
    context: &World<'_>,
    side: Side,
    object: &str,
    wanted: &[(String, Value)],
    exactly: bool,
) -> Misfit {
    let plan = course.program.plan;
    let arm = course.program.sync.arms.get(course.arm)?;
    let id = if side == Side::Left { course.program.sync.left } else { arm.right };
    let target = plan.object(id)?;
    let system = plan.system(target.system).map_or("", |system| system.name.as_str());
    if target.name != object {
        return Some((
            format!("expected {system}.{object}, but this record becomes {system}.{}", target.name),
            Vec::new(),
        ));
    }
    if let Some((_, reason)) = course.skipped.iter().find(|(at, _)| *at == side) {
        return Some((format!("nothing is written to {system}.{object}: skipped, {reason}"), Vec::new()));
    }
    let current = if side == Side::Left { &course.left } else { &course.right };
    let index = |name: &str| target.fields.iter().position(|field| field.name == name);
    let write = |name: &str| {
        let at = index(name)?;
        course.outcome.writes.iter().find(|write| write.side == side && write.field.index() == at)
    };
    let value = |name: &str| match write(name) {
        Some(write) => write.after.clone(),
        None => current.as_ref().and_then(|record| record.slot(index(name)?).cloned()).unwrap_or(Value::Null),
    };
    let shown = |value: &Value| (!value.is_blank()).then(|| value_words(value));
    let mut diffs = Vec::new();
    for (name, expected) in wanted {
        let got = value(name);
        let unwritten = exactly && course.pair && write(name).is_none();
        if !same(&got, expected) || unwritten {
            let why = if unwritten && same(&got, expected) {
                "it stands so already and is not written".to_owned()
            } else {
                why(course, context, arm, side, index(name))
            };
            diffs.push(FieldDiff { name: name.clone(), expected: shown(expected), got: shown(&got), why });
        }
    }
    if exactly {
        for written in course.outcome.writes.iter().filter(|write| write.side == side) {
            let name = target.fields.get(written.field.index()).map_or("", |field| field.name.as_str());
            if !wanted.iter().any(|(known, _)| known == name) {
                let why = why(course, context, arm, side, Some(written.field.index()));
                let got = shown(&written.after);
                diffs.push(FieldDiff { name: name.to_owned(), expected: None, got, why });
            }
        }
    }
    (!diffs.is_empty()).then(|| (format!("{system}.{object} differs"), diffs))
}

/// Which row made a field what it is, or why none did.
fn why(course: &Course<'_>, context: &World<'_>, arm: &Arm, side: Side, field: Option<usize>) -> String {
    let target = |row: &Row| if side == Side::Left { row.left } else { row.right };
    let writes = |row: &&Row| {
        let transfer = if side == Side::Left { &row.to_left } else { &row.to_right };
        transfer.is_some() && target(row).map(FieldId::index) == field
    };
    let Some(row) = arm.rows.iter().find(writes) else { return "no row writes it".to_owned() };
    let source = if side == Side::Left { &course.right } else { &course.left };
    let Some(source) = source else { return format!("{}: `{}`", row.at, row.text) };
    let target = if side == Side::Left { &course.left } else { &course.right };
    let verdict = match course.program.transfer(context, row, arm, side, source, target.as_ref()) {
        RowValue::Value(value) if value.is_blank() => "the source is blank".to_owned(),
        RowValue::Value(_) => String::new(),
        RowValue::Skip("when") => "its `when` is not met".to_owned(),
        RowValue::Skip("unmapped") => "the value is not in the map".to_owned(),
        RowValue::Skip(reason) | RowValue::SkipRecord(reason) => format!("left alone, {reason}"),
        RowValue::Hold(why) => format!("held: {why}"),
        RowValue::Fail(why) => format!("failed: {why}"),
    };
    let colon = if verdict.is_empty() { "" } else { ": " };
    format!("{} `{}`{colon}{verdict}", row.at, row.text)
}

/// `None` = as expected.
fn outcome_matches(course: &Course<'_>, word: &str, reason: Option<&str>) -> Option<String> {
    let held = |wanted: &[&str]| -> Vec<String> {
        let of_kind = course.outcome.held.iter().filter(|held| wanted.contains(&held.reason));
        of_kind.map(|held| format!("{} {}, {}", held.field, held.reason, held.detail)).collect()
    };
    let fits = |text: &str| reason.is_none_or(|reason| text.contains(reason));
    let met = match word {
        "skipped" => course.skipped.iter().any(|(_, why)| reason.is_none_or(|reason| reason == why)),
        "held" => held(&["held", "conflict"]).iter().any(|text| fits(text)),
        "failed" => held(&["failed"]).iter().any(|text| fits(text)),
        _ => course.outcome.writes.is_empty() && course.outcome.held.is_empty() && course.skipped.is_empty(),
    };
    if met {
        return None;
    }
    let wanted = reason.map_or_else(|| word.to_owned(), |reason| format!("{word} {reason}"));
    Some(format!("expected {wanted}, but {}", what_happened(course)))
}

fn what_happened(course: &Course<'_>) -> String {
    let mut parts: Vec<String> =
        course.skipped.iter().map(|(_, why)| format!("it is skipped, {why}")).collect();
    for held in &course.outcome.held {
        parts.push(format!("{} is {}, {}", held.field, held.reason, held.detail));
    }
    let writes = course.outcome.writes.len();
    if writes > 0 {
        let verb = if course.pair { "written" } else { "filled in a new record" };
        parts.push(format!("{writes} field{} would be {verb}", if writes == 1 { "" } else { "s" }));
    }
    if parts.is_empty() { "nothing happens".to_owned() } else { parts.join("; ") }
}

fn conflict_matches(course: &Course<'_>, winner: Side) -> Option<String> {
    let plan = course.program.plan;
    let name = |side: Side| {
        let arm = course.program.sync.arms.get(course.arm);
        let id = if side == Side::Left { Some(course.program.sync.left) } else { arm.map(|arm| arm.right) };
        let system = id.and_then(|id| plan.object(id)).and_then(|object| plan.system(object.system));
        system.map_or("?", |system| system.name.as_str())
    };
    let mut winners: Vec<Side> =
        course.outcome.writes.iter().filter(|write| write.conflict).map(|write| write.side.other()).collect();
    winners.sort_unstable();
    winners.dedup();
    match winners.as_slice() {
        [only] if *only == winner => None,
        [only] => Some(format!("expected {} to win the conflict, but {} wins", name(winner), name(*only))),
        [] => Some(format!("expected a conflict that {} wins, but {}", name(winner), what_happened(course))),
        _ => Some(format!("expected {} to win, but each side wins some fields", name(winner))),
    }
}
