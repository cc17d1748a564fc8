//! Pictures on their way into and out of a model: decode, resize, normalise, tile, encode, and what
//! the outputs mean.
//!
//! This crate knows no engine. A [`Contract`] says how a model wants its pictures and what it
//! gives; it is read from the metadata that `oxidizedvision convert` writes into the ONNX file. Tensors are
//! `ArrayD<f32>` of one picture, `[1, C, H, W]` or `[1, H, W, C]`.

mod contract;
mod convolution;
mod decode;
mod encode;
mod error;
mod jpeg;
mod metadata;
mod picture;
mod placement;
mod postprocess;
mod prediction;
mod preprocess;
mod resize;
mod sampling;
mod sniff;
mod tiling;
mod webp;

pub use contract::{
    Activation, Attributes, BoxFormat, ClassificationOutput, Color, Contract, DetectionOutput,
    Filter, ImageOutput, Layout, Mode, Postprocess, Preprocess, RawOutput, Resize,
    SegmentationOutput, Tiling,
};
pub use decode::{MAX_PIXELS, MAX_SIDE, Undecoded, decode};
pub use encode::{OutputFormat, encode, encode_mask};
pub use error::{VisionError, VisionErrorKind};
pub use picture::Picture;
pub use placement::Placement;
pub use postprocess::{picture_of, postprocess};
pub use prediction::{
    Classification, Detection, Detections, Document, Mask, Prediction, ScoredClass,
};
pub use preprocess::preprocess;
pub use resize::resize;
pub use tiling::{Axis, PictureAssembly, Span, TensorAssembly, Tile, TilePlan};
