//! From `twinmap.toml` to open accounts: reads the secrets that the configuration only refers to, and puts failures
//! of accounts into words with a next step.
//!
//! Invariant: a secret is read here, wrapped at once, and never part of a message.

use std::path::Path;
use std::rc::Rc;

use secrecy::SecretString;

use super::config::{Auth, Connection, SecretRef};
use super::error::CliError;
use super::project::Project;
use crate::connect::auth::{Credentials, GrantKind, SigningKey, TokenStore};
use crate::connect::file::{Files, Folder};
use crate::connect::http::Http;
use crate::connect::remote::{CallError, ErrorClass};
use crate::connect::timer::RealTimer;
use crate::connect::{Account, Settings, base_origin, open as open_account};
use crate::diag::suggest::nearest;
use crate::schema::SystemKind;

/// Runs asynchronous work of a command on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Bug(format!("no runtime: {error}")))?;
    runtime.block_on(work)
}

/// The configured connection of this name.
pub fn find(project: &Project, name: &str) -> Result<Connection, CliError> {
    let connections = project.connections();
    connections.get(name).cloned().ok_or_else(|| {
        let near = nearest(name, connections.keys().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a table `[connections.{name}]` to twinmap.toml"),
        };
        CliError::usage(format!("there is no connection `{name}`"), help)
    })
}

/// Opens the account of a connection. Nothing is sent yet.
pub fn open(project: &Project, name: &str) -> Result<Account, CliError> {
    let connection = find(project, name)?;
    let wrong = |message: String| {
        CliError::usage(
            format!("connection `{name}`: {message}"),
            format!("see [connections.{name}] in twinmap.toml"),
        )
    };
    if let Some(key) = misplaced(&connection) {
        return Err(wrong(format!("`{key}` means nothing for this kind of connection")));
    }
    if connection.kind == SystemKind::File {
        let Some(path) = &connection.path else {
            return Err(wrong("`path` is missing: the folder of its files".to_owned()));
        };
        let path = project.root.join(path);
        if !path.is_dir() {
            return Err(wrong(format!("`path`: {} is no folder", path.display())));
        }
        let folder = Folder { path, id: connection.id, modified: connection.modified };
        return Ok(Account::Files(Files::new(name.into(), folder, Rc::new(RealTimer::new()))));
    }
    let origin = base_origin(connection.kind, connection.base_url.as_deref());
    let origin = origin.map_err(|bad| wrong(bad.0))?;
    let credentials = credentials(project, name, &connection)?;
    let http = Http::new(connection.kind, &origin).map_err(|error| CliError::Remote {
        message: format!("connection `{name}`: {error}"),
        help: Some("install the system's trusted certificates (package ca-certificates)".to_owned()),
    })?;
    let settings = Settings { base_url: Some(origin), api_version: connection.api_version, credentials };
    let timer = Rc::new(RealTimer::new());
    open_account(name, connection.kind, settings, Rc::new(http), timer).map_err(|bad| wrong(bad.0))
}

/// A key of another kind of connection.
fn misplaced(connection: &Connection) -> Option<&'static str> {
    let files = [
        ("path", connection.path.is_some()),
        ("id", connection.id.is_some()),
        ("modified", connection.modified.is_some()),
    ];
    let accounts = [
        ("base_url", connection.base_url.is_some()),
        ("api_version", connection.api_version.is_some()),
        ("token", connection.token.is_some()),
        ("auth", connection.auth.is_some()),
    ];
    let is_file = connection.kind == SystemKind::File;
    let mut wrong = files.into_iter().filter(|_| !is_file).chain(accounts.into_iter().filter(|_| is_file));
    wrong.find_map(|(key, given)| given.then_some(key))
}

fn credentials(project: &Project, name: &str, connection: &Connection) -> Result<Credentials, CliError> {
    let nested = connection.auth.as_ref();
    let token = connection.token.as_ref().or_else(|| nested.and_then(|auth| auth.token.as_ref()));
    let read = |reference: &SecretRef| secret(&project.root, name, reference);
    match (token, nested) {
        (Some(reference), _) => Ok(Credentials::Token(read(reference)?)),
        (None, Some(auth)) => grant(project, name, connection, auth),
        (None, None) => Err(CliError::Authentication {
            message: format!("connection `{name}` has no credentials"),
            help: Some(format!("add `token = \"env:NAME\"` under [connections.{name}]")),
        }),
    }
}

