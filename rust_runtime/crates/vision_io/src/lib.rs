//! Pictures on their way into and out of a model: decode, resize, normalise, tile, encode.
//!
//! This crate knows no engine. A [`Contract`] says how a model wants its pictures; it is read
//! from the metadata that `oxidizedvision convert` writes into the ONNX file. Tensors are
//! `ArrayD<f32>` of one picture, `[1, C, H, W]` or `[1, H, W, C]`.

mod contract;
mod decode;
mod encode;
mod error;
mod metadata;
mod picture;
mod postprocess;
mod preprocess;
mod resize;
mod sniff;
mod tiling;

pub use contract::{
    Color, Contract, Filter, ImageOutput, Layout, Mode, Postprocess, Preprocess, Resize, Tiling,
};
pub use decode::{MAX_PIXELS, MAX_SIDE, decode};
pub use encode::{OutputFormat, encode};
pub use error::{VisionError, VisionErrorKind};
pub use picture::Picture;
pub use postprocess::postprocess;
pub use preprocess::preprocess;
pub use resize::resize;
pub use tiling::{Axis, Span, Tile, TilePlan};
