//! Proves the core on a real engine: a model that was converted from PyTorch is held against what
//! PyTorch gave, served from several threads at once, and answers in batches as it does alone.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use inference_server::{
    InferRequest, QueueLimits,
    batch::BatchSettings,
    clock::Clock,
    metrics::Metrics,
    model::{Description, ModelSettings, Repository, Source, Surroundings, Version},
};
use runner_core::{
    Backend, NamedTensors, Tensor,
    ndarray::{ArrayD, IxDyn},
};
use runner_rten::RtenBackend;
use safetensors::SafeTensors;
use serde_json::json;
use vision_model::{Difference, hex_sha256};

/// A folder with a model of any batch, height and width, its goldens and its manifest.
struct Served {
    folder: tempfile::TempDir,
    repository: Repository,
}

impl Served {
    fn new(settings: ModelSettings) -> Self {
        let repository = Repository::new(Surroundings {
            loader: Box::new(|_, config| RtenBackend.load(config)),
            limits: QueueLimits::default(),
            clock: Clock::start().unwrap(),
            metrics: Arc::new(Metrics::new()),
        });
        let folder = tempfile::tempdir().unwrap();
        write_model(folder.path());
        let source = Source::File(folder.path().join("m.onnx"));
        let (name, version, runner) = ("m".into(), "1".into(), "rten".into());
        repository.describe(Description { name, version, source, runner, settings }).unwrap();
        if let Err(error) = repository.load("m", None) {
            panic!("{error} {:?}", error.detail());
        }
        Self { folder, repository }
    }

    fn version(&self) -> Arc<Version> {
        self.repository.find("m", None).unwrap()
    }
}

/// The goldens are PyTorch's own outputs, with the tolerance that `convert` writes by default.
fn write_model(folder: &Path) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models");
    let model = fs::read(models.join("dynamic.onnx")).unwrap();
    let recorded = fs::read(models.join("dynamic.safetensors")).unwrap();
    let tolerance = json!({"mae": 1e-5, "cosine_similarity": 0.999}).to_string();
    let metadata = HashMap::from([
        ("schema_version".to_owned(), "1".to_owned()),
        ("tolerance".to_owned(), tolerance),
    ]);
    let tensors = SafeTensors::deserialize(&recorded).unwrap();
    let goldens = safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap();
    let record = |file: &str, bytes: &[u8]| json!({"file": file, "sha256": hex_sha256(bytes)});
    let manifest = json!({
        "schema_version": 1, "name": "m", "goldens": record("m.golden.safetensors", &goldens),
        "stages": [{"name": "onnx", "output": record("m.onnx", &model)}],
    });
    fs::write(folder.join("m.onnx"), model).unwrap();
    fs::write(folder.join("m.golden.safetensors"), goldens).unwrap();
    fs::write(folder.join("m.oxv.json"), manifest.to_string()).unwrap();
}

/// Always as many as wait, up to 8, on one thread.
fn eight() -> ModelSettings {
    let batch = BatchSettings { size: 8, ..BatchSettings::default() };
    ModelSettings { engines: 1, threads: 1, batch, ..ModelSettings::default() }
}

fn request(version: &Version, seed: usize) -> InferRequest {
    let array = ArrayD::from_shape_fn(IxDyn(&[1, 3, 48, 40]), |index| {
        let place = index[1] * 31 + index[2] * 7 + index[3] * 3;
        ((place + seed * 13) % 97) as f32 / 97.0
    });
    let inputs: NamedTensors = vec![(version.info().inputs[0].name.clone(), Tensor::from(array))];
    InferRequest::new(inputs)
}

#[test]
fn a_batch_answers_as_each_request_alone_within_the_goldens_tolerance() {
    let served = Served::new(eight());
    let version = served.version();
    let report = version.goldens().unwrap();
    assert!(report.passed() && report.rows.len() == 2, "{report}");
    assert_eq!(version.batching(), Ok(8));
    let ask = |seed| version.infer(request(&version, seed)).unwrap();
    let alone: Vec<Tensor> =
        (0..32).map(|seed| ask(seed).wait().unwrap().outputs.remove(0).1).collect();
    let together: Vec<_> = (0..32).map(ask).collect();
    let mut largest = 0;
    for (alone, pending) in alone.iter().zip(together) {
        let reply = pending.wait().unwrap();
        largest = largest.max(reply.timing.batch_size);
        let difference = Difference::of(&reply.outputs[0].1, alone);
        assert!(difference.is_within(&report.tolerance), "{difference}");
    }
    assert!(largest > 1, "one engine cannot keep up with 32 requests at once");
}

#[test]
fn engines_and_threads_are_found_by_measuring_and_told() {
    let served = Served::new(ModelSettings::default());
    let version = served.version();
    let (engines, threads, measured) = version.engines();
    let processors = thread::available_parallelism().unwrap().get();
    assert!(engines * threads <= processors, "{engines} x {threads}");
    assert_eq!(measured, processors > 1);
    let tuning = version.statistics().tuning.unwrap();
    assert_eq!((tuning.engines, tuning.threads), (engines as u64, threads as u64));
    assert_eq!(tuning.batching, "on");
    thread::scope(|scope| {
        for seed in 0..8 {
            let version = &version;
            scope.spawn(move || {
                for turn in 0..10 {
                    version.infer(request(version, seed + turn)).unwrap().wait().unwrap();
                }
            });
        }
    });
    assert_eq!(version.statistics().inference_count, 80);
    drop(version);
    assert!(served.repository.close(Instant::now() + Duration::from_mins(1)));
}

#[test]
fn a_model_that_was_changed_since_takes_no_place() {
    let served = Served::new(eight());
    let serving = served.version();
    let path = served.folder.path().join("m.onnx");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"\x72\x00");
    fs::write(&path, bytes).unwrap();
    let error = served.repository.load("m", None).unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
    assert!(Arc::ptr_eq(&serving, &served.version()));
}
