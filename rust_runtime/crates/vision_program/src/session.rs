use std::time::{Duration, Instant};

use ndarray::ArrayD;
use runner_core::{ModelInfo, NamedTensors, Runner, RunnerConfig, Tensor};
use sha2::{Digest, Sha256};
use vision_io::Contract;

use crate::{Arguments, Fault, Setup};

/// A loaded model with its contract. Times are the engine's own: no decoding, no files.
pub(crate) struct Session {
    pub(crate) runner: Box<dyn Runner>,
    pub(crate) contract: Contract,
    pub(crate) model_sha256: String,
    pub(crate) load_time: Duration,
    /// The time of every run so far.
    pub(crate) run_times: Vec<Duration>,
}

impl Session {
    pub(crate) fn load(setup: &Setup<'_>, arguments: &Arguments) -> Result<Self, Fault> {
        let mut config = RunnerConfig::new(setup.source.clone());
        config.threads = arguments.threads.map(std::num::NonZero::get);
        let bytes = config.bytes()?;
        let model_sha256 = hex_sha256(&bytes);
        let contract = Contract::from_onnx(&bytes)
            .map_err(|error| Fault::from(error).about(setup.source.name()))?;
        let start = Instant::now();
        let runner = (setup.load)(&config)?;
        let load_time = start.elapsed();
        Ok(Self { runner, contract, model_sha256, load_time, run_times: Vec::new() })
    }

    /// What is wrong when a result is wanted of a model that gives numbers only.
    pub(crate) fn no_picture(&self) -> Fault {
        Fault::bad(format!("what {} gives is not a picture", self.info().model))
            .with_hint("Name an output that ends in .npy, for the numbers.")
    }

    pub(crate) fn info(&self) -> &ModelInfo {
        self.runner.info()
    }

    /// Runs the model and keeps the time that it took.
    pub(crate) fn run_named(&mut self, inputs: NamedTensors) -> Result<NamedTensors, Fault> {
        let start = Instant::now();
        let outputs = self.runner.run_named(inputs)?;
        self.run_times.push(start.elapsed());
        Ok(outputs)
    }

    /// [`Self::run_named`] for the one input of a model.
    pub(crate) fn run_single(&mut self, input: ArrayD<f32>) -> Result<NamedTensors, Fault> {
        let name = self.info().inputs.first().map(|spec| spec.name.clone()).unwrap_or_default();
        self.run_named(vec![(name, Tensor::from(input))])
    }

    /// The one f32 output of a model with one input and one output.
    pub(crate) fn run_to_array(&mut self, input: ArrayD<f32>) -> Result<ArrayD<f32>, Fault> {
        single_array(self.run_single(input)?)
    }
}

/// The one f32 tensor of a run's outputs.
pub(crate) fn single_array(outputs: NamedTensors) -> Result<ArrayD<f32>, Fault> {
    let mut outputs = outputs.into_iter();
    let (Some((name, tensor)), None) = (outputs.next(), outputs.next()) else {
        return Err(Fault::bad("a picture comes only from a model with one output")
            .with_hint("Name an output for each as --output NAME=FILE.npy."));
    };
    ArrayD::<f32>::try_from(tensor)
        .map_err(|tensor| Fault::bad(format!("output {name:?} holds {}, not f32", tensor.dtype())))
}

/// Milliseconds, as reports have them.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
