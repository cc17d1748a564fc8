//! The library for C; `include/@{lib}.h` is its header, which `cbindgen` writes from this file.
//!
//! A null pointer is the answer where something failed; `@{lib}_error` then says what.
use std::ffi::c_char;

use vision_library::c;
pub use vision_library::c::{@{capi_file_type}Model, Results, Tensor};

use crate::{CARRIED, default_threads};

/// Number of inputs.
pub const INPUTS: usize = @{inputs};
/// Number of outputs.
pub const OUTPUTS: usize = @{outputs};

/// IEEE 754 single precision.
pub const F32: u32 = 0;
/// IEEE 754 half precision.
pub const F16: u32 = 1;
/// IEEE 754 double precision.
pub const F64: u32 = 2;
/// Signed 8-bit integer.
pub const I8: u32 = 3;
/// Unsigned 8-bit integer.
pub const U8: u32 = 4;
/// Signed 32-bit integer.
pub const I32: u32 = 5;
/// Signed 64-bit integer.
pub const I64: u32 = 6;
/// One byte a value, 0 or 1.
pub const BOOL: u32 = 7;

/// Loads the model on the processor, with so many threads for a run; 0 leaves the number to the
/// library. It is freed with `@{lib}_free`.
#[unsafe(no_mangle)]
pub extern "C" fn @{lib}_load(threads: usize) -> *mut Model {
    c::load(CARRIED, threads, default_threads())
}

/// Runs the model on `count` inputs, which are copied. What comes back is freed with
/// `@{lib}_free_results`.
///
/// # Safety
/// `model` comes from `@{lib}_load`. `inputs` points to `count` tensors, whose pointers are good
/// for the lengths and bytes that they tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @{lib}_run(
    model: *const Model,
    inputs: *const Tensor,
    count: usize,
) -> *mut Results {
    // SAFETY: the caller's promise.
    unsafe { c::run(model, inputs, count) }
}

/// An output by its place, good until `@{lib}_free_results`; null where there are not as many.
///
/// # Safety
/// `results` comes from `@{lib}_run` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @{lib}_output(results: *const Results, index: usize) -> *const Tensor {
    // SAFETY: the caller's promise.
    unsafe { c::output(results, index) }
}
@{capi_file}
/// What failed last on this thread, as `kind: message`; good until the next failure on it.
#[unsafe(no_mangle)]
pub extern "C" fn @{lib}_error() -> *const c_char {
    c::error()
}

/// Frees a model; null is nothing to free.
///
/// # Safety
/// `model` comes from `@{lib}_load` and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @{lib}_free(model: *mut Model) {
    // SAFETY: the caller's promise.
    unsafe { c::free(model) }
}

/// Frees what a run gave; null is nothing to free.
///
/// # Safety
/// `results` comes from `@{lib}_run` and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @{lib}_free_results(results: *mut Results) {
    // SAFETY: the caller's promise.
    unsafe { c::free(results) }
}
