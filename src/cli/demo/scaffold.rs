//! The example project as files in a folder, pointed at a sandbox.

use std::path::Path;

use super::Variant;
use crate::cli::error::CliError;
use crate::cli::project::write_atomically;
use crate::sandbox::server::Running;

macro_rules! example {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../specs/hubspot-salesforce/", $path)))),*]
    };
}

/// Every text of the example but its snapshots, which the demo fetches itself.
const FILES: &[(&str, &str)] = example![
    "mappings/companies.twin",
    "mappings/contacts.twin",
    "mappings/deals.twin",
    "mappings/industries.twin",
    "policies/money.twin",
    "tests/companies.twin",
    "tests/deals.twin",
];

/// Writes the project. Tokens go into files that only this user can read, never into `twinmap.toml`.
pub fn write(folder: &Path, sandbox: &Running) -> Result<(), CliError> {
    for (path, text) in FILES {
        write_atomically(&folder.join(path), text.as_bytes())?;
    }
    let config = format!(
        "[project]\nname = \"demo\"\nedition = \"2026\"\n\n\
         [connections.hubspot]\nkind = \"hubspot\"\nbase_url = \"{}\"\ntoken = \"file:.twinmap/hubspot.token\"\n\n\
         [connections.salesforce]\nkind = \"salesforce\"\nbase_url = \"{}\"\n\
         auth = {{ token = \"file:.twinmap/salesforce.token\" }}\n\n\
         [state]\nurl = \"sqlite:.twinmap/state.db\"\n",
        sandbox.hubspot.base_url, sandbox.salesforce.base_url
    );
    write_atomically(&folder.join("twinmap.toml"), config.as_bytes())?;
    write_atomically(&folder.join(".gitignore"), b".twinmap/\n")?;
    secret(folder, "hubspot", &sandbox.hubspot.token)?;
    secret(folder, "salesforce", &sandbox.salesforce.token)
}

/// The examples with Sales Navigator, without their snapshots.
const LINKEDIN: &[(&str, &str)] = &[
    ("mappings/app.twin", include_str!("../../../specs/hubspot-linkedin/mappings/app.twin")),
    ("mappings/writeback.twin", include_str!("../../../specs/hubspot-linkedin/mappings/writeback.twin")),
];
const WRITEBACK: &[(&str, &str)] = &[
    ("mappings/people.twin", include_str!("../../../specs/salesforce-linkedin/mappings/people.twin")),
    ("mappings/writeback.twin", include_str!("../../../specs/salesforce-linkedin/mappings/writeback.twin")),
];

/// Writes a project that joins one CRM with Sales Navigator.
pub fn linkedin(folder: &Path, sandbox: &Running, variant: Variant) -> Result<(), CliError> {
    let (files, crm, endpoint) = match variant {
        Variant::Linkedin => (LINKEDIN, "hubspot", &sandbox.hubspot),
        Variant::Writeback => (WRITEBACK, "salesforce", &sandbox.salesforce),
    };
    for (path, text) in files {
        write_atomically(&folder.join(path), text.as_bytes())?;
    }
    let config = format!(
        "[project]\nname = \"demo\"\nedition = \"2026\"\n\n\
         [connections.{crm}]\nkind = \"{crm}\"\nbase_url = \"{}\"\n\
         auth = {{ token = \"file:.twinmap/{crm}.token\" }}\n\n\
         [connections.salesnav]\nkind = \"salesnav\"\nbase_url = \"{}\"\ntoken = \"file:.twinmap/salesnav.token\"\n\n\
         [state]\nurl = \"sqlite:.twinmap/state.db\"\n",
        endpoint.base_url, sandbox.salesnav.base_url
    );
    write_atomically(&folder.join("twinmap.toml"), config.as_bytes())?;
    write_atomically(&folder.join(".gitignore"), b".twinmap/\n")?;
    secret(folder, crm, &endpoint.token)?;
    secret(folder, "salesnav", &sandbox.salesnav.token)
}

/// A credential in a file that only this user reads.
pub fn secret(folder: &Path, name: &str, token: &str) -> Result<(), CliError> {
    let path = folder.join(".twinmap").join(format!("{name}.token"));
    write_atomically(&path, token.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).map_err(|cause| CliError::write(&path, cause))?;
    }
    Ok(())
}

/// The first lines of a mapping file, from its first `sync` on.
pub fn excerpt(path: &str, lines: usize) -> String {
    let text = FILES.iter().find(|(name, _)| *name == path).map_or("", |(_, text)| text);
    let from = text.lines().skip_while(|line| !line.starts_with("sync "));
    from.take(lines).map(|line| format!("    {line}\n")).collect()
}
