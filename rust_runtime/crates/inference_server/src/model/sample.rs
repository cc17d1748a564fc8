//! Runs that a model does before anybody asks it.

use std::time::{Duration, Instant};

use runner_core::{Dim, ModelInfo, NamedTensors, RunError, Runner, Tensor, TensorSpec, f16};
use vision_io::{Contract, Layout};
use vision_model::{GoldenReport, Goldens};

use super::failure::LoadFailure;
use crate::batch;

/// Lengths that are tried for axes of which nothing is known.
const GUESSES: [usize; 7] = [224, 256, 64, 32, 128, 16, 8];
/// The most elements that an input is made up with.
const MOST_ELEMENTS: usize = 1 << 27;

/// Two runs that a model did, of one row each where it has rows.
pub(super) struct Samples {
    pub(super) first: Sample,
    pub(super) second: Sample,
}

/// Inputs, and what came of them after how long.
pub(super) struct Sample {
    pub(super) inputs: NamedTensors,
    pub(super) outputs: NamedTensors,
    pub(super) took: Duration,
}

impl Sample {
    fn run(runner: &dyn Runner, inputs: NamedTensors) -> Result<Self, RunError> {
        let start = Instant::now();
        let outputs = runner.run_named(inputs.clone())?;
        Ok(Self { inputs, outputs, took: start.elapsed() })
    }

    /// The same with the first row only.
    fn of_one_row(self, runner: &dyn Runner) -> Result<Self, RunError> {
        let inputs = one_row(&self.inputs);
        let same = shapes(&inputs).eq(shapes(&self.inputs));
        if same { Ok(self) } else { Self::run(runner, inputs) }
    }
}

impl Samples {
    /// Runs all goldens and compares them with what PyTorch gave.
    ///
    /// # Errors
    /// `check_failed` when they differ, and what the engine says.
    pub(super) fn of_goldens(
        runner: &dyn Runner,
        goldens: &Goldens,
    ) -> Result<(Self, GoldenReport), LoadFailure> {
        let failed = |error: RunError| LoadFailure::of_run("a golden fails", &error);
        let (mut rows, mut kept) = (Vec::new(), Vec::<Sample>::new());
        for case in &goldens.cases {
            let sample = Sample::run(runner, case.inputs.clone()).map_err(failed)?;
            rows.extend(case.compare(&sample.outputs, &goldens.tolerance));
            let alike = |other: &Sample| shapes(&other.inputs).eq(shapes(&sample.inputs));
            if kept.len() < 2 && kept.iter().all(alike) {
                kept.push(sample);
            }
        }
        let report = GoldenReport { tolerance: goldens.tolerance, rows };
        check(&report)?;
        let mut kept = kept.into_iter();
        let first = kept.next().ok_or_else(|| LoadFailure::new("corrupt", "it has no golden"))?;
        let first = first.of_one_row(runner).map_err(failed)?;
        let second = match kept.next() {
            Some(second) => second.of_one_row(runner),
            None => Sample::run(runner, changed(&first.inputs)),
        };
        Ok((Self { first, second: second.map_err(failed)? }, report))
    }

    /// Runs the model on inputs that are made up.
    ///
    /// # Errors
    /// What the engine says to every input that was tried.
    pub(super) fn made_up(runner: &dyn Runner, contract: &Contract) -> Result<Self, LoadFailure> {
        let mut refusal = "no length was found for its axes that it runs on".to_owned();
        for (first, second) in candidates(runner.info(), contract) {
            let first = Sample::run(runner, first);
            match first.and_then(|first| Ok((first, Sample::run(runner, second)?))) {
                Ok((first, second)) => return Ok(Self { first, second }),
                Err(error) => refusal = error.to_string(),
            }
        }
        Err(LoadFailure::new("unsupported", format!("the model does not run: {refusal}")))
    }
}

/// Refuses a model that does not give what PyTorch gave.
pub(super) fn check(report: &GoldenReport) -> Result<(), LoadFailure> {
    let Some(row) = report.rows.iter().find(|row| !row.passed) else { return Ok(()) };
    let message = format!(
        "it does not give what PyTorch gave: {} {}: {}",
        row.case, row.output, row.difference
    );
    Err(LoadFailure::new("check_failed", message).with_detail(report.to_string()))
}

