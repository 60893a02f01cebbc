//! The failures of the process's edge (`E7xx`) in words: what `explain` says of them.

/// One failure: code, name, what happened and what to do.
pub struct Operation {
    pub id: &'static str,
    pub slug: &'static str,
    pub words: &'static str,
}

const fn operation(id: &'static str, slug: &'static str, words: &'static str) -> Operation {
    Operation { id, slug, words }
}

pub const OPERATIONS: [Operation; 15] = [
    operation(
        "E701",
        "bad-configuration",
        "`twinmap.toml` holds something that can't be accepted: an unknown key, a wrong value, or a secret written \
         literally. The message points at the place. Secrets are only named: `env:NAME`, `file:PATH`, `cmd:COMMAND`.",
    ),
    operation(
        "E702",
        "no-project",
        "There is no `twinmap.toml` in this folder or above it. `twinmap init` starts a project, `twinmap -C DIR` \
         works in another folder.",
    ),
    operation(
        "E703",
        "file-failure",
        "A file or folder could not be read or written. Files are written whole or not at all, so nothing is half \
         there.",
    ),
    operation(
        "E704",
        "schema-failure",
        "A snapshot is missing, was changed by hand, or does not hold what was asked for. `twinmap schema pull` \
         fetches it anew; the committed file can be restored from version control.",
    ),
    operation(
        "E705",
        "authentication",
        "The CRM did not accept the credentials, or there are none. Nothing was written. `twinmap doctor` says \
         which connection and why. The process ends with 4.",
    ),
    operation(
        "E706",
        "remote-failure",
        "The CRM could not be reached, or answered in a way that can't be worked with. Calls are repeated with \
         growing pauses before this is said.",
    ),
    operation(
        "E707",
        "state-locked",
        "Another run holds the state. Two runs at once would write twice, so this one did nothing. The process \
         ends with 7.",
    ),
    operation(
        "E708",
        "state-failure",
        "The state could not be opened or is damaged. The message says what was found; nothing was written to a CRM.",
    ),
    operation(
        "E709",
        "stale-change-set",
        "The change set was made with another program, schema, state or account than those of now, or the records \
         changed since. Make it anew with `twinmap plan`. The process ends with 6.",
    ),
    operation(
        "E710",
        "stopped-by-guard",
        "The run would pass a guard or break a policy and stopped before any write. Look at `twinmap plan`, then \
         apply the reviewed change set. The process ends with 5.",
    ),
    operation(
        "E711",
        "budget-exhausted",
        "The CRM's limit of calls is used up. What was done is saved, and the next run goes on from there. The \
         process ends with 8.",
    ),
    operation(
        "E712",
        "usage",
        "The command was called with something that it does not take. `--help` shows examples. The process ends \
         with 64.",
    ),
    operation(
        "E713",
        "bad-file-given",
        "A file that was given (a sync plan, a change set, a saved answer) is not what the command reads, or of \
         another version. It was left as it is.",
    ),
    operation(
        "E714",
        "interrupted",
        "The run was interrupted. What was in flight was finished and the state saved; the next run goes on from \
         there.",
    ),
    operation("E799", "bug", "This is a bug of twinmap. Please report it with the command that led here."),
];

/// By code in any case, or by name.
pub fn find(asked: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|one| one.id.eq_ignore_ascii_case(asked) || one.slug == asked)
}

#[cfg(test)]
mod tests {
    use super::OPERATIONS;

    #[test]
    fn every_code_of_the_edge_has_words() {
        let source = include_str!("error.rs");
        let used = source.split("\"E7").skip(1).filter_map(|rest| rest.get(..2));
        for digits in used {
            let id = format!("E7{digits}");
            assert!(OPERATIONS.iter().any(|one| one.id == id), "{id}");
        }
        for one in &OPERATIONS {
            assert!(source.contains(&format!("\"{}\"", one.id)), "{} is not used", one.id);
        }
    }
}
