use std::time::Duration;

use runner_core::NamedTensors;
use vision_io::Prediction;
use vision_model::Way;

use crate::{
    batch,
    metrics::{ModelMetrics, Phase},
};

/// What a model made of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureReply {
    /// The result.
    pub result: PictureResult,
    /// Width and height of the picture, turned as it is to be seen.
    pub sides: [usize; 2],
    /// How it went through the model.
    pub way: Way,
    /// Where the time went.
    pub timing: PictureTiming,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum PictureResult {
    /// What the outputs mean.
    Meaning {
        /// By the model's contract.
        prediction: Prediction,
        /// A mask or a picture as a PNG file, where that was asked for.
        png: Option<Vec<u8>>,
    },
    /// The outputs.
    Tensors(NamedTensors),
}

/// Where the time of one picture went.
///
/// Of a picture that goes in tiles, `queue` and `infer` are the time in which at least one tile
/// waited, or was in the engine. Tiles do both at once, so that the phases may add up to more than
/// the whole; none is longer than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct PictureTiming {
    pub decode: Duration,
    pub preprocess: Duration,
    pub queue: Duration,
    pub infer: Duration,
    pub postprocess: Duration,
    pub encode: Duration,
    /// Length of the largest batch that it was part of.
    pub batch_size: usize,
}

impl PictureTiming {
    /// Each phase with its time, in the order in which a picture goes through them.
    pub fn phases(&self) -> [(Phase, Duration); 6] {
        [
            (Phase::Decode, self.decode),
            (Phase::Preprocess, self.preprocess),
            (Phase::Queue, self.queue),
            (Phase::Infer, self.infer),
            (Phase::Postprocess, self.postprocess),
            (Phase::Encode, self.encode),
        ]
    }

    pub(super) fn note(&self, metrics: &ModelMetrics) {
        for (phase, time) in self.phases() {
            metrics.took(phase, time);
        }
    }
}

/// The time of the picture that took longest.
pub(super) fn longest(replies: &[PictureReply]) -> PictureTiming {
    let timings = replies.iter().map(|reply| reply.timing);
    timings.max_by_key(|timing| timing.decode + timing.queue + timing.infer).unwrap_or_default()
}

/// The outputs of several pictures, one after the other along axis 0; `None` where they do not fit
/// together.
pub(super) fn joined(replies: Vec<PictureReply>) -> Option<NamedTensors> {
    let outputs = replies.into_iter().filter_map(|reply| match reply.result {
        PictureResult::Tensors(tensors) => Some(tensors),
        PictureResult::Meaning { .. } => None,
    });
    let mut all: Vec<NamedTensors> = outputs.collect();
    if all.len() == 1 {
        return all.pop();
    }
    let first = all.first()?;
    let join = |(index, (name, _)): (usize, &(String, runner_core::Tensor))| {
        let fits = all.iter().all(|one| one.get(index).is_some_and(|(own, _)| own == name));
        let of_each = all.iter().filter_map(|one| one.get(index)).map(|(_, tensor)| tensor);
        fits.then(|| batch::concatenate(of_each)).flatten().map(|tensor| (name.clone(), tensor))
    };
    first.iter().enumerate().map(join).collect()
}