fn shapes(tensors: &NamedTensors) -> impl Iterator<Item = (&str, &[usize])> {
    tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape()))
}

fn candidates(info: &ModelInfo, contract: &Contract) -> Vec<(NamedTensors, NamedTensors)> {
    let resize = contract.preprocess.as_ref().and_then(|input| Some((input.layout, input.resize?)));
    let sides = resize.map(|(layout, to)| (layout, to.width, to.height));
    let made = |guess| {
        let [first, second] = [1, 2].map(|seed| made_up(info, sides, guess, seed));
        Some((first?, second?))
    };
    match made(None) {
        // Nothing had to be guessed.
        Some(known) => vec![known],
        None => GUESSES.into_iter().filter_map(|guess| made(Some(guess))).collect(),
    }
}

/// The first row of a batch; what has no rows stays as it is.
fn one_row(inputs: &NamedTensors) -> NamedTensors {
    let row = |tensor: &Tensor| match batch::rows(tensor) {
        Some(rows) if rows > 1 => batch::part(tensor, 0, 1),
        _ => tensor.clone(),
    };
    let lengths = inputs.iter().map(|(_, tensor)| batch::rows(tensor));
    let same = lengths.clone().all(|rows| rows == lengths.clone().next().flatten());
    let cut = |(name, tensor): &(String, Tensor)| {
        (name.clone(), if same { row(tensor) } else { tensor.clone() })
    };
    inputs.iter().map(cut).collect()
}

/// Other numbers of the same shape.
fn changed(inputs: &NamedTensors) -> NamedTensors {
    let other = |tensor: &Tensor| match tensor {
        Tensor::F32(array) => Tensor::F32(array.mapv(|value| 0.5 - value)),
        Tensor::F16(array) => Tensor::F16(array.mapv(|value| f16::from_f32(0.5 - value.to_f32()))),
        Tensor::F64(array) => Tensor::F64(array.mapv(|value| 0.5 - value)),
        other => other.clone(),
    };
    inputs.iter().map(|(name, tensor)| (name.clone(), other(tensor))).collect()
}

type Sides = Option<(Layout, usize, usize)>;

fn made_up(
    info: &ModelInfo,
    sides: Sides,
    guess: Option<usize>,
    seed: u32,
) -> Option<NamedTensors> {
    let tensor = |spec: &TensorSpec| {
        let shape = lengths(spec, sides, guess)?;
        let elements = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        elements.filter(|elements| *elements <= MOST_ELEMENTS)?;
        Some((spec.name.clone(), vision_model::made_up(spec.dtype, &shape, seed)))
    };
    info.inputs.iter().map(tensor).collect()
}

/// Lengths for the axes of an input: the first is 1 where it may be, those of a picture are the
/// contract's, any other that may change is the guess.
fn lengths(spec: &TensorSpec, sides: Sides, guess: Option<usize>) -> Option<Vec<usize>> {
    let length = |(axis, dim): (usize, &Dim)| match (dim, sides) {
        (Dim::Fixed(length), _) => Some(*length),
        (Dim::Symbol(_), _) if axis == 0 => Some(1),
        (Dim::Symbol(_), Some((Layout::Nchw, _, height))) if axis == 2 => Some(height),
        (Dim::Symbol(_), Some((Layout::Nchw, width, _))) if axis == 3 => Some(width),
        (Dim::Symbol(_), Some((Layout::Nhwc, _, height))) if axis == 1 => Some(height),
        (Dim::Symbol(_), Some((Layout::Nhwc, width, _))) if axis == 2 => Some(width),
        (Dim::Symbol(_), _) => guess,
    };
    spec.dims.iter().enumerate().map(length).collect()
}

#[cfg(test)]
mod tests {
    use vision_model::{GoldenCase, Tolerance};

    use super::*;
    use crate::testing::{Engine, failed, one_to_one, tensor, values};

    fn made_up(engine: &Engine) -> Result<Samples, LoadFailure> {
        Samples::made_up(engine, &Contract::default())
    }

    fn goldens(cases: &[(usize, f32)]) -> Goldens {
        let case = |(index, (rows, value)): (usize, &(usize, f32))| GoldenCase {
            name: format!("case-{index}"),
            inputs: vec![("x".into(), tensor(&[*rows, 2], *value))],
            outputs: vec![("y".into(), tensor(&[*rows, 2], *value))],
        };
        let tolerance = Tolerance { mae: 1e-5, cosine_similarity: 0.999 };
        Goldens { tolerance, cases: cases.iter().enumerate().map(case).collect() }
    }

