//! A project on disk: `twinmap.toml`, the mapping files, the folders of snapshots and state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::{Config, Connection};
use super::error::CliError;
use crate::source::{FileId, NotUtf8, SourceMap};

pub const CONFIG_FILE: &str = "twinmap.toml";
/// Folders whose `.twin` files make up the program.
const FOLDERS: [&str; 3] = ["mappings", "tests", "policies"];

#[derive(Debug, Clone)]
pub struct Project {
    pub root: PathBuf,
    pub config: Config,
    /// The environment of this call.
    pub env: String,
}

/// The texts of a program, read but not parsed.
#[derive(Debug)]
pub struct Texts {
    pub sources: SourceMap,
    pub not_utf8: Vec<(FileId, NotUtf8)>,
}

impl Project {
    /// Finds the project at `start` or above it and reads its configuration.
    pub fn open(start: &Path, env: Option<&str>) -> Result<Project, CliError> {
        let start = std::path::absolute(start).map_err(|cause| CliError::read(start, cause))?;
        let root = start
            .ancestors()
            .find(|folder| folder.join(CONFIG_FILE).is_file())
            .ok_or_else(|| CliError::NoProject(start.clone()))?
            .to_owned();
        let path = root.join(CONFIG_FILE);
        let text = std::fs::read_to_string(&path).map_err(|cause| CliError::read(&path, cause))?;
        let config = Config::parse(CONFIG_FILE, &text)?;
        let env = env.map_or_else(|| config.project.env.clone(), str::to_owned);
        let known = env == config.project.env || env == "default" || config.env.contains_key(&env);
        if !known {
            let near = crate::diag::suggest::nearest(&env, config.env.keys().map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean `--env {near}`?"),
                None => format!("add a table `[env.{env}]` to {CONFIG_FILE}"),
            };
            return Err(CliError::usage(format!("{CONFIG_FILE} has no environment `{env}`"), help));
        }
        Ok(Project { root, config, env })
    }

    pub fn connections(&self) -> BTreeMap<String, Connection> {
        self.config.connections_in(&self.env)
    }

    /// Where the snapshots of this environment stand: `schema/<env>`.
    pub fn schema_dir(&self) -> PathBuf {
        self.root.join("schema").join(&self.env)
    }

    pub fn lock_file(&self) -> PathBuf {
        self.root.join("twinmap.lock")
    }

    /// The path of the SQLite state file.
    pub fn state_file(&self) -> Result<PathBuf, CliError> {
        let url = self.config.state_in(&self.env);
        match url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(self.root.join(path)),
            _ => Err(CliError::usage(
                format!("the state address `{url}` is not one that this version can open"),
                "write `url = \"sqlite:.twinmap/state.db\"` under [state]",
            )),
        }
    }

    /// The `.twin` files of the program, sorted by path.
    pub fn files(&self) -> Result<Vec<PathBuf>, CliError> {
        let mut paths = Vec::new();
        for folder in FOLDERS {
            collect(&self.root.join(folder), &mut paths)?;
        }
        paths.sort();
        Ok(paths)
    }

    /// Reads every `.twin` file of the program, sorted by path.
    pub fn texts(&self) -> Result<Texts, CliError> {
        self.texts_with(&BTreeMap::new())
    }

    /// The same, with texts that an editor holds in place of (or beside) the files.
    pub fn texts_with(&self, typed: &BTreeMap<PathBuf, String>) -> Result<Texts, CliError> {
        let mut paths = self.files()?;
        let in_program =
            |path: &&PathBuf| FOLDERS.iter().any(|folder| path.starts_with(self.root.join(folder)));
        paths.extend(typed.keys().filter(in_program).cloned());
        paths.sort();
        paths.dedup();
        let mut texts = Texts { sources: SourceMap::new(), not_utf8: Vec::new() };
        for path in paths {
            if let Some(text) = typed.get(&path) {
                texts.sources.add(self.relative(&path), text);
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|cause| CliError::read(&path, cause))?;
            let (id, bad) = texts.sources.add_bytes(self.relative(&path), &bytes);
            if let Some(bad) = bad {
                texts.not_utf8.push((id, bad));
            }
        }
        Ok(texts)
    }

    /// The path relative to the project, with `/`.
    pub fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    }
}

/// Adds the `.twin` files below a folder; a folder that does not exist has none. Links are not followed.
pub fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(CliError::read(folder, cause)),
    };
    for entry in entries {
        let entry = entry.map_err(|cause| CliError::read(folder, cause))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(|cause| CliError::read(folder, cause))?);
        if kind.is_dir() {
            collect(&path, into)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "twin") {
            into.push(path);
        }
    }
    Ok(())
}

/// Writes a whole file or nothing: a temporary file beside it, then a rename.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|cause| CliError::write(folder, cause))?;
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.as_file().sync_all()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|cause| CliError::write(path, cause))
}
