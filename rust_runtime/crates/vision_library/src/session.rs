use std::{fmt, num::NonZeroUsize};

use runner_core::{Device, LoadError, ModelInfo, NamedTensors, Runner, RunnerConfig, guard_load};
use vision_io::{Contract, Picture, Prediction};
use vision_model::{Answer, Goldens, Manifest, Model, Want, run_picture};

use crate::Error;

/// Loads a model with the library's engine.
pub type Load = fn(&RunnerConfig) -> Result<Box<dyn Runner>, LoadError>;

/// A model in a library.
#[derive(Clone, Copy)]
pub struct Carried {
    /// The library's name.
    pub name: &'static str,
    /// The model's whole file.
    pub model: &'static [u8],
    /// Its whole golden file.
    pub goldens: &'static [u8],
    /// Its whole manifest.
    pub manifest: &'static [u8],
    /// The engine's loader.
    pub load: Load,
}

/// How a model is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Threads of one run; the engine chooses where there are none.
    pub threads: Option<NonZeroUsize>,
    /// Where; what cannot be had is an error, never a fall-back.
    pub device: Device,
}

/// A loaded model. Several threads may run it at the same time.
pub struct Session {
    model: Model,
    carried: Carried,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("info", self.info()).finish_non_exhaustive()
    }
}

impl Session {
    /// Loads the model.
    ///
    /// # Errors
    /// Why the engine does not load it: it is not there, or a device or library that it needs.
    pub fn load(carried: Carried, options: &Options) -> Result<Self, Error> {
        let mut config = RunnerConfig::from_bytes(carried.name, carried.model);
        config.threads = options.threads.map(NonZeroUsize::get);
        config.device = options.device;
        let load = || guard_load(carried.name, || (carried.load)(&config)).map_err(Error::from);
        let model = Model::from_file(carried.model, Some(carried.manifest), load)?;
        Ok(Self { model, carried })
    }

    /// Names, types and axes of the model, its engine and its threads.
    pub fn info(&self) -> &ModelInfo {
        self.model.runner.info()
    }

    /// How pictures go through it.
    pub fn contract(&self) -> &Contract {
        &self.model.contract
    }

    /// The names of its classes, where its contract has any.
    pub fn labels(&self) -> Option<&[String]> {
        self.contract().postprocess.as_ref()?.labels()
    }

    /// Runs it on tensors by name.
    ///
    /// # Errors
    /// What does not fit the model, or the engine's reason.
    pub fn run(&self, inputs: NamedTensors) -> Result<NamedTensors, Error> {
        Ok(self.model.runner.run_named(inputs)?)
    }

    /// Runs it on a picture of any size that its contract takes.
    ///
    /// # Errors
    /// Where the picture or the contract does not allow it, or the engine's reason.
    pub fn predict(&self, picture: Picture) -> Result<Prediction, Error> {
        let run = |inputs| self.run(inputs);
        let model = (self.info(), self.contract());
        match run_picture(model, picture, (Want::Prediction, None), run)?.0 {
            Answer::Prediction(prediction) => Ok(prediction),
            Answer::Tensors(..) => Err(Error::new("internal", "tensors came, not a prediction")),
        }
    }

    /// [`Self::predict`] on a picture's file; the kinds of its errors tell what is wrong with it.
    ///
    /// # Errors
    /// As [`Self::predict`], and those of [`vision_io::decode`].
    pub fn predict_file(&self, file: &[u8]) -> Result<Prediction, Error> {
        self.predict(vision_io::decode(file)?)
    }

    /// The recorded inputs with what PyTorch gave, held against the manifest.
    ///
    /// # Errors
    /// [`Error`] of kind `check_failed` where the model or the goldens are not those that the
    /// manifest lists, `corrupt` where they cannot be read.
    pub fn goldens(&self) -> Result<Goldens, Error> {
        let Carried { model, goldens, manifest, .. } = self.carried;
        Ok(Manifest::proof(manifest, model, goldens)?)
    }
}

#[cfg(test)]
pub(crate) mod tests;