/// The way to ask for tokens that the keys under `auth` describe.
fn grant(
    project: &Project,
    name: &str,
    connection: &Connection,
    auth: &Auth,
) -> Result<Credentials, CliError> {
    let fail = |message: String, help: &str| CliError::Authentication {
        message: format!("connection `{name}`: {message}"),
        help: Some(help.to_owned()),
    };
    let read = |reference: &SecretRef| secret(&project.root, name, reference);
    let Some(client_id) = auth.client_id.clone() else {
        return Err(fail(
            "`auth` has neither `token` nor `client_id`".to_owned(),
            "write `auth = { token = \"env:NAME\" }`, or `client_id` with `client_secret`, `private_key` or `refresh_token`",
        ));
    };
    let secret = auth.client_secret.as_ref().map(read).transpose()?;
    let salesforce = connection.kind == SystemKind::Salesforce;
    let kind = match (&auth.refresh_token, &auth.private_key, secret) {
        (Some(refresh), _, client_secret) => {
            GrantKind::Refresh { client_id, client_secret, refresh_token: read(refresh)? }
        }
        (None, Some(key), _) if salesforce => {
            let Some(username) = auth.username.clone() else {
                return Err(fail(
                    "`private_key` needs `username`".to_owned(),
                    "name the integration user who signs in",
                ));
            };
            let key = SigningKey::from_pem(&read(key)?).map_err(|bad| {
                fail(bad.0, "make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`")
            })?;
            GrantKind::Assertion { client_id, username, audience: audience(connection, auth), key }
        }
        (None, None, Some(client_secret)) if salesforce => {
            GrantKind::ClientCredentials { client_id, client_secret }
        }
        _ if salesforce => {
            return Err(fail(
                "`client_id` alone signs nobody in".to_owned(),
                "add `client_secret`, or `username` and `private_key`",
            ));
        }
        _ => {
            return Err(fail(
                "`client_id` needs `client_secret` and `refresh_token`".to_owned(),
                "or use a private app's `token`",
            ));
        }
    };
    let file = project.root.join(".twinmap/tokens").join(format!("{}.{name}.json", project.env));
    Ok(Credentials::Grant { kind, login_url: auth.login_url.clone(), store: Some(TokenStore::new(file)) })
}

/// Whom an assertion is for: Salesforce's login host, the one of sandboxes for a sandbox.
fn audience(connection: &Connection, auth: &Auth) -> String {
    let base = auth.login_url.as_deref().or(connection.base_url.as_deref()).unwrap_or("");
    let sandbox = base.contains(".sandbox.") || base.contains("//test.");
    format!("https://{}.salesforce.com", if sandbox { "test" } else { "login" })
}

/// Reads a secret from where its reference says.
pub fn secret(root: &Path, name: &str, reference: &SecretRef) -> Result<SecretString, CliError> {
    let fail = |message: String, help: String| CliError::Authentication {
        message: format!("connection `{name}`: {message}"),
        help: Some(help),
    };
    let text = match reference.as_str().split_once(':') {
        Some(("env", variable)) => match std::env::var(variable) {
            Ok(value) if !value.trim().is_empty() => value,
            Ok(_) | Err(std::env::VarError::NotPresent) => {
                return Err(fail(
                    format!("the environment variable {variable} is not set"),
                    format!("set it to the credential before the command: `export {variable}=...`"),
                ));
            }
            Err(_) => {
                let help = format!("set {variable} to plain text");
                return Err(fail(format!("the environment variable {variable} is no text"), help));
            }
        },
        Some(("file", path)) => from_file(&root.join(path)).map_err(|(message, help)| fail(message, help))?,
        Some(("cmd", command)) => from_command(root, command).map_err(|message| {
            let help =
                format!("run `{command}` by itself: it has to print the credential alone and end with 0");
            fail(message, help)
        })?,
        _ => {
            return Err(fail(
                "the reference to the secret is not understood".to_owned(),
                "write `env:NAME`, `file:PATH` or `cmd:COMMAND`".to_owned(),
            ));
        }
    };
    Ok(SecretString::from(text.trim().to_owned()))
}

/// A file that only its owner reads; the folders where container runtimes mount secrets set their own modes.
fn from_file(path: &Path) -> Result<String, (String, String)> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        (format!("can't read the secret's file {shown}: {error}"), "check the path and its owner".to_owned())
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        let mounted = path.starts_with("/run/secrets") || path.starts_with("/var/run/secrets");
        if mode & 0o077 != 0 && !mounted {
            return Err((
                format!("others can read the secret's file {shown}"),
                format!("`chmod 600 {shown}`"),
            ));
        }
    }
    match text.trim().is_empty() {
        true => {
            Err((format!("the secret's file {shown} is empty"), "write the credential into it".to_owned()))
        }
        false => Ok(text),
    }
}

