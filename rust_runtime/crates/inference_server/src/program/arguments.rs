use std::{
    num::{NonZero, NonZeroUsize},
    path::{Path, PathBuf},
};

use runner_core::Device;
use serde_json::{Map, Value, json};

use crate::{StartError, model::ModelSettings};

/// The command line of a program that serves what it is told to.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Manifests (.oxv.json) or model files (.onnx, .pt); NAME is what it is served by
    #[arg(value_name = "[NAME=]PATH")]
    models: Vec<PathBuf>,

    /// The engine of every model that names none; auto takes what `oxidizedvision choose` found
    #[arg(long, value_name = "NAME")]
    runner: Option<String>,

    /// A folder whose models are served as they come and go
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,

    /// Where the models run: cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", requires = "models")]
    device: Option<String>,

    /// Threads of one run; measured when this is left out
    #[arg(long, value_name = "N", requires = "models")]
    threads: Option<NonZeroUsize>,

    /// Runs of one model at the same time; measured when this is left out
    #[arg(long, value_name = "N", requires = "models")]
    engines: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(super) common: Common,
}

/// The command line of a program that carries its model.
#[derive(Debug, clap::Args)]
pub(super) struct OfOne {
    /// Where the model runs: cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,

    /// Threads of one run; measured when this is left out, unless they were when it was packaged
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Runs of the model at the same time; measured when this is left out
    #[arg(long, value_name = "N")]
    engines: Option<NonZeroUsize>,

    #[command(flatten)]
    common: Common,
}

impl From<OfOne> for Arguments {
    fn from(OfOne { device, threads, engines, common }: OfOne) -> Self {
        let (models, runner, folder) = (Vec::new(), None, None);
        Self { models, runner, folder, device, threads, engines, common }
    }
}

/// What every server program takes.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Address to listen on; 127.0.0.1 unless told
    #[arg(long)]
    host: Option<String>,

    /// Port; 8000 unless told, 0 takes a free one
    #[arg(long, value_name = "N")]
    port: Option<u16>,

    /// Settings, a YAML file; flags and the environment (`OXIDIZEDVISION_SERVER_…`) win over it
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// A setting by its place in the settings file, as in limits.queue.requests=64; a program
    /// around one model takes those of the model too, as in model.batch.size=8
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Print where the server listens and what it serves as one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Arguments {
    /// How the model of the program is run. `--set model.…` is taken out of `flags`; device,
    /// threads and engines of their own flags win over it, and it over what the program brings.
    ///
    /// # Errors
    /// [`StartError`] of kind `usage` for a setting that no model has.
    pub(super) fn of_carried(
        &self,
        device: Device,
        threads: Option<NonZeroUsize>,
        flags: &mut Value,
    ) -> Result<ModelSettings, StartError> {
        let mut model = json!({ "device": device, "threads": threads.map_or(0, NonZero::get) });
        let set = flags.as_object_mut().and_then(|flags| flags.remove("model"));
        let given = [
            ("device", self.device.as_ref().map(|device| json!(device))),
            ("threads", self.threads.map(|threads| json!(threads))),
            ("engines", self.engines.map(|engines| json!(engines))),
        ];
        let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let usage = |what: String| StartError::new("usage", what);
        let set = match set {
            None => Map::new(),
            Some(Value::Object(set)) => set,
            Some(_) => return Err(usage("--set model: expected model.KEY=VALUE".to_owned())),
        };
        for (key, value) in set.into_iter().chain(given) {
            model[key] = value;
        }
        serde_path_to_error::deserialize(model)
            .map_err(|error| usage(format!("model.{}: {}", error.path(), error.inner())))
    }

    /// The flags as a document of the settings file's keys.
    ///
    /// # Errors
    /// [`StartError`] of kind `usage` for a `--set` without a value.
    pub(super) fn flags(&self) -> Result<Value, StartError> {
        let mut flags = Map::new();
        for text in &self.common.set {
            set(&mut flags, text)?;
        }
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                flags.insert(key.to_owned(), value);
            }
        };
        put("host", self.common.host.as_ref().map(|host| json!(host)));
        put("port", self.common.port.map(|port| json!(port)));
        put("runner", self.runner.as_ref().map(|runner| json!(runner)));
        put("folder", self.folder.as_ref().map(|folder| json!({ "path": folder })));
        let models: Vec<Value> = self.models.iter().map(|path| self.model(path)).collect();
        put("models", (!models.is_empty()).then_some(Value::Array(models)));
        Ok(Value::Object(flags))
    }

    fn model(&self, given: &Path) -> Value {
        let (name, path) = split_name(given);
        let mut model = json!({ "path": path });
        let given = [
            ("name", name.map(|name| json!(name))),
            ("device", self.device.as_ref().map(|device| json!(device))),
            ("threads", self.threads.map(|threads| json!(threads))),
            ("engines", self.engines.map(|engines| json!(engines))),
        ];
        for (key, value) in given {
            if let Some(value) = value {
                model[key] = value;
            }
        }
        model
    }
}

