//! The browser's module: one engine behind the contract of `runner_core`, with the pictures of
//! `vision_io`, for JavaScript.
//!
//! [`Session`] is all that the module does, in Rust; what JavaScript sees of it is in `js`, which is
//! built for WebAssembly only.

mod clock;
mod engine;
mod fault;
#[cfg(target_family = "wasm")]
mod js;
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
mod memory;
mod session;
mod settings;

pub use engine::{NAME, THREADS, dtypes, version};
pub use fault::Fault;
pub use session::{Predicted, Session, Timing};
pub use settings::Settings;
