//! `twinmap.toml`: project, connections, environments, state, guards, lint levels.
//!
//! Unknown keys are errors with a suggestion, a literal secret is an error. Secrets themselves are never read
//! here: only their references (`env:NAME`, `file:PATH`, `cmd:COMMAND`) pass through.

use std::collections::BTreeMap;

use miette::NamedSource;
use serde::Deserialize;

use super::error::{BadConfig, CliError};
use crate::schema::SystemKind;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub project: ProjectTable,
    #[serde(default)]
    pub connections: BTreeMap<String, Connection>,
    #[serde(default)]
    pub state: StateTable,
    #[serde(default)]
    pub guards: Guards,
    /// Code or slug to `allow`, `warn` or `error`.
    #[serde(default)]
    pub lint: BTreeMap<String, LintLevel>,
    /// Other environments: what is given there replaces the value above.
    #[serde(default)]
    pub env: BTreeMap<String, Environment>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectTable {
    pub name: String,
    #[serde(default = "edition")]
    pub edition: String,
    /// The environment used when `--env` is not given.
    #[serde(default = "default_env")]
    pub env: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    pub kind: SystemKind,
    #[serde(default)]
    pub base_url: Option<String>,
    /// The vendor's API version: `2026-09`, `v3`, `68.0`.
    #[serde(default)]
    pub api_version: Option<String>,
    #[serde(default)]
    pub token: Option<SecretRef>,
    #[serde(default)]
    pub auth: Option<Auth>,
    /// The folder of a `file` connection.
    #[serde(default)]
    pub path: Option<String>,
    /// Of a `file` connection: the key or column with the record's id.
    #[serde(default)]
    pub id: Option<String>,
    /// Of a `file` connection: the key or column with the time of the last change.
    #[serde(default)]
    pub modified: Option<String>,
    /// Sales Navigator: LinkedIn's own rules, with fixed mappings and without sandbox orgs.
    #[serde(default)]
    pub parity: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    #[serde(default)]
    pub token: Option<SecretRef>,
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    #[serde(default)]
    pub refresh_token: Option<SecretRef>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub private_key: Option<SecretRef>,
    /// Where tokens are asked for, when it is not `base_url`.
    #[serde(default)]
    pub login_url: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    #[serde(default)]
    pub connections: BTreeMap<String, ConnectionOverlay>,
    #[serde(default)]
    pub state: Option<StateTable>,
    #[serde(default)]
    pub guards: Option<Guards>,
}

/// A connection of an environment: only what differs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionOverlay {
    #[serde(default)]
    pub kind: Option<SystemKind>,
    #[serde(default)]
    pub base_url: Option<String>,
    #[serde(default)]
    pub api_version: Option<String>,
    #[serde(default)]
    pub token: Option<SecretRef>,
    #[serde(default)]
    pub auth: Option<Auth>,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub modified: Option<String>,
    #[serde(default)]
    pub parity: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateTable {
    #[serde(default = "state_url")]
    pub url: String,
}

/// The most that one run may do; a `guard:` clause of a sync wins over it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    #[serde(default)]
    pub creates: Option<GuardLimit>,
    #[serde(default)]
    pub updates: Option<GuardLimit>,
    #[serde(default)]
    pub deletes: Option<GuardLimit>,
    #[serde(default)]
    pub blanks: Option<GuardLimit>,
}

