//! The embedded interpreter: filters, rows and converters over typed values; pure, total, fast.
