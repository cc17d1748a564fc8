use std::time::{Duration, Instant};

use runner_core::{ModelInfo, NamedTensors, Runner, RunnerConfig};
use vision_io::{Contract, Picture};
use vision_model::{Answer, Model, Want, Way, hex_sha256, run_picture};

use crate::{Arguments, Fault, Setup, output::say};

/// A loaded model. Times are the engine's own: no decoding, no files.
pub(crate) struct Session {
    model: Model,
    /// Of the model's file, where it is asked for: it takes as long as reading a small model.
    model_sha256: Option<String>,
    /// What the user asked for and does not get.
    pub(crate) warning: Option<String>,
    pub(crate) load_time: Duration,
    /// The time of every run so far.
    pub(crate) run_times: Vec<Duration>,
}

impl Session {
    pub(crate) fn load(setup: &Setup<'_>, arguments: &Arguments) -> Result<Self, Fault> {
        let mut config = RunnerConfig::new(setup.source.clone());
        config.threads = arguments.threads.map(std::num::NonZero::get);
        config.device = arguments.device;
        let bytes = config.bytes()?;
        let mut load_time = Duration::ZERO;
        let load = || {
            let start = Instant::now();
            let runner = (setup.load)(&config).map_err(Refused::Engine)?;
            load_time = start.elapsed();
            Ok(runner)
        };
        let model =
            Model::from_file(&bytes, setup.manifest, load).map_err(|refused| match refused {
                Refused::Engine(error) => Fault::from(error),
                Refused::Contract(error) => Fault::from(error).about(setup.source.name()),
            })?;
        let model_sha256 = arguments.info.then(|| hex_sha256(&bytes));
        let warning = warning(model.runner.info(), config.threads);
        if let Some(warning) = &warning {
            say(format_args!("warning: {warning}"));
        }
        Ok(Self { model, model_sha256, warning, load_time, run_times: Vec::new() })
    }

    /// What is wrong when a result is wanted of a model that gives numbers only.
    pub(crate) fn no_picture(&self) -> Fault {
        Fault::bad(format!("what {} gives is not a picture", self.info().model))
            .with_hint(crate::fault::NUMBERS_HINT)
    }

    pub(crate) fn info(&self) -> &ModelInfo {
        self.model.runner.info()
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.model.contract
    }

    pub(crate) fn model_sha256(&self) -> Option<&str> {
        self.model_sha256.as_deref()
    }

    /// Runs the model and keeps the time that it took.
    pub(crate) fn run_named(&mut self, inputs: NamedTensors) -> Result<NamedTensors, Fault> {
        timed(self.model.runner.as_ref(), &mut self.run_times, inputs)
    }

    /// Runs the model on a picture, and keeps the time of every run.
    pub(crate) fn run_picture(
        &mut self,
        picture: Picture,
        wanted: (Want, Option<usize>),
    ) -> Result<(Answer, Way), Fault> {
        let Self { model, run_times, .. } = self;
        let run = |inputs| timed(model.runner.as_ref(), run_times, inputs);
        run_picture((model.runner.info(), &model.contract), picture, wanted, run)
    }
}

/// Tells where the engine takes another number of threads than was asked for.
fn warning(info: &ModelInfo, asked: Option<usize>) -> Option<String> {
    let asked = asked.filter(|asked| *asked != info.threads)?;
    let plural = if info.threads == 1 { "" } else { "s" };
    let (engine, threads) = (&info.backend, info.threads);
    Some(format!("{engine} runs with {threads} thread{plural}, and {asked} were asked for"))
}

fn timed(
    runner: &dyn Runner,
    times: &mut Vec<Duration>,
    inputs: NamedTensors,
) -> Result<NamedTensors, Fault> {
    let start = Instant::now();
    let outputs = runner.run_named(inputs)?;
    times.push(start.elapsed());
    Ok(outputs)
}

/// Why a model was not loaded.
enum Refused {
    Engine(runner_core::LoadError),
    Contract(vision_model::ModelError),
}

impl From<vision_model::ModelError> for Refused {
    fn from(error: vision_model::ModelError) -> Self {
        Self::Contract(error)
    }
}

/// Milliseconds, as reports have them.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
