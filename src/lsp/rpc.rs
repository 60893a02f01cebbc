//! JSON-RPC messages with their `Content-Length` headers, as the language server protocol frames them.

use std::io::{BufRead, Write};

use serde_json::{Value, json};

/// More than any document of the language could need.
const MAX_BYTES: usize = 32 << 20;

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    Message(Value),
    /// A frame whose content is no JSON.
    Garbage(String),
    End,
}

/// Reads one message. `Err` means that the stream can't be understood any further.
pub fn read(input: &mut impl BufRead) -> std::io::Result<Incoming> {
    let mut length = None;
    loop {
        let mut header = String::new();
        if input.read_line(&mut header)? == 0 {
            return Ok(Incoming::End);
        }
        let header = header.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let bad = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    let length = length.ok_or_else(|| bad("a message without a Content-Length header"))?;
    if length > MAX_BYTES {
        return Err(bad("a message of more than 32 MiB"));
    }
    let mut content = vec![0; length];
    input.read_exact(&mut content)?;
    Ok(match serde_json::from_slice(&content) {
        Ok(message) => Incoming::Message(message),
        Err(error) => Incoming::Garbage(error.to_string()),
    })
}

pub fn write(output: &mut impl Write, message: &Value) -> std::io::Result<()> {
    let text = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

pub fn answer(id: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

pub fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

pub fn notice(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_garbage_is_named() {
        let message = json!({ "method": "x", "params": { "text": "é\n" } });
        let mut bytes = Vec::new();
        write(&mut bytes, &message).unwrap();
        bytes.extend(b"Content-Length: 3\r\n\r\n{]}");
        let mut input = bytes.as_slice();
        assert_eq!(read(&mut input).unwrap(), Incoming::Message(message));
        assert!(matches!(read(&mut input).unwrap(), Incoming::Garbage(_)));
        assert_eq!(read(&mut input).unwrap(), Incoming::End);
        assert!(read(&mut "\r\n\r\n".as_bytes()).is_err());
    }
}
