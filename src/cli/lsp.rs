//! `twinmap lsp`: a language server on stdin and stdout. Findings while typing, fixes, hover, formatting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load::{self, Loaded};
use super::project::Project;
use super::{App, load::program_of};
use crate::check::check_program;
use crate::diag::{Applicability, Diagnostic, Severity};
use crate::lsp::rpc::{self, Incoming};
use crate::lsp::{hover, place};
use crate::source::{FileId, SourceMap};
use crate::syntax::fmt::format;
use crate::syntax::parse;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Editors start this themselves: name `twinmap lsp` as the language server of `.twin` files.\n\
    It knows findings, fixes, hover over fields, and formatting."
)]
pub struct Args {}

pub fn run(app: &App) -> CliResult {
    let mut server = Server { app, open: BTreeMap::new(), told: BTreeSet::new(), down: false };
    let mut input = std::io::stdin().lock();
    loop {
        let incoming =
            rpc::read(&mut input).map_err(|cause| CliError::read("standard input".as_ref(), cause))?;
        let message = match incoming {
            Incoming::End => return Ok(Exit::Ok),
            Incoming::Garbage(why) => {
                server.send(&rpc::failure(&Value::Null, -32700, &why));
                continue;
            }
            Incoming::Message(message) => message,
        };
        let method = message.get("method").and_then(Value::as_str).unwrap_or("");
        if method == "exit" {
            return Ok(if server.down { Exit::Ok } else { Exit::Failure });
        }
        let params = message.get("params").cloned().unwrap_or(Value::Null);
        match message.get("id") {
            Some(id) => {
                let answer = server.ask(method, &params);
                server.send(&match answer {
                    Some(result) => rpc::answer(id, result),
                    None => rpc::failure(id, -32601, &format!("`{method}` is not known")),
                });
            }
            None => server.tell(method, &params),
        }
    }
}

struct Server<'a> {
    app: &'a App,
    /// Documents that the editor has open: URI to text.
    open: BTreeMap<String, String>,
    /// Documents that have findings in the editor now.
    told: BTreeSet<String>,
    down: bool,
}

/// A project as the editor sees it: open documents count as they are typed.
struct View {
    project: Project,
    loaded: Loaded,
}

