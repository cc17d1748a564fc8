//! What is sent to `trtexec`, what is built and what comes back, on the stand-in.
#![cfg(unix)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use runner_core::{
    Backend, Device, LoadError, LoadErrorKind, Precision, RunErrorKind, Runner, RunnerConfig,
    Tensor,
    ndarray::{ArrayD, IxDyn},
};
use runner_tensorrt::{TensorRtAt, Tools};
use runner_testkit::{difference, golden_cases};
use support::{StandIn, onnx};

const GPU: &str = "NVIDIA A10 (UUID: GPU-a)";
const VERSIONS: [&str; 4] = ["8.6.1", "9.3.0", "10.3.0", "11.1.0"];

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models")
}

fn backend(stand_in: &StandIn) -> TensorRtAt {
    let search = stand_in.folder.clone().into_os_string();
    TensorRtAt(Tools { trtexec: None, search, visible: None })
}

fn config(stand_in: &StandIn, file: impl Into<PathBuf>, options: &[(&str, &str)]) -> RunnerConfig {
    let mut config = RunnerConfig { device: Device::Cuda(0), ..RunnerConfig::from_path(file) };
    let cache = stand_in.cache().to_str().unwrap().to_owned();
    config.options.insert("cache_dir".into(), cache);
    for (name, value) in options {
        config.options.insert((*name).into(), (*value).into());
    }
    config
}

fn open(
    stand_in: &StandIn,
    model: &str,
    options: &[(&str, &str)],
) -> Result<Box<dyn Runner>, LoadError> {
    backend(stand_in).load(&config(stand_in, models().join(format!("{model}.onnx")), options))
}

fn gives_the_goldens(runner: &dyn Runner, model: &str) {
    for case in golden_cases(&models().join(format!("{model}.safetensors"))).unwrap() {
        let outputs = runner.run_named(case.inputs).unwrap();
        for ((_, output), (_, expected)) in outputs.iter().zip(&case.outputs) {
            assert!(difference(output, expected).unwrap() < 1e-6);
        }
    }
}

fn builds(stand_in: &StandIn) -> Vec<String> {
    stand_in.calls().into_iter().filter(|call| call.contains("--saveEngine")).collect()
}

fn floats(length: usize, width: usize) -> Tensor {
    ArrayD::<f32>::ones(IxDyn(&[length, 3, width, width])).into()
}

#[test]
fn every_version_gets_its_own_flags() {
    for version in VERSIONS {
        let stand_in = StandIn::new(version, &[GPU]);
        gives_the_goldens(&*open(&stand_in, "residual", &[]).unwrap(), "residual");
        let calls = stand_in.calls().join(" ");
        let sent = |flag: &str| calls.split([' ', '=']).any(|word| word == flag);
        let major = version.split('.').next().unwrap();
        assert_eq!(sent("--stronglyTyped"), major != "8", "{version}: {calls}");
        assert_eq!(sent("--includeDataTransfers"), major == "11", "{version}: {calls}");
        for flag in ["--noTF32", "--skipInference", "--dumpRawBindingsToFile"] {
            assert!(sent(flag), "{version} {flag}: {calls}");
        }
        for flag in ["--explicitBatch", "--buildOnly", "--workspace", "--fp16", "--int8"] {
            assert!(!sent(flag), "{version} {flag}: {calls}");
        }
    }
}

#[test]
fn the_stand_in_refuses_the_flags_of_other_versions() {
    for (version, flag) in [
        ("10.3.0", "--explicitBatch"),
        ("10.3.0", "--buildOnly"),
        ("11.1.0", "--fp16"),
        ("8.6.1", "--stronglyTyped"),
        ("9.3.0", "--includeDataTransfers"),
    ] {
        let stand_in = StandIn::new(version, &[GPU]);
        let output =
            Command::new(stand_in.trtexec()).args(["--onnx=m.onnx", flag]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(&format!("Unknown option: {flag}")));
    }
}

