//! The `twinmap` program: everything is in the library.

fn main() -> std::process::ExitCode {
    twinmap::cli::main().into()
}
