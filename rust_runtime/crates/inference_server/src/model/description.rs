use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use runner_core::{Device, Options, Precision};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use crate::{ErrorKind, ServerError, batch::BatchSettings, protocol::documents::is_reserved_name};

const LONGEST_NAME: usize = 128;

/// A version of a model: where it comes from and how it is run.
#[derive(Debug, Clone)]
pub struct Description {
    /// The name that it is served by.
    pub name: String,
    /// Its version; of several the highest number is served to those who name none.
    pub version: String,
    /// Its files.
    pub source: Source,
    /// The engine that runs it.
    pub runner: String,
    /// How.
    pub settings: ModelSettings,
}

/// Where a model comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A model's file. The manifest beside it that lists it is read too, where there is one.
    File(PathBuf),
    /// A manifest, which stands for the newest of its files of a format.
    Manifest(PathBuf, Format),
    /// A model that the program carries.
    Bytes {
        /// Its file's name, for messages.
        file: String,
        /// The whole file.
        model: Arc<[u8]>,
        /// Its golden file, where it is carried too.
        goldens: Option<Arc<[u8]>>,
        /// Its manifest, where it is carried too: the contract of files that hold none of their
        /// own, and what counts as equal to PyTorch.
        manifest: Option<Arc<[u8]>>,
    },
}

/// What kind of file an engine reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The newest ONNX file, the smallest precision first.
    Onnx,
    /// The TorchScript file.
    Torchscript,
}

/// How a model is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Where.
    pub device: Device,
    /// In what precision, for engines that can choose.
    pub precision: Precision,
    /// Whether the engine may optimise the graph.
    pub optimize: bool,
    /// The engine's own options; numbers and truth values are read as text.
    #[serde(deserialize_with = "options")]
    pub options: Options,
    /// Lengths for symbolic axes, by input.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
    /// Engines that run at one time; 0 finds the best number by measuring.
    pub engines: usize,
    /// Threads of one run; 0 finds the best number by measuring.
    pub threads: usize,
    /// How requests share runs.
    pub batch: BatchSettings,
}

fn options<'de, D: Deserializer<'de>>(from: D) -> Result<Options, D::Error> {
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        other => Err(D::Error::custom(format!("{name}: expected text, found {other}"))),
    };
    BTreeMap::<String, Value>::deserialize(from)?.into_iter().map(text).collect()
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            precision: Precision::Fp32,
            optimize: true,
            options: Options::new(),
            input_shapes: BTreeMap::new(),
            engines: 0,
            threads: 0,
            batch: BatchSettings::default(),
        }
    }
}

impl Description {
    /// Whether it can be served by its names, which stand in paths and metrics.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for names of other characters than letters, digits, `.`, `_` and
    /// `-`, and for names that mean something else.
    pub fn check(&self) -> Result<(), ServerError> {
        for (what, name) in [("name of a model", &self.name), ("version", &self.version)] {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let fits = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain);
            if !fits || name.starts_with('.') || is_reserved_name(name) {
                let message = format!(
                    "{name:?} cannot be the {what}: use letters, digits, '.', '_' and '-', at most \
                     {LONGEST_NAME}"
                );
                return Err(ServerError::new(ErrorKind::BadInput, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, version: &str) -> Description {
        Description {
            name: name.into(),
            version: version.into(),
            source: Source::File("m.onnx".into()),
            runner: "rten".into(),
            settings: ModelSettings::default(),
        }
    }

    #[test]
    fn names_that_stand_in_paths_are_plain() {
        assert!(named("mobilenet_v2.int8-1", "12").check().is_ok());
        for (name, version) in [
            ("", "1"),
            ("a/b", "1"),
            ("..", "1"),
            ("a b", "1"),
            ("stats", "1"),
            ("m", ""),
            ("m", "ä"),
        ] {
            assert!(named(name, version).check().is_err(), "{name} {version}");
        }
        assert!(named(&"a".repeat(129), "1").check().is_err());
    }

    #[test]
    fn settings_have_defaults_and_refuse_unknown_keys() {
        let settings: ModelSettings = serde_json::from_str(r#"{"threads":2}"#).unwrap();
        assert_eq!(settings, ModelSettings { threads: 2, ..ModelSettings::default() });
        let nested = r#"{"batch":{"delay":"1 ms"},"device":"cuda:1","precision":"fp16"}"#;
        assert_eq!(serde_json::from_str::<ModelSettings>(nested).unwrap().device, Device::Cuda(1));
        assert!(serde_json::from_str::<ModelSettings>(r#"{"thread":2}"#).is_err());
    }

    #[test]
    fn options_need_no_quotes() {
        let read = |text: &str| serde_json::from_str::<ModelSettings>(text);
        let settings = read(r#"{"options":{"a":"x","b":1,"c":true}}"#).unwrap();
        let pairs = [("a", "x"), ("b", "1"), ("c", "true")];
        assert_eq!(settings.options, pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
        assert!(
            read(r#"{"options":{"a":[1]}}"#).unwrap_err().to_string().contains("expected text")
        );
    }
}
