//! HubSpot's own association types: numbers per direction, with labels. Facts of HubSpot's page "Associate records".

/// From, to, type id, label.
type Row = (&'static str, &'static str, u32, Option<&'static str>);

/// A type and its inverse: what is written in one direction stands in the other at once.
pub type Pair = (Row, Row);

const PRIMARY: Option<&str> = Some("Primary");
const BILLING: Option<&str> = Some("Billing Contact");

/// One entry per pair of objects: plain type ids from first to second and back.
const PLAIN: &[(&str, &str, u32, u32)] = &[
    ("contact", "company", 279, 280),
    ("contact", "deal", 4, 3),
    ("contact", "ticket", 15, 16),
    ("contact", "contact", 449, 449),
    ("company", "company", 450, 450),
    ("company", "deal", 342, 341),
    ("company", "ticket", 340, 339),
    ("deal", "deal", 451, 451),
    ("deal", "ticket", 27, 28),
    ("ticket", "ticket", 452, 452),
    ("contact", "call", 193, 194),
    ("contact", "email", 197, 198),
    ("contact", "meeting", 199, 200),
    ("contact", "note", 201, 202),
    ("contact", "task", 203, 204),
    ("contact", "communication", 82, 81),
    ("company", "call", 181, 182),
    ("company", "email", 185, 186),
    ("company", "meeting", 187, 188),
    ("company", "note", 189, 190),
    ("company", "task", 191, 192),
    ("company", "communication", 88, 87),
    ("deal", "call", 205, 206),
    ("deal", "email", 209, 210),
    ("deal", "meeting", 211, 212),
    ("deal", "note", 213, 214),
    ("deal", "task", 215, 216),
    ("deal", "communication", 86, 85),
    ("ticket", "call", 219, 220),
    ("ticket", "email", 223, 224),
    ("ticket", "meeting", 225, 226),
    ("ticket", "note", 227, 228),
    ("ticket", "task", 229, 230),
    ("ticket", "communication", 84, 83),
];

const LABELLED: &[Pair] = &[
    (("contact", "company", 1, PRIMARY), ("company", "contact", 2, PRIMARY)),
    (("contact", "company", 931, BILLING), ("company", "contact", 930, BILLING)),
    (("deal", "company", 5, PRIMARY), ("company", "deal", 6, PRIMARY)),
    (("ticket", "company", 26, PRIMARY), ("company", "ticket", 25, PRIMARY)),
    (("company", "company", 13, Some("Child Company")), ("company", "company", 14, Some("Parent Company"))),
];

/// Every pair, plain ones first.
pub fn pairs() -> impl Iterator<Item = Pair> {
    let plain = PLAIN.iter().map(|&(a, b, there, back)| ((a, b, there, None), (b, a, back, None)));
    plain.chain(LABELLED.iter().copied())
}
