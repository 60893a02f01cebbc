//! Formatting any text gives a fixed point.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinmap::syntax::fmt::format;

fuzz_target!(|text: &str| {
    let once = format(text).text;
    assert_eq!(format(&once).text, once);
});
