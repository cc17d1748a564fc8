use runner_core::{LoadError, LoadErrorKind, ModelInfo, NamedTensors, RunnerConfig};
use vision_io::{Contract, Picture, Postprocess, Prediction};
use vision_model::{Answer, GoldenReport, Goldens, Model, ModelError, PictureRun, Want};

use crate::{Fault, Settings, clock::timed, engine};

/// Milliseconds of the steps of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// From the file's bytes to pixels.
    pub decode: f64,
    /// From pixels to the model's inputs.
    pub preprocess: f64,
    /// In the engine.
    pub run: f64,
    /// From outputs to what they mean.
    pub postprocess: f64,
}

/// What a model made of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// What the outputs mean, or the outputs.
    pub answer: Answer,
    /// What took how long.
    pub timing: Timing,
    /// Pixels in a row of the picture that went in.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

/// A loaded model.
pub struct Session {
    model: Model,
}

impl Session {
    /// Loads an ONNX file, whose bytes the engine may keep.
    ///
    /// # Errors
    /// What is wrong with the file or the settings, by kind.
    pub fn load(file: Vec<u8>, settings: &Settings) -> Result<Self, Fault> {
        if runner_core::onnx::metadata(&file).is_none() {
            let message = "it is no ONNX file, or is cut short";
            return Err(LoadError::new(LoadErrorKind::Corrupt, settings.name(), message).into());
        }
        let mut config = RunnerConfig::from_bytes(settings.name(), []);
        settings.apply(&mut config);
        let own = Contract::from_onnx(&file)
            .map_err(|error| Fault::from(ModelError::from(error)).about(settings.name()))?;
        let contract = settings.contract(own)?;
        let runner = engine::load(&config, file)?;
        Ok(Self { model: Model { runner, contract } })
    }

    /// What was loaded.
    pub fn info(&self) -> &ModelInfo {
        self.model.runner.info()
    }

    /// How pictures go through the model; `None` where none can.
    pub fn contract(&self) -> Option<&Contract> {
        Some(&self.model.contract).filter(|contract| contract.preprocess.is_some())
    }

    /// Runs the model on tensors.
    ///
    /// # Errors
    /// What does not fit the model, or the engine's reason.
    pub fn run(&self, inputs: NamedTensors) -> Result<NamedTensors, Fault> {
        Ok(self.model.runner.run_named(inputs)?)
    }

    /// Takes an encoded picture through the model.
    ///
    /// # Errors
    /// What is wrong with the picture, the model or its contract.
    pub fn predict(&self, file: &[u8]) -> Result<Predicted, Fault> {
        let mut timing = Timing::default();
        let picture = timed(&mut timing.decode, || vision_io::decode(file))?;
        self.predicted(picture, timing)
    }

    /// Takes pixels through the model: `height` rows of `width` pixels of red, green, blue and
    /// opacity, of which the last is dropped.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_pixels(
        &self,
        pixels: &[u8],
        width: usize,
        height: usize,
    ) -> Result<Predicted, Fault> {
        let mut timing = Timing::default();
        let picture = timed(&mut timing.decode, || {
            let (opaque, rest) = pixels.as_chunks::<4>();
            let colors = opaque.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]);
            let colors = colors.chain(rest.iter().copied()).collect();
            Picture::new(width, height, 3, colors)
        });
        let wrong = |_| {
            let message = format!(
                "{} bytes are no {width} x {height} pixels of red, green, blue and opacity",
                pixels.len()
            );
            Fault::new("input", message, "Give the data, width and height of an ImageData.")
        };
        self.predicted(picture.map_err(wrong)?, timing)
    }

    fn predicted(&self, picture: Picture, mut timing: Timing) -> Result<Predicted, Fault> {
        let Model { runner, contract, .. } = &self.model;
        let (width, height) = (picture.width(), picture.height());
        let want = match contract.postprocess {
            None | Some(Postprocess::Raw(_)) => Want::Tensors,
            Some(_) => Want::Prediction,
        };
        let mut run = timed(&mut timing.preprocess, || {
            PictureRun::new((runner.info(), contract), picture, want, None)
        })?;
        while let Some(inputs) = timed(&mut timing.preprocess, || run.next_input())? {
            let outputs = timed(&mut timing.run, || runner.run_named(inputs))?;
            timed(&mut timing.postprocess, || run.accept(outputs))?;
        }
        let (answer, _) = timed(&mut timing.postprocess, || run.finish())?;
        Ok(Predicted { answer, timing, width, height })
    }

    /// Replays a golden file.
    ///
    /// # Errors
    /// What is wrong with the file, or the engine's reason.
    pub fn check_goldens(&self, file: &[u8]) -> Result<GoldenReport, Fault> {
        Goldens::read(file)?.replay(|inputs| self.run(inputs))
    }
}

impl Predicted {
    /// What the outputs mean, where the contract says it.
    pub fn prediction(&self) -> Option<&Prediction> {
        match &self.answer {
            Answer::Prediction(prediction) => Some(prediction),
            Answer::Tensors(..) => None,
        }
    }
}
