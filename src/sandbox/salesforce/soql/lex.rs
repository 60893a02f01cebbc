//! The words of a query, each with its place.

use super::super::fault::Fault;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// Names, keywords, `Account.Name`, `LAST_N_DAYS:7`
    Word(String),
    Text(String),
    /// Numbers, dates and datetimes
    Literal(String),
    Symbol(&'static str),
    End,
}

/// Tokens with the place of their first character, counted in characters.
pub fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let token = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '\'' => {
                let (text, end) = string(text, &chars, at)?;
                at = end;
                Token::Text(text)
            }
            '0'..='9' => {
                Token::Literal(run(&chars, &mut at, |c| c.is_ascii_alphanumeric() || ".:+-".contains(c)))
            }
            '-' | '+' if chars.get(at + 1).is_some_and(char::is_ascii_digit) => {
                at += 1;
                let digits = run(&chars, &mut at, |c| c.is_ascii_digit() || c == '.' || c == 'E' || c == 'e');
                Token::Literal(if c == '-' { format!("-{digits}") } else { digits })
            }
            c if c.is_alphabetic() || c == '_' => word(&chars, &mut at),
            _ => {
                let (symbol, length) = symbol(&chars, at)
                    .ok_or_else(|| malformed(text, at, &format!("unexpected token: '{c}'")))?;
                at += length;
                Token::Symbol(symbol)
            }
        };
        out.push((token, start));
    }
    out.push((Token::End, chars.len()));
    Ok(out)
}

fn run(chars: &[char], at: &mut usize, takes: impl Fn(char) -> bool) -> String {
    let rest = chars.get(*at..).unwrap_or_default();
    let text: String = rest.iter().copied().take_while(|c| takes(*c)).collect();
    *at += text.chars().count();
    text
}

fn word(chars: &[char], at: &mut usize) -> Token {
    let mut text = run(chars, at, |c| c.is_alphanumeric() || c == '_' || c == '.');
    let number = chars.get(*at) == Some(&':') && chars.get(*at + 1).is_some_and(char::is_ascii_digit);
    if number {
        *at += 1;
        text.push(':');
        text.push_str(&run(chars, at, |c| c.is_ascii_digit()));
    }
    Token::Word(text)
}

fn symbol(chars: &[char], at: usize) -> Option<(&'static str, usize)> {
    let next = chars.get(at + 1).copied();
    Some(match (chars.get(at).copied()?, next) {
        ('<', Some('=')) => ("<=", 2),
        ('>', Some('=')) => (">=", 2),
        ('!', Some('=')) | ('<', Some('>')) => ("!=", 2),
        ('<', _) => ("<", 1),
        ('>', _) => (">", 1),
        ('=', _) => ("=", 1),
        ('(', _) => ("(", 1),
        (')', _) => (")", 1),
        (',', _) => (",", 1),
        _ => return None,
    })
}

/// The text of a quoted string and the place after it. `\_` and `\%` keep their backslash for LIKE.
fn string(text: &str, chars: &[char], start: usize) -> Result<(String, usize), Fault> {
    let mut out = String::new();
    let mut at = start + 1;
    loop {
        match chars.get(at) {
            None => return Err(malformed(text, start, "unexpected token: <EOF>")),
            Some('\'') => return Ok((out, at + 1)),
            Some('\\') => {
                let escaped = chars.get(at + 1).copied();
                let (piece, length) = escape(chars, at, escaped)
                    .ok_or_else(|| malformed(text, at, "Invalid string literal: illegal escape sequence"))?;
                out.push_str(&piece);
                at += length;
            }
            Some(c) => {
                out.push(*c);
                at += 1;
            }
        }
    }
}

fn escape(chars: &[char], at: usize, escaped: Option<char>) -> Option<(String, usize)> {
    let piece = match escaped? {
        'n' | 'N' => "\n".to_owned(),
        'r' | 'R' => "\r".to_owned(),
        't' | 'T' => "\t".to_owned(),
        'b' | 'B' => "\u{8}".to_owned(),
        'f' | 'F' => "\u{c}".to_owned(),
        c @ ('\'' | '"' | '\\') => c.to_string(),
        c @ ('_' | '%') => format!("\\{c}"),
        'u' | 'U' => {
            let digits: String = chars.get(at + 2..at + 6)?.iter().collect();
            let c = char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?;
            return Some((c.to_string(), 6));
        }
        _ => return None,
    };
    Some((piece, 2))
}

/// `MALFORMED_QUERY` with the picture of the place.
pub fn malformed(text: &str, at: usize, what: &str) -> Fault {
    pointing("MALFORMED_QUERY", text, at, what)
}

pub fn pointing(code: &'static str, text: &str, at: usize, what: &str) -> Fault {
    let flat: Vec<char> = text.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }).collect();
    let from = at.saturating_sub(40);
    let shown: String = flat.iter().skip(from).take(80).collect();
    let caret = " ".repeat(at - from);
    let row = text.chars().take(at).filter(|c| *c == '\n').count() + 1;
    let column =
        at - text.chars().take(at).collect::<Vec<_>>().iter().rposition(|c| *c == '\n').map_or(0, |n| n + 1);
    let message = format!("\n{shown}\n{caret}^\nERROR at Row:{row}:Column:{}\n{what}", column + 1);
    Fault::new(400, code, message)
}
