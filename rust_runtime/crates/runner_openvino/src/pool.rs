use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::native::{CompiledModel, Request};

/// As many requests as runs were ever under way at once.
pub(crate) struct Pool(Mutex<Inside>);

struct Inside {
    /// Dropped before the model that they belong to.
    idle: Vec<Request>,
    model: CompiledModel,
}

impl Pool {
    /// A pool with its first request, so that the first run need not wait for it.
    ///
    /// # Errors
    /// OpenVINO's reason.
    pub(crate) fn new(model: CompiledModel) -> Result<Self, String> {
        let idle = vec![model.request()?];
        Ok(Self(Mutex::new(Inside { idle, model })))
    }

    /// A request that nobody uses.
    ///
    /// # Errors
    /// OpenVINO's reason when a new one is needed and cannot be made.
    pub(crate) fn take(&self) -> Result<Request, String> {
        let mut inside = self.inside();
        match inside.idle.pop() {
            Some(request) => Ok(request),
            None => inside.model.request(),
        }
    }

    /// Makes a request available again.
    pub(crate) fn give_back(&self, request: Request) {
        self.inside().idle.push(request);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
