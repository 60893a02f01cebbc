//! One writer at a time: an operating system lock on a file beside the state, freed when the process ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use super::StateError;

const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Lock {
    /// The lock lives as long as the open file.
    _file: File,
}

impl Lock {
    pub fn take(path: &Path) -> Result<Lock, StateError> {
        let fail = |cause: std::io::Error| StateError::NotWritable {
            path: path.to_owned(),
            cause: cause.to_string(),
        };
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(fail)?;
        match patiently(&file) {
            Ok(()) => {
                let pid = std::process::id().to_string();
                file.set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| file.write_all(pid.as_bytes()))
                    .map_err(fail)?;
                Ok(Lock { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                Err(StateError::Locked(if holder.is_empty() {
                    "unknown".into()
                } else {
                    format!("process {holder}")
                }))
            }
            Err(TryLockError::Error(cause)) => Err(fail(cause)),
        }
    }
}

/// Someone who only asks whether the lock is held has it for a moment.
fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
    file.try_lock()
}

/// Whether a process writes now. A lock that can't be asked is taken for a free one.
pub fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Makes the folder, for this user only: the state holds values of records.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Best effort: a file system without permissions has nothing to set.
pub fn private_file(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = path;
}
