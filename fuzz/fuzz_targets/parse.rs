//! Any bytes parse, and every finding points at characters of the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinmap::diag::render::text::rich;
use twinmap::diag::in_order;
use twinmap::source::SourceMap;
use twinmap::syntax::parse;

fuzz_target!(|bytes: &[u8]| {
    let mut sources = SourceMap::new();
    sources.add_bytes("a.twin", bytes);
    let (_, found) = parse(&sources);
    for one in &found {
        let span = one.primary.span;
        assert!(sources.text(span.file).get(span.range()).is_some(), "{} points outside", one.code.id());
    }
    let _ = rich(&sources, &in_order(&sources, found), false);
});
