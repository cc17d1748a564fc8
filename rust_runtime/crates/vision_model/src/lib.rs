//! A loaded model with its picture contract and its goldens.
//!
//! What programs, servers and browsers do with a model is the same here: a [`PictureRun`] takes a
//! picture through it, whatever runs it, and [`Goldens`] tell whether it answers as PyTorch did.
//! Nothing here opens a file or starts a thread, so it builds for `wasm32`.

mod error;
mod goldens;
mod made_up;
mod manifest;
mod model;
mod pictures;

pub use error::{ModelError, ModelErrorKind, with_reason};
pub use goldens::{Difference, GoldenCase, GoldenReport, GoldenRow, Goldens, Tolerance};
pub use made_up::made_up;
pub use manifest::{FileRecord, Manifest, Stage};
pub use model::{Model, hex_sha256};
pub use pictures::{Answer, PictureRun, Want, Way, run_picture};
