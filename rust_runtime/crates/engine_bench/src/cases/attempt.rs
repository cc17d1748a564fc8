use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use runner_core::{DType, NamedTensors, RunnerConfig, Tensor, f16};
use runner_testkit::GoldenCase;

use super::{Case, Outcome, Status, case_name, close};
use crate::bare;

const THREADS: usize = 1;

/// Who runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Our runner of the engine.
    Ours,
    /// The engine itself.
    Bare,
}

/// Why a case failed.
struct Failure {
    status: Status,
    kind: Option<String>,
    reason: String,
}

/// Runs the case in this folder; a panic is an outcome like any other.
pub fn attempt(caller: Caller, engine: &str, folder: &Path) -> Outcome {
    let work = || {
        let case = Case::read(folder).map_err(|reason| failure(Status::BadCase, None, reason))?;
        match caller {
            Caller::Ours => ours(engine, &case),
            Caller::Bare => bare(engine, &case),
        }
    };
    let result = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(failure(Status::Panicked, None, panic_text(panic.as_ref()))));
    let case = case_name(folder);
    match result {
        Ok(()) => Outcome { case, status: Status::Pass, kind: None, reason: None },
        Err(Failure { status, kind, reason }) => {
            Outcome { case, status, kind, reason: Some(short(&reason)) }
        }
    }
}

fn failure(status: Status, kind: Option<&str>, reason: String) -> Failure {
    Failure { status, kind: kind.map(str::to_owned), reason }
}

fn short(reason: &str) -> String {
    const LIMIT: usize = 400;
    reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LIMIT).collect()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn ours(engine: &str, case: &Case) -> Result<(), Failure> {
    let mut config = RunnerConfig::from_path(&case.model);
    config.threads = Some(THREADS);
    let runner = runners::load(engine, &config).map_err(|error| {
        failure(Status::LoadError, Some(error.kind().name()), error.to_string())
    })?;
    for set in &case.sets {
        let outputs = runner.run_named(set.inputs.clone()).map_err(|error| {
            failure(Status::RunError, Some(error.kind().name()), error.to_string())
        })?;
        let mismatch = |reason| failure(Status::Mismatch, None, reason);
        same_names(&outputs, &set.outputs).map_err(mismatch)?;
        compare(&outputs, set, case).map_err(mismatch)?;
    }
    Ok(())
}

fn bare(engine: &str, case: &Case) -> Result<(), Failure> {
    const KIND: Option<&str> = Some("engine");
    for set in &case.sets {
        let shapes: BTreeMap<String, Vec<usize>> =
            set.inputs.iter().map(|(name, given)| (name.clone(), given.shape().to_vec())).collect();
        let model = bare::load(engine, &case.model, THREADS, Some(&shapes))
            .map_err(|reason| failure(Status::LoadError, KIND, reason))?;
        let outputs =
            model.run(&set.inputs).map_err(|reason| failure(Status::RunError, KIND, reason))?;
        let outputs = as_declared(outputs, &set.outputs);
        compare(&outputs, set, case).map_err(|reason| failure(Status::Mismatch, None, reason))?;
    }
    Ok(())
}

fn same_names(outputs: &NamedTensors, expected: &NamedTensors) -> Result<(), String> {
    let names =
        |tensors: &NamedTensors| tensors.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let (got, expected) = (names(outputs), names(expected));
    if got == expected { Ok(()) } else { Err(format!("outputs {got:?}, expected {expected:?}")) }
}

/// Compares by position: both sides are in the order of the graph.
fn compare(outputs: &NamedTensors, set: &GoldenCase, case: &Case) -> Result<(), String> {
    if outputs.len() != set.outputs.len() {
        return Err(format!("{} outputs, expected {}", outputs.len(), set.outputs.len()));
    }
    outputs.iter().zip(&set.outputs).try_for_each(|((_, got), (name, expected))| {
        close(got, expected, case.tolerance).map_err(|reason| format!("output {name:?} {reason}"))
    })
}

/// The outputs of an engine that lacks an element type, as that type: the engine is asked for its
/// answer here and not for its types.
fn as_declared(outputs: NamedTensors, expected: &NamedTensors) -> NamedTensors {
    let declared = expected.iter().map(|(_, tensor)| Some(tensor.dtype()));
    let declared = declared.chain(std::iter::repeat(None));
    let converted = |((name, tensor), dtype)| match (tensor, dtype) {
        (Tensor::I32(array), Some(DType::I64)) => (name, array.mapv(i64::from).into()),
        (Tensor::I32(array), Some(DType::Bool)) => (name, array.mapv(|value| value != 0).into()),
        (Tensor::F32(array), Some(DType::F16)) => (name, array.mapv(f16::from_f32).into()),
        (tensor, _) => (name, tensor),
    };
    outputs.into_iter().zip(declared).map(converted).collect()
}
