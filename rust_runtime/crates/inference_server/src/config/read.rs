use std::path::Path;

use serde_json::{Map, Value};

use super::{
    document::{lay_over, rebase, template, unknown_key},
    environment,
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
        let mut document = match (file, &told.file) {
            (Some(file), _) => read_file(file, &template)?,
            (None, Some(file)) => read_file(Path::new(file), &template)?,
            (None, None) => Value::Object(Map::new()),
        };
        lay_over(&mut document, told.document);
        if let Some(unknown) = unknown_key(&flags, &template) {
            let message = format!("there is no setting {}", unknown.path.join("."));
            return Err(unknown.hinted(StartError::new("config", message)));
        }
        lay_over(&mut document, flags);
        let settings = settings_of(document)?;
        settings.check()?;
        Ok(settings)
    }
}

fn settings_of(document: Value) -> Result<ServerSettings, StartError> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        StartError::new("config", format!("the settings do not fit: {place}{reason}"))
            .with_hint("docs/serving.md lists every key with what it takes.")
    })
}

fn read_file(path: &Path, template: &Value) -> Result<Value, StartError> {
    let text = text_of(path)?;
    let name = path.display();
    let document: Value = if text.trim().is_empty() {
        Value::Null
    } else {
        serde_saphyr::from_str(&text).map_err(|error| {
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
        let line = unknown.line(&text).map_or(String::new(), |line| format!(", line {line}"));
        let message = format!("{name}{line}: unknown key {}", unknown.path.join("."));
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
        let error = read("port: 1\nlimits:\n  queue:\n    reqests: 1\n", &[], json!({})).unwrap_err();
        assert_eq!(error.kind(), "config");
        let text = error.to_string();
        assert!(text.contains("server.yml, line 4") && text.contains("limits.queue.reqests"), "{text}");
        assert_eq!(error.hint(), "Did you mean requests?");
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
    fn what_is_no_yaml_or_repeats_a_key_is_refused() {
        for file in ["port: [1", "- a\n- b\n", "port: 1\nport: 2\n", "just text"] {
            assert_eq!(read(file, &[], json!({})).unwrap_err().kind(), "config", "{file}");
        }
        let missing = ServerSettings::read(
            Some(Path::new("/nowhere/server.yml")), std::iter::empty(), json!({}),
        );
        assert_eq!(missing.unwrap_err().kind(), "not_found");
    }

    #[test]
    fn two_models_of_one_name_need_two_versions() {
        let models = "models: [{path: a.onnx}, {path: b/a.onnx}]";
        let error = read(models, &[], json!({})).unwrap_err();
        assert!(error.to_string().contains("a version 1"), "{error}");
        let models = "models: [{path: a.onnx}, {path: b/a.onnx, version: 2}]";
        assert_eq!(read(models, &[], json!({})).unwrap().models.len(), 2);
    }
}
