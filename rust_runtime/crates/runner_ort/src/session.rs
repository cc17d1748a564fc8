use std::{
    ffi::{CString, c_char},
    fmt,
    ptr::{self, NonNull},
    sync::{Mutex, PoisonError},
};

use ort::{AsPointer, Error, value::DynValue};
use runner_core::Content;

/// A session that several threads may run at once.
pub(crate) struct Session {
    loaded: ort::session::Session,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
    /// The model's bytes where the engine has not copied them; dropped after the session.
    #[expect(dead_code, reason = "the engine reads it, we only hold it")]
    content: Option<Content>,
    /// Held during a run where runs must take turns.
    turn: Option<Mutex<()>>,
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
        loaded: ort::session::Session,
        inputs: Vec<CString>,
        outputs: Vec<CString>,
        takes_turns: bool,
    ) -> Self {
        Self { loaded, inputs, outputs, content: None, turn: takes_turns.then(Mutex::default) }
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
        let given: Vec<_> = inputs.iter().map(AsPointer::ptr).collect();
        let mut made = vec![ptr::null_mut(); self.outputs.len()];
        let (input_names, output_names) = (pointers(&self.inputs), pointers(&self.outputs));
        // A panic in an earlier run leaves nothing behind: the lock guards no data.
        let turn = self.turn.as_ref();
        let turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        // The crate's own `run` wants the session for itself alone, on every device; ONNX Runtime
        // does not: `InferenceSession::Run` may be called by many threads.
        //
        // SAFETY: every pointer is to something that lives until the call returns, and every
        // length is that of its array. Names and values are only read, the session is not changed
        // (on a device where it might be, `turn` is held), and the places for outputs are null,
        // so that each is filled with a new value.
        let status = unsafe {
            (ort::api().Run)(
                self.loaded.ptr().cast_mut(),
                ptr::null(),
                input_names.as_ptr(),
                given.as_ptr(),
                given.len(),
                output_names.as_ptr(),
                output_names.len(),
                made.as_mut_ptr(),
            )
        };
        drop(turn);
        // SAFETY: the status comes from the call above and is used once.
        unsafe { Error::result_from_status(status) }?;
        let owned = made.into_iter().map(|value| self.owned(value));
        // Every value is owned before the first that is missing ends the run.
        owned.collect::<Vec<_>>().into_iter().collect()
    }

    /// Ends the record of what nodes take; gives its file.
    pub(crate) fn end_profiling(&mut self) -> Result<String, Error> {
        self.loaded.end_profiling()
    }

    fn owned(&self, value: *mut ort::sys::OrtValue) -> Result<DynValue, Error> {
        let value = NonNull::new(value).ok_or_else(|| Error::new("an output has no value"))?;
        // SAFETY: a run of the loaded model made the value for us, and nobody else releases it.
        Ok(unsafe { DynValue::from_ptr(value, Some(self.loaded.allocator())) })
    }
}

fn pointers(names: &[CString]) -> Vec<*const c_char> {
    names.iter().map(|name| name.as_ptr()).collect()
}
