use std::{
    ffi::{CString, c_char},
    fmt,
    ptr::{self, NonNull},
    sync::{Mutex, PoisonError},
};

use ort::{AsPointer, Error, session::Session as OrtSession, value::DynValue};
use runner_core::Content;

use crate::{
    pool::{More, Pool, Shapes},
    refusal::is_full,
};

/// A loaded model that several threads may run at once.
pub(crate) struct Session {
    loaded: Loaded,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
    /// The model's bytes where the engine has not copied them; dropped after the session.
    #[expect(dead_code, reason = "the engine reads it, we only hold it")]
    content: Option<Content>,
}

enum Loaded {
    /// One session for all threads.
    Shared(OrtSession),
    /// Where runs must take turns: locked during a run.
    InTurn(Mutex<Pool<OrtSession>>),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, outputs, .. } = self;
        f.debug_struct("Session").field("inputs", inputs).field("outputs", outputs).finish()
    }
}

impl Session {
    /// `inputs` and `outputs` are names of the session, in the order of values given and made.
    pub(crate) fn new(
        session: OrtSession,
        inputs: Vec<CString>,
        outputs: Vec<CString>,
        takes_turns: bool,
    ) -> Self {
        let loaded = if takes_turns {
            Loaded::InTurn(Mutex::new(Pool::new(session)))
        } else {
            Loaded::Shared(session)
        };
        Self { loaded, inputs, outputs, content: None }
    }

    /// Has further sessions made where runs take turns, one for each set of input shapes.
    pub(crate) fn growing(self, more: More<OrtSession>) -> Self {
        let loaded = match self.loaded {
            Loaded::InTurn(pool) => {
                let pool = pool.into_inner().unwrap_or_else(PoisonError::into_inner);
                Loaded::InTurn(Mutex::new(pool.growing(more)))
            }
            shared @ Loaded::Shared(_) => shared,
        };
        Self { loaded, ..self }
    }

    /// Keeps the bytes that the session was made of for as long as the session.
    pub(crate) fn keeping(self, content: Content) -> Self {
        Self { content: Some(content), ..self }
    }

    /// Runs the model on one value for each input.
    pub(crate) fn run(&self, inputs: &[DynValue]) -> Result<Vec<DynValue>, Error> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::new(format!("{} inputs were given", inputs.len())));
        }
        match &self.loaded {
            Loaded::Shared(session) => self.run_in(session, inputs),
            Loaded::InTurn(pool) => {
                // A panic in an earlier run leaves the pool whole.
                self.run_in_turn(&mut pool.lock().unwrap_or_else(PoisonError::into_inner), inputs)
            }
        }
    }

    /// A run for which there is no memory is made by another session, and that of its own is freed:
    /// one that has run before has what it needs. Where that helps, there is room for no more of
    /// them; where nothing does, the run is too large for the device.
    fn run_in_turn(
        &self,
        pool: &mut Pool<OrtSession>,
        inputs: &[DynValue],
    ) -> Result<Vec<DynValue>, Error> {
        let shapes = shapes(inputs);
        let mut shrunk = false;
        loop {
            let done = self.run_in(pool.of(&shapes), inputs);
            match &done {
                Err(error) if is_full(error.message()) && pool.shrink() => shrunk = true,
                Ok(_) if shrunk => {
                    pool.close();
                    return done;
                }
                _ => return done,
            }
        }
    }

    fn run_in(&self, session: &OrtSession, inputs: &[DynValue]) -> Result<Vec<DynValue>, Error> {
        let given: Vec<_> = inputs.iter().map(AsPointer::ptr).collect();
        let mut made = vec![ptr::null_mut(); self.outputs.len()];
        let (input_names, output_names) = (pointers(&self.inputs), pointers(&self.outputs));
        // The crate's own `run` wants the session for itself alone, on every device; ONNX Runtime
        // does not: `InferenceSession::Run` may be called by many threads.
        //
        // SAFETY: every pointer is to something that lives until the call returns, and every
        // length is that of its array. Names and values are only read, the session is not changed
        // (on a device where it might be, its pool is locked), and the places for outputs are null,
        // so that each is filled with a new value.
        let status = unsafe {
            (ort::api().Run)(
                session.ptr().cast_mut(),
                ptr::null(),
                input_names.as_ptr(),
                given.as_ptr(),
                given.len(),
                output_names.as_ptr(),
                output_names.len(),
                made.as_mut_ptr(),
            )
        };
        // SAFETY: the status comes from the call above and is used once.
        unsafe { Error::result_from_status(status) }?;
        let owned = made.into_iter().map(|value| owned(session, value));
        // Every value is owned before the first that is missing ends the run.
        owned.collect::<Vec<_>>().into_iter().collect()
    }

    /// Ends the record of what nodes take; gives its file.
    pub(crate) fn end_profiling(&mut self) -> Result<String, Error> {
        match &mut self.loaded {
            Loaded::Shared(session) => session.end_profiling(),
            Loaded::InTurn(_) => Err(Error::new("nothing is recorded on this device")),
        }
    }
}

fn owned(session: &OrtSession, value: *mut ort::sys::OrtValue) -> Result<DynValue, Error> {
    let value = NonNull::new(value).ok_or_else(|| Error::new("an output has no value"))?;
    // SAFETY: a run of the session made the value for us, and nobody else releases it. It may
    // outlive the session: it holds what it was allocated with.
    Ok(unsafe { DynValue::from_ptr(value, Some(session.allocator())) })
}

fn shapes(inputs: &[DynValue]) -> Shapes {
    let dims = |value: &DynValue| value.dtype().tensor_shape().map(|dims| dims.to_vec());
    inputs.iter().map(|value| dims(value).unwrap_or_default()).collect()
}

fn pointers(names: &[CString]) -> Vec<*const c_char> {
    names.iter().map(|name| name.as_ptr()).collect()
}
