//! Where a command's records go: stdout, or a file that appears when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::CliError;

/// Stdout, or a file that appears when it is whole.
pub enum Sink {
    Stdout(io::Stdout),
    /// A device or pipe, written as it comes.
    Open(File),
    File(Box<BufWriter<tempfile::NamedTempFile>>, PathBuf),
}

impl Sink {
    /// No path and `-` are stdout.
    pub fn open(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Sink::Stdout(io::stdout()));
        };
        let fail = |cause| CliError::write(path, cause);
        if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
            return File::options().write(true).open(path).map(Sink::Open).map_err(fail);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        Ok(Sink::File(Box::new(BufWriter::new(file)), path.to_owned()))
    }

    pub fn finish(self) -> Result<(), CliError> {
        let Sink::File(writer, path) = self else { return Ok(()) };
        let write = || -> io::Result<()> {
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|cause| CliError::write(&path, cause))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(stdout) => stdout.write(bytes),
            Sink::Open(file) => file.write(bytes),
            Sink::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(stdout) => stdout.flush(),
            Sink::Open(file) => file.flush(),
            Sink::File(file, _) => file.flush(),
        }
    }
}
