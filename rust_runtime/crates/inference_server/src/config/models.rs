use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    StartError,
    model::{Description, Format, ModelSettings, Source},
};

const MANIFEST: &str = ".oxv.json";
const FIRST_VERSION: &str = "1";
/// The goals of `auto` whose choice a server takes, the first that was made.
const GOALS: [&str; 2] = ["latency", "throughput"];

/// A model as the settings name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct ModelEntry {
    /// A manifest, or a model's file.
    pub path: PathBuf,
    /// The name that it is served by; that of its manifest or file where it is left out.
    pub name: Option<String>,
    /// Its version, 1 where it is left out.
    pub version: Option<String>,
    /// The engine, or `auto` for the one that the manifest tells was found best.
    pub runner: Option<String>,
    /// How it is run; its keys stand beside the others.
    #[serde(flatten)]
    pub settings: ModelSettings,
}

impl TryFrom<Map<String, Value>> for ModelEntry {
    type Error = String;

    fn try_from(mut members: Map<String, Value>) -> Result<Self, String> {
        let mut text = |key: &str| match members.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // `version: 2` is a number to YAML.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(format!("{key}: expected text, found {other}")),
        };
        let path = text("path")?.ok_or("a model has no path")?.into();
        let (name, version, runner) = (text("name")?, text("version")?, text("runner")?);
        let settings = serde_path_to_error::deserialize(Value::Object(members))
            .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
        Ok(Self { path, name, version, runner, settings })
    }
}

impl ModelEntry {
    /// A model with every setting at its default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let settings = ModelSettings::default();
        Self { path: path.into(), name: None, version: None, runner: None, settings }
    }

    /// Name and version.
    pub(super) fn served_as(&self) -> (String, String) {
        let name = self.name.clone().unwrap_or_else(|| name_of(&self.path));
        (name, self.version.clone().unwrap_or_else(|| FIRST_VERSION.to_owned()))
    }

    /// What is to be loaded. `engine` is the one of models that name none.
    ///
    /// # Errors
    /// [`StartError`] when no engine is named, or `auto` has nothing to go by.
    pub(crate) fn description(&self, engine: Option<&str>) -> Result<Description, StartError> {
        let (name, version) = self.served_as();
        let engine = self.runner.as_deref().or(engine).ok_or_else(|| no_engine(&name))?;
        let mut settings = self.settings.clone();
        let (mut path, mut runner) = (self.path.clone(), engine.to_owned());
        if engine == "auto" {
            let choice = kept_choice(&self.path)?;
            path = choice.path;
            runner = choice.runner;
            settings.threads =
                if settings.threads == 0 { choice.threads } else { settings.threads };
        }
        let source = source_of(path, &runner)?;
        Ok(Description { name, version, source, runner, settings })
    }
}

/// What stands for a model in a folder or on the command line.
pub(crate) fn source_of(path: PathBuf, runner: &str) -> Result<Source, StartError> {
    if path.is_dir() {
        let message = format!("{} is a folder, not a model", path.display());
        return Err(StartError::new("usage", message)
            .with_hint("Name a manifest or a model's file, or have the folder watched (folder)."));
    }
    Ok(if is_manifest(&path) {
        Source::Manifest(path, format_of(runner))
    } else {
        Source::File(path)
    })
}

/// What kind of file an engine reads.
pub(crate) fn format_of(runner: &str) -> Format {
    if runner == "tch" { Format::Torchscript } else { Format::Onnx }
}

fn no_engine(model: &str) -> StartError {
    StartError::new("usage", format!("no engine is named for the model {model:?}")).with_hint(
        "Name one (runner in the settings, --runner on the command line); auto takes what \
         `oxidizedvision choose` found best.",
    )
}

fn is_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(MANIFEST))
}

