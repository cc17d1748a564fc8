use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use runner_core::{
    Runner, Tensor,
    ndarray::{ArrayD, IxDyn},
};

use super::*;
use crate::library;

/// Runs take turns between sessions of which there may be so many, as on a GPU; and how many were
/// made after the first.
fn in_turn(runner: OrtRunner, most: usize) -> (OrtRunner, Arc<AtomicUsize>) {
    let source = Source {
        engine: library::engine().unwrap(),
        device: Device::Cpu,
        settings: Settings::read(&runner.config).unwrap(),
        fixed: vec![],
        folder: None,
        bytes: runner.config.content(false).unwrap(),
    };
    let names = |specs: &[TensorSpec]| {
        specs.iter().map(|spec| CString::new(spec.name.as_str()).unwrap()).collect()
    };
    let (inputs, outputs) = (names(&runner.info.inputs), names(&runner.info.outputs));
    let session = source.session(None).unwrap();
    let session = session::Session::new(session, inputs, outputs, true);
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let another = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        source.session(None)
    };
    let session = session.growing(More { most, make: Box::new(another) });
    (OrtRunner { session, ..runner }, made)
}

fn dynamic() -> RunnerConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/models");
    RunnerConfig::from_path(folder.join("dynamic.onnx"))
}

/// Inputs of as many rows.
fn rows(info: &ModelInfo, rows: usize) -> Vec<Tensor> {
    let value = |index: usize| (index as f32 * 0.7).sin();
    let input = |spec: &TensorSpec| {
        let lengths = spec.dims.iter().enumerate().map(|(axis, dim)| match (axis, dim) {
            (0, _) => rows,
            (_, Dim::Fixed(length)) => *length,
            _ => 8,
        });
        let shape: Vec<usize> = lengths.collect();
        let values = (0..shape.iter().product()).map(value).collect();
        ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap().into()
    };
    info.inputs.iter().map(input).collect()
}

#[test]
fn sessions_that_take_turns_give_the_answers_of_one() {
    let alone = OrtRunner::from_config(&dynamic()).unwrap();
    for (most, expected) in [(1, 0), (2, 1), (6, 2)] {
        let (runner, made) = in_turn(OrtRunner::from_config(&dynamic()).unwrap(), most);
        for length in [1, 4, 2, 1, 2, 4, 4, 1] {
            let given = rows(&alone.info, length);
            assert_eq!(
                runner.execute(given.clone()).unwrap(),
                alone.execute(given).unwrap(),
                "{length} of at most {most}"
            );
        }
        assert_eq!(made.load(Ordering::Relaxed), expected);
    }
}

#[test]
fn threads_that_take_turns_get_their_own_answers() {
    let (runner, _) = in_turn(OrtRunner::from_config(&dynamic()).unwrap(), 2);
    std::thread::scope(|scope| {
        for length in 1..=4 {
            let runner = &runner;
            scope.spawn(move || {
                let given = rows(&runner.info, length);
                let expected = runner.execute(given.clone()).unwrap();
                for _ in 0..20 {
                    assert_eq!(runner.execute(given.clone()).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn a_file_that_changes_meanwhile_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dynamic.onnx");
    fs::write(&file, &*dynamic().content(false).unwrap()).unwrap();
    let config = RunnerConfig::from_path(&file);
    let (runner, made) = in_turn(OrtRunner::from_config(&config).unwrap(), 6);
    fs::write(&file, "another").unwrap();
    for length in [1, 2] {
        assert!(runner.execute(rows(&runner.info, length)).is_ok());
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn only_free_axes_on_a_gpu_want_further_sessions() {
    let mut info = OrtRunner::from_config(&dynamic()).unwrap().info;
    assert!(!wants_more(&info));
    info.device = Device::Cuda(0);
    assert!(wants_more(&info));
    for spec in &mut info.inputs {
        spec.dims.fill(Dim::Fixed(8));
    }
    assert!(!wants_more(&info));
}