fn from_command(root: &Path, command: &str) -> Result<String, String> {
    let shell = if cfg!(windows) { ["cmd", "/C"] } else { ["sh", "-c"] };
    let [program, flag] = shell;
    let output = std::process::Command::new(program)
        .args([flag, command])
        .current_dir(root)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("the command for the secret can't be started: {error}"))?;
    let text = String::from_utf8(output.stdout)
        .map_err(|_| "the command for the secret printed no text".to_owned())?;
    match (output.status.success(), text.trim().is_empty()) {
        (true, false) => Ok(text),
        (true, true) => Err("the command for the secret printed nothing".to_owned()),
        (false, _) => Err(format!("the command for the secret failed ({})", output.status)),
    }
}

/// A failed call as an error of the process, with its exit code.
pub fn failed(kind: SystemKind, error: CallError) -> CliError {
    let message = error.to_string();
    let system = &error.system;
    match error.class {
        ErrorClass::Auth => CliError::Authentication {
            message,
            help: Some(match kind {
                SystemKind::Hubspot => {
                    "check the private app's token, or its OAuth grant, in HubSpot's settings".to_owned()
                }
                _ => "check the external client app and its user in Salesforce's setup, or fetch a new token"
                    .to_owned(),
            }),
        },
        ErrorClass::Permission => CliError::Remote {
            message,
            help: Some(format!("give the integration user or app of `{system}` this right")),
        },
        ErrorClass::Limit => CliError::Exhausted {
            message,
            help: Some(match error.retry_after {
                Some(wait) => format!("try again in {} seconds; nothing is lost", (wait + 999) / 1_000),
                None => "try again after the limit's reset; nothing is lost".to_owned(),
            }),
        },
        ErrorClass::NotApplied => CliError::Remote {
            message,
            help: Some(format!("check the network and the `base_url` of [connections.{system}]")),
        },
        ErrorClass::Rejected => CliError::Remote {
            message,
            help: Some(format!("if fields or objects changed there: `twinmap schema pull {system}`")),
        },
        ErrorClass::Unknown => CliError::Remote {
            message,
            help: Some("run the command again: it goes on from what is certain".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn reference(text: &str) -> SecretRef {
        let config =
            format!("[project]\nname = \"x\"\n[connections.crm]\nkind = \"hubspot\"\ntoken = {text:?}\n");
        let config = crate::cli::config::Config::parse("twinmap.toml", &config).unwrap();
        config.connections_in("default")["crm"].token.clone().unwrap()
    }

    #[test]
    fn secrets_come_from_files_and_commands_without_their_line_breaks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "canary-1\n").unwrap();
        let read = |text: &str| secret(folder.path(), "crm", &reference(text));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = read("file:token").unwrap_err();
            assert!(error.render(false).contains("chmod 600"), "{}", error.render(false));
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        assert_eq!(read("file:token").unwrap().expose_secret(), "canary-1");
        assert_eq!(read("cmd:echo canary-2").unwrap().expose_secret(), "canary-2");
        assert!(!format!("{:?}", read("file:token").unwrap()).contains("canary"));
    }

    #[test]
    fn a_secret_that_is_not_there_is_an_error_of_authentication_with_a_next_step() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("env:TWINMAP_TEST_NO_SUCH_VARIABLE", "TWINMAP_TEST_NO_SUCH_VARIABLE is not set"),
            ("file:nothing-here", "can't read the secret's file"),
            ("cmd:echo canary-3 && exit 3", "the command for the secret failed"),
            ("cmd:true", "printed nothing"),
        ] {
            let error = secret(folder.path(), "crm", &reference(text)).unwrap_err();
            assert_eq!(error.exit() as u8, 4);
            let shown = error.render(false);
            assert!(shown.contains(expected) && shown.contains("= help:"), "{shown}");
        }
    }

    #[test]
    fn failures_of_accounts_have_their_exit_codes() {
        let failed = |class| {
            let error =
                CallError { system: "crm".to_owned(), class, message: "m".to_owned(), retry_after: None };
            super::failed(SystemKind::Salesforce, error).exit() as u8
        };
        assert_eq!(failed(ErrorClass::Auth), 4);
        assert_eq!(failed(ErrorClass::Limit), 8);
        assert_eq!(failed(ErrorClass::Unknown), 1);
    }
}