impl Server<'_> {
    fn send(&self, message: &Value) {
        // An editor that is gone closes the pipe; the next read ends the loop.
        let _ = rpc::write(&mut std::io::stdout().lock(), message);
    }

    fn ask(&mut self, method: &str, params: &Value) -> Option<Value> {
        Some(match method {
            "initialize" => json!({
                "capabilities": {
                    "textDocumentSync": 1,
                    "hoverProvider": true,
                    "documentFormattingProvider": true,
                    "codeActionProvider": { "codeActionKinds": ["quickfix"] },
                },
                "serverInfo": { "name": "twinmap", "version": env!("CARGO_PKG_VERSION") },
            }),
            "shutdown" => {
                self.down = true;
                Value::Null
            }
            "textDocument/hover" => self.hover(params).unwrap_or(Value::Null),
            "textDocument/formatting" => self.formatting(params).unwrap_or(Value::Null),
            "textDocument/codeAction" => self.actions(params).unwrap_or_else(|| json!([])),
            _ => return None,
        })
    }

    fn tell(&mut self, method: &str, params: &Value) {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let Some(uri) = text(params.pointer("/textDocument/uri")) else { return };
        match method {
            "textDocument/didOpen" => {
                if let Some(text) = text(params.pointer("/textDocument/text")) {
                    self.open.insert(uri.clone(), text);
                }
            }
            "textDocument/didChange" => {
                // Changes are whole texts (kind 1): the last one stands.
                let last = params.get("contentChanges").and_then(Value::as_array).and_then(|all| all.last());
                if let Some(text) = text(last.and_then(|change| change.get("text"))) {
                    self.open.insert(uri.clone(), text);
                }
            }
            "textDocument/didClose" => {
                self.open.remove(&uri);
            }
            "textDocument/didSave" => {}
            _ => return,
        }
        self.publish(&uri);
    }

    /// The project of a document, checked with the open documents in place of their files.
    fn view(&self, uri: &str) -> Option<Result<View, CliError>> {
        let path = file_of(uri)?;
        let env = self.app.globals.env.as_deref();
        let project = Project::open(path.parent()?, env).ok()?;
        let mut typed = BTreeMap::new();
        for (uri, text) in &self.open {
            if let Some(path) = file_of(uri).filter(|path| path.starts_with(&project.root)) {
                typed.insert(path, text.clone());
            }
        }
        let loaded = project.texts_with(&typed).and_then(|texts| program_of(&project, texts));
        Some(loaded.map(|loaded| View { project, loaded }))
    }

    fn publish(&mut self, uri: &str) {
        let mut findings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        match self.view(uri) {
            Some(Ok(view)) => {
                for one in &view.loaded.diagnostics {
                    let file = uri_of(&view, one.primary.span.file);
                    findings.entry(file).or_default().push(finding(&view, one));
                }
            }
            Some(Err(error)) => {
                let params = json!({ "type": 1, "message": error.to_string() });
                self.send(&rpc::notice("window/showMessage", params));
                findings.insert(uri.to_owned(), self.alone(uri));
            }
            None => {
                findings.insert(uri.to_owned(), self.alone(uri));
            }
        }
        let now: BTreeSet<String> =
            findings.iter().filter(|(_, list)| !list.is_empty()).map(|(uri, _)| uri.clone()).collect();
        let mut publish: BTreeSet<&String> = self.told.union(&now).collect();
        let this = uri.to_owned();
        publish.insert(&this);
        for uri in publish {
            let list = findings.get(uri).cloned().unwrap_or_default();
            let params = json!({ "uri": uri, "diagnostics": list });
            self.send(&rpc::notice("textDocument/publishDiagnostics", params));
        }
        self.told = now;
    }

    /// A document outside of a project: only what its own text says.
    fn alone(&self, uri: &str) -> Vec<Value> {
        let Some(text) = self.open.get(uri) else { return Vec::new() };
        let mut sources = SourceMap::new();
        sources.add(uri, text);
        let (_, found) = parse(&sources);
        found.iter().map(|one| plain_finding(&sources, one)).collect()
    }

    fn formatting(&self, params: &Value) -> Option<Value> {
        let uri = params.pointer("/textDocument/uri")?.as_str()?;
        let text = self.open.get(uri)?;
        let formatted = format(text);
        if formatted.text == *text {
            return Some(json!([]));
        }
        // A range beyond the last line is the whole document.
        let lines = text.lines().count() + 1;
        let range =
            json!({ "start": { "line": 0, "character": 0 }, "end": { "line": lines, "character": 0 } });
        Some(json!([{ "range": range, "newText": formatted.text }]))
    }

    fn hover(&self, params: &Value) -> Option<Value> {
        let uri = params.pointer("/textDocument/uri")?.as_str()?;
        let view = self.view(uri)?.ok()?;
        let file = file_id(&view, uri)?;
        let sources = &view.loaded.sources;
        let offset = place::offset(sources, file, params.get("position")?)?;
        let (schemas, _) = load::schemas(&view.project).ok()?;
        let checked = check_program(&schemas, &view.loaded.program);
        let field = hover::field_at(&checked.program, file, offset)?;
        Some(json!({
            "contents": { "kind": "markdown", "value": hover::text(&field) },
            "range": place::range(sources, field.span),
        }))
    }

    fn actions(&self, params: &Value) -> Option<Value> {
        let uri = params.pointer("/textDocument/uri")?.as_str()?;
        let view = self.view(uri)?.ok()?;
        let file = file_id(&view, uri)?;
        let sources = &view.loaded.sources;
        let start = place::offset(sources, file, params.pointer("/range/start")?)?;
        let end = place::offset(sources, file, params.pointer("/range/end")?)?;
        let mut actions = Vec::new();
        for one in &view.loaded.diagnostics {
            let span = one.primary.span;
            if span.file != file || span.start > end || span.end < start {
                continue;
            }
            for fix in &one.fixes {
                let mut changes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
                for edit in &fix.edits {
                    let range = place::range(sources, edit.span);
                    changes
                        .entry(uri_of(&view, edit.span.file))
                        .or_default()
                        .push(json!({ "range": range, "newText": edit.text }));
                }
                actions.push(json!({
                    "title": fix.title,
                    "kind": "quickfix",
                    "isPreferred": fix.applicability == Applicability::Certain,
                    "diagnostics": [finding(&view, one)],
                    "edit": { "changes": changes },
                }));
            }
        }
        Some(actions.into())
    }
}

fn file_of(uri: &str) -> Option<PathBuf> {
    url::Url::parse(uri).ok()?.to_file_path().ok()
}

fn uri_of(view: &View, file: FileId) -> String {
    let path = view.project.root.join(view.loaded.sources.path(file));
    url::Url::from_file_path(path).map_or_else(|()| String::new(), |url| url.to_string())
}

fn file_id(view: &View, uri: &str) -> Option<FileId> {
    let path = file_of(uri)?;
    let name = view.project.relative(&path);
    view.loaded.sources.ids().find(|id| view.loaded.sources.path(*id) == name)
}

fn finding(view: &View, one: &Diagnostic) -> Value {
    let mut value = plain_finding(&view.loaded.sources, one);
    let related: Vec<Value> = one
        .labels
        .iter()
        .map(|label| {
            let range = place::range(&view.loaded.sources, label.span);
            json!({ "location": { "uri": uri_of(view, label.span.file), "range": range }, "message": label.text })
        })
        .collect();
    if let (false, Some(object)) = (related.is_empty(), value.as_object_mut()) {
        object.insert("relatedInformation".to_owned(), related.into());
    }
    value
}

fn plain_finding(sources: &SourceMap, one: &Diagnostic) -> Value {
    let mut message = one.message.clone();
    for line in std::iter::once(&one.primary.text).chain(&one.notes).chain(&one.helps) {
        if !line.is_empty() {
            message.push('\n');
            message.push_str(line);
        }
    }
    json!({
        "range": place::range(sources, one.primary.span),
        "severity": if one.severity == Severity::Error { 1 } else { 2 },
        "code": one.code.id(),
        "source": "twinmap",
        "message": message,
    })
}
