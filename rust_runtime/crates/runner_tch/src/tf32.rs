//! Forbids TF32 to convolutions and recurrent layers on CUDA, for the time of a run.
//!
//! LibTorch allows it by default. The setting is one for the process and is read when work is handed
//! over, so the first run that needs it sets it and the last one puts back what was.

use std::{
    ffi::{c_int, c_void},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// `at::Float32Backend::CUDA`.
const CUDA: c_int = 1;
/// Of `at::Float32Op`: `CONV` and `RNN`. Products of matrices are in single precision by default.
const OPERATIONS: [c_int; 2] = [1, 2];
/// `at::Float32Precision::IEEE`.
const IEEE: c_int = 1;

// `torch_sys` has no call for it. These are functions of the C++ interface of the release that this
// crate is made for; the linker refuses another one that lacks them.
//
// SAFETY: the names are those of functions of these signatures: a member function gets its object
// first, the enumerations are `int`s, and the context is LibTorch's own and never freed.
#[cfg(target_os = "linux")]
unsafe extern "C" {
    #[link_name = "_ZN2at13globalContextEv"]
    safe fn context() -> *mut c_void;
    #[link_name = "_ZN2at7Context19setFloat32PrecisionENS_14Float32BackendENS_9Float32OpENS_16Float32PrecisionE"]
    fn set_precision(context: *mut c_void, backend: c_int, operation: c_int, precision: c_int);
    #[link_name = "_ZNK2at7Context16float32PrecisionENS_14Float32BackendENS_9Float32OpE"]
    fn precision(context: *const c_void, backend: c_int, operation: c_int) -> c_int;
}

static HELD: Mutex<Held> = Mutex::new(Held { runs: 0, before: [IEEE; 2] });

#[derive(Debug)]
struct Held {
    /// Runs that need it now.
    runs: usize,
    /// What was set before the first of them.
    before: [c_int; 2],
}

/// TF32 is forbidden while this lives.
#[derive(Debug)]
pub(crate) struct Forbidden(());

impl Forbidden {
    pub(crate) fn enter() -> Self {
        let mut held = lock();
        if held.runs == 0 {
            held.before = current();
            set([IEEE; 2]);
        }
        held.runs += 1;
        Self(())
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        let mut held = lock();
        held.runs -= 1;
        if held.runs == 0 {
            set(held.before);
        }
    }
}

/// A panic elsewhere leaves the numbers whole.
fn lock() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(target_os = "linux")]
fn current() -> [c_int; 2] {
    // SAFETY: the context is LibTorch's own, and backend and operations are known to it.
    OPERATIONS.map(|operation| unsafe { precision(context(), CUDA, operation) })
}

#[cfg(target_os = "linux")]
fn set(precisions: [c_int; 2]) {
    for (operation, wanted) in OPERATIONS.into_iter().zip(precisions) {
        // SAFETY: as above; the precision is IEEE's, or what LibTorch told.
        unsafe { set_precision(context(), CUDA, operation, wanted) };
    }
}

/// CUDA devices are used on Linux only.
#[cfg(not(target_os = "linux"))]
fn current() -> [c_int; 2] {
    [IEEE; 2]
}

#[cfg(not(target_os = "linux"))]
fn set(_: [c_int; 2]) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// `at::Float32Precision::TF32`.
    const TF32: c_int = 2;

    #[test]
    fn it_is_forbidden_for_the_time_of_the_runs_that_need_it() {
        assert_eq!(current(), [TF32; 2], "LibTorch's default");
        let first = Forbidden::enter();
        let second = Forbidden::enter();
        drop(first);
        assert_eq!(current(), [IEEE; 2]);
        drop(second);
        assert_eq!(current(), [TF32; 2]);
    }
}
