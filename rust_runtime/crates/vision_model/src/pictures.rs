mod tiles;
mod whole;

use ndarray::ArrayD;
use runner_core::{Dim, ModelInfo, NamedTensors, Tensor};
use serde::Serialize;
use vision_io::{Contract, Layout, Picture, Placement, Postprocess, Prediction};

use self::{tiles::Tiles, whole::Whole};
use crate::{ModelError, ModelErrorKind};

/// How a picture went through the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Way {
    /// At its own size.
    Direct,
    /// At the size of the model's contract.
    Contract,
    /// Brought to the model's size and back.
    Resized {
        /// Pixels in a row of the model's input.
        width: usize,
        /// Rows of the model's input.
        height: usize,
    },
    /// In tiles of one size.
    Tiled {
        /// How many.
        tiles: usize,
        /// Pixels in a row of each.
        width: usize,
        /// Rows of each.
        height: usize,
    },
}

impl Way {
    /// What the user should know about the result, where there is something.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Resized { width, height } => Some(format!(
                "the model takes pictures of {width} x {height} pixels only; this one was resized \
                 to that and back, which costs detail"
            )),
            _ => None,
        }
    }
}

/// What is wanted of a picture: what the outputs mean, or the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// What they mean, by the model's contract.
    Prediction,
    /// The tensors.
    Tensors,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What the outputs mean.
    Prediction(Prediction),
    /// The outputs, with the place of the picture in the input.
    Tensors(NamedTensors, Placement),
}

/// A picture on its way through a model, by the way that the contract and its size allow.
///
/// It is told what the model made of every input that it gives, in that order; several may be
/// under way at once. Who runs the model, and where, is the caller's.
#[derive(Debug)]
pub struct PictureRun {
    input: String,
    way: Way,
    steps: Steps,
}

#[derive(Debug)]
enum Steps {
    Whole(Box<Whole>),
    Tiles(Box<Tiles>),
}

impl PictureRun {
    /// Finds the way. `tile` is the longest side of a tile in pixels, 0 for the whole picture at
    /// once; it has a meaning only for models that work in tiles.
    ///
    /// # Errors
    /// Why the model does not take this picture, or does not give what is wanted.
    pub fn new(
        (info, contract): (&ModelInfo, &Contract),
        picture: Picture,
        want: Want,
        tile: Option<usize>,
    ) -> Result<Self, ModelError> {
        let input = contract.preprocess.clone().ok_or_else(|| {
            let message = format!("{} does not say how it takes pictures", info.model);
            ModelError::new(ModelErrorKind::NoPictures, message)
                .with_hint("Set `preprocess` in the model's config and convert it again.")
        })?;
        let output = output_contract(info, contract, want)?;
        let sides = sides(info, input.layout)?;
        let tiling = contract.tiling.filter(|_| in_tiles(output.as_ref()));
        let name = |specs: &[runner_core::TensorSpec]| {
            specs.first().map(|spec| spec.name.clone()).unwrap_or_default()
        };
        let (way, steps) = if let (None, Some(tiling)) = (input.resize, tiling) {
            let plan = tiles::plan(&picture, &tiling, sides, tile)?;
            let way = tiles::way(&plan);
            let output = (output, name(&info.outputs));
            (way, Steps::Tiles(Box::new(Tiles::new(plan, picture, input, output))))
        } else {
            refuse_tiles(tile)?;
            let (way, whole) = Whole::new(picture, input, output, sides)?;
            (way, Steps::Whole(Box::new(whole)))
        };
        Ok(Self { input: name(&info.inputs), way, steps })
    }

    /// How often the model runs.
    pub fn runs(&self) -> usize {
        match &self.steps {
            Steps::Whole(_) => 1,
            Steps::Tiles(tiles) => tiles.count(),
        }
    }

    /// Whether the outputs need only be sorted, or not even that: no picture and no boxes are made
    /// of them.
    pub fn ends_quickly(&self) -> bool {
        match &self.steps {
            Steps::Whole(whole) => whole.ends_quickly(),
            Steps::Tiles(_) => false,
        }
    }

    /// Bytes of the input of one run.
    pub fn input_bytes(&self) -> usize {
        match &self.steps {
            Steps::Whole(whole) => whole.input_bytes(),
            Steps::Tiles(tiles) => tiles.input_bytes(),
        }
    }

