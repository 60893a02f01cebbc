//! Value maps and stage maps: one-to-one by similarity, several-to-one as one-way rows, won and lost kept apart.

use serde::Serialize;

use super::similar::{best, one_to_one, score};
use super::{CERTAIN, LIKELY, Line, quoted};
use crate::schema::Field;
use crate::schema::model::{Object, Pipeline, RecordType, Stage};

/// The rows of a value map between two option fields.
pub fn value_rows(left: &Field, right: &Field) -> Vec<Line> {
    let lefts: Vec<_> = left.options.iter().filter(|option| option.active).collect();
    let rights: Vec<_> = right.options.iter().filter(|option| option.active).collect();
    let mut scored = Vec::new();
    for (i, a) in lefts.iter().enumerate() {
        for (j, b) in rights.iter().enumerate() {
            let score = best([&a.value, &a.label], [&b.value, &b.label]);
            if score >= LIKELY {
                scored.push((i, j, score));
            }
        }
    }
    let taken = one_to_one(scored.clone());
    let mut rows = Vec::new();
    for (i, a) in lefts.iter().enumerate() {
        if let Some((_, j, score)) = taken.iter().find(|(left, ..)| *left == i) {
            let Some(b) = rights.get(*j) else { continue };
            rows.push(Line::row(format!("{} <-> {}", quoted(&a.value), quoted(&b.value)), *score));
        } else if let Some((_, j, score)) = scored.iter().filter(|(left, ..)| *left == i).max_by_key(|p| p.2)
        {
            // Its best counterpart is taken by a better one: it goes there, and does not come back.
            let Some(b) = rights.get(*j) else { continue };
            rows.push(Line::row(
                format!("{} -> {}", quoted(&a.value), quoted(&b.value)),
                (*score).min(CERTAIN - 1),
            ));
        }
    }
    rows
}

/// A proposed stage map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageProposal {
    /// Pipeline id, and record type name when the object has record types.
    pub pipeline: Option<String>,
    pub record_type: Option<String>,
    pub rows: Vec<StagePair>,
    /// Stages without a counterpart, by side.
    pub unmatched_left: Vec<String>,
    pub unmatched_right: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StagePair {
    pub left: String,
    pub left_label: String,
    pub right: String,
    pub right_label: String,
    pub score: u8,
}

/// One proposal per pipeline, each with the record type that is most like it.
pub fn stages(left: &Object, right: &Object) -> Vec<StageProposal> {
    let whole = [Pipeline { id: String::new(), label: String::new(), stages: left.stages.clone() }];
    let pipelines: &[Pipeline] = if left.pipelines.is_empty() { &whole } else { &left.pipelines };
    let types: Vec<&RecordType> = right.record_types.iter().filter(|known| known.active).collect();
    let mut scored = Vec::new();
    for (i, pipeline) in pipelines.iter().enumerate() {
        for (j, known) in types.iter().enumerate() {
            // Every pipeline gets a record type while there are any: the likest first.
            scored.push((i, j, best([&pipeline.id, &pipeline.label], [&known.name, &known.label])));
        }
    }
    let chosen = one_to_one(scored);
    let mut proposals = Vec::new();
    for (i, pipeline) in pipelines.iter().enumerate() {
        let record_type =
            chosen.iter().find(|(at, ..)| *at == i).and_then(|(_, j, _)| types.get(*j)).copied();
        // Without record types only one pipeline can come back from the other side.
        if i > 0 && record_type.is_none() {
            continue;
        }
        let offered = stages_of(right, record_type);
        let mut proposal = pair_stages(&pipeline.stages, &offered);
        proposal.pipeline = (!pipeline.id.is_empty()).then(|| pipeline.id.clone());
        proposal.record_type = record_type.map(|known| known.name.clone());
        proposals.push(proposal);
    }
    proposals
}

fn stages_of(object: &Object, record_type: Option<&RecordType>) -> Vec<Stage> {
    let subset = record_type
        .and_then(|known| ["StageName", "Status"].iter().find_map(|field| known.picklists.get(*field)));
    let all = if object.stages.is_empty() {
        object.pipelines.first().map_or(&[][..], |pipeline| &pipeline.stages)
    } else {
        &object.stages
    };
    all.iter()
        .filter(|stage| stage.active && subset.is_none_or(|subset| subset.contains(&stage.id)))
        .cloned()
        .collect()
}

fn pair_stages(left: &[Stage], right: &[Stage]) -> StageProposal {
    let end = |stage: &Stage| (stage.closed, stage.won);
    let only =
        |stages: &[Stage], of: &Stage| stages.iter().filter(|stage| end(stage) == end(of)).count() == 1;
    let mut scored = Vec::new();
    for (i, a) in left.iter().enumerate().filter(|(_, stage)| stage.active) {
        for (j, b) in right.iter().enumerate().filter(|(_, b)| end(a) == end(b)) {
            let mut points = best([&a.label, &a.id], [&b.label, &b.id]);
            // One won (or lost) stage on each side: there is no choice.
            if a.closed && only(left, a) && only(right, b) {
                points = 100;
            } else if !a.closed && i == 0 && j == 0 {
                // Both begin there.
                points = points.max(LIKELY + 3);
            } else if points < LIKELY && !a.closed {
                points = points.max(word_start(&a.label, &b.label));
            }
            if points >= LIKELY {
                scored.push((i, j, points));
            }
        }
    }
    let chosen = one_to_one(scored);
    let rows = chosen.iter().filter_map(|(i, j, score)| {
        let (a, b) = (left.get(*i)?, right.get(*j)?);
        Some(StagePair {
            left: a.id.clone(),
            left_label: a.label.clone(),
            right: b.id.clone(),
            right_label: b.label.clone(),
            score: *score,
        })
    });
    let unmatched = |stages: &[Stage], taken: &dyn Fn(usize) -> bool| -> Vec<String> {
        stages.iter().enumerate().filter(|(at, _)| !taken(*at)).map(|(_, stage)| stage.id.clone()).collect()
    };
    StageProposal {
        pipeline: None,
        record_type: None,
        rows: rows.collect(),
        unmatched_left: unmatched(left, &|at| chosen.iter().any(|(i, ..)| *i == at)),
        unmatched_right: unmatched(right, &|at| chosen.iter().any(|(_, j, _)| *j == at)),
    }
}

/// `Qualified To Buy` and `Qualification` begin with the same six letters of a word: likely, not certain.
fn word_start(a: &str, b: &str) -> u8 {
    let starts = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().count() >= 6)
            .map(|word| word.chars().take(6).collect::<String>().to_lowercase())
            .collect()
    };
    let (a_starts, b_starts) = (starts(a), starts(b));
    if a_starts.iter().any(|start| b_starts.contains(start)) { 66 } else { score(a, b) }
}