#[test]
fn half_precision_is_asked_for_where_there_is_a_flag_for_it() {
    for version in VERSIONS {
        let stand_in = StandIn::new(version, &[GPU]);
        let mut config = config(&stand_in, models().join("residual.onnx"), &[]);
        config.precision = Precision::Fp16;
        match backend(&stand_in).load(&config) {
            Ok(_) => assert!(builds(&stand_in)[0].contains("--fp16"), "{version}"),
            Err(error) => {
                assert_eq!((version, error.kind()), ("11.1.0", LoadErrorKind::InvalidOption));
            }
        }
    }
}

#[test]
fn a_file_in_half_precision_gets_the_flag_that_8_6_wants_for_it() {
    let stand_in = StandIn::new("8.6.1", &[GPU]);
    open(&stand_in, "dtype_f16", &[]).unwrap();
    assert!(builds(&stand_in)[0].contains("--fp16"));
}

#[test]
fn int8_wants_scales_in_the_model_or_a_calibration_cache() {
    let int8 = |stand_in: &StandIn, file: &Path, options: &[(&str, &str)]| {
        let mut config = config(stand_in, file, options);
        config.precision = Precision::Int8;
        backend(stand_in).load(&config)
    };
    for version in VERSIONS {
        let stand_in = StandIn::new(version, &[GPU]);
        let plain = models().join("residual.onnx");
        let error = int8(&stand_in, &plain, &[]).err().unwrap();
        assert_eq!(error.kind(), LoadErrorKind::InvalidOption);
        assert!(error.to_string().contains("calibration_cache"), "{error}");

        let quantised = stand_in.folder.join("quantised.onnx");
        fs::write(&quantised, onnx::quantised()).unwrap();
        let runner = int8(&stand_in, &quantised, &[]).unwrap();
        let input = ArrayD::from_elem(IxDyn(&[2, 3]), 0.7_f32);
        assert_eq!(runner.run(&input).unwrap(), ArrayD::from_elem(IxDyn(&[2, 3]), 0.5_f32));
        let flag = version != "11.1.0";
        assert_eq!(builds(&stand_in)[0].contains("--int8"), flag, "{version}");

        let cache = stand_in.folder.join("calibration");
        fs::write(&cache, "TRT-8601-EntropyCalibration2\n").unwrap();
        let options = [("calibration_cache", cache.to_str().unwrap())];
        let loaded = int8(&stand_in, &plain, &options);
        assert_eq!(loaded.is_ok(), flag, "{version}");
        match loaded {
            Ok(_) => assert!(builds(&stand_in)[1].contains("--calib=calibration.cache")),
            Err(error) => assert!(error.to_string().contains("QuantizeLinear"), "{error}"),
        }
    }
}

#[test]
fn a_quantised_file_runs_as_it_is_written() {
    let stand_in = StandIn::new("8.6.1", &[GPU]);
    let file = stand_in.folder.join("quantised.onnx");
    fs::write(&file, onnx::quantised()).unwrap();
    backend(&stand_in).load(&config(&stand_in, file, &[])).unwrap();
    assert!(builds(&stand_in)[0].contains("--int8"));
}

#[test]
fn bytes_may_be_cast_and_nothing_else() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    let file = stand_in.folder.join("cast.onnx");
    for (from, to) in [(onnx::U8, onnx::F32), (onnx::F32, onnx::U8)] {
        fs::write(&file, onnx::cast(from, to)).unwrap();
        let runner = backend(&stand_in).load(&config(&stand_in, &file, &[])).unwrap();
        let bytes = vec![0_u8, 10, 34, 44, 93, 255];
        let floats: Vec<f32> = bytes.iter().copied().map(f32::from).collect();
        let bytes = Tensor::from(ArrayD::from_shape_vec(IxDyn(&[2, 3]), bytes).unwrap());
        let floats = Tensor::from(ArrayD::from_shape_vec(IxDyn(&[2, 3]), floats).unwrap());
        let (input, expected) = if from == onnx::U8 { (bytes, floats) } else { (floats, bytes) };
        let outputs = runner.run_named(vec![("x".into(), input)]).unwrap();
        assert_eq!(outputs[0].1, expected);
    }
    let error = open(&stand_in, "dtype_u8", &[]).err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    for dtype in ["f64", "i8"] {
        let before = stand_in.calls().len();
        let error = open(&stand_in, &format!("dtype_{dtype}"), &[]).err().unwrap();
        assert_eq!(error.kind(), LoadErrorKind::Unsupported);
        assert_eq!(stand_in.calls().len(), before, "refused before anything is built");
    }
}

