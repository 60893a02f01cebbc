//! Tokens to a query, by recursive descent. Nesting is limited, so that no text overflows the stack.

use rust_decimal::Decimal;

use super::super::fault::Fault;
use super::super::time;
use super::ast::{Expr, FieldSet, Item, Literal, Op, Operand, Order, Path, Query, Right};
use super::lex::{Token, malformed, tokens};

const MAX_DEPTH: usize = 32;
/// Longer queries are refused by the platform.
const MAX_LENGTH: usize = 100_000;

pub fn parse(text: &str) -> Result<Query, Fault> {
    if text.chars().count() > MAX_LENGTH {
        return Err(Fault::new(
            400,
            "QUERY_TOO_COMPLICATED",
            "SOQL statements cannot be longer than 100000 characters.",
        ));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0 };
    let query = parser.query()?;
    match parser.peek() {
        Token::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |(_, at)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn unexpected(&self) -> Fault {
        let what = match self.peek() {
            Token::Word(text) | Token::Literal(text) => format!("unexpected token: '{text}'"),
            Token::Text(text) => format!("unexpected token: '{text}'"),
            Token::Symbol(text) => format!("unexpected token: '{text}'"),
            Token::End => "unexpected token: '<EOF>'".to_owned(),
        };
        malformed(self.text, self.place(), &what)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(text) if text.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.next += usize::from(is);
        is
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Fault> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let is = matches!(self.peek(), Token::Symbol(text) if *text == symbol);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Token::Word(_) => match self.take() {
                Token::Word(text) => Ok(text),
                _ => Err(self.unexpected()),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::new(400, "QUERY_TOO_COMPLICATED", "Query is too complicated"));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    fn query(&mut self) -> Result<Query, Fault> {
        self.deeper(Self::query_inner)
    }

    fn query_inner(&mut self) -> Result<Query, Fault> {
        self.expect_word("SELECT")?;
        let mut select = vec![self.item()?];
        while self.symbol(",") {
            select.push(self.item()?);
        }
        self.expect_word("FROM")?;
        let from_at = self.place();
        let from = self.name()?;
        self.word("AS");
        let alias = self.alias(&[
            "USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "UPDATE",
        ]);
        if self.word("USING") {
            self.expect_word("SCOPE")?;
            self.name()?;
        }
        let filter = if self.word("WHERE") { Some(self.expr()?) } else { None };
        if self.word("WITH") {
            self.name()?;
        }
        let mut group = Vec::new();
        if self.word("GROUP") {
            self.expect_word("BY")?;
            group.push(self.operand()?);
            while self.symbol(",") {
                group.push(self.operand()?);
            }
        }
        let having = if self.word("HAVING") { Some(self.expr()?) } else { None };
        let order = self.order()?;
        let limit = if self.word("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.word("OFFSET") { self.count()? } else { 0 };
        self.trailer()?;
        Ok(Query { select, from, from_at, alias, filter, group, having, order, limit, offset })
    }

    /// `FOR VIEW`, `FOR REFERENCE`, `FOR UPDATE`, `UPDATE TRACKING`. `ALL ROWS` is for Apex only.
    fn trailer(&mut self) -> Result<(), Fault> {
        while self.word("FOR") {
            let known = ["VIEW", "REFERENCE", "UPDATE"].iter().any(|word| self.word(word));
            if !known {
                return Err(self.unexpected());
            }
            self.symbol(",");
        }
        if self.word("UPDATE") {
            self.name()?;
        }
        if self.is_word("ALL") {
            return Err(malformed(self.text, self.place(), "ALL ROWS not allowed in this context"));
        }
        Ok(())
    }

    fn alias(&mut self, keywords: &[&str]) -> Option<String> {
        let Token::Word(text) = self.peek() else { return None };
        if keywords.iter().any(|keyword| text.eq_ignore_ascii_case(keyword)) {
            return None;
        }
        self.name().ok()
    }

    fn count(&mut self) -> Result<usize, Fault> {
        let number = match self.peek() {
            Token::Literal(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(number)
    }

    fn item(&mut self) -> Result<Item, Fault> {
        if self.symbol("(") {
            let query = self.query()?;
            self.expect(")")?;
            return Ok(Item::Children(Box::new(query)));
        }
        if self.is_word("TYPEOF") {
            return self.type_of();
        }
        let at = self.place();
        let operand = self.operand()?;
        if let Operand::Call { name, argument, .. } = &operand
            && name.eq_ignore_ascii_case("FIELDS")
        {
            let set = match argument.as_deref() {
                Some(Operand::Path(path)) => path.text().to_ascii_uppercase(),
                _ => String::new(),
            };
            return match set.as_str() {
                "ALL" => Ok(Item::Fields(FieldSet::All)),
                "STANDARD" => Ok(Item::Fields(FieldSet::Standard)),
                "CUSTOM" => Ok(Item::Fields(FieldSet::Custom)),
                _ => Err(malformed(self.text, at, "unexpected argument of FIELDS")),
            };
        }
        let follows = match self.tokens.get(self.next + 1) {
            Some((Token::Symbol(","), _)) => true,
            Some((Token::Word(word), _)) => word.eq_ignore_ascii_case("FROM"),
            _ => false,
        };
        let alias = if follows { self.alias(&["FROM"]) } else { None };
        Ok(Item::Operand { operand, alias })
    }

    fn type_of(&mut self) -> Result<Item, Fault> {
        self.expect_word("TYPEOF")?;
        let field = self.path()?;
        let mut when = Vec::new();
        let mut otherwise = Vec::new();
        while self.word("WHEN") {
            let kind = self.name()?;
            self.expect_word("THEN")?;
            when.push((kind, self.paths()?));
        }
        if self.word("ELSE") {
            otherwise = self.paths()?;
        }
        self.expect_word("END")?;
        Ok(Item::TypeOf { field, when, otherwise })
    }

    fn paths(&mut self) -> Result<Vec<Path>, Fault> {
        let mut paths = vec![self.path()?];
        while self.symbol(",") {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    fn path(&mut self) -> Result<Path, Fault> {
        let at = self.place();
        let text = self.name()?;
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) || text.contains(':') {
            return Err(malformed(self.text, at, &format!("unexpected token: '{text}'")));
        }
        Ok(Path { names, at })
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        self.deeper(|parser| {
            let path = parser.path()?;
            if !parser.symbol("(") {
                return Ok(Operand::Path(path));
            }
            let argument = match parser.peek() {
                Token::Symbol(")") => None,
                _ => Some(Box::new(parser.operand()?)),
            };
            while parser.symbol(",") {
                parser.literal()?;
            }
            parser.expect(")")?;
            Ok(Operand::Call { name: path.text(), argument, at: path.at })
        })
    }

    fn order(&mut self) -> Result<Vec<Order>, Fault> {
        let mut order = Vec::new();
        if !self.word("ORDER") {
            return Ok(order);
        }
        self.expect_word("BY")?;
        loop {
            let by = self.operand()?;
            let descending = self.word("DESC");
            if !descending {
                self.word("ASC");
            }
            let mut nulls_last = false;
            if self.word("NULLS") {
                nulls_last = self.word("LAST");
                if !nulls_last {
                    self.expect_word("FIRST")?;
                }
            }
            order.push(Order { by, descending, nulls_last });
            if !self.symbol(",") {
                return Ok(order);
            }
        }
    }

    /// AND and OR are not mixed without parentheses.
    fn expr(&mut self) -> Result<Expr, Fault> {
        self.deeper(|parser| {
            let first = parser.term()?;
            for word in ["AND", "OR"] {
                if !parser.is_word(word) {
                    continue;
                }
                let mut all = vec![first];
                while parser.word(word) {
                    all.push(parser.term()?);
                }
                if parser.is_word("AND") || parser.is_word("OR") {
                    return Err(parser.unexpected());
                }
                return Ok(if word == "AND" { Expr::And(all) } else { Expr::Or(all) });
            }
            Ok(first)
        })
    }

    fn term(&mut self) -> Result<Expr, Fault> {
        if self.word("NOT") {
            return self.deeper(|parser| Ok(Expr::Not(Box::new(parser.term()?))));
        }
        if self.symbol("(") {
            let inner = self.expr()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        let op = self.op()?;
        let right = self.right(op)?;
        Ok(Expr::Test { left, op, right })
    }

    fn op(&mut self) -> Result<Op, Fault> {
        const SYMBOLS: &[(&str, Op)] = &[
            ("=", Op::Equal),
            ("!=", Op::NotEqual),
            ("<=", Op::LessEqual),
            (">=", Op::GreaterEqual),
            ("<", Op::Less),
            (">", Op::Greater),
        ];
        const WORDS: &[(&str, Op)] =
            &[("LIKE", Op::Like), ("IN", Op::In), ("INCLUDES", Op::Includes), ("EXCLUDES", Op::Excludes)];
        for (symbol, op) in SYMBOLS {
            if self.symbol(symbol) {
                return Ok(*op);
            }
        }
        for (word, op) in WORDS {
            if self.word(word) {
                return Ok(*op);
            }
        }
        if self.word("NOT") {
            self.expect_word("IN")?;
            return Ok(Op::NotIn);
        }
        Err(self.unexpected())
    }

    fn right(&mut self, op: Op) -> Result<Right, Fault> {
        if !matches!(op, Op::In | Op::NotIn | Op::Includes | Op::Excludes) {
            return self.literal().map(Right::One);
        }
        self.expect("(")?;
        if self.is_word("SELECT") {
            let query = self.query()?;
            self.expect(")")?;
            return Ok(Right::Query(Box::new(query)));
        }
        let mut list = vec![self.literal()?];
        while self.symbol(",") {
            list.push(self.literal()?);
        }
        self.expect(")")?;
        Ok(Right::List(list))
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let found = match self.peek() {
            Token::Text(text) => Some(Literal::Text(text.clone())),
            Token::Literal(text) => number_or_date(text),
            Token::Word(text) => word_literal(text),
            _ => None,
        };
        let literal = found.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(literal)
    }
}

fn number_or_date(text: &str) -> Option<Literal> {
    if text.contains('T') {
        return time::parse_datetime(text).map(Literal::Stamp);
    }
    if text.matches('-').count() == 2 {
        return text.parse().ok().map(Literal::Date);
    }
    text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok().map(Literal::Number)
}

fn word_literal(text: &str) -> Option<Literal> {
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "NULL" => return Some(Literal::Null),
        "TRUE" => return Some(Literal::Bool(true)),
        "FALSE" => return Some(Literal::Bool(false)),
        _ => {}
    }
    if let Some((name, number)) = upper.split_once(':') {
        return Some(Literal::Relative(name.to_owned(), number.parse().ok()?));
    }
    if super::dates::is_relative(&upper) {
        return Some(Literal::Relative(upper, 0));
    }
    // A currency and an amount: `USD5000`.
    let (currency, amount) = text.split_at_checked(3)?;
    let letters = currency.chars().all(|c| c.is_ascii_alphabetic());
    letters.then(|| amount.parse().ok().map(Literal::Number)).flatten()
}
