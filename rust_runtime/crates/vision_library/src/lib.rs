//! Everything that a library around one model does, but for the model and the types of its tensors.
//!
//! A generated library is a struct around a [`Session`], with one field for each input and output
//! of its model; its bindings for C and for Python stand on the same session.

pub mod c;
mod error;
mod result;
mod session;
mod tensors;

pub use ndarray;
pub use runner_core::{self, DType, Device, Dim, ModelInfo, NamedTensors, Tensor, TensorSpec, f16};
pub use vision_io::{
    Classification, Contract, Detection, Detections, Mask, OutputFormat, Picture, Prediction,
    ScoredClass, decode, encode, encode_mask,
};
pub use vision_model::{GoldenReport, Goldens, Manifest};

pub use crate::{
    error::Error,
    result::{FromPrediction, file_of},
    session::{Carried, Load, Options, Session},
    tensors::{give, take},
};
