use std::{num::NonZero, path::PathBuf, thread, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};

use super::models::ModelEntry;
use crate::{Limits, StartError, model::ModelSettings, units};

/// Workers read, write and parse; more of them than this are of no use before the engines are busy.
const MOST_WORKERS: usize = 4;
/// The shortest token of the control side.
const SHORTEST_TOKEN: usize = 16;

/// All settings of a server. What is left out has its default; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The address, or the name of one, to listen on.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Threads that read requests and write answers; 0: as many as processors, at most 4.
    pub workers: usize,
    /// What is served.
    pub models: Vec<ModelEntry>,
    /// The engine of every model that names none, and of those in the folder.
    pub runner: Option<String>,
    /// A folder whose models are served as they come and go; its path alone will do.
    #[serde(deserialize_with = "folder")]
    pub folder: Option<FolderSettings>,
    /// Every bound.
    pub limits: Limits,
    /// Who may load and unload models.
    pub control: ControlSettings,
    /// Certificate and key; without them connections are not encrypted.
    pub tls: Option<TlsSettings>,
    /// What is written on standard error.
    pub log: LogSettings,
    /// Whether the status page and the documentation are served.
    pub pages: bool,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8000,
            workers: 0,
            models: Vec::new(),
            runner: None,
            folder: None,
            limits: Limits::default(),
            control: ControlSettings::default(),
            tls: None,
            log: LogSettings::default(),
            pages: true,
        }
    }
}

/// A folder of models that is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    /// The folder: `NAME.oxv.json` for a model, `NAME/VERSION/*.oxv.json` for one of its versions.
    pub path: PathBuf,
    /// How often it is looked at.
    #[serde(default = "every_second", with = "units::time")]
    pub every: Duration,
    /// The engine of its models, where that is not the server's `runner`.
    #[serde(default)]
    pub runner: Option<String>,
    /// How its models are run.
    #[serde(default)]
    pub settings: ModelSettings,
}

fn every_second() -> Duration {
    Duration::from_secs(1)
}

fn folder<'de, D: Deserializer<'de>>(from: D) -> Result<Option<FolderSettings>, D::Error> {
    let document = match Value::deserialize(from)? {
        Value::Null => return Ok(None),
        Value::String(path) => json!({ "path": path }),
        document => document,
    };
    serde_json::from_value(document).map(Some).map_err(de::Error::custom)
}

/// Who may load and unload models: nobody, unless one of these is set.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlSettings {
    /// Whether programs on this machine may, without a token.
    pub loopback: bool,
    /// The token that everybody must send, as `Authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
}

impl std::fmt::Debug for ControlSettings {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlSettings")
            .field("loopback", &self.loopback)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("token_file", &self.token_file)
            .finish()
    }
}

/// The files that connections are encrypted with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// A PEM file: the server's certificate, then those that sign it.
    pub certificate: PathBuf,
    /// A PEM file: the private key.
    pub key: PathBuf,
}

/// What is written on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important lines that are written.
    pub level: LogLevel,
    /// Whether every request has its line; those that fail by the server's fault always have.
    pub requests: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info, requests: true }
    }
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl ServerSettings {
    /// Whether a server can start with these, as far as that shows without looking at files.
    ///
    /// # Errors
    /// [`StartError`] of kind `config`.
    pub fn check(&self) -> Result<(), StartError> {
        let refused = |message: String| StartError::new("config", message);
        self.limits.check().map_err(|reason| refused(format!("limits.{reason}")))?;
        let control = &self.control;
        if control.token.is_some() && control.token_file.is_some() {
            return Err(refused("control has both token and token_file".to_owned())
                .with_hint("Leave one of them out."));
        }
        if control.token.as_ref().is_some_and(|token| token.len() < SHORTEST_TOKEN) {
            return Err(short_token());
        }
        if let Some(twice) = self.served_twice() {
            return Err(refused(format!("two models are to be served as {twice}")).with_hint(
                "Serve one of them by another name: NAME=PATH on the command line, or `name` \
                     in the settings file, which takes `version` too.",
            ));
        }
        Ok(())
    }

    /// The token of the control side, where there is one.
    ///
    /// # Errors
    /// [`StartError`] when its file cannot be read or is too short.
    pub(crate) fn token(&self) -> Result<Option<String>, StartError> {
        let Some(path) = &self.control.token_file else { return Ok(self.control.token.clone()) };
        let content = std::fs::read_to_string(path).map_err(|error| {
            StartError::of_file(path, &error, "control.token_file is a text file with the token.")
        })?;
        let token = content.trim().to_owned();
        if token.len() < SHORTEST_TOKEN { Err(short_token()) } else { Ok(Some(token)) }
    }

    /// Threads that read requests and write answers.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => processors().min(MOST_WORKERS),
            given => given,
        }
    }

    fn served_twice(&self) -> Option<String> {
        let names: Vec<_> = self.models.iter().map(ModelEntry::served_as).collect();
        let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
        twice.map(|(_, (name, version))| format!("{name} version {version}"))
    }
}

fn short_token() -> StartError {
    let message = format!("the token of the control side is shorter than {SHORTEST_TOKEN} letters");
    StartError::new("config", message)
        .with_hint("Take a random one, for example from `openssl rand -hex 16`.")
}

/// Processors that this process may use.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
