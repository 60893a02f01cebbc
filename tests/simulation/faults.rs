//! Which faults a simulation may have, and what becomes of a call.

use twinmap::connect::remote::ErrorClass;

use super::chance::Chance;
use super::world::World;

/// Which faults a seed may have: each one is on in about half of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub crash_call: bool,
    pub crash_commit: bool,
    pub drop_before: bool,
    pub drop_after: bool,
    pub late: bool,
    pub duplicate: bool,
    pub limits: bool,
    pub unlisted: bool,
    pub pages: bool,
    pub missing_field: bool,
    pub lag: bool,
    pub late_stamp: bool,
    pub race: bool,
    pub same_second: bool,
    pub back_and_forth: bool,
    pub spaces: bool,
    pub poison: bool,
    pub deletes: bool,
    /// Accounts follow a deletion of their company; HubSpot forgets associations with what is deleted, and Salesforce
    /// deletes contacts along with their account.
    pub archives: bool,
    /// A company that leaves its filter ends its link.
    pub unlinks: bool,
    pub skew: bool,
    pub lost_feed: bool,
    /// Somebody edits a record just before it is read, and just after it in the same second.
    pub bursts: bool,
    /// A second process takes the state over while the first one is at work.
    pub takeover: bool,
    /// The engine's own clock is set between two runs.
    pub clock_set: bool,
    /// Records leave the filter and come back.
    pub leaves: bool,
    /// A run may make few records without somebody's approval.
    pub small_guard: bool,
    /// A run looks at two records at a time.
    pub portions: bool,
    /// A call writes one record, and several calls are under way together.
    pub small_calls: bool,
}

impl Faults {
    pub fn swarm(chance: &mut Chance) -> Self {
        let mut on = || chance.below(2) == 1;
        Faults {
            crash_call: on(),
            crash_commit: on(),
            drop_before: on(),
            drop_after: on(),
            late: on(),
            duplicate: on(),
            limits: on(),
            unlisted: on(),
            pages: on(),
            missing_field: on(),
            lag: on(),
            late_stamp: on(),
            race: on(),
            same_second: on(),
            back_and_forth: on(),
            spaces: on(),
            poison: on(),
            deletes: on(),
            skew: on(),
            lost_feed: on(),
            bursts: on(),
            takeover: on(),
            clock_set: on(),
            leaves: on(),
            small_guard: on(),
            portions: on(),
            small_calls: chance.every_other_seed(),
            archives: chance.every_eighth_seed(0),
            unlinks: chance.every_eighth_seed(1),
        }
    }
}

/// What happens to a call.
pub enum Fate {
    Answered,
    Crash,
    Failed(ErrorClass),
    /// Carried out, and then one of the two above.
    AnswerLost,
    CrashAfter,
    Late,
    Twice,
}

impl World {
    pub fn fate(&mut self, writes: bool) -> Fate {
        if self.calls_left == 0 {
            return Fate::Crash;
        }
        if self.calls_left == 1 {
            self.calls_left = 0;
            return Fate::CrashAfter;
        }
        if self.calls_left > 1 {
            self.calls_left -= 2;
        }
        if !self.chaos {
            return Fate::Answered;
        }
        let faults = self.faults;
        let drawn = self.chance.below(1000);
        match drawn {
            992.. if faults.crash_call => Fate::Crash,
            984..992 if faults.crash_call => Fate::CrashAfter,
            965..984 if faults.drop_before => Fate::Failed(ErrorClass::NotApplied),
            958..965 if faults.limits => Fate::Failed(ErrorClass::Limit),
            950..958 if faults.limits => Fate::Failed(ErrorClass::Unknown),
            915..950 if faults.drop_after => Fate::AnswerLost,
            880..915 if faults.late && writes => Fate::Late,
            860..880 if faults.duplicate && writes => Fate::Twice,
            _ => Fate::Answered,
        }
    }
}
