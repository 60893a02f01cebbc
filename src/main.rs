//! The `twinmap` program: everything is in the library.

/// Checking and syncing make many small values; this takes half of the time that the system's allocator takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    twinmap::cli::main().into()
}