/// `500` records, or `"20%"` of the links.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum GuardLimit {
    Count(u64),
    Percent(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LintLevel {
    Allow,
    Warn,
    Error,
}

/// Where a secret is to be found: `env:NAME`, `file:PATH`, `cmd:COMMAND`. Never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef(String);

impl SecretRef {
    /// A reference as it stands on a command line; `None` for a literal secret.
    pub fn parse(text: &str) -> Option<SecretRef> {
        let known = ["env:", "file:", "cmd:"];
        let is = |scheme: &&str| text.strip_prefix(*scheme).is_some_and(|rest| !rest.is_empty());
        known.iter().any(is).then(|| SecretRef(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const LITERAL: &str = "a secret stands here literally";

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = ["env:", "file:", "cmd:"]
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if known { Ok(SecretRef(text)) } else { Err(serde::de::Error::custom(LITERAL)) }
    }
}

impl Default for StateTable {
    fn default() -> Self {
        StateTable { url: state_url() }
    }
}

fn edition() -> String {
    "2026".to_owned()
}

fn default_env() -> String {
    "default".to_owned()
}

fn state_url() -> String {
    "sqlite:.twinmap/state.db".to_owned()
}

impl Config {
    /// Reads the text of `twinmap.toml`; `name` is how messages call the file.
    pub fn parse(name: &str, text: &str) -> Result<Config, CliError> {
        let config: Config = toml::from_str(text).map_err(|error| explain(name, text, &error))?;
        if config.project.edition != "2026" {
            return Err(bad(BadConfig {
                message: format!("edition {} is not known to this twinmap", config.project.edition),
                span: find(text, &config.project.edition),
                source_code: NamedSource::new(name, text.to_owned()),
                label: "unknown edition".to_owned(),
                help: Some("write `edition = \"2026\"`, or install a newer twinmap".to_owned()),
            }));
        }
        if let Some(code) = config.lint.keys().find(|name| crate::diag::Code::find(name).is_none()) {
            return Err(bad(BadConfig {
                message: format!("`{code}` is no code of a finding"),
                span: find(text, code),
                source_code: NamedSource::new(name, text.to_owned()),
                label: "unknown code".to_owned(),
                help: Some("`twinmap explain` lists every code".to_owned()),
            }));
        }
        Ok(config)
    }

    /// The connections as they are in an environment.
    pub fn connections_in(&self, env: &str) -> BTreeMap<String, Connection> {
        let mut connections = self.connections.clone();
        let Some(environment) = self.env.get(env) else { return connections };
        for (name, overlay) in &environment.connections {
            match connections.get_mut(name) {
                Some(connection) => overlay.lay_over(connection),
                None => {
                    if let Some(kind) = overlay.kind {
                        let mut connection = Connection {
                            kind,
                            base_url: None,
                            api_version: None,
                            token: None,
                            auth: None,
                            path: None,
                            id: None,
                            modified: None,
                            parity: None,
                        };
                        overlay.lay_over(&mut connection);
                        connections.insert(name.clone(), connection);
                    }
                }
            }
        }
        connections
    }

    /// The state's address in an environment. Environments other than the default get a file of their own.
    pub fn state_in(&self, env: &str) -> String {
        match self.env.get(env).and_then(|environment| environment.state.as_ref()) {
            Some(state) => state.url.clone(),
            None if env == self.project.env => self.state.url.clone(),
            None => match self.state.url.strip_suffix(".db") {
                Some(stem) => format!("{stem}.{env}.db"),
                None => format!("{}.{env}", self.state.url),
            },
        }
    }
}

impl ConnectionOverlay {
    fn lay_over(&self, connection: &mut Connection) {
        if let Some(kind) = self.kind {
            connection.kind = kind;
        }
        if self.base_url.is_some() {
            connection.base_url.clone_from(&self.base_url);
        }
        if self.api_version.is_some() {
            connection.api_version.clone_from(&self.api_version);
        }
        // A credential of the environment replaces every form of credential above it.
        if self.token.is_some() || self.auth.is_some() {
            connection.token.clone_from(&self.token);
            connection.auth.clone_from(&self.auth);
        }
        for (mine, below) in [
            (&self.path, &mut connection.path),
            (&self.id, &mut connection.id),
            (&self.modified, &mut connection.modified),
        ] {
            if mine.is_some() {
                below.clone_from(mine);
            }
        }
        connection.parity = self.parity.or(connection.parity);
    }
}

fn find(text: &str, needle: &str) -> Option<miette::SourceSpan> {
    text.find(needle).map(|at| (at, needle.len()).into())
}

/// A TOML error with its place, and for unknown keys the nearest known one. Never quotes a secret.
fn explain(name: &str, text: &str, error: &toml::de::Error) -> CliError {
    let raw = error.message().to_owned();
    let span = error.span();
    let literal = raw.contains(LITERAL);
    let (message, label, help) = if literal {
        (
            format!("a secret is written literally in {name}"),
            "never write a secret here".to_owned(),
            Some("name where it is: `\"env:HUBSPOT_TOKEN\"`, `\"file:/run/secrets/hubspot\"` or `\"cmd:pass show hubspot\"`".to_owned()),
        )
    } else if let Some((unknown, known)) = unknown_key(&raw) {
        let near = crate::diag::suggest::nearest(&unknown, known.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys here: {}", known.join(", ")),
        };
        (format!("unknown key `{unknown}` in {name}"), "not known here".to_owned(), Some(help))
    } else {
        (format!("{name} can't be read: {}", raw.lines().next().unwrap_or("")), String::new(), None)
    };
    // With a literal secret the line itself must not be shown.
    let (shown, span) = match (literal, span) {
        (true, Some(range)) => {
            let masked: String = text
                .char_indices()
                .map(|(at, c)| if range.contains(&at) && c != '\n' { '*' } else { c })
                .collect();
            let length = text.get(range.clone()).map_or(1, |part| part.chars().count());
            (masked, Some((range.start, length).into()))
        }
        (_, range) => (text.to_owned(), range.map(|range| (range.start, range.len().max(1)).into())),
    };
    bad(BadConfig { message, source_code: NamedSource::new(name, shown), span, label, help })
}

fn bad(config: BadConfig) -> CliError {
    CliError::Config(Box::new(config))
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart.
fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((unknown.to_owned(), known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[project]\nname = \"acme\"\n[connections.hubspot]\nkind = \"hubspot\"\ntoken = \"env:T\"\n\
        [env.sandbox.connections.hubspot]\nbase_url = \"http://127.0.0.1:4011\"\n";

    #[test]
    fn environments_lay_over() {
        let config = Config::parse("twinmap.toml", GOOD).unwrap();
        assert_eq!(config.connections_in("default")["hubspot"].base_url, None);
        let sandbox = &config.connections_in("sandbox")["hubspot"];
        assert_eq!(sandbox.base_url.as_deref(), Some("http://127.0.0.1:4011"));
        assert_eq!(sandbox.token.as_ref().unwrap().as_str(), "env:T");
        assert_eq!(config.state_in("sandbox"), "sqlite:.twinmap/state.sandbox.db");
    }

    #[test]
    fn unknown_keys_get_a_suggestion_with_their_place() {
        let text = GOOD.replace("base_url", "base_ulr");
        let shown = Config::parse("twinmap.toml", &text).unwrap_err().render(false);
        assert!(
            shown.contains("unknown key `base_ulr`") && shown.contains("did you mean `base_url`?"),
            "{shown}"
        );
        assert!(shown.contains("twinmap.toml:7:1"), "{shown}");
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_shown() {
        let text = GOOD.replace("env:T", "pat-eu1-0000-secret");
        let error = Config::parse("twinmap.toml", &text).unwrap_err();
        let shown = error.render(false);
        assert!(shown.contains("a secret is written literally"), "{shown}");
        assert!(!shown.contains("secret\"") && !shown.contains("pat-eu1"), "{shown}");
        assert!(!format!("{error:?}").contains("pat-eu1"));
    }
}
