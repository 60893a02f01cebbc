//! From pest pairs to nodes of the tree: names, paths, expressions, options.

use std::sync::LazyLock;

use pest::iterators::{Pair, Pairs};
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::ast::{
    Arrow, BinaryOp, Direction, Expr, ExprKind, Ident, Is, Path, Quantifier, RowOption, RowOptionKind, Str,
    Use,
};
use super::grammar::{Piece, Rule};
use super::tokens;
use crate::builtin::Func;
use crate::diag::Diagnostic;
use crate::diag::errors::text as wording;
use crate::source::Span;

/// Builds nodes of one statement and gathers what is wrong with its literals.
pub struct Builder<'t, 'd> {
    pub piece: Piece<'t>,
    pub diagnostics: &'d mut Vec<Diagnostic>,
}

static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::op_or))
        .op(left(Rule::op_and))
        .op(Op::prefix(Rule::op_not))
        .op(left(Rule::op_eq)
            | left(Rule::op_ne)
            | left(Rule::op_le)
            | left(Rule::op_ge)
            | left(Rule::op_lt)
            | left(Rule::op_gt)
            | left(Rule::op_in)
            | left(Rule::op_contains)
            | left(Rule::op_starts)
            | left(Rule::op_ends)
            | Op::postfix(Rule::is_set)
            | Op::postfix(Rule::is_blank)
            | Op::postfix(Rule::between)
            | Op::postfix(Rule::matches))
        .op(left(Rule::op_add) | left(Rule::op_sub))
        .op(left(Rule::op_mul) | left(Rule::op_div))
        .op(Op::prefix(Rule::op_neg))
});

/// Hands out the parts of a rule by kind, in order.
pub struct Parts<'t>(Pairs<'t, Rule>);

impl<'t> Parts<'t> {
    pub fn of(pair: Pair<'t, Rule>) -> Self {
        Parts(pair.into_inner())
    }

    pub fn peek(&self) -> Option<Rule> {
        self.0.peek().map(|pair| pair.as_rule())
    }

    /// The next part of this kind; keywords and the like before it are passed over.
    pub fn next(&mut self, rule: Rule) -> Option<Pair<'t, Rule>> {
        self.0.by_ref().find(|pair| pair.as_rule() == rule)
    }

    pub fn any(&mut self) -> Option<Pair<'t, Rule>> {
        self.0.next()
    }
}

