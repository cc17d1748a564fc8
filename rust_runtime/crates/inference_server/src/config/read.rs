use std::path::Path;

use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::{
    document::{lay_over, rebase, template, unknown_key},
    environment::{self, variable_of},
    place::{Step, line_of, written},
    settings::ServerSettings,
};
use crate::StartError;

/// The largest settings file.
const LONGEST_FILE: u64 = 1 << 20;

impl ServerSettings {
    /// Settings from a file, variables `OXIDIZEDVISION_SERVER_…` and flags, each winning over what
    /// stands before it here. `flags` is a document of the file's keys. Relative paths in the file
    /// start at its folder.
    ///
    /// # Errors
    /// [`StartError`] for a file that cannot be read, unknown keys and values that do not fit.
    pub fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: Value,
    ) -> Result<Self, StartError> {
        let template = template();
        let told = environment::told(environment, &template)?;
        let file = match file.or(told.file.as_deref().map(Path::new)) {
            Some(path) => SettingsFile::read(path, &template)?,
            None => SettingsFile::default(),
        };
        if let Some(unknown) = unknown_key(&flags, &template) {
            let message = format!("there is no setting {}", written(&unknown.place));
            return Err(unknown.hinted(StartError::new("config", message)));
        }
        let sources = Sources { file, environment: told.document, flags };
        let settings = settings_of(sources.together()).map_err(|unfit| sources.blamed(&unfit))?;
        settings.check()?;
        Ok(settings)
    }
}

/// A value that is none of its key.
struct Unfit {
    place: Vec<Step>,
    reason: String,
}

fn settings_of(document: Value) -> Result<ServerSettings, Unfit> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Item(*index)),
            _ => None,
        });
        Unfit { place: steps.collect(), reason: error.into_inner().to_string() }
    })
}

/// Where settings come from, the later winning over the earlier.
struct Sources {
    file: SettingsFile,
    environment: Value,
    flags: Value,
}

impl Sources {
    fn together(&self) -> Value {
        let mut document = self.file.document.clone();
        lay_over(&mut document, self.environment.clone());
        lay_over(&mut document, self.flags.clone());
        document
    }

    /// Tells where a value that does not fit comes from.
    fn blamed(&self, unfit: &Unfit) -> StartError {
        let Unfit { place, reason } = unfit;
        let told_by = |document: &Value| {
            !place.is_empty()
                && place.iter().try_fold(document, |at, step| step.find_in(at)).is_some()
        };
        let message = if told_by(&self.flags) {
            format!("the setting {} of the command line: {reason}", written(place))
        } else if told_by(&self.environment) {
            format!("the variable {}: {reason}", variable_of(place))
        } else {
            let line = line_of(place, &self.file.text);
            let line = line.map_or(String::new(), |line| format!(", line {line}"));
            format!("{}{line}: {}: {reason}", self.file.name, written(place))
        };
        StartError::new("config", message)
            .with_hint("docs/serving.md lists every key with what it takes.")
    }
}

struct SettingsFile {
    name: String,
    text: String,
    document: Value,
}

impl Default for SettingsFile {
    /// Nothing, as where there is no file.
    fn default() -> Self {
        let document = Value::Object(Map::new());
        Self { name: "the settings".to_owned(), text: String::new(), document }
    }
}

impl SettingsFile {
    fn read(path: &Path, template: &Value) -> Result<Self, StartError> {
        let text = text_of(path)?;
        let document = document_of(path, &text, template)?;
        Ok(Self { name: path.display().to_string(), text, document })
    }
}

fn document_of(path: &Path, text: &str, template: &Value) -> Result<Value, StartError> {
    let name = path.display();
    let document: Value = if text.trim().is_empty() {
        Value::Null
    } else {
        serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().map_or(String::new(), |at| format!(", line {}", at.line()));
            let reason = error.without_snippet().to_string();
            let reason = reason.lines().next().unwrap_or_default();
            StartError::new("config", format!("{name}{line}: this is no YAML: {reason}"))
        })?
    };
    let mut document = match document {
        Value::Null => Value::Object(Map::new()),
        Value::Object(_) => document,
        _ => return Err(StartError::new("config", format!("{name}: expected keys with values"))),
    };
    if let Some(unknown) = unknown_key(&document, template) {
        let line =
            line_of(&unknown.place, text).map_or(String::new(), |line| format!(", line {line}"));
        let message = format!("{name}{line}: unknown key {}", written(&unknown.place));
        return Err(unknown.hinted(StartError::new("config", message)));
    }
    rebase(&mut document, path.parent().unwrap_or(Path::new("")));
    Ok(document)
}

