use std::{collections::BTreeMap, num::NonZero};

use ndarray::ArrayD;

use crate::{
    DType, LoadError, ModelInfo, NodeTime, RunError, RunErrorKind, RunnerConfig, Tensor,
    TensorSpec, guard_run,
};

/// Tensors with their names.
pub type NamedTensors = Vec<(String, Tensor)>;

/// A loaded model.
///
/// An engine writes [`Self::from_config`], [`Self::info`] and [`Self::execute`]; callers use
/// [`Self::run_named`] or [`Self::run`], which check names, element types and shapes first, so
/// that `execute` sees only what fits the model. An engine that can tell what its nodes take writes
/// [`Self::profile`] too, for [`Self::profile_named`].
pub trait Runner: Send + Sync {
    /// Loads a model.
    ///
    /// # Errors
    /// [`LoadError`] when the model or the engine is not as asked for.
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError>
    where
        Self: Sized;

    /// What was loaded.
    fn info(&self) -> &ModelInfo;

    /// Runs the engine on inputs that are checked and in the order of [`ModelInfo::inputs`], and
    /// gives the outputs in the order of [`ModelInfo::outputs`]. Not for callers.
    ///
    /// # Errors
    /// [`RunErrorKind::EngineFailed`] with the engine's reason.
    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError>;

    /// As [`Self::profile_named`], on inputs as [`Self::execute`] gets them. Not for callers.
    ///
    /// # Errors
    /// [`RunErrorKind::EngineFailed`] with the engine's reason.
    fn profile(
        &self,
        _inputs: Vec<Tensor>,
        _runs: NonZero<usize>,
    ) -> Result<Option<Vec<NodeTime>>, RunError> {
        Ok(None)
    }

    /// Runs any number of named tensors of any element type.
    ///
    /// # Errors
    /// A kind that names what does not fit; [`RunErrorKind::Panicked`] when the engine panicked.
    fn run_named(&self, inputs: NamedTensors) -> Result<NamedTensors, RunError> {
        let info = self.info();
        let ordered = ordered_inputs(info, inputs)?;
        let outputs = guard_run(&info.model, || self.execute(ordered))?;
        if outputs.len() != info.outputs.len() {
            return Err(RunError::new(
                RunErrorKind::EngineFailed,
                &info.model,
                format!("{} outputs came back, expected {}", outputs.len(), info.outputs.len()),
            ));
        }
        Ok(info.outputs.iter().map(|spec| spec.name.clone()).zip(outputs).collect())
    }

    /// What each node of the engine's own graph took in `runs` runs, in the order in which they
    /// ran; none where the engine cannot tell. One more run goes before and does not count.
    ///
    /// The engine may load the model once more for this, and runs slower while it measures: a
    /// profile tells where time goes, not how long a run takes.
    ///
    /// # Errors
    /// As [`Self::run_named`].
    fn profile_named(
        &self,
        inputs: NamedTensors,
        runs: NonZero<usize>,
    ) -> Result<Option<Vec<NodeTime>>, RunError> {
        let info = self.info();
        let ordered = ordered_inputs(info, inputs)?;
        guard_run(&info.model, || self.profile(ordered, runs))
    }

    /// Runs a model with one f32 input and one f32 output.
    ///
    /// # Errors
    /// As [`Self::run_named`]; [`RunErrorKind::NotSingle`] on any other model.
    fn run(&self, input: &ArrayD<f32>) -> Result<ArrayD<f32>, RunError> {
        let info = self.info();
        let ([input_spec], [_]) = (&info.inputs[..], &info.outputs[..]) else {
            let message = format!(
                "the model has {} inputs and {} outputs; use run_named",
                info.inputs.len(),
                info.outputs.len()
            );
            return Err(RunError::new(RunErrorKind::NotSingle, &info.model, message));
        };
        let named = vec![(input_spec.name.clone(), Tensor::from(input.clone()))];
        let mut outputs = self.run_named(named)?;
        let (name, output) = outputs.remove(0);
        ArrayD::<f32>::try_from(output).map_err(|other| {
            let message =
                format!("output {name:?} is {}, not {}; use run_named", other.dtype(), DType::F32);
            RunError::new(RunErrorKind::DtypeMismatch, &info.model, message)
        })
    }
}

fn ordered_inputs(info: &ModelInfo, inputs: NamedTensors) -> Result<Vec<Tensor>, RunError> {
    let mut given = BTreeMap::new();
    for (name, tensor) in inputs {
        if !info.inputs.iter().any(|spec| spec.name == name) {
            let known: Vec<&str> = info.inputs.iter().map(|spec| spec.name.as_str()).collect();
            let message = format!("no such input; the model has {}", known.join(", "));
            return Err(input_error(RunErrorKind::UnknownInput, info, &name, message));
        }
        if given.insert(name.clone(), tensor).is_some() {
            let message = "was given twice".to_owned();
            return Err(input_error(RunErrorKind::DuplicateInput, info, &name, message));
        }
    }
    let mut symbols = BTreeMap::new();
    info.inputs
        .iter()
        .map(|spec| {
            let tensor = given.remove(&spec.name).ok_or_else(|| {
                let message = format!("is missing: expected {} {}", spec.dtype, spec.dims_text());
                input_error(RunErrorKind::MissingInput, info, &spec.name, message)
            })?;
            check_input(info, spec, &tensor, &mut symbols)?;
            Ok(tensor)
        })
        .collect()
}

