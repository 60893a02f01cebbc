//! `twinmap lsp` over its pipes: findings while typing, fixes, hover, formatting, the end.

use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use twinmap::lsp::rpc::{self, Incoming};

use super::common::Example;

struct Editor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Editor {
    fn start(example: &Example) -> Editor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .arg("lsp")
            .current_dir(example.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut editor = Editor { child, input, output, asked: 0 };
        let hello = editor.ask("initialize", json!({ "capabilities": {} }));
        assert_eq!(hello["capabilities"]["textDocumentSync"], 1);
        editor.tell("initialized", json!({}));
        editor
    }

    fn tell(&mut self, method: &str, params: Value) {
        rpc::write(&mut self.input, &rpc::notice(method, params)).unwrap();
    }

    fn next(&mut self) -> Value {
        match rpc::read(&mut self.output).unwrap() {
            Incoming::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let message = json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params });
        rpc::write(&mut self.input, &message).unwrap();
        let answer = self.next();
        assert_eq!(answer["id"], self.asked, "{answer}");
        answer.get("result").cloned().unwrap_or_else(|| answer["error"].clone())
    }

    /// The findings that are published next, for a document.
    fn findings(&mut self, uri: &str) -> Vec<(String, u64)> {
        loop {
            let message = self.next();
            assert_eq!(message["method"], "textDocument/publishDiagnostics", "{message}");
            if message["params"]["uri"] == uri {
                let list = message["params"]["diagnostics"].as_array().unwrap().iter();
                let place = |one: &Value| {
                    (
                        one["code"].as_str().unwrap().to_owned(),
                        one["range"]["start"]["line"].as_u64().unwrap(),
                    )
                };
                return list.map(place).collect();
            }
        }
    }
}

#[test]
fn an_editor_session() {
    let example = Example::new();
    let uri = format!("file://{}", example.path("mappings/companies.twin").display());
    let text = example.read("mappings/companies.twin");
    let document = json!({ "uri": uri });
    let mut editor = Editor::start(&example);
    editor.tell(
        "textDocument/didOpen",
        json!({ "textDocument": { "uri": uri, "languageId": "twin", "version": 1, "text": text } }),
    );
    assert_eq!(editor.findings(&uri), []);
    // Typing a mistake, which is not saved.
    let typed = text.replace("phone                    <->", "phone                    <=>");
    let change = |text: &str| json!({ "textDocument": { "uri": uri }, "contentChanges": [{ "text": text }] });
    editor.tell("textDocument/didChange", change(&typed));
    assert_eq!(editor.findings(&uri), [("E105".to_owned(), 16)]);
    assert_eq!(example.read("mappings/companies.twin"), text);
    let place = json!({ "line": 16, "character": 29 });
    let actions = editor.ask(
        "textDocument/codeAction",
        json!({ "textDocument": document, "range": { "start": place, "end": place }, "context": { "diagnostics": [] } }),
    );
    assert_eq!(actions[0]["isPreferred"], true);
    assert_eq!(actions[0]["edit"]["changes"][&uri][0]["newText"], "<->");
    // Hover over a field, in a row and in a filter.
    editor.tell("textDocument/didChange", change(&text));
    assert_eq!(editor.findings(&uri), []);
    for (line, character, field) in
        [(15, 36, "salesforce.Account.Industry"), (3, 21, "hubspot.company.domain")]
    {
        let hover = editor.ask(
            "textDocument/hover",
            json!({ "textDocument": document, "position": { "line": line, "character": character } }),
        );
        let shown = hover["contents"]["value"].as_str().unwrap_or_else(|| panic!("{hover}")).to_owned();
        assert!(shown.contains(field), "{shown}");
    }
    let nothing = editor.ask(
        "textDocument/hover",
        json!({ "textDocument": document, "position": { "line": 0, "character": 3 } }),
    );
    assert_eq!(nothing, Value::Null);
    // Formatting answers one edit of the whole text, or none.
    let formatting = |editor: &mut Editor| {
        editor.ask("textDocument/formatting", json!({ "textDocument": { "uri": uri }, "options": {} }))
    };
    assert_eq!(formatting(&mut editor), json!([]));
    editor.tell("textDocument/didChange", change(&text.replace("    phone  ", "  phone  ")));
    assert_eq!(editor.findings(&uri), []);
    assert_eq!(formatting(&mut editor)[0]["newText"], text);
    // What is not known is said, and garbage does not end the session.
    assert_eq!(editor.ask("textDocument/rename", json!({}))["code"], -32601);
    editor.input.write_all(b"Content-Length: 2\r\n\r\n{]").unwrap();
    assert_eq!(editor.next()["error"]["code"], -32700);
    assert_eq!(editor.ask("shutdown", Value::Null), Value::Null);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.child.wait().unwrap().code(), Some(0));
}

#[test]
fn findings_elsewhere_appear_and_go_and_loose_files_are_parsed() {
    let example = Example::new();
    let maps = format!("file://{}", example.path("mappings/industries.twin").display());
    let companies = format!("file://{}", example.path("mappings/companies.twin").display());
    let text = example.read("mappings/industries.twin");
    let mut editor = Editor::start(&example);
    let open = |uri: &str, text: &str| json!({ "textDocument": { "uri": uri, "version": 1, "text": text } });
    // Another name for the map: the row that uses it stands in another file.
    editor.tell("textDocument/didOpen", open(&maps, &text.replace("values industries:", "values branches:")));
    assert_eq!(editor.findings(&companies), [("E205".to_owned(), 15)]);
    assert_eq!(editor.findings(&maps).len(), 1);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": maps } }));
    assert_eq!(editor.findings(&companies), []);
    let loose = tempfile::tempdir().unwrap();
    let uri = format!("file://{}", loose.path().join("a.twin").display());
    editor.tell("textDocument/didOpen", open(&uri, "synch a: b.c <-> d.e {\n}\n"));
    assert_eq!(editor.findings(&uri), [("E102".to_owned(), 0)]);
    // Without `shutdown` the end is no good end.
    editor.tell("exit", Value::Null);
    assert_eq!(editor.child.wait().unwrap().code(), Some(1));
}
