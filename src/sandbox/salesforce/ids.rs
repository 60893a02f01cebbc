//! Record ids: 15 characters, of which the first three tell the object, and the 18-character form with its checksum.

use std::fmt;

/// Sorts as the platform's numbers do: the alphabet is in byte order.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// The instance of the simulated org, in each id.
const INSTANCE: &[u8; 2] = b"5g";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 15]);

impl Id {
    /// Before all ids.
    pub const FIRST: Id = Id(*b"000000000000000");
    /// The record type that every object has.
    pub const MASTER: Id = Id(*b"012000000000000");

    /// The `n`-th id of an object.
    pub fn new(prefix: &str, n: u64) -> Id {
        let mut bytes = *b"000000000000000";
        let mut rest = n;
        for place in bytes.iter_mut().rev().take(9) {
            *place = DIGITS.get((rest % 62) as usize).copied().unwrap_or(b'0');
            rest /= 62;
        }
        for (place, byte) in bytes.iter_mut().zip(prefix.bytes().take(3).chain(INSTANCE.iter().copied())) {
            *place = byte;
        }
        Id(bytes)
    }

    /// The number within the object, of ids that this org made.
    pub fn number(self) -> u64 {
        let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).unwrap_or(0) as u64;
        self.0.iter().skip(6).fold(0, |sum, byte| sum * 62 + digit(byte))
    }

    /// Takes 15 or 18 characters. The checksum repairs the case of the first 15, as on the platform.
    pub fn parse(text: &str) -> Option<Id> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let bytes = text.as_bytes();
        match bytes.len() {
            15 => bytes.try_into().ok().map(Id),
            18 => Self::parse_long(bytes),
            _ => None,
        }
    }

    fn parse_long(bytes: &[u8]) -> Option<Id> {
        let (short, suffix) = bytes.split_at_checked(15)?;
        let mut id: [u8; 15] = short.try_into().ok()?;
        for (block, check) in id.chunks_mut(5).zip(suffix) {
            let bits = SUFFIX.iter().position(|byte| *byte == check.to_ascii_uppercase())?;
            for (k, byte) in block.iter_mut().enumerate() {
                let upper = bits >> k & 1 == 1;
                if upper && !byte.is_ascii_alphabetic() {
                    return None;
                }
                *byte = if upper { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
            }
        }
        Some(Id(id))
    }

    pub fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub fn prefix(&self) -> &str {
        self.short().get(..3).unwrap_or_default()
    }
}

/// The 18-character form.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())?;
        for block in self.0.chunks(5) {
            let bits = block
                .iter()
                .enumerate()
                .fold(0, |bits, (k, byte)| bits | usize::from(byte.is_ascii_uppercase()) << k);
            let check = SUFFIX.get(bits).copied().unwrap_or(b'A');
            write!(f, "{}", char::from(check))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    /// Ids of a recorded org.
    #[test]
    fn checksums_are_the_platforms() {
        for long in ["001dM00003kRs59QAC", "003dM00001wBXYDQA4", "005dM00000awSFJQA2", "00DdM00000vfgTuUAI"] {
            let short = long.get(..15).unwrap();
            assert_eq!(Id::parse(short).unwrap().to_string(), long);
            assert_eq!(Id::parse(long).unwrap().short(), short);
            assert_eq!(Id::parse(&long.to_lowercase()).unwrap().to_string(), long);
        }
        assert_eq!(Id::MASTER.to_string(), "012000000000000AAA");
        assert_eq!(Id::parse("not an id"), None);
    }

    #[test]
    fn numbers_come_back_and_sort() {
        let a = Id::new("001", 61);
        let b = Id::new("001", 62);
        assert!(a < b);
        assert_eq!((a.number(), b.number()), (61, 62));
        assert_eq!(b.prefix(), "001");
    }
}
