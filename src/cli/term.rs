//! The terminal: where results and messages go, colours, progress, and whether anyone is there to be asked.

use std::io::{IsTerminal, Write};

/// How this process talks. stdout carries results only, stderr everything else.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    pub colour_out: bool,
    pub colour_err: bool,
    /// Somebody can answer a question.
    pub interactive: bool,
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColourChoice {
    #[default]
    Auto,
    Always,
    Never,
}

impl Term {
    pub fn new(choice: ColourChoice, no_input: bool, quiet: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let ci = set("CI");
        let plain = set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = |terminal: bool| match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => terminal && !plain && !ci,
        };
        let (stdin, stdout, stderr) = (
            std::io::stdin().is_terminal(),
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        );
        Term {
            colour_out: colour(stdout),
            colour_err: colour(stderr),
            interactive: stdin && stderr && !ci && !no_input,
            quiet,
        }
    }

    /// A piece of the result. A closed pipe ends the process quietly, as in `twinmap plan | head`.
    pub fn out(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// Something for the person at the terminal.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.err(text);
        }
    }

    /// An error or finding: shown even when quiet.
    pub fn err(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = stderr.write_all(b"\n");
        }
    }

    /// Asks a question that only `yes` agrees to.
    pub fn confirm(&self, question: &str) -> bool {
        self.err(&format!("{question} Only `yes` goes on: "));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
    }

    /// Asks for a line; nothing when nobody can be asked.
    pub fn ask(&self, question: &str) -> Option<String> {
        if !self.interactive {
            return None;
        }
        self.err(question);
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }

    /// A progress bar on a terminal; nothing elsewhere.
    pub fn bar(&self, total: u64, what: &str) -> indicatif::ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() || std::env::var_os("CI").is_some() {
            return indicatif::ProgressBar::hidden();
        }
        let bar = indicatif::ProgressBar::new(total);
        let style = indicatif::ProgressStyle::with_template("  {msg:18} [{bar:30}] {pos}/{len} {eta}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar
    }
}
