//! The contract that every inference engine of OxidizedVision keeps.
//!
//! This crate knows no engine, no picture and no async runtime; it builds for `wasm32`. An engine
//! crate implements [`Backend`] (the factory) and [`Runner`] (a loaded model). Everything else in
//! the workspace speaks these types only, so an engine's own types never leave its crate.

mod backend;
mod config;
mod content;
mod error;
mod guard;
mod info;
mod library;
pub mod onnx;
mod options;
pub mod prepared;
mod profile;
mod runner;
mod tensor;

pub use backend::{Availability, Backend, Capabilities};
pub use config::{Device, ModelSource, Options, Precision, RunnerConfig};
pub use content::Content;
pub use error::{LoadError, LoadErrorKind, RunError, RunErrorKind};
pub use guard::{guard_load, guard_run};
pub use info::{AxisRange, Dim, ModelInfo, TensorSpec};
pub use library::check_library;
pub use options::{OptionReader, OptionValue};
pub use profile::NodeTime;
pub use runner::{NamedTensors, Runner};
pub use tensor::{DType, Tensor};

pub use half::f16;
pub use ndarray;