impl<'t> Builder<'t, '_> {
    pub fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        self.piece.span(pair)
    }

    fn nowhere(&self) -> Span {
        self.piece.whole()
    }

    pub fn ident(&self, pair: Option<Pair<'_, Rule>>) -> Ident {
        match pair {
            Some(pair) => Ident { text: pair.as_str().trim_end().to_owned(), span: self.span(&pair) },
            None => Ident { text: String::new(), span: self.nowhere() },
        }
    }

    pub fn idents(&self, parts: Parts<'_>) -> Vec<Ident> {
        parts.0.filter(|pair| pair.as_rule() == Rule::name).map(|pair| self.ident(Some(pair))).collect()
    }

    pub fn path(&self, pair: Option<Pair<'_, Rule>>) -> Path {
        let Some(pair) = pair else { return Path { parts: Vec::new(), span: self.nowhere() } };
        let span = self.span(&pair);
        let parts = pair.into_inner().map(|part| self.ident(Some(part))).collect();
        Path { parts, span }
    }

    pub fn arrow(&self, pair: Option<Pair<'_, Rule>>) -> Arrow {
        let Some(pair) = pair else { return Arrow { direction: Direction::Both, span: self.nowhere() } };
        let direction = match pair.as_str() {
            "->" => Direction::Right,
            "<-" => Direction::Left,
            _ => Direction::Both,
        };
        Arrow { direction, span: self.span(&pair) }
    }

    pub fn text(&mut self, pair: Option<Pair<'_, Rule>>) -> Str {
        match pair {
            Some(pair) => tokens::text(pair.as_str(), self.span(&pair), self.diagnostics),
            None => Str { value: String::new(), span: self.nowhere() },
        }
    }

    pub fn number(&mut self, pair: Option<Pair<'_, Rule>>) -> super::ast::Number {
        match pair {
            Some(pair) => tokens::number(pair.as_str(), self.span(&pair), self.diagnostics),
            None => tokens::number("0", self.nowhere(), self.diagnostics),
        }
    }

    pub fn duration(&mut self, pair: Option<Pair<'_, Rule>>) -> super::ast::Duration {
        match pair {
            Some(pair) => tokens::duration(pair.as_str(), self.span(&pair), self.diagnostics),
            None => super::ast::Duration { milliseconds: 0, span: self.nowhere() },
        }
    }

    pub fn expr(&mut self, pair: Option<Pair<'t, Rule>>) -> Expr {
        match pair {
            Some(pair) => self.flat(pair.into_inner()),
            None => Expr { kind: ExprKind::Error, span: self.nowhere() },
        }
    }

    /// An operator list as pest leaves it, folded by precedence.
    fn flat(&mut self, pairs: Pairs<'t, Rule>) -> Expr {
        let piece = self.piece;
        // The folding closures all need the builder; a cell hands it from one to the next.
        let this = std::cell::RefCell::new(self);
        PRATT
            .map_primary(|pair| this.borrow_mut().primary(pair))
            .map_prefix(|op, operand| {
                let span = piece.span(&op).to(operand.span);
                let operand = Box::new(operand);
                let kind = if op.as_rule() == Rule::op_not {
                    ExprKind::Not(operand)
                } else {
                    ExprKind::Negate(operand)
                };
                Expr { kind, span }
            })
            .map_postfix(|operand, op| this.borrow_mut().postfix(operand, op))
            .map_infix(|left, op, right| {
                let span = left.span.to(right.span);
                let op_span = piece.span(&op);
                let kind = ExprKind::Binary {
                    op: binary(op.as_rule()),
                    op_span,
                    left: Box::new(left),
                    right: Box::new(right),
                };
                Expr { kind, span }
            })
            .parse(pairs)
    }

    fn postfix(&mut self, operand: Expr, op: Pair<'t, Rule>) -> Expr {
        let span = operand.span.to(self.span(&op));
        let rule = op.as_rule();
        let operand = Box::new(operand);
        let kind = match rule {
            Rule::is_set | Rule::is_blank => {
                let negated = op.into_inner().any(|part| part.as_rule() == Rule::kw_not);
                let what = if rule == Rule::is_set { Is::Set } else { Is::Blank };
                ExprKind::Is { operand, what, negated }
            }
            Rule::between => {
                let mut sums = op.into_inner().filter(|part| part.as_rule() == Rule::sum);
                let (low, high) = (sums.next(), sums.next());
                ExprKind::Between { operand, low: Box::new(self.expr(low)), high: Box::new(self.expr(high)) }
            }
            _ => {
                let pattern = self.text(Parts::of(op).next(Rule::string));
                if let Err(error) = regex::Regex::new(&pattern.value) {
                    let why = error.to_string();
                    let why = why.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
                    self.diagnostics.push(wording::bad_regex(pattern.span, &why));
                }
                ExprKind::Matches { operand, pattern }
            }
        };
        Expr { kind, span }
    }

    fn primary(&mut self, pair: Pair<'t, Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::expr => {
                let inner = self.expr(Some(pair));
                return inner;
            }
            Rule::duration => ExprKind::Duration(self.duration(Some(pair))),
            Rule::number => ExprKind::Number(self.number(Some(pair))),
            Rule::string => ExprKind::Text(self.text(Some(pair))),
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::path => ExprKind::Path(self.path(Some(pair))),
            Rule::list => {
                let items: Vec<Expr> = pair.into_inner().map(|item| self.expr(Some(item))).collect();
                if items.len() > 100_000 {
                    self.diagnostics.push(wording::limit(span, "this list is too long", "100,000 items"));
                }
                ExprKind::List(items)
            }
            Rule::if_expr => {
                let mut parts = pair.into_inner().filter(|part| part.as_rule() == Rule::expr);
                let (condition, then, otherwise) = (parts.next(), parts.next(), parts.next());
                ExprKind::If {
                    condition: Box::new(self.expr(condition)),
                    then: Box::new(self.expr(then)),
                    otherwise: Box::new(self.expr(otherwise)),
                }
            }
            Rule::associated => {
                let mut parts = Parts::of(pair);
                let quantifier = match parts.next(Rule::quantifier).map(|pair| pair.as_str()) {
                    Some("all") => Quantifier::All,
                    Some("no") => Quantifier::No,
                    _ => Quantifier::Any,
                };
                let object = self.ident(parts.next(Rule::name));
                // `no contact ()` asks whether there is any at all.
                let condition = parts.next(Rule::expr).map(|inner| Box::new(self.expr(Some(inner))));
                ExprKind::Associated { quantifier, object, condition }
            }
            Rule::call => return self.call(pair, span),
            _ => ExprKind::Error,
        };
        Expr { kind, span }
    }

    fn call(&mut self, pair: Pair<'t, Rule>, span: Span) -> Expr {
        let mut parts = pair.into_inner();
        let name = self.ident(parts.next());
        let mut args: Vec<Expr> = parts.map(|arg| self.expr(Some(arg))).collect();
        // `count(contact (...))` asks about associated records; `count(list)` is the function.
        if name.text == "count" && args.len() == 1 {
            let asks = matches!(args.first(), Some(Expr { kind: ExprKind::Call { name, args }, .. })
                if Func::find(&name.text).is_none() && args.len() <= 1);
            if asks
                && let Some(Expr { kind: ExprKind::Call { name: object, args: mut inner }, .. }) = args.pop()
            {
                let condition = inner.pop().map(Box::new);
                return Expr {
                    kind: ExprKind::Associated { quantifier: Quantifier::Count, object, condition },
                    span,
                };
            }
        }
        Expr { kind: ExprKind::Call { name, args }, span }
    }

    pub fn option(&mut self, pair: Pair<'t, Rule>) -> Option<RowOption> {
        let span = self.span(&pair);
        let inner = pair.into_inner().next()?;
        let rule = inner.as_rule();
        let mut parts = Parts::of(inner);
        let kind = match rule {
            Rule::opt_using => {
                let mut uses = Vec::new();
                while let Some(item) = parts.next(Rule::use_item) {
                    let span = self.span(&item);
                    let mut inner = item.into_inner();
                    let name = self.ident(inner.next());
                    let args = inner.map(|arg| self.expr(Some(arg))).collect();
                    uses.push(Use { name, args, span });
                }
                RowOptionKind::Using(uses)
            }
            Rule::opt_default => RowOptionKind::Default(self.expr(parts.next(Rule::expr))),
            Rule::opt_prefer => RowOptionKind::Prefer(self.ident(parts.next(Rule::name))),
            Rule::opt_owned => RowOptionKind::OwnedBy(self.ident(parts.next(Rule::name))),
            Rule::opt_empty => RowOptionKind::IfEmpty,
            Rule::opt_create => RowOptionKind::OnCreate,
            Rule::opt_cut => RowOptionKind::Cut,
            Rule::opt_blank => RowOptionKind::MayBlank,
            _ => RowOptionKind::When(self.expr(parts.next(Rule::expr))),
        };
        Some(RowOption { kind, span })
    }
}

fn binary(rule: Rule) -> BinaryOp {
    match rule {
        Rule::op_or => BinaryOp::Or,
        Rule::op_and => BinaryOp::And,
        Rule::op_ne => BinaryOp::NotEqual,
        Rule::op_lt => BinaryOp::Less,
        Rule::op_le => BinaryOp::LessEqual,
        Rule::op_gt => BinaryOp::Greater,
        Rule::op_ge => BinaryOp::GreaterEqual,
        Rule::op_in => BinaryOp::In,
        Rule::op_contains => BinaryOp::Contains,
        Rule::op_starts => BinaryOp::StartsWith,
        Rule::op_ends => BinaryOp::EndsWith,
        Rule::op_add => BinaryOp::Add,
        Rule::op_sub => BinaryOp::Subtract,
        Rule::op_mul => BinaryOp::Multiply,
        Rule::op_div => BinaryOp::Divide,
        _ => BinaryOp::Equal,
    }
}