#[test]
fn names_that_trtexec_would_misread_are_refused_before_it_runs() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    let file = stand_in.folder.join("named.onnx");
    for (input, output, good) in
        [("in:0", "a/b \"c\"", true), ("a,b", "y", false), ("it's", "y", false)]
    {
        fs::write(&file, onnx::named(input, output)).unwrap();
        let loaded = backend(&stand_in).load(&config(&stand_in, &file, &[]));
        let Ok(runner) = loaded else {
            assert!(!good && loaded.err().unwrap().kind() == LoadErrorKind::Unsupported);
            continue;
        };
        let values = ArrayD::from_elem(IxDyn(&[2, 3]), f32::NAN);
        assert!(runner.run(&values).unwrap().iter().all(|value| value.is_nan()));
    }
    assert_eq!(builds(&stand_in).len(), 1);
}

#[test]
fn an_engine_is_built_once_for_the_same_model_flags_version_and_gpu() {
    let first = StandIn::new("10.3.0", &[GPU]);
    open(&first, "residual", &[]).unwrap();
    open(&first, "residual", &[("timeout_s", "60")]).unwrap();
    assert_eq!(builds(&first).len(), 1, "the second load finds the engine");

    open(&first, "residual", &[("tf32", "true")]).unwrap();
    assert_eq!(builds(&first).len(), 2, "other flags");
    open(&first, "bare", &[]).unwrap();
    assert_eq!(builds(&first).len(), 3, "another model");

    let shared = first.cache().to_str().unwrap().to_owned();
    let elsewhere = |version, gpu| {
        let stand_in = StandIn::new(version, &[gpu]);
        open(&stand_in, "residual", &[("cache_dir", &shared)]).unwrap();
        builds(&stand_in).len()
    };
    assert_eq!(elsewhere("10.3.0", GPU), 0, "the same from another process");
    assert_eq!(elsewhere("10.4.0", GPU), 1, "another version");
    assert_eq!(elsewhere("10.3.0", "NVIDIA A10 (UUID: GPU-b)"), 1, "another GPU");
}

#[test]
fn weights_in_a_second_file_are_part_of_the_key() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    for file in ["external.onnx", "external.data"] {
        fs::copy(models().join(file), stand_in.folder.join(file)).unwrap();
    }
    let load =
        || backend(&stand_in).load(&config(&stand_in, stand_in.folder.join("external.onnx"), &[]));
    gives_the_goldens(&*load().unwrap(), "external");
    load().unwrap();
    assert_eq!(builds(&stand_in).len(), 1);
    let mut weights = fs::read(stand_in.folder.join("external.data")).unwrap();
    weights[1] ^= 1;
    fs::write(stand_in.folder.join("external.data"), weights).unwrap();
    load().unwrap();
    assert_eq!(builds(&stand_in).len(), 2);
}

#[test]
fn a_damaged_engine_is_built_anew() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    open(&stand_in, "residual", &[]).unwrap();
    let entries = fs::read_dir(stand_in.cache()).unwrap().flatten();
    let folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    fs::write(folders[0].join("model.engine"), "half an engi").unwrap();
    gives_the_goldens(&*open(&stand_in, "residual", &[]).unwrap(), "residual");
    assert_eq!(builds(&stand_in).len(), 2);
}

#[test]
fn an_emptied_cache_is_filled_again() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    let runner = open(&stand_in, "residual", &[]).unwrap();
    fs::remove_dir_all(stand_in.cache()).unwrap();
    gives_the_goldens(&*runner, "residual");
    assert_eq!(builds(&stand_in).len(), 2);
}