fn name_of(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    match file.strip_suffix(MANIFEST) {
        Some(name) => name.to_owned(),
        None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// What `auto` found best for a model.
struct Choice {
    path: PathBuf,
    runner: String,
    threads: usize,
}

#[derive(Deserialize)]
struct Kept {
    runner: String,
    #[serde(default)]
    threads: usize,
    #[serde(default)]
    file: String,
}

/// The choice that the model's manifest keeps; measuring is the Python client's.
fn kept_choice(path: &Path) -> Result<Choice, StartError> {
    let manifest = if is_manifest(path) {
        path.to_owned()
    } else {
        path.with_file_name(format!("{}{MANIFEST}", name_of(path)))
    };
    let content = std::fs::read(&manifest).map_err(|error| {
        StartError::of_file(&manifest, &error, "auto reads its choice from the model's manifest.")
    })?;
    let document: Value = serde_json::from_slice(&content).map_err(|error| {
        StartError::new("corrupt", format!("{} is no manifest: {error}", manifest.display()))
    })?;
    let choices = document.get("choices").and_then(Value::as_object);
    let kept = choices.and_then(|choices| {
        let preferred = GOALS.iter().find_map(|goal| choices.get(*goal));
        preferred.or_else(|| choices.values().next())
    });
    let kept = kept.and_then(|kept| Kept::deserialize(kept).ok()).ok_or_else(|| {
        let message = format!("{} keeps no choice of an engine", manifest.display());
        StartError::new("usage", message)
            .with_hint("Run `oxidizedvision choose` on the model first, or name an engine.")
    })?;
    let plain = !kept.file.is_empty() && !kept.file.contains(['/', '\\']);
    let path = if plain { manifest.with_file_name(&kept.file) } else { manifest };
    Ok(Choice { path, runner: kept.runner, threads: kept.threads })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn entry(value: Value) -> Result<ModelEntry, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_model_is_named_after_its_manifest_or_file() {
        let named = |path: &str| ModelEntry::new(path).served_as();
        assert_eq!(named("a/denoiser.oxv.json"), ("denoiser".to_owned(), "1".to_owned()));
        assert_eq!(named("a/net.int8.onnx"), ("net.int8".to_owned(), "1".to_owned()));
        let given = entry(json!({"path": "x.onnx", "name": "n", "version": 2})).unwrap();
        assert_eq!(given.served_as(), ("n".to_owned(), "2".to_owned()));
    }

    #[test]
    fn its_settings_stand_beside_its_name() {
        let read = entry(json!({"path": "x.onnx", "threads": 2, "batch": {"size": 4}})).unwrap();
        assert_eq!((read.settings.threads, read.settings.batch.size), (2, 4));
        assert!(entry(json!({"path": "x.onnx", "thread": 2})).unwrap_err().contains("thread"));
        assert!(entry(json!({"name": "x"})).unwrap_err().contains("path"));
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(entry(written).unwrap(), read);
    }

    #[test]
    fn an_engine_must_be_named() {
        let model = ModelEntry::new("x.onnx");
        assert_eq!(model.description(None).unwrap_err().kind(), "usage");
        assert_eq!(model.description(Some("rten")).unwrap().runner, "rten");
        let own = ModelEntry { runner: Some("tract".to_owned()), ..model };
        assert_eq!(own.description(Some("rten")).unwrap().runner, "tract");
    }

    #[test]
    fn auto_takes_what_the_manifest_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("m.oxv.json");
        let of = |choices: Value| {
            fs::write(&manifest, json!({"choices": choices}).to_string()).unwrap();
            ModelEntry::new(folder.path().join("m.onnx")).description(Some("auto"))
        };
        let chosen = json!({"runner": "tract", "threads": 2, "file": "m.optimized.onnx"});
        let other = json!({"runner": "rten", "threads": 1, "file": "m.onnx"});
        let found = of(json!({"latency": chosen, "throughput": other})).unwrap();
        assert_eq!((found.runner.as_str(), found.settings.threads), ("tract", 2));
        let Source::File(path) = found.source else { panic!("{:?}", found.source) };
        assert_eq!(path, folder.path().join("m.optimized.onnx"));
        assert!(of(json!({})).unwrap_err().hint().contains("choose"));
        let script = json!({"runner": "tch", "threads": 1, "file": ""});
        let found = of(json!({"latency": script})).unwrap();
        assert!(matches!(found.source, Source::Manifest(_, Format::Torchscript)));
    }
}