fn text_of(path: &Path) -> Result<String, StartError> {
    let hint = "--config names a YAML file.";
    let failed = |error: &std::io::Error| StartError::of_file(path, error, hint);
    let metadata = std::fs::metadata(path).map_err(|error| failed(&error))?;
    if metadata.is_dir() || metadata.len() > LONGEST_FILE {
        let message = format!("{} is no settings file", path.display());
        return Err(StartError::new("usage", message).with_hint(hint));
    }
    std::fs::read_to_string(path).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use serde_json::json;

    use super::*;

    fn read(
        file: &str,
        variables: &[(&str, &str)],
        flags: Value,
    ) -> Result<ServerSettings, StartError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.yml");
        fs::write(&path, file).unwrap();
        let owned = |(name, value): &(&str, &str)| {
            (format!("OXIDIZEDVISION_SERVER_{name}"), (*value).to_owned())
        };
        ServerSettings::read(Some(&path), variables.iter().map(owned), flags)
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = "host: h\nport: 1\nworkers: 5\nlimits: {queue: {requests: 3, deadline: 2 s}}\n";
        let variables = [("PORT", "2"), ("WORKERS", "6")];
        let settings = read(file, &variables, json!({"port": 3})).unwrap();
        assert_eq!((settings.host.as_str(), settings.port, settings.workers), ("h", 3, 6));
        assert_eq!(settings.limits.queue.requests, 3);
        assert_eq!(settings.limits.queue.deadline, Duration::from_secs(2));
        assert!(settings.pages);
    }

    #[test]
    fn nothing_at_all_is_every_default() {
        let none = std::iter::empty();
        let settings = ServerSettings::read(None, none, json!({})).unwrap();
        assert_eq!(settings, ServerSettings::default());
        assert_eq!(read("# nothing\n", &[], json!({})).unwrap(), ServerSettings::default());
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_known_one() {
        let error =
            read("port: 1\nlimits:\n  queue:\n    reqests: 1\n", &[], json!({})).unwrap_err();
        assert_eq!(error.kind(), "config");
        let text = error.to_string();
        assert!(
            text.contains("server.yml, line 4") && text.contains("limits.queue.reqests"),
            "{text}"
        );
        assert_eq!(error.hint(), "Did you mean requests?");
    }

    #[test]
    fn a_wrong_line_inside_models_is_told_with_its_number() {
        let models = |second: &str| format!("port: 1\nmodels:\n  - path: a.onnx\n{second}");
        for (second, told) in [
            ("  - {path: b.onnx, thread: 1}\n", "line 4: unknown key models[1].thread"),
            ("  - path: b.onnx\n    thread: 1\n", "line 5: unknown key models[1].thread"),
            (
                "  - path: b.onnx\n    batch: {sise: 1}\n",
                "line 5: unknown key models[1].batch.sise",
            ),
            ("  - {path: b.onnx, threads: many}\n", "line 4: models[1]: threads: "),
        ] {
            let text = read(&models(second), &[], json!({})).unwrap_err().to_string();
            assert!(text.contains(&format!("server.yml, {told}")), "{second}: {text}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_key() {
        for (file, key) in [
            ("port: many", "port"),
            ("port: 70000", "port"),
            ("limits: {queue: {deadline: soon}}", "limits.queue.deadline"),
            ("limits: {queue: {requests: 0}}", "queue.requests"),
            ("log: {format: xml}", "log.format"),
            ("models: [{name: a}]", "path"),
            ("tls: {certificate: a.pem}", "key"),
            ("control: {token: short}", "token"),
        ] {
            let text = read(file, &[], json!({})).unwrap_err().to_string();
            assert!(text.contains(key), "{file}: {text}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_source() {
        let file = "host: a\nlimits:\n  queue:\n    deadline: soon\n";
        let told = |file, variables, flags| read(file, variables, flags).unwrap_err().to_string();
        let of_file = told(file, &[], json!({}));
        assert!(of_file.contains("server.yml, line 4: limits.queue.deadline: "), "{of_file}");
        let of_variable = told(file, &[("LIMITS__QUEUE__DEADLINE", "later")], json!({}));
        let variable = "OXIDIZEDVISION_SERVER_LIMITS__QUEUE__DEADLINE: \"later\"";
        assert!(of_variable.contains(variable), "{of_variable}");
        let of_flags = told("port: 1", &[], json!({"port": 70_000}));
        assert!(of_flags.starts_with("the setting port of the command line"), "{of_flags}");
    }

    #[test]
    fn what_is_no_yaml_or_repeats_a_key_is_refused() {
        for file in ["port: [1", "- a\n- b\n", "port: 1\nport: 2\n", "just text"] {
            assert_eq!(read(file, &[], json!({})).unwrap_err().kind(), "config", "{file}");
        }
        let missing = ServerSettings::read(
            Some(Path::new("/nowhere/server.yml")),
            std::iter::empty(),
            json!({}),
        );
        assert_eq!(missing.unwrap_err().kind(), "not_found");
    }

    #[test]
    fn two_models_of_one_name_need_two_versions() {
        let models = "models: [{path: a.onnx}, {path: b/a.onnx}]";
        let error = read(models, &[], json!({})).unwrap_err();
        assert!(error.to_string().contains("a version 1"), "{error}");
        assert!(error.hint().contains("NAME=PATH"), "{}", error.hint());
        let models = "models: [{path: a.onnx}, {path: b/a.onnx, version: 2}]";
        assert_eq!(read(models, &[], json!({})).unwrap().models.len(), 2);
    }
}
