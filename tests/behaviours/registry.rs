//! How a test says which behaviour it shows. The count that the run prints and `docs/BEHAVIOURS.md` are made of this.

/// A test that shows one behaviour or several.
pub struct Shown {
    /// Numbers of the catalogue; none = it shows something that no help page promises.
    pub numbers: &'static [u16],
    /// What twinmap does, in words.
    pub does: &'static str,
    /// What differs from the integration on purpose; empty = nothing.
    pub differs: &'static str,
    /// `module::function`
    pub test: &'static str,
    pub run: fn(),
}

/// Registers the tests of a module as `SHOWN`:
///
/// ```text
/// behaviours! {
///     [91] "An account without contacts makes a company." => account_without_contacts;
///     [89, 90] "Resyncs go on in chunks." differs "No limit of 200,000." => resync_in_chunks;
/// }
/// ```
macro_rules! behaviours {
    ($([$($number:literal),*] $does:literal $(differs $differs:literal)? => $test:ident;)+) => {
        pub const SHOWN: &[$crate::registry::Shown] = &[$($crate::registry::Shown {
            numbers: &[$($number),*],
            does: $does,
            differs: concat!($($differs)?),
            test: concat!(module_path!(), "::", stringify!($test)),
            run: $test,
        }),+];
    };
}

pub(crate) use behaviours;

impl Shown {
    /// The test's name without the name of this program.
    pub fn name(&self) -> &'static str {
        self.test.split_once("::").map_or(self.test, |(_, name)| name)
    }
}
