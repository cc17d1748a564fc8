//! The options of the openvino engine, and what it does with threads and with weights in a file.
#![cfg(feature = "openvino")]

use std::path::{Path, PathBuf};

use runner_core::{LoadError, LoadErrorKind, Runner, RunnerConfig};
use runner_testkit::{difference, golden_cases};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../testdata/models/{name}.onnx"))
}

fn config(options: &[(&str, &str)]) -> RunnerConfig {
    let mut config = RunnerConfig::from_path(model("dynamic"));
    for &(option, value) in options {
        config.options.insert(option.to_owned(), value.to_owned());
    }
    config
}

fn load(config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
    runners::load("openvino", config)
}

fn gives_the_goldens(runner: &dyn Runner) {
    let cases = golden_cases(&model("dynamic").with_extension("safetensors")).unwrap();
    for case in cases.iter().cycle().take(4) {
        let outputs = runner.run_named(case.inputs.clone()).unwrap();
        assert!(difference(&outputs[0].1, &case.outputs[0].1).unwrap() < 1e-6);
    }
}

#[test]
fn hints_and_streams_change_no_answer() {
    let accepted: &[&[(&str, &str)]] = &[
        &[("performance_hint", "latency")],
        &[("performance_hint", "throughput")],
        &[("num_streams", "1")],
        &[("cpu_pinning", "true")],
        &[("cpu_pinning", "false")],
        &[("num_streams", "1"), ("performance_hint", "throughput")],
    ];
    for options in accepted {
        gives_the_goldens(&*load(&config(options)).unwrap());
    }
}

#[test]
fn streams_share_the_threads_and_more_streams_than_threads_are_refused() {
    let threads = std::thread::available_parallelism().unwrap().get().min(2);
    let mut config = config(&[("num_streams", &threads.to_string())]);
    config.threads = Some(threads);
    let runner = load(&config).unwrap();
    assert_eq!(runner.info().threads, 1);
    gives_the_goldens(&*runner);

    config.threads = Some(1);
    config.options.insert("num_streams".to_owned(), "2".to_owned());
    let error = load(&config).err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::InvalidOption);
    assert!(error.to_string().contains("num_streams cannot be 2"), "{error}");
}

#[test]
fn what_is_no_option_or_no_value_of_one_is_refused() {
    for (option, value) in [
        ("performance_hint", "fastest"),
        ("performance_hint", ""),
        ("num_streams", "0"),
        ("num_streams", "many"),
        ("num_streams", "-1"),
        ("num_streams", "9999999999"),
        ("num_streams", "99999999999999999999"),
        ("cpu_pinning", "yes"),
        ("inference_precision", "bf16"),
    ] {
        let error = load(&config(&[(option, value)])).err().unwrap();
        assert_eq!(error.kind(), LoadErrorKind::InvalidOption, "{option}={value}");
        assert!(error.to_string().contains(option), "{error}");
    }
}

/// More threads than the processor has are a wish that the engine does not grant; it says so.
#[test]
fn the_threads_told_are_those_in_use() {
    let available = std::thread::available_parallelism().unwrap().get();
    for wish in [None, Some(1), Some(available), Some(1000)] {
        let mut config = config(&[]);
        config.threads = wish;
        let told = load(&config).unwrap().info().threads;
        assert!((1..=wish.unwrap_or(available).min(available)).contains(&told), "{wish:?}: {told}");
    }
}

/// A mapped file that another program cuts short would end this process.
#[test]
#[cfg(target_os = "linux")]
fn weights_in_a_file_are_read_and_not_mapped() {
    let _runner = load(&RunnerConfig::from_path(model("external"))).unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.contains("libopenvino"), "the test looks at the right process");
    assert!(!maps.contains("external.data"));
}
