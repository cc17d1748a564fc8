//! The model `@{name}` as a library, run by @{engine}.
//!
@{rustdoc_specs}
//!
//! `examples/run.rs` shows its use. The model is part of the library: no file is read.
#![deny(rustdoc::broken_intra_doc_links)]

#[cfg(feature = "capi")]
pub mod capi;
#[cfg(feature = "python")]
mod python;

use runner_core::Backend;
use @{crate}::@{backend};
use vision_library::{Carried, @{from_prediction}NamedTensors, Session, give, take};

pub use vision_library::{
    Classification, Contract, DType, Detection, Detections, Device, Dim, Error, GoldenReport, Mask,
    ModelInfo, Options, OutputFormat, Picture, ScoredClass, TensorSpec, decode, encode,
    encode_mask, f16, ndarray,
};

static CARRIED: Carried = Carried {
    name: env!("CARGO_PKG_NAME"),
    model: include_bytes!("../@{model}"),
    goldens: include_bytes!("../model.golden.safetensors"),
    manifest: include_bytes!("../model.oxv.json"),
    load: |config| @{backend}.load(config),
};

/// What the model takes.
#[allow(clippy::struct_field_names, reason = "the names are the model's own")]
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
@{input_fields}
}

/// What the model gives.
#[allow(clippy::struct_field_names, reason = "the names are the model's own")]
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
@{output_fields}
}

/// The loaded model. Several threads may run it at the same time.
#[derive(Debug)]
pub struct Model {
    session: Session,
}

impl Model {
    /// Loads the model on the processor.
    ///
    /// # Errors
    /// As [`Self::load_with`].
    pub fn load() -> Result<Self, Error> {
        Self::load_with(&Options { threads: default_threads(), ..Options::default() })
    }

    /// Loads the model with a number of threads, or on another device.
    ///
    /// # Errors
    /// [`Error`] of kind `backend_unavailable` or `device_unavailable` where the engine needs what
    /// is not here.
    pub fn load_with(options: &Options) -> Result<Self, Error> {
        Ok(Self { session: Session::load(CARRIED, options)? })
    }

    /// Names, types and axes of the model, its engine and its threads.
    pub fn info(&self) -> &ModelInfo {
        self.session.info()
    }

    /// How pictures go through the model.
    pub fn contract(&self) -> &Contract {
        self.session.contract()
    }

    /// The names of the model's classes, where it has any.
    pub fn labels(&self) -> Option<&[String]> {
        self.session.labels()
    }

    /// Runs the model.
    ///
    /// # Errors
    /// [`Error`] of kind `shape_mismatch` for axes that the model does not take, `engine_failed`
    /// with the engine's reason.
    pub fn run(&self, inputs: Inputs) -> Result<Outputs, Error> {
        self.session.run(inputs.into())?.try_into()
    }
@{picture_methods}
    /// Runs the recorded inputs and compares with what PyTorch gave.
    ///
    /// # Errors
    /// [`Error`] of kind `check_failed` where the model is not that of the manifest, and those of
    /// [`Self::run`]. A report that did not pass is no error.
    pub fn prove(&self) -> Result<GoldenReport, Error> {
        let run = |inputs: NamedTensors| Ok(self.run(inputs.try_into()?)?.into());
        self.session.goldens()?.replay(run)
    }
}

/// The number that was found best where the package was made, or as many as there are processors
/// where those are fewer; none leaves it to the engine.
fn default_threads() -> Option<std::num::NonZeroUsize> {
    @{default_threads}
}

impl From<Inputs> for NamedTensors {
    fn from(inputs: Inputs) -> Self {
        vec![
@{give_inputs}
        ]
    }
}

impl TryFrom<NamedTensors> for Inputs {
    type Error = Error;

    fn try_from(mut tensors: NamedTensors) -> Result<Self, Error> {
        Ok(Self {
@{take_inputs}
        })
    }
}

impl From<Outputs> for NamedTensors {
    fn from(outputs: Outputs) -> Self {
        vec![
@{give_outputs}
        ]
    }
}

impl TryFrom<NamedTensors> for Outputs {
    type Error = Error;

    fn try_from(mut tensors: NamedTensors) -> Result<Self, Error> {
        Ok(Self {
@{take_outputs}
        })
    }
}
