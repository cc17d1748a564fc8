//! A model in an engine, called bare or through the contract, on one and the same input.

use std::path::{Path, PathBuf};

use runner_core::{
    DType, Dim, ModelInfo, Runner, RunnerConfig, Tensor,
    ndarray::{ArrayD, IxDyn},
};

use super::{
    calls::Side,
    clock::{Times, time_each},
};
use crate::bare::{self, BareEngine};

/// Threads of every run: with one, a call's cost does not hide behind waiting.
pub const THREADS: usize = 1;

const LARGEST_DIFFERENCE: f64 = 1e-6;

/// How the engine is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// By its own interface.
    Bare,
    /// By `Runner::run` of Rust.
    Ours,
    /// By `Runner.run` of Python, which another process does.
    Python,
}

impl Layer {
    /// Every layer, the lowest first.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Ours, Self::Python];

    /// The layer's name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Ours => "rust",
            Self::Python => "python",
        }
    }
}

enum Call {
    Bare { engine: Box<dyn BareEngine>, inputs: Vec<(String, Tensor)> },
    Ours { runner: Box<dyn Runner>, input: ArrayD<f32> },
}

/// A model's file and what it is run on.
#[derive(Debug, Clone)]
pub struct Specimen {
    /// The file.
    pub path: PathBuf,
    /// The engine and its version, as the contract tells.
    pub engine_version: String,
    name: String,
    input_name: String,
    input: ArrayD<f32>,
}

impl Specimen {
    /// Reads from the loaded model what its one input is, and makes it up by [`made_up`].
    ///
    /// # Errors
    /// The engine's reason; a model with symbolic axes, or with more than one input or output.
    pub fn new(engine: &str, path: &Path) -> Result<Self, String> {
        let runner = load_runner(engine, path)?;
        let info = runner.info();
        let (input_name, dims) =
            single_input(info).map_err(|reason| format!("{}: {reason}", info.model))?;
        Ok(Self {
            path: path.to_owned(),
            engine_version: info.backend_version.clone(),
            name: info.model.clone(),
            input_name,
            input: made_up(&dims),
        })
    }
}

/// A loaded model and its input.
pub struct Subject {
    name: String,
    call: Call,
}

impl Subject {
    /// Loads a model.
    ///
    /// # Errors
    /// The engine's reason.
    pub fn load(engine: &str, layer: Layer, specimen: &Specimen) -> Result<Self, String> {
        let Specimen { path, name, input_name, input, .. } = specimen;
        let call = match layer {
            Layer::Bare => Call::Bare {
                engine: bare::load(engine, path, THREADS, None)
                    .map_err(|reason| format!("{name} in bare {engine}: {reason}"))?,
                inputs: vec![(input_name.clone(), Tensor::from(input.clone()))],
            },
            Layer::Python => return Err("Python runs in a worker of its own".to_owned()),
            Layer::Ours => Call::Ours { runner: load_runner(engine, path)?, input: input.clone() },
        };
        Ok(Self { name: name.clone(), call })
    }

    /// Runs once.
    ///
    /// # Errors
    /// The engine's reason, or an output that is not f32.
    pub fn run(&self) -> Result<ArrayD<f32>, String> {
        match &self.call {
            Call::Ours { runner, input } => runner.run(input).map_err(|error| error.to_string()),
            Call::Bare { engine, inputs } => {
                let failed = |reason: String| format!("{}: {reason}", self.name);
                let mut outputs = engine.run(inputs).map_err(failed)?;
                let output = outputs.pop().map(|(_, tensor)| ArrayD::<f32>::try_from(tensor));
                match output {
                    Some(Ok(array)) if outputs.is_empty() => Ok(array),
                    _ => Err(failed("the bare engine gave other outputs than one f32".to_owned())),
                }
            }
        }
    }

    /// The output's values, row-major.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn values(&self) -> Result<Vec<f32>, String> {
        Ok(self.run()?.iter().copied().collect())
    }
}

impl Side for Subject {
    fn time(&mut self, count: usize) -> Result<Times, String> {
        time_each(count, || self.run().map(drop))
    }
}

fn load_runner(engine: &str, path: &Path) -> Result<Box<dyn Runner>, String> {
    let mut config = RunnerConfig::from_path(path);
    config.threads = Some(THREADS);
    runners::load(engine, &config).map_err(|error| error.to_string())
}

fn single_input(info: &ModelInfo) -> Result<(String, Vec<usize>), String> {
    let ([input], [_]) = (&info.inputs[..], &info.outputs[..]) else {
        return Err("one input and one output are wanted".to_owned());
    };
    if input.dtype != DType::F32 {
        return Err(format!("input {:?} is {}, not f32", input.name, input.dtype));
    }
    let dims = input.dims.iter().map(|dim| match dim {
        Dim::Fixed(length) => Some(*length),
        Dim::Symbol(_) => None,
    });
    let dims = dims.collect::<Option<Vec<_>>>().ok_or_else(|| {
        format!("input {:?} has axes of any length: {}", input.name, input.dims_text())
    })?;
    Ok((input.name.clone(), dims))
}

/// Values of 0 to 1 that depend on their place alone; the Python worker makes up the same.
pub fn made_up(dims: &[usize]) -> ArrayD<f32> {
    let mut place = 0_u32;
    ArrayD::from_shape_simple_fn(IxDyn(dims), || {
        let bits = place.wrapping_mul(2_654_435_761) >> 8;
        place = place.wrapping_add(1);
        bits as f32 / (1 << 24) as f32
    })
}

/// The largest difference of two outputs, relative to the largest value; 0 when they are equal.
///
/// # Errors
/// When it is more than rounding explains: then the sides do not run the same thing.
pub fn agreement(first: &[f32], second: &[f32]) -> Result<f64, String> {
    if first.len() != second.len() {
        return Err(format!("the sides gave {} and {} values", first.len(), second.len()));
    }
    let largest = |values: &mut dyn Iterator<Item = f32>| {
        values.fold(0.0_f64, |most, value| {
            if value.is_finite() { most.max(f64::from(value.abs())) } else { f64::INFINITY }
        })
    };
    let difference = largest(&mut first.iter().zip(second).map(|(a, b)| a - b));
    let scale = largest(&mut first.iter().copied()).max(f64::MIN_POSITIVE);
    let relative = difference / scale;
    if relative <= LARGEST_DIFFERENCE {
        return Ok(relative);
    }
    Err(format!(
        "the sides differ by {relative:.1e} of the largest value, so they do not run the same"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_values_depend_on_their_place_alone() {
        let values = made_up(&[2, 500]);
        assert_eq!(values.as_slice().unwrap(), made_up(&[1000]).as_slice().unwrap());
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        assert!((values.mean().unwrap() - 0.5).abs() < 0.05);
        // The Python worker's test has the same numbers.
        assert_eq!(values.as_slice().unwrap()[..3], [0.0, 0.618_033_95, 0.236_067_95]);
    }

    #[test]
    fn outputs_agree_to_rounding_or_not_at_all() {
        assert!(agreement(&[1.0, -2.0], &[1.0, -2.0]).unwrap().abs() < 1e-12);
        assert!(agreement(&[1.0, -2.0], &[1.000_000_1, -2.0]).is_ok());
        for other in [&[1.0, -2.1][..], &[1.0], &[f32::NAN, -2.0]] {
            assert!(agreement(&[1.0, -2.0], other).is_err(), "{other:?}");
        }
        assert!(agreement(&[f32::INFINITY], &[f32::INFINITY]).is_err());
    }
}