    /// The input of the next run; `None` when all are under way.
    ///
    /// # Errors
    /// [`ModelErrorKind::Vision`] when the picture cannot be brought to the model's size.
    pub fn next_input(&mut self) -> Result<Option<NamedTensors>, ModelError> {
        let array = match &mut self.steps {
            Steps::Whole(whole) => whole.next_input()?,
            Steps::Tiles(tiles) => tiles.next_input(),
        };
        Ok(array.map(|array| vec![(self.input.clone(), Tensor::from(array))]))
    }

    /// Takes the outputs of the earliest run that is under way.
    ///
    /// # Errors
    /// What does not fit the contract.
    pub fn accept(&mut self, outputs: NamedTensors) -> Result<(), ModelError> {
        match &mut self.steps {
            Steps::Whole(whole) => whole.accept(outputs),
            Steps::Tiles(tiles) => tiles.accept(outputs),
        }
    }

    /// The answer, once the last outputs were taken.
    ///
    /// # Errors
    /// [`ModelErrorKind::Unfinished`] before that.
    pub fn finish(self) -> Result<(Answer, Way), ModelError> {
        let answer = match self.steps {
            Steps::Whole(whole) => whole.finish(),
            Steps::Tiles(tiles) => tiles.finish(),
        };
        let unfinished = || {
            ModelError::new(
                ModelErrorKind::Unfinished,
                "the model has not run on all of the picture",
            )
        };
        Ok((answer.ok_or_else(unfinished)?, self.way))
    }
}

/// Takes a picture through a model that `run` runs, as [`PictureRun`] has it.
///
/// # Errors
/// Those of [`PictureRun`] and of `run`.
pub fn run_picture<E: From<ModelError>>(
    model: (&ModelInfo, &Contract),
    picture: Picture,
    (want, tile): (Want, Option<usize>),
    mut run: impl FnMut(NamedTensors) -> Result<NamedTensors, E>,
) -> Result<(Answer, Way), E> {
    let mut steps = PictureRun::new(model, picture, want, tile)?;
    while let Some(inputs) = steps.next_input()? {
        steps.accept(run(inputs)?)?;
    }
    Ok(steps.finish()?)
}

fn output_contract(
    info: &ModelInfo,
    contract: &Contract,
    want: Want,
) -> Result<Option<Postprocess>, ModelError> {
    match (want, &contract.postprocess) {
        (Want::Tensors, _) => Ok(None),
        (Want::Prediction, None | Some(Postprocess::Raw(_))) => {
            let message = format!("what {} gives is not a picture", info.model);
            Err(ModelError::new(ModelErrorKind::NoPrediction, message))
        }
        (Want::Prediction, Some(output)) => Ok(Some(output.clone())),
    }
}

/// Whether tiles can be put together again.
fn in_tiles(output: Option<&Postprocess>) -> bool {
    matches!(output, None | Some(Postprocess::Image(_)))
}

fn refuse_tiles(tile: Option<usize>) -> Result<(), ModelError> {
    if tile.is_some_and(|side| side > 0) {
        let message = "this model does not work in tiles";
        return Err(ModelError::new(ModelErrorKind::NoTiles, message));
    }
    Ok(())
}

/// Width and height that the model's input is fixed to, where it is.
fn sides(info: &ModelInfo, layout: Layout) -> Result<(Option<usize>, Option<usize>), ModelError> {
    let [spec] = &info.inputs[..] else {
        let message = format!("{} has {} inputs, not one picture", info.model, info.inputs.len());
        return Err(ModelError::new(ModelErrorKind::SeveralInputs, message));
    };
    let [_, first, second, third] = &spec.dims[..] else {
        let message = format!("{} takes {}, which is no picture", info.model, spec.dims_text());
        return Err(ModelError::new(ModelErrorKind::NotAPictureInput, message));
    };
    let fixed = |dim: &Dim| match dim {
        Dim::Fixed(length) => Some(*length),
        Dim::Symbol(_) => None,
    };
    Ok(match layout {
        Layout::Nchw => (fixed(third), fixed(second)),
        Layout::Nhwc => (fixed(second), fixed(first)),
    })
}

/// The one f32 tensor of a run's outputs.
fn single_array(outputs: NamedTensors) -> Result<ArrayD<f32>, ModelError> {
    let mut outputs = outputs.into_iter();
    let (Some((name, tensor)), None) = (outputs.next(), outputs.next()) else {
        let message = "a picture comes only from a model with one output";
        return Err(ModelError::new(ModelErrorKind::SeveralOutputs, message));
    };
    ArrayD::<f32>::try_from(tensor).map_err(|tensor| {
        let message = format!("output {name:?} holds {}, not f32", tensor.dtype());
        ModelError::new(ModelErrorKind::OutputDtype, message)
    })
}

#[cfg(test)]
mod tests;
