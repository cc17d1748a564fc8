//! Our runners beside the engines called bare: what the contract loses, and what it costs.
//!
//! [`bare`] calls each engine as the engine's own documentation does, without our runners. The
//! programs compare: `onnx_cases` the answers, `overhead` the time and the memory.

pub mod bare;
pub mod cases;
pub mod overhead;
