use ndarray::ArrayD;
use runner_core::{NamedTensors, Tensor};
use vision_io::{
    Picture, PictureAssembly, Placement, Postprocess, Prediction, Preprocess, Span, TensorAssembly,
    TilePlan, Tiling, VisionError,
};

use super::{Answer, Way, single_array, whole::input_bytes};
use crate::{ModelError, ModelErrorKind};

const DEFAULT_TILE: usize = 256;

/// A picture that goes through the model in tiles.
#[derive(Debug)]
pub(super) struct Tiles {
    plan: TilePlan,
    picture: Picture,
    input: Preprocess,
    /// Tiles whose input was given, and whose outputs were taken.
    given: usize,
    taken: usize,
    assembly: Assembly,
}

#[derive(Debug)]
enum Assembly {
    Picture(PictureAssembly),
    Tensor(TensorAssembly, String),
}

/// The cuts, where the model's input may be fixed to `sides` and the user may ask for `tile`.
pub(super) fn plan(
    picture: &Picture,
    tiling: &Tiling,
    sides: (Option<usize>, Option<usize>),
    tile: Option<usize>,
) -> Result<TilePlan, VisionError> {
    let spans = (span(sides.0, tile, tiling), span(sides.1, tile, tiling));
    TilePlan::new(picture, tiling, spans)
}

pub(super) fn way(plan: &TilePlan) -> Way {
    let (width, height) = (plan.horizontal.side(), plan.vertical.side());
    Way::Tiled { tiles: plan.count(), width, height }
}

fn span(fixed: Option<usize>, tile: Option<usize>, tiling: &Tiling) -> Span {
    match (fixed, tile) {
        (Some(side), _) => Span::Exactly(side),
        (None, Some(0)) => Span::Whole,
        (None, Some(side)) => Span::AtMost(side),
        // At least half of every tile is kept, so that the work at most quadruples.
        (None, None) => {
            let reach = tiling.overlap.next_multiple_of(tiling.multiple);
            Span::AtMost(DEFAULT_TILE.max(4 * reach).next_multiple_of(tiling.multiple))
        }
    }
}

impl Tiles {
    /// `output` is the contract of a picture, or none for a tensor, which gets the name.
    pub(super) fn new(
        plan: TilePlan,
        picture: Picture,
        input: Preprocess,
        (output, name): (Option<Postprocess>, String),
    ) -> Self {
        let assembly = match output {
            Some(Postprocess::Image(output)) => {
                Assembly::Picture(PictureAssembly::new(plan, output))
            }
            _ => Assembly::Tensor(TensorAssembly::new(plan, input.layout), name),
        };
        Self { plan, picture, input, given: 0, taken: 0, assembly }
    }

    pub(super) fn count(&self) -> usize {
        self.plan.count()
    }

    pub(super) fn input_bytes(&self) -> usize {
        input_bytes(&self.input, [self.plan.horizontal.side(), self.plan.vertical.side()])
    }

    pub(super) fn next_input(&mut self) -> Option<ArrayD<f32>> {
        let tile = self.plan.tile(self.given)?;
        self.given += 1;
        Some(self.plan.read(&self.picture, &tile, &self.input))
    }

    pub(super) fn accept(&mut self, outputs: NamedTensors) -> Result<(), ModelError> {
        let array = single_array(outputs)?;
        let tile = self.plan.tile(self.taken).ok_or_else(|| {
            ModelError::new(ModelErrorKind::Unfinished, "more outputs came back than tiles went in")
        })?;
        self.taken += 1;
        match &mut self.assembly {
            Assembly::Picture(assembly) => assembly.place(&tile, &array)?,
            Assembly::Tensor(assembly, _) => assembly.place(&tile, &array)?,
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Option<Answer> {
        if self.taken < self.plan.count() {
            return None;
        }
        let placement = Placement::new([self.picture.width(), self.picture.height()], None);
        Some(match self.assembly {
            Assembly::Picture(assembly) => Answer::Prediction(Prediction::Image(assembly.finish())),
            Assembly::Tensor(assembly, name) => {
                let tensors = vec![(name, Tensor::from(assembly.finish()))];
                Answer::Tensors(tensors, placement)
            }
        })
    }
}