/// NAME and PATH of `NAME=PATH`; what is a path as it stands has no name of its own.
fn split_name(given: &Path) -> (Option<&str>, &Path) {
    let parts = given.to_str().and_then(|text| text.split_once('='));
    let named = parts.filter(|(name, path)| {
        !(name.is_empty() || path.is_empty() || name.contains(['/', '\\']) || given.exists())
    });
    named.map_or((None, given), |(name, path)| (Some(name), Path::new(path)))
}

/// Puts the value of `a.b.c=value` where it belongs.
fn set(flags: &mut Map<String, Value>, text: &str) -> Result<(), StartError> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (path, value) = parts.ok_or_else(|| {
        StartError::new("usage", format!("--set {text}: expected KEY=VALUE"))
            .with_hint("As in --set limits.queue.requests=64.")
    })?;
    let value: Value =
        serde_saphyr::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let mut below = flags;
    let mut keys = path.split('.').peekable();
    while let Some(key) = keys.next() {
        if keys.peek().is_none() {
            below.insert(key.to_owned(), value);
            return Ok(());
        }
        let entry = below.entry(key).or_insert_with(|| json!({}));
        below = entry.as_object_mut().ok_or_else(|| {
            StartError::new("usage", format!("--set {text}: {key} has been set to a value"))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        let command = Arguments::augment_args(Command::new("image_server"));
        let words = std::iter::once("image_server").chain(arguments.iter().copied());
        Arguments::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    fn flags(arguments: &[&str]) -> Result<Value, StartError> {
        parse(arguments).unwrap().flags()
    }

    #[test]
    fn flags_are_keys_of_the_settings_file() {
        let given = ["a.onnx", "b.oxv.json", "--runner", "rten", "--port", "0", "--threads", "2"];
        let expected = json!({
            "port": 0, "runner": "rten",
            "models": [{"path": "a.onnx", "threads": 2}, {"path": "b.oxv.json", "threads": 2}],
        });
        assert_eq!(flags(&given).unwrap(), expected);
        assert_eq!(flags(&[]).unwrap(), json!({}));
    }

    #[test]
    fn a_model_may_be_served_by_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a=b.onnx");
        std::fs::write(&odd, "").unwrap();
        let odd = odd.to_str().unwrap();
        let given = ["live=out/a.onnx", "b.onnx", odd, "x/y=z.onnx", "n=", "=p"];
        let expected = json!([
            {"path": "out/a.onnx", "name": "live"}, {"path": "b.onnx"}, {"path": odd},
            {"path": "x/y=z.onnx"}, {"path": "n="}, {"path": "=p"},
        ]);
        assert_eq!(flags(&given).unwrap()["models"], expected);
    }

    #[test]
    fn any_setting_can_be_set() {
        let set = [
            "--set",
            "limits.queue.requests=64",
            "--set",
            "limits.request.body=1 MiB",
            "--set",
            "pages=false",
        ];
        let expected = json!({"pages": false, "limits": {"queue": {"requests": 64}, "request": {"body": "1 MiB"}}});
        assert_eq!(flags(&set).unwrap(), expected);
        for wrong in
            [["--set", "pages"].as_slice(), &["--set", "=1"], &["--set", "a=1", "--set", "a.b=1"]]
        {
            assert_eq!(flags(wrong).unwrap_err().kind(), "usage", "{wrong:?}");
        }
    }

    fn of_one(arguments: &[&str]) -> Result<ModelSettings, StartError> {
        let command = OfOne::augment_args(Command::new("denoiser"));
        let words = std::iter::once("denoiser").chain(arguments.iter().copied());
        let matches = command.try_get_matches_from(words).unwrap();
        let arguments = Arguments::from(OfOne::from_arg_matches(&matches).unwrap());
        let mut flags = arguments.flags().unwrap();
        let settings = arguments.of_carried(Device::Cpu, NonZeroUsize::new(2), &mut flags);
        assert!(flags.get("model").is_none());
        settings
    }

    #[test]
    fn the_carried_model_is_run_as_it_was_packaged_unless_told_otherwise() {
        let threads = |arguments: &[&str]| of_one(arguments).unwrap().threads;
        assert_eq!(threads(&[]), 2);
        assert_eq!(threads(&["--set", "model.threads=3"]), 3);
        assert_eq!(threads(&["--set", "model.threads=3", "--threads", "4"]), 4);
        let told = ["--device", "cuda:1", "--engines", "5", "--set", "model.batch.size=8"];
        let settings = of_one(&told).unwrap();
        assert_eq!((settings.device, settings.engines), (Device::Cuda(1), 5));
        assert_eq!((settings.threads, settings.batch.size), (2, 8));
        for wrong in ["model.thread=1", "model=1", "model.device=gpu"] {
            let error = of_one(&["--set", wrong]).unwrap_err();
            assert_eq!(error.kind(), "usage", "{wrong}");
            assert!(error.to_string().contains("model"), "{error}");
        }
    }

    #[test]
    fn what_belongs_to_models_wants_models() {
        assert!(parse(&["--threads", "2"]).is_err());
        assert!(parse(&["a.onnx", "--threads", "0"]).is_err());
        assert!(parse(&["--port", "65536"]).is_err());
    }
}
