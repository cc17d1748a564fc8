//! Each engine through its own interface, in its fastest ordinary use.
//!
//! Nothing here goes through our runners; [`runner_core::Tensor`] is only the value that both
//! sides are given. The settings are those of our runners: the same threads, FP32, and the
//! engine's own optimisation on.

mod memory;
mod openvino;
mod ort;
mod rten;
#[cfg(feature = "tch")]
mod tch;
mod tract;

use std::{collections::BTreeMap, path::Path};

use runner_core::{NamedTensors, Tensor};

/// The engines of [`load`] in this build.
pub const ENGINES: &[&str] = &[
    "tract",
    "rten",
    "ort",
    "openvino",
    #[cfg(feature = "tch")]
    "tch",
];

/// A model in an engine that is called directly.
pub trait BareEngine {
    /// Runs the model. Outputs come in the model's order, under the names that the engine gives
    /// them and in the element types that it computes in: rten has neither i64 nor bool nor f16.
    ///
    /// # Errors
    /// The engine's own message.
    fn run(&self, inputs: &[(String, Tensor)]) -> Result<NamedTensors, String>;
}

/// Shapes of inputs by name.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Loads a model's file; `shapes` turn symbolic axes into fixed ones where the engine plans for
/// shapes.
///
/// # Errors
/// The engine's own message, or that there is no such engine in this build.
pub fn load(
    engine: &str,
    model: &Path,
    threads: usize,
    shapes: Option<&Shapes>,
) -> Result<Box<dyn BareEngine>, String> {
    match engine {
        "tract" => Ok(Box::new(tract::Bare::load(model, shapes)?)),
        "rten" => Ok(Box::new(rten::Bare::load(model, threads)?)),
        "ort" => Ok(Box::new(ort::Bare::load(model, threads)?)),
        "openvino" => Ok(Box::new(openvino::Bare::load(model, threads, shapes)?)),
        #[cfg(feature = "tch")]
        "tch" => Ok(Box::new(tch::Bare::load(model, threads)?)),
        _ => Err(format!("no engine {engine:?} here; known are {}", ENGINES.join(", "))),
    }
}

/// The tensor given for an input.
fn given<'a>(inputs: &'a [(String, Tensor)], name: &str) -> Result<&'a Tensor, String> {
    let found = inputs.iter().find(|(given, _)| given == name);
    found.map(|(_, tensor)| tensor).ok_or_else(|| format!("input {name:?} is missing"))
}

/// The library that an environment variable names.
fn library(variable: &str) -> Result<std::path::PathBuf, String> {
    std::env::var_os(variable)
        .map(Into::into)
        .ok_or_else(|| format!("set {variable} to the engine's library"))
}