fn check_input<'a>(
    info: &'a ModelInfo,
    spec: &'a TensorSpec,
    tensor: &Tensor,
    symbols: &mut BTreeMap<&'a str, usize>,
) -> Result<(), RunError> {
    if tensor.dtype() != spec.dtype {
        let message = format!("expected {}, got {}", spec.dtype, tensor.dtype());
        return Err(input_error(RunErrorKind::DtypeMismatch, info, &spec.name, message));
    }
    match info.misfit(spec, tensor.shape(), symbols) {
        None => Ok(()),
        Some(message) => Err(input_error(RunErrorKind::ShapeMismatch, info, &spec.name, message)),
    }
}

fn input_error(kind: RunErrorKind, info: &ModelInfo, input: &str, message: String) -> RunError {
    RunError::new(kind, &info.model, message).with_input(input)
}

#[cfg(test)]
mod tests {
    use ndarray::IxDyn;

    use super::*;
    use crate::{Device, Dim};

    /// Gives every input back as an output.
    struct Echo(ModelInfo);

    impl Runner for Echo {
        fn from_config(_: &RunnerConfig) -> Result<Self, LoadError> {
            Ok(Self(ModelInfo {
                model: "echo".into(),
                backend: "echo".into(),
                backend_version: "0".into(),
                inputs: vec![spec("a"), spec("b")],
                outputs: vec![spec("a"), spec("b")],
                threads: 1,
                device: Device::Cpu,
                axes: std::collections::BTreeMap::new(),
            }))
        }

        fn info(&self) -> &ModelInfo {
            &self.0
        }

        fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
            assert!(inputs[0].shape()[1] != 13, "thirteen");
            Ok(inputs)
        }
    }

    fn spec(name: &str) -> TensorSpec {
        let dims = vec![Dim::Fixed(2), Dim::Symbol("width".into())];
        TensorSpec { name: name.into(), dtype: DType::F32, dims }
    }

    fn zeros(name: &str, shape: &[usize]) -> (String, Tensor) {
        (name.into(), ArrayD::<f32>::zeros(IxDyn(shape)).into())
    }

    fn kind_of(inputs: NamedTensors) -> RunErrorKind {
        let echo = Echo::from_config(&RunnerConfig::from_bytes("echo", vec![])).unwrap();
        echo.run_named(inputs).unwrap_err().kind()
    }

    #[test]
    fn inputs_may_come_in_any_order() {
        let echo = Echo::from_config(&RunnerConfig::from_bytes("echo", vec![])).unwrap();
        let outputs = echo.run_named(vec![zeros("b", &[2, 4]), zeros("a", &[2, 4])]).unwrap();
        assert_eq!(outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_kind() {
        let a = || zeros("a", &[2, 4]);
        let b = || zeros("b", &[2, 4]);
        let i64s = ("b".to_owned(), Tensor::from(ArrayD::<i64>::zeros(IxDyn(&[2, 4]))));
        let cases = [
            (vec![a()], RunErrorKind::MissingInput),
            (vec![a(), b(), zeros("c", &[2, 4])], RunErrorKind::UnknownInput),
            (vec![a(), b(), a()], RunErrorKind::DuplicateInput),
            (vec![a(), i64s], RunErrorKind::DtypeMismatch),
            (vec![a(), zeros("b", &[3, 4])], RunErrorKind::ShapeMismatch),
            (vec![a(), zeros("b", &[2, 4, 1])], RunErrorKind::ShapeMismatch),
            (vec![a(), zeros("b", &[2, 5])], RunErrorKind::ShapeMismatch),
            (vec![a(), zeros("b", &[2, 0])], RunErrorKind::ShapeMismatch),
        ];
        for (inputs, expected) in cases {
            assert_eq!(kind_of(inputs), expected);
        }
    }

    #[test]
    fn axes_without_a_name_are_different_lengths() {
        let fits = |name: &str| {
            let mut echo = Echo::from_config(&RunnerConfig::from_bytes("echo", vec![])).unwrap();
            for spec in echo.0.inputs.iter_mut().chain(&mut echo.0.outputs) {
                spec.dims = vec![Dim::Symbol(name.into()); 2];
            }
            echo.run_named(vec![zeros("a", &[2, 4]), zeros("b", &[5, 3])]).is_ok()
        };
        assert!(["?", "-1", ""].into_iter().all(fits));
        assert!(!fits("n"));
    }

    #[test]
    fn a_panic_in_the_engine_is_an_error_of_that_run_only() {
        let inputs = |width| vec![zeros("a", &[2, width]), zeros("b", &[2, width])];
        assert_eq!(kind_of(inputs(13)), RunErrorKind::Panicked);
        let echo = Echo::from_config(&RunnerConfig::from_bytes("echo", vec![])).unwrap();
        assert!(echo.run_named(inputs(13)).is_err() && echo.run_named(inputs(3)).is_ok());
    }

    #[test]
    fn an_engine_that_cannot_tell_says_so_and_still_checks_its_inputs() {
        let echo = Echo::from_config(&RunnerConfig::from_bytes("echo", vec![])).unwrap();
        let profile = |inputs| echo.profile_named(inputs, NonZero::<usize>::MIN);
        assert_eq!(profile(vec![zeros("a", &[2, 4]), zeros("b", &[2, 4])]).unwrap(), None);
        let refused = profile(vec![zeros("a", &[2, 4])]).unwrap_err();
        assert_eq!(refused.kind(), RunErrorKind::MissingInput);
    }

    #[test]
    fn run_wants_one_input_and_one_output() {
        let echo = Echo::from_config(&RunnerConfig::from_bytes("echo", vec![])).unwrap();
        let error = echo.run(&ArrayD::zeros(IxDyn(&[2, 4]))).unwrap_err();
        assert_eq!(error.kind(), RunErrorKind::NotSingle);
    }
}
