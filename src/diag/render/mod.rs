//! Diagnostics as text (rich, short) and as machine formats.
