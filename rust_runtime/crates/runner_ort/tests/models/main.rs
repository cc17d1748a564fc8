//! What the engine does with small models that are written here. Wants the library.

mod faults;
mod onnx;
mod profile;
mod round_trip;
