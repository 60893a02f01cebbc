//! Rich text for people and one line each for editors. The only place that uses codespan-reporting.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use codespan_reporting::diagnostic as report;
use codespan_reporting::files::{self, Files};
use codespan_reporting::term;

use crate::diag::{Diagnostic, Severity};
use crate::source::{FileId, SourceMap, Span};

/// More than this many of one code are folded in rich text.
const FOLD_ABOVE: usize = 5;
const FOLD_TO: usize = 3;
/// How many lines of folded findings are named.
const LINES_NAMED: usize = 12;

struct Adapter<'s>(&'s SourceMap);

impl<'a> Files<'a> for Adapter<'_>
where
    Self: 'a,
{
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, files::Error> {
        Ok(self.0.path(id))
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, files::Error> {
        Ok(self.0.text(id))
    }

    fn line_index(&'a self, id: FileId, byte: usize) -> Result<usize, files::Error> {
        let offset = u32::try_from(byte).unwrap_or(u32::MAX);
        Ok(self.0.position(id, offset).line as usize - 1)
    }

    fn line_range(&'a self, id: FileId, line: usize) -> Result<std::ops::Range<usize>, files::Error> {
        let number = u32::try_from(line + 1).unwrap_or(u32::MAX);
        let span = self.0.line_span(id, number);
        let end = self.0.text(id).len().min(span.end as usize + 1);
        Ok(span.start as usize..end)
    }
}

/// `line 4`, `lines 4, 7 and 9`; of many the first ones.
fn lines<'d>(sources: &SourceMap, findings: impl Iterator<Item = &'d Diagnostic>) -> String {
    let mut lines: Vec<u32> =
        findings.map(|one| sources.position(one.primary.span.file, one.primary.span.start).line).collect();
    lines.dedup();
    let named: Vec<String> = lines.iter().take(LINES_NAMED).map(u32::to_string).collect();
    match named.as_slice() {
        [only] => format!("line {only}"),
        _ if lines.len() > LINES_NAMED => format!("lines {}, ...", named.join(", ")),
        [first @ .., last] => format!("lines {} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// The findings in rich form, blank lines between them. Findings must be in order.
pub fn rich(sources: &SourceMap, diagnostics: &[Diagnostic], colour: bool) -> String {
    let adapter = Adapter(sources);
    let config = term::Config::default();
    let mut text = String::new();
    let mut counts: BTreeMap<(FileId, &str), usize> = BTreeMap::new();
    for diagnostic in diagnostics {
        *counts.entry((diagnostic.primary.span.file, diagnostic.code.id())).or_default() += 1;
    }
    let mut shown: BTreeMap<(FileId, &str), usize> = BTreeMap::new();
    for diagnostic in diagnostics {
        let key = (diagnostic.primary.span.file, diagnostic.code.id());
        let total = counts.get(&key).copied().unwrap_or(0);
        let nth = shown.entry(key).or_default();
        *nth += 1;
        if total > FOLD_ABOVE && *nth > FOLD_TO {
            if *nth == FOLD_TO + 1 {
                let folded =
                    diagnostics.iter().filter(|other| (other.primary.span.file, other.code.id()) == key);
                let lines = lines(sources, folded.skip(FOLD_TO));
                let (more, path) = (total - FOLD_TO, sources.path(key.0));
                let _ = writeln!(text, "... and {more} more {} in {path}, {lines}\n", key.1);
            }
            continue;
        }
        let one = to_codespan(diagnostic);
        let rendered = if colour {
            let mut ansi = codespan_reporting::term::termcolor::Ansi::new(Vec::new());
            let _ = term::emit_to_write_style(&mut ansi, &config, &adapter, &one);
            String::from_utf8_lossy(&ansi.into_inner()).into_owned()
        } else {
            let mut plain = String::new();
            let _ = term::emit_to_string(&mut plain, &config, &adapter, &one);
            plain
        };
        for line in rendered.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// `mappings/a.twin:4:5: error[E201]: ...`, one line each.
pub fn short(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.primary.span;
        let at = sources.position(span.file, span.start);
        let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
        let _ = writeln!(
            text,
            "{}:{}:{}: {severity}[{}]: {}",
            sources.path(span.file),
            at.line,
            at.column,
            diagnostic.code.id(),
            clean(&diagnostic.message)
        );
    }
    text
}

fn to_codespan(diagnostic: &Diagnostic) -> report::Diagnostic<FileId> {
    let severity = match diagnostic.severity {
        Severity::Error => report::Severity::Error,
        Severity::Warning => report::Severity::Warning,
    };
    let label = |style, span: Span, text: &str| {
        report::Label::new(style, span.file, span.range()).with_message(clean(text))
    };
    let mut labels =
        vec![label(report::LabelStyle::Primary, diagnostic.primary.span, &diagnostic.primary.text)];
    labels.extend(
        diagnostic.labels.iter().map(|other| label(report::LabelStyle::Secondary, other.span, &other.text)),
    );
    let notes = diagnostic.notes.iter().map(|note| format!("note: {}", clean(note)));
    let helps = diagnostic.helps.iter().map(|help| format!("help: {}", clean(help)));
    report::Diagnostic::new(severity)
        .with_code(diagnostic.code.id())
        .with_message(clean(&diagnostic.message))
        .with_labels(labels)
        .with_notes(notes.chain(helps).collect())
}

/// Without control and direction characters, which names out of files could carry to the terminal.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| {
            *c == '\n' || !(c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        })
        .collect()
}
