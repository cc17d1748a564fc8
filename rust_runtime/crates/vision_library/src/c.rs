//! What the C interface of every library does: a library adds the names of its own functions.
//!
//! A null pointer is the answer where something failed; [`error`] then says what. No panic leaves
//! these functions.

mod last_error;
mod tensors;

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
};

use crate::{Carried, Error, NamedTensors, Options, Session, file_of};

pub use self::{
    last_error::error,
    tensors::{Results, Tensor},
};

/// The loaded model. Several threads may run it at the same time.
#[derive(Debug)]
pub struct Model {
    session: Session,
}

/// The content of a file.
#[repr(C)]
#[derive(Debug)]
pub struct File {
    /// Its bytes.
    pub data: *const u8,
    /// How many they are.
    pub length: usize,
}

/// Loads a model; with 0 threads `usual` has the number, or the engine.
pub fn load(carried: Carried, threads: usize, usual: Option<NonZeroUsize>) -> *mut Model {
    answer(|| {
        let threads = NonZeroUsize::new(threads).or(usual);
        let session = Session::load(carried, &Options { threads, ..Options::default() })?;
        Ok(Model { session })
    })
}

/// Runs a model on `count` inputs in the model's order.
///
/// # Safety
/// `model` comes from [`load`]; `inputs` points to `count` tensors whose pointers are good for as
/// many lengths and bytes as they say.
pub unsafe fn run(model: *const Model, inputs: *const Tensor, count: usize) -> *mut Results {
    answer(|| {
        // SAFETY: the caller's promise.
        let (model, inputs) = unsafe { (model_of(model)?, many(inputs, count, "the inputs")?) };
        let specs = &model.session.info().inputs;
        if count != specs.len() {
            let message = format!("the model takes {} inputs, {count} came", specs.len());
            return Err(Error::new("input", message));
        }
        let read = |(input, spec): (&Tensor, &runner_core::TensorSpec)| {
            // SAFETY: the caller's promise.
            Ok((spec.name.clone(), unsafe { input.read(&spec.name) }?))
        };
        let inputs = inputs.iter().zip(specs).map(read).collect::<Result<NamedTensors, Error>>()?;
        Ok(Results::new(model.session.run(inputs)?))
    })
}

/// Runs a model on the content of a picture's file.
///
/// # Safety
/// `model` comes from [`load`], `file` is good for `length` bytes.
pub unsafe fn run_file(model: *const Model, file: *const u8, length: usize) -> *mut File {
    answer(|| {
        // SAFETY: the caller's promise.
        let (model, file) = unsafe { (model_of(model)?, many(file, length, "the file")?) };
        let made = file_of(&model.session.predict_file(file)?)?.into_boxed_slice();
        let length = made.len();
        Ok(File { data: Box::into_raw(made).cast(), length })
    })
}

/// An output in the model's order; null where there are not as many.
///
/// # Safety
/// `outputs` comes from [`run`] and was not freed.
pub unsafe fn output(outputs: *const Results, index: usize) -> *const Tensor {
    // SAFETY: the caller's promise.
    unsafe { outputs.as_ref() }
        .and_then(|outputs| outputs.view(index))
        .map_or(std::ptr::null(), std::ptr::from_ref)
}

/// Frees what [`load`] or [`run`] gave; null is nothing to free.
///
/// # Safety
/// `given` comes from there, is freed once and not used again.
pub unsafe fn free<T>(given: *mut T) {
    if !given.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(given) });
    }
}

/// Frees what [`run_file`] gave; null is nothing to free.
///
/// # Safety
/// `file` comes from there, is freed once and not used again.
pub unsafe fn free_file(file: *mut File) {
    if !file.is_null() {
        // SAFETY: the caller's promise; the bytes were a boxed slice.
        unsafe {
            let file = Box::from_raw(file);
            let bytes = std::ptr::slice_from_raw_parts_mut(file.data.cast_mut(), file.length);
            drop(Box::from_raw(bytes));
        }
    }
}

fn answer<T>(work: impl FnOnce() -> Result<T, Error>) -> *mut T {
    let done = catch_unwind(AssertUnwindSafe(work));
    let done = done.unwrap_or_else(|_| Err(Error::new("internal", "a fault of the library's own")));
    match done {
        Ok(made) => Box::into_raw(Box::new(made)),
        Err(error) => {
            last_error::keep(&error);
            std::ptr::null_mut()
        }
    }
}

unsafe fn model_of<'a>(model: *const Model) -> Result<&'a Model, Error> {
    // SAFETY: the caller's promise.
    unsafe { model.as_ref() }.ok_or_else(|| Error::new("input", "the model is a null pointer"))
}

/// A null pointer is good for nothing at all only.
unsafe fn many<'a, T>(pointer: *const T, count: usize, what: &str) -> Result<&'a [T], Error> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::new("input", format!("{what}: a null pointer")));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

#[cfg(test)]
mod tests;
