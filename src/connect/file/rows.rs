//! The rows of an export: JSON lines, or CSV with a header.
//!
//! Invariant: every row of the file is told, as fields or as what is wrong with it. An empty cell is null; a HubSpot
//! record's `properties` stand beside its `id`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value as Json};

pub type Fields = Map<String, Json>;

/// Told each row's line and what it holds; an error ends the reading.
pub type Each<'e> = dyn FnMut(u64, Result<Fields, String>) -> io::Result<()> + 'e;

/// Whether a file is read as a table, by its name.
pub fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

pub fn each(path: &Path, each: &mut Each<'_>) -> io::Result<()> {
    let file = BufReader::with_capacity(256 << 10, File::open(path)?);
    if is_csv(path) { table(file, each) } else { lines(file, each) }
}

fn lines(mut input: impl BufRead, each: &mut Each<'_>) -> io::Result<()> {
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        let bytes = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let row = match serde_json::from_slice::<Json>(bytes) {
            Ok(Json::Object(mut fields)) => {
                if let Some(Json::Object(properties)) = fields.remove("properties") {
                    fields.extend(properties);
                }
                Ok(fields)
            }
            Ok(_) => Err("this is no record (a JSON object)".to_owned()),
            Err(error) => Err(error.to_string().split(" at line ").next().unwrap_or("").to_owned()),
        };
        each(number, row)?;
    }
}

fn table(mut input: impl BufRead, each: &mut Each<'_>) -> io::Result<()> {
    let delimiter = delimiter(input.fill_buf()?);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(input);
    let header = reader.headers().map_err(io::Error::other)?.clone();
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut row = csv::StringRecord::new();
    loop {
        // The header is the first line.
        let line = reader.position().line();
        match reader.read_record(&mut row) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let cell =
                    |text: &str| if text.is_empty() { Json::Null } else { Json::String(text.to_owned()) };
                let fields = names.iter().cloned().zip(row.iter().map(cell)).collect();
                each(row.position().map_or(line, csv::Position::line), Ok(fields))?;
            }
            Err(error) => match error.kind() {
                csv::ErrorKind::Io(_) => return Err(io::Error::other(error)),
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    each(line, Err(format!("{len} cells, the header has {expected_len}")))?;
                }
                csv::ErrorKind::Utf8 { .. } => each(line, Err("no UTF-8".to_owned()))?,
                _ => each(line, Err(error.to_string()))?,
            },
        }
    }
}

/// What stands most often in the header.
fn delimiter(head: &[u8]) -> u8 {
    let header = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| header.iter().filter(|byte| **byte == wanted).count();
    // The first of equals.
    [b'\t', b';', b','].into_iter().max_by_key(|mark| count(*mark)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, text: &[u8]) -> Vec<(u64, Result<Json, String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut rows = Vec::new();
        each(&path, &mut |line, row| {
            rows.push((line, row.map(Json::Object)));
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn tables_have_cells_of_several_lines_and_rows_that_are_wrong_are_told() {
        let text =
            b"\xef\xbb\xbfid;name;city\n1;\"A; B\nC\";\n2;short\n3;\xff;x\n4;\"say \"\"yes\"\"\";Rome\r\n";
        let rows = read("a.csv", text);
        assert_eq!(
            rows,
            [
                (2, Ok(json!({"id": "1", "name": "A; B\nC", "city": null}))),
                (4, Err("2 cells, the header has 3".to_owned())),
                (5, Err("no UTF-8".to_owned())),
                (6, Ok(json!({"id": "4", "name": "say \"yes\"", "city": "Rome"}))),
            ]
        );
    }

    #[test]
    fn lines_are_flat_or_in_hubspot_s_shape() {
        let rows =
            read("a.jsonl", b"{\"id\":1,\"properties\":{\"name\":\"A\"}}\n\n{\"Id\":\"x\"}\n[1]\n{\"id\":");
        assert_eq!(rows[0], (1, Ok(json!({"id": 1, "name": "A"}))));
        assert_eq!(rows[1], (3, Ok(json!({"Id": "x"}))));
        assert_eq!(rows[2], (4, Err("this is no record (a JSON object)".to_owned())));
        assert_eq!((rows[3].0, rows[3].1.is_err()), (5, true));
    }
}
