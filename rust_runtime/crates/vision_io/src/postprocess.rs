mod candidates;
mod classification;
mod detection;
mod image;
mod scores;
mod segmentation;
mod suppression;
mod values;

use ndarray::ArrayD;
use runner_core::NamedTensors;

pub use self::image::picture_of;
use crate::{Placement, Postprocess, Prediction, VisionError, VisionErrorKind};

/// What a model's outputs for one picture mean.
///
/// `placement` tells where the picture lies in the input; boxes and masks are brought back by it.
///
/// # Errors
/// [`VisionErrorKind::ShapeMismatch`] when the outputs are not those of the contract,
/// [`VisionErrorKind::NotFinite`] when they hold NaN or infinity, and
/// [`VisionErrorKind::InvalidContract`] when the contract names other outputs or is
/// [`Postprocess::Raw`].
pub fn postprocess(
    outputs: &NamedTensors,
    contract: &Postprocess,
    placement: &Placement,
) -> Result<Prediction, VisionError> {
    match contract {
        Postprocess::Image(contract) => {
            let tensor: ArrayD<f32> = values::single(values::only(outputs)?).into_owned();
            picture_of(&tensor, contract).map(Prediction::Image)
        }
        Postprocess::Classification(contract) => {
            classification::classes_of(values::only(outputs)?, contract)
                .map(Prediction::Classification)
        }
        Postprocess::Segmentation(contract) => {
            segmentation::mask_of(values::only(outputs)?, contract, placement)
                .map(Prediction::Segmentation)
        }
        Postprocess::Detection(contract) => {
            detection::detections_of(outputs, contract, placement).map(Prediction::Detection)
        }
        Postprocess::Raw(_) => Err(VisionError::new(
            VisionErrorKind::InvalidContract,
            "an output of kind raw is numbers and nothing else",
        )),
    }
}
