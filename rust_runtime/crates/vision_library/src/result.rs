use vision_io::{
    Classification, Detections, Mask, OutputFormat, Picture, Prediction, encode, encode_mask,
};

use crate::Error;

/// The one kind of result that a model of this contract gives.
pub trait FromPrediction: Sized {
    /// The result, where the prediction is of this kind.
    fn from_prediction(prediction: Prediction) -> Option<Self>;
}

macro_rules! result {
    ($kind:ident, $result:ty) => {
        impl FromPrediction for $result {
            fn from_prediction(prediction: Prediction) -> Option<Self> {
                match prediction {
                    Prediction::$kind(result) => Some(result),
                    _ => None,
                }
            }
        }
    };
}

result!(Image, Picture);
result!(Classification, Classification);
result!(Segmentation, Mask);
result!(Detection, Detections);

/// A result as a file's content: pictures and masks as PNG, everything else as JSON.
///
/// # Errors
/// [`Error`] of kind `not_encodable`.
pub fn file_of(prediction: &Prediction) -> Result<Vec<u8>, Error> {
    Ok(match prediction {
        Prediction::Image(picture) => encode(picture, OutputFormat::Png)?,
        Prediction::Segmentation(mask) => encode_mask(mask)?,
        _ => serde_json::to_vec(&prediction.document())
            .map_err(|error| Error::new("not_encodable", error.to_string()))?,
    })
}
