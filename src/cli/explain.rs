//! `twinmap explain`: what a finding's code means, or (`explain_field`) what the rows of a field do.

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::explain_field;
use super::explain_operations::{self, OPERATIONS};
use crate::diag::Code;
use crate::diag::codes::REGISTRY;
use crate::diag::suggest::nearest;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap explain E201\n  twinmap explain unknown-field\n  twinmap explain companies.industry   what its rows do in every situation\n  twinmap explain --list"
)]
pub struct Args {
    /// A code such as `E201`, its name such as `unknown-field`, or a field such as `companies.industry`
    #[arg(required_unless_present = "list")]
    code: Option<String>,
    /// List every code
    #[arg(long)]
    list: bool,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let Some(asked) = args.code.as_deref().filter(|_| !args.list) else {
        let mut lines: String =
            REGISTRY.iter().map(|info| format!("{}  {:32} {}\n", info.id, info.slug, info.title)).collect();
        for one in &OPERATIONS {
            let first = one.words.split_once(". ").map_or(one.words, |(first, _)| first);
            lines.push_str(&format!("{}  {:32} {}\n", one.id, one.slug, first.trim_end_matches('.')));
        }
        app.term.out(&lines);
        return Ok(Exit::Ok);
    };
    if explain_field::is_field(asked) {
        return explain_field::run(app, asked);
    }
    if let Some(one) = explain_operations::find(asked) {
        let words = wrap(one.words, 80).join("\n");
        app.term.out(&format!("{} {}\n\n{words}\n", one.id, one.slug));
        return Ok(Exit::Ok);
    }
    let Some(code) = Code::find(&asked.to_ascii_uppercase()).or_else(|| Code::find(asked)) else {
        let known = REGISTRY.iter().flat_map(|info| [info.id, info.slug]);
        let near = nearest(asked, known).map_or_else(
            || "`twinmap explain --list` prints every code".to_owned(),
            |near| format!("did you mean `{near}`? `twinmap explain --list` prints every code"),
        );
        return Err(CliError::usage(format!("there is no finding `{asked}`"), near));
    };
    app.term.out(&page(code.info().page));
    Ok(Exit::Ok)
}

/// A page as a terminal shows it: headings bare, programs indented, remarks for the tests left out.
fn page(markdown: &str) -> String {
    let mut out = String::new();
    let mut program = false;
    let mut blank = false;
    for line in markdown.lines() {
        match line {
            "```twin" => program = true,
            "```" => program = false,
            line if program => {
                out.push_str(if line.is_empty() { "" } else { "    " });
                out.push_str(line);
                out.push('\n');
                blank = false;
            }
            line if line.starts_with("<!--") => {}
            "" if blank => {}
            line => {
                let text = line.trim_start_matches('#');
                let heading = text.len() < line.len();
                for part in wrap(text.trim_start(), 80) {
                    out.push_str(&part);
                    if heading && line.starts_with("##") {
                        out.push(':');
                    }
                    out.push('\n');
                }
                blank = line.is_empty();
            }
        }
    }
    out
}

/// Lines of at most `width` characters, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines
            .last()
            .is_some_and(|line| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}
