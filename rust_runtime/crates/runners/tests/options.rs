//! The options that one engine has and the others have not.
#![cfg(all(feature = "tract", feature = "rten"))]

use std::path::{Path, PathBuf};

use runner_core::{LoadError, LoadErrorKind, Runner, RunnerConfig};
use runner_testkit::{difference, golden_cases};

fn dynamic() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models/dynamic.onnx")
}

fn load(engine: &str, option: &str, value: &str) -> Result<Box<dyn Runner>, LoadError> {
    let mut config = RunnerConfig::from_path(dynamic());
    config.options.insert(option.to_owned(), value.to_owned());
    runners::load(engine, &config)
}

/// Alternates between the golden shapes, so that a cache of one plan never has the right one.
fn gives_the_goldens(runner: &dyn Runner) {
    let cases = golden_cases(&dynamic().with_extension("safetensors")).unwrap();
    for case in cases.iter().cycle().take(6) {
        let outputs = runner.run_named(case.inputs.clone()).unwrap();
        assert!(difference(&outputs[0].1, &case.outputs[0].1).unwrap() < 1e-6);
    }
}

#[test]
fn tract_keeps_as_many_plans_as_it_is_told() {
    for plans in ["0", "1", "2", "9"] {
        gives_the_goldens(&*load("tract", "plan_cache", plans).unwrap());
    }
}

#[test]
fn rten_may_prepack_its_weights() {
    for prepack in ["true", "false"] {
        gives_the_goldens(&*load("rten", "prepack_weights", prepack).unwrap());
    }
}

#[test]
fn rten_may_map_its_files() {
    for mapped in ["true", "false"] {
        gives_the_goldens(&*load("rten", "mmap", mapped).unwrap());
    }
}

#[test]
#[cfg(feature = "ort")]
fn ort_takes_every_value_of_its_options() {
    for (option, values) in [
        ("graph_optimization", &["disable", "basic", "extended", "all"][..]),
        ("memory_pattern", &["true", "false"]),
        ("spinning", &["true", "false"]),
        ("mmap", &["true", "false"]),
        ("sessions", &["0", "1", "6"]),
    ] {
        for value in values {
            gives_the_goldens(&*load("ort", option, value).unwrap());
        }
    }
}

#[test]
#[cfg(feature = "ort")]
fn ort_refuses_what_it_has_not() {
    for (option, value) in [
        ("graph_optimization", "most"),
        ("graph_optimization", "1"),
        ("memory_pattern", "yes"),
        ("spinning", "perhaps"),
        ("sessions", "some"),
        ("flush_denormals", "true"),
        ("plan_cache", "4"),
    ] {
        let error = load("ort", option, value).err().unwrap();
        assert_eq!(error.kind(), LoadErrorKind::InvalidOption, "{option}={value}");
        assert!(error.to_string().contains(option), "{error}");
    }
}

#[test]
fn an_option_is_refused_by_the_other_engine_and_with_a_value_of_another_type() {
    for (engine, option, value) in [
        ("rten", "plan_cache", "4"),
        ("tract", "prepack_weights", "true"),
        ("tract", "mmap", "true"),
        ("rten", "mmap", "yes"),
        ("tract", "plan_cache", "many"),
        ("rten", "prepack_weights", "perhaps"),
    ] {
        let error = load(engine, option, value).err().unwrap();
        assert_eq!(error.kind(), LoadErrorKind::InvalidOption, "{engine} {option}={value}");
    }
}
