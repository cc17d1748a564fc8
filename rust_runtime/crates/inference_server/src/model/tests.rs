//! Proves that only what was proved serves, and that what serves is never lost to a newer file.

#![allow(clippy::float_cmp)]

mod lifecycle;
mod proof;
mod watching;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use runner_core::{
    LoadError, LoadErrorKind, ModelSource, Runner, RunnerConfig, Tensor, ndarray::ArrayD,
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use vision_model::hex_sha256;

use super::{Description, ModelSettings, Repository, Source, Surroundings};
use crate::{
    InferRequest, QueueLimits, ServerError,
    clock::Clock,
    metrics::Metrics,
    testing::{Engine, Gate, failed, input, one_to_one, values},
};

/// A folder of models whose files say what their engine does: `times N` multiplies, `gated` gives
/// its input back, but holds up runs on 5, `tires N` does so for N runs, and the file of `changes`
/// changes while it is loaded.
struct Bench {
    folder: tempfile::TempDir,
    repository: Arc<Repository>,
    gates: Arc<Mutex<Vec<Gate>>>,
    loads: Arc<AtomicUsize>,
}

/// A model's file that says what its engine does.
fn onnx(text: &str) -> Vec<u8> {
    crate::testing::onnx(&[("test", text)])
}

fn text_of(config: &RunnerConfig) -> Result<String, LoadError> {
    let bytes = config.bytes()?;
    let text = runner_core::onnx::metadata(&bytes).and_then(|mut all| all.remove("test"));
    text.ok_or_else(|| LoadError::new(LoadErrorKind::Corrupt, &config.source.name(), "no model"))
}

fn times(factor: f32) -> Engine {
    Engine::new(one_to_one(&["n", "2"]), move |inputs| {
        let array = ArrayD::<f32>::try_from(inputs.into_iter().next().unwrap()).unwrap();
        Ok(vec![array.mapv(|value| value * factor).into()])
    })
}

/// Gives its input back for so many runs.
fn tires(after: usize) -> Engine {
    let runs = AtomicUsize::new(0);
    Engine::new(one_to_one(&["n", "2"]), move |inputs| {
        if runs.fetch_add(1, Ordering::SeqCst) < after { Ok(inputs) } else { Err(failed("tired")) }
    })
}

fn engine_of(text: &str, config: &RunnerConfig, gates: &Mutex<Vec<Gate>>) -> Engine {
    match text.split_once(' ') {
        Some(("times", factor)) => times(factor.parse().unwrap()),
        Some(("tires", runs)) => tires(runs.parse().unwrap()),
        Some(("gated", _)) => {
            let held = |inputs: &[Tensor]| values(&inputs[0]).contains(&5.0);
            let (engine, gate) = Engine::gated_when(times(1.0), held);
            gates.lock().unwrap().push(gate);
            engine
        }
        Some(("changes", _)) => {
            let ModelSource::Path(path) = &config.source else { panic!("a model from memory") };
            fs::write(path, onnx("times 1")).unwrap();
            times(1.0)
        }
        _ => panic!("a loader that panics"),
    }
}

impl Bench {
    fn new() -> Self {
        let (gates, loads) = (Arc::<Mutex<Vec<Gate>>>::default(), Arc::<AtomicUsize>::default());
        let (of_loader, counted) = (Arc::clone(&gates), Arc::clone(&loads));
        let loader = move |runner: &str, config: &RunnerConfig| {
            assert_eq!(runner, "test");
            counted.fetch_add(1, Ordering::SeqCst);
            let engine = engine_of(&text_of(config)?, config, &of_loader);
            Ok(Box::new(engine) as Box<dyn Runner>)
        };
        let repository = Repository::new(Surroundings {
            loader: Box::new(loader),
            limits: QueueLimits::default(),
            clock: Clock::start().unwrap(),
            metrics: Arc::new(Metrics::new()),
        });
        let folder = tempfile::tempdir().unwrap();
        Self { folder, repository: Arc::new(repository), gates, loads }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `m.onnx`, what PyTorch would give for `factor`, and the manifest of both.
    fn write(&self, text: &str, factor: f32) {
        write_model(self.folder.path(), "m", text, factor);
    }

    fn describe(&self, name: &str, version: &str) {
        let description = Description {
            name: name.into(),
            version: version.into(),
            source: Source::File(self.path("m.onnx")),
            runner: "test".into(),
            settings: ModelSettings { engines: 1, threads: 1, ..ModelSettings::default() },
        };
        self.repository.describe(description).unwrap();
    }

    /// What the model makes of 1.
    fn ask(&self, name: &str, version: Option<&str>) -> Result<f32, ServerError> {
        let version = self.repository.find(name, version)?;
        let reply = version.infer(InferRequest::new(input(&[1, 2], 1.0)))?.wait()?;
        Ok(values(&reply.outputs[0].1)[0])
    }
}

fn write_model(folder: &Path, name: &str, text: &str, factor: f32) {
    let model = onnx(text);
    let goldens = goldens(factor);
    fs::write(folder.join(format!("{name}.onnx")), &model).unwrap();
    fs::write(folder.join(format!("{name}.golden.safetensors")), &goldens).unwrap();
    write_manifest(folder, name, &manifest(name, &model, &goldens));
}

fn manifest(name: &str, model: &[u8], goldens: &[u8]) -> Value {
    let record = |file: String, bytes: &[u8]| json!({"file": file, "sha256": hex_sha256(bytes)});
    json!({
        "schema_version": 1, "name": name,
        "goldens": record(format!("{name}.golden.safetensors"), goldens),
        "stages": [{"name": "onnx", "output": record(format!("{name}.onnx"), model)}],
    })
}

/// As the client does: written beside its place, then renamed.
fn write_manifest(folder: &Path, name: &str, manifest: &Value) {
    let temporary = folder.join(".manifest.part");
    fs::write(&temporary, manifest.to_string()).unwrap();
    fs::rename(temporary, folder.join(format!("{name}.oxv.json"))).unwrap();
}

fn goldens(factor: f32) -> Vec<u8> {
    let bytes = |values: [f32; 2]| values.map(f32::to_le_bytes).concat();
    let (first, second) = (bytes([1.0, 2.0]), bytes([-3.0, 0.5]));
    let (of_first, of_second) =
        (bytes([factor, 2.0 * factor]), bytes([-3.0 * factor, 0.5 * factor]));
    let view = |data| TensorView::new(Dtype::F32, vec![1, 2], data).unwrap();
    let tensors = [
        ("a/input/x", view(&first[..])),
        ("a/output/y", view(&of_first)),
        ("b/input/x", view(&second)),
        ("b/output/y", view(&of_second)),
    ];
    let metadata = HashMap::from([
        ("schema_version".to_owned(), "1".to_owned()),
        ("tolerance".to_owned(), r#"{"mae":1e-5,"cosine_similarity":0.999}"#.to_owned()),
    ]);
    safetensors::serialize(tensors, Some(metadata)).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}