#[test]
fn symbolic_axes_get_an_engine_for_each_shape_or_one_for_a_range() {
    let each = StandIn::new("10.3.0", &[GPU]);
    let runner = open(&each, "dynamic", &[]).unwrap();
    assert!(builds(&each).is_empty());
    gives_the_goldens(&*runner, "dynamic");
    gives_the_goldens(&*runner, "dynamic");
    assert_eq!(builds(&each).len(), 2);

    let ranged = StandIn::new("10.3.0", &[GPU]);
    let options =
        [("min_shapes", "x:1x3x4x4"), ("opt_shapes", "x:1x3x8x8"), ("max_shapes", "x:4x3x16x16")];
    let runner = open(&ranged, "dynamic", &options).unwrap();
    gives_the_goldens(&*runner, "dynamic");
    assert_eq!(builds(&ranged).len(), 1);
    let error = runner.run_named(vec![("x".into(), floats(5, 8))]).unwrap_err();
    assert_eq!((error.kind(), error.input()), (RunErrorKind::ShapeMismatch, Some("x")));
    assert!(runner.run_named(vec![("x".into(), floats(4, 16))]).is_ok());

    let error = open(&ranged, "residual", &options).err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::InvalidOption);
}

#[test]
fn a_file_that_changed_since_it_was_checked_is_not_built() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    let file = stand_in.folder.join("model.onnx");
    fs::copy(models().join("dynamic.onnx"), &file).unwrap();
    let runner = backend(&stand_in).load(&config(&stand_in, &file, &[])).unwrap();
    fs::copy(models().join("residual.onnx"), &file).unwrap();
    let error = runner.run_named(vec![("x".into(), floats(1, 8))]).unwrap_err();
    assert!(error.to_string().contains("changed"), "{error}");
    assert!(builds(&stand_in).is_empty());
}

#[test]
fn what_trtexec_says_reaches_the_user() {
    let stand_in = StandIn::new("10.3.0", &[GPU]);
    let hostile = models().join("../hostile/unknown_operator.onnx");
    let error = backend(&stand_in).load(&config(&stand_in, hostile, &[])).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("Frobnicate") && text.contains("Engine set up failed"), "{text}");

    let runner = open(&stand_in, "residual", &[]).unwrap();
    let entries = fs::read_dir(stand_in.cache()).unwrap().flatten();
    let folder = entries.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    fs::write(folder.join("model.engine"), "damaged after the load").unwrap();
    let error = runner.run_named(vec![("x".into(), floats(1, 8))]).unwrap_err();
    assert_eq!(error.kind(), RunErrorKind::EngineFailed);
    assert!(error.to_string().contains("magicTag"), "{error}");

    let liar = StandIn::behaving("10.3.0", &[GPU], "lies");
    let error = open(&liar, "residual", &[]).err().unwrap();
    assert!(error.to_string().contains("wrote no engine"), "{error}");
}

#[test]
fn builds_and_runs_end_in_time() {
    let start = Instant::now();
    let options = [("timeout_s", "0.5")];
    let hanging = StandIn::behaving("10.3.0", &[GPU], "hang");
    let error = open(&hanging, "residual", &options).err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::BackendUnavailable);
    assert!(error.to_string().contains("timeout_s"), "{error}");

    let slow = StandIn::behaving("10.3.0", &[GPU], "hang_on_run");
    open(&slow, "residual", &[]).unwrap();
    let runner = open(&slow, "residual", &options).unwrap();
    let error = runner.run_named(vec![("x".into(), floats(1, 8))]).unwrap_err();
    assert!(error.to_string().contains("timeout_s"), "{error}");
    assert!(start.elapsed() < Duration::from_mins(1));
}

/// Names the stand-in of the process that started this one.
const INSIDE: &str = "OXV_TEST_STAND_IN";

#[test]
fn two_processes_build_one_engine() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        let stand_in = std::mem::ManuallyDrop::new(StandIn { folder: folder.into() });
        gives_the_goldens(&*open(&stand_in, "residual", &[]).unwrap(), "residual");
        return;
    }
    let stand_in = StandIn::behaving("10.3.0", &[GPU], "slow_build");
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "two_processes_build_one_engine"])
            .env(INSIDE, &stand_in.folder)
            .spawn()
            .unwrap()
    };
    let mut children = [start(), start(), start()];
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(builds(&stand_in).len(), 1);
    let left = fs::read_dir(stand_in.cache()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "the engine and its lock: {left:?}");
}