    #[test]
    fn goldens_are_run_once_each_and_two_are_kept() {
        let engine = Engine::echo(&["n", "2"]);
        let given = goldens(&[(1, 1.0), (2, 2.0), (1, 3.0), (1, 4.0)]);
        let (samples, report) = Samples::of_goldens(&engine, &given).unwrap();
        assert_eq!(report.rows.len(), 4);
        assert_eq!(values(&samples.first.outputs[0].1), [1.0; 2]);
        assert_eq!(values(&samples.second.outputs[0].1), [3.0; 2]);
        assert_eq!(engine.calls().lock().unwrap().len(), 4);
    }

    #[test]
    fn samples_have_one_row_each_even_where_goldens_have_more_or_there_is_only_one() {
        let engine = Engine::echo(&["n", "2"]);
        let (samples, _) = Samples::of_goldens(&engine, &goldens(&[(3, 1.0)])).unwrap();
        for sample in [&samples.first, &samples.second] {
            assert_eq!(sample.outputs[0].1.shape(), [1, 2]);
        }
        assert_ne!(samples.first.inputs, samples.second.inputs);
    }

    #[test]
    fn one_golden_that_differs_is_enough() {
        let engine = Engine::poisoned(&["n", "2"], 4.0, false);
        let error = Samples::of_goldens(&engine, &goldens(&[(1, 1.0), (1, 4.0)])).err().unwrap();
        assert!(error.to_string().contains("poison"), "{error}");
        let mut differs = goldens(&[(1, 1.0), (1, 2.0)]);
        differs.cases[1].outputs = vec![("y".into(), tensor(&[1, 2], 9.0))];
        let failure = Samples::of_goldens(&engine, &differs).err().unwrap();
        assert_eq!(failure.cause, "check_failed");
        assert!(failure.to_string().contains("case-1 y"), "{failure}");
    }

    #[test]
    fn a_fixed_model_is_run_once_on_each_of_two_inputs() {
        let engine = Engine::echo(&["1", "3"]);
        let samples = made_up(&engine).unwrap();
        assert_ne!(samples.first.inputs, samples.second.inputs);
        assert_eq!(samples.first.inputs[0].1, samples.first.outputs[0].1);
        assert_eq!(*engine.calls().lock().unwrap(), [[1, 3], [1, 3]]);
    }

    #[test]
    fn an_axis_of_any_length_is_guessed_until_the_model_runs() {
        let engine = Engine::new(one_to_one(&["n", "w"]), |inputs| {
            if inputs[0].shape()[1] == 64 { Ok(inputs) } else { Err(failed("no 64")) }
        });
        assert_eq!(made_up(&engine).unwrap().first.inputs[0].1.shape(), [1, 64]);
        let never = Engine::new(one_to_one(&["n", "w"]), |_| Err(failed("lamp is out")));
        assert!(made_up(&never).err().unwrap().to_string().contains("lamp is out"));
    }

    #[test]
    fn the_contracts_size_is_taken() {
        let engine = Engine::echo(&["n", "3", "h", "w"]);
        let preprocess = r#"{"resize":{"width":6,"height":4}}"#;
        let contract = Contract {
            preprocess: serde_json::from_str(preprocess).unwrap(),
            ..Contract::default()
        };
        let samples = Samples::made_up(&engine, &contract).unwrap();
        assert_eq!(samples.first.inputs[0].1.shape(), [1, 3, 4, 6]);
    }

    #[test]
    fn rows_are_cut_only_where_all_inputs_have_them() {
        let pair = |rows: usize| {
            vec![("a".to_owned(), tensor(&[3, 2], 0.0)), ("b".to_owned(), tensor(&[rows], 0.0))]
        };
        let lengths = |inputs: &NamedTensors| -> Vec<usize> {
            one_row(inputs).iter().map(|(_, tensor)| tensor.shape()[0]).collect()
        };
        assert_eq!(lengths(&pair(3)), [1, 1]);
        assert_eq!(lengths(&pair(2)), [3, 2]);
    }
}
