//! `test` items: the records, lists, links and edit times that a test gives, and what it expects.

use super::ast::{self, FieldValue};
use super::build::{Builder, Parts};
use super::cause::{self, Frame};
use super::grammar::Rule;
use super::items::{Reader, block, whole};
use super::outline::Node;
use pest::iterators::Pair;

impl<'t> Reader<'t> {
    pub(super) fn test(&mut self, node: &Node) -> Option<ast::Test> {
        let header = self.header(node, Rule::test_header, 0)?;
        let mut builder = self.builder(node.span);
        let mut parts = Parts::of(header);
        let name = builder.text(parts.next(Rule::string));
        let sync = builder.ident(parts.next(Rule::name));
        let (mut givens, mut expects) = (Vec::new(), Vec::new());
        let (mut absent, mut links) = (Vec::new(), Vec::new());
        for line in block(node) {
            let plain = Frame { colon: None, no_colon: None, has_arrow: false };
            match (cause::first_word(self.piece(line.span).text), line.block.is_some()) {
                ("given", true) => {
                    let Some(pair) = self.strict(line.span, Rule::given_header, plain) else { continue };
                    let fields = self.fields(line);
                    let given = self.given(line, pair, fields);
                    givens.push(given);
                }
                ("given", false) => {
                    let Some(pair) = self.strict(line.span, Rule::given_line, plain) else { continue };
                    let builder = self.builder(line.span);
                    let mut parts = Parts::of(pair);
                    parts.next(Rule::kw_given);
                    let Some(inner) = parts.any() else { continue };
                    let (rule, span, mut inner) = (inner.as_rule(), builder.span(&inner), Parts::of(inner));
                    if rule == Rule::given_none {
                        inner.next(Rule::kw_no);
                        let system = builder.ident(inner.next(Rule::name));
                        let object = builder.ident(inner.next(Rule::name));
                        absent.push(ast::ObjectRef { system, object, span });
                    } else {
                        links.push(given_link(&mut self.builder(line.span), inner));
                    }
                }
                ("expect", true) => {
                    let Some(pair) = self.strict(line.span, Rule::expect_header, plain) else { continue };
                    let builder = self.builder(line.span);
                    let mut parts = Parts::of(pair);
                    parts.next(Rule::kw_expect);
                    let exactly = parts.peek() == Some(Rule::kw_exactly);
                    let side = builder.ident(parts.next(Rule::name));
                    let object = parts.next(Rule::name).map(|pair| builder.ident(Some(pair)));
                    let kind = ast::ExpectKind::Fields { exactly, side, object, fields: self.fields(line) };
                    expects.push(ast::Expect { kind, span: whole(line) });
                }
                ("expect", false) => {
                    let Some(pair) = self.strict(line.span, Rule::expect_line, plain) else { continue };
                    let builder = self.builder(line.span);
                    let mut parts = Parts::of(pair);
                    parts.next(Rule::kw_expect);
                    let kind = if parts.peek() == Some(Rule::kw_conflict) {
                        ast::ExpectKind::Conflict { winner: builder.ident(parts.next(Rule::name)) }
                    } else {
                        let word = builder.ident(parts.next(Rule::name));
                        let reason = parts.next(Rule::reason).map(|pair| builder.ident(Some(pair)));
                        ast::ExpectKind::Outcome { word, reason }
                    };
                    expects.push(ast::Expect { kind, span: line.span });
                }
                (word, _) => {
                    let word = word.to_owned();
                    self.unknown(line.span, "line of a test", &word, &["given", "expect"]);
                }
            }
        }
        Some(ast::Test { name, sync, givens, absent, links, expects, header: node.span, span: whole(node) })
    }

    fn given(&mut self, line: &Node, header: Pair<'t, Rule>, fields: Vec<FieldValue>) -> ast::Given {
        let mut builder = self.builder(line.span);
        let mut parts = Parts::of(header);
        parts.next(Rule::kw_given);
        let side = builder.ident(parts.next(Rule::name));
        let named = parts.peek() == Some(Rule::name);
        let object = named.then(|| builder.ident(parts.next(Rule::name)));
        let (mut lists, mut linked, mut edited) = (Vec::new(), Vec::new(), None);
        while let Some(option) = parts.any() {
            let (rule, mut inner) = (option.as_rule(), Parts::of(option));
            let is = inner.peek() != Some(Rule::kw_not);
            match rule {
                Rule::given_in => {
                    inner.next(Rule::kw_in);
                    while let Some(list) = inner.next(Rule::string) {
                        let of = builder.text(Some(list));
                        lists.push(ast::Membership { of, is, private: false });
                    }
                }
                Rule::given_linked => {
                    inner.next(Rule::kw_linked);
                    let of = builder.path(inner.next(Rule::path));
                    let private = inner.next(Rule::kw_private).is_some();
                    linked.push(ast::Membership { of, is, private });
                }
                Rule::given_edited => {
                    inner.next(Rule::kw_edited);
                    edited = inner.next(Rule::duration).map(|pair| builder.duration(Some(pair)).milliseconds);
                }
                _ => {}
            }
        }
        ast::Given { side, object, lists, linked, edited, fields, span: whole(line) }
    }

    fn fields(&mut self, node: &Node) -> Vec<FieldValue> {
        let mut fields = Vec::new();
        for line in block(node) {
            self.line_only(line);
            let frame = Frame { colon: None, no_colon: None, has_arrow: false };
            let Some(pair) = self.strict(line.span, Rule::fields_line, frame) else { continue };
            let mut builder = self.builder(line.span);
            let mut parts = Parts::of(pair);
            while let Some(pair) = parts.next(Rule::field_value) {
                let span = builder.span(&pair);
                let mut inner = Parts::of(pair);
                let name = builder.path(inner.next(Rule::path));
                let value = builder.expr(inner.next(Rule::expr));
                fields.push(FieldValue { name, value, span });
            }
        }
        fields
    }
}

fn given_link(builder: &mut Builder<'_, '_>, mut parts: Parts<'_>) -> ast::GivenLink {
    parts.next(Rule::kw_link);
    let sync = builder.ident(parts.next(Rule::name));
    let left = builder.text(parts.next(Rule::string));
    parts.next(Rule::arrow);
    let right = builder.text(parts.next(Rule::string));
    ast::GivenLink { sync, left, right }
}
