use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwapOption;

use super::{
    description::Description,
    failure::LoadFailure,
    load,
    repository::Surroundings,
    state::{State, Status},
    version::Version,
};
use crate::{ErrorKind, ServerError, memory};

/// The place of one version of a model, whatever serves there now.
#[derive(Debug)]
pub(super) struct Slot {
    description: Mutex<Description>,
    serving: ArcSwapOption<Version>,
    status: Mutex<Status>,
    /// Whether it was taken out of service on purpose.
    retired: AtomicBool,
    /// Held by whoever loads or unloads.
    change: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is whole after a panic too: it is written at once.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    pub(super) fn new(description: Description) -> Self {
        Self {
            description: Mutex::new(description),
            serving: ArcSwapOption::empty(),
            status: Mutex::new(Status::new(State::Unavailable, "it has not been loaded")),
            retired: AtomicBool::new(false),
            change: Mutex::default(),
        }
    }

    /// What the next load is to load.
    pub(super) fn describe(&self, description: Description) {
        *lock(&self.description) = description;
    }

    /// Whether it serves, or was asked not to.
    pub(super) fn is_as_wanted(&self) -> bool {
        self.status().state == State::Ready || self.retired.load(Ordering::SeqCst)
    }

    /// What serves now.
    pub(super) fn serving(&self) -> Option<Arc<Version>> {
        self.serving.load_full()
    }

    /// Where it stands now; a model whose run hangs is not available.
    pub(super) fn status(&self) -> Status {
        let status = lock(&self.status).clone();
        let hung = self.serving().and_then(|version| version.hung());
        match (status.state, hung) {
            (State::Ready, Some(since)) => {
                let reason = format!("a run has not ended for {:.1} s", since.as_secs_f64());
                Status::new(State::Unavailable, reason)
            }
            _ => status,
        }
    }

    /// Loads beside what serves, and takes its place when all went well.
    pub(super) fn load(&self, around: &Surroundings) -> Result<(), LoadFailure> {
        let _turn = lock(&self.change);
        self.retired.store(false, Ordering::SeqCst);
        let description = lock(&self.description).clone();
        let served_before = self.serving.load().is_some();
        if !served_before {
            self.tell(State::Loading, "");
        }
        let loaded = load::load(&description, around);
        around.metrics.loaded(&description.name, &description.version, loaded.is_ok());
        memory::give_back();
        match loaded {
            Ok(version) => {
                // The old one ends with the last request that holds it.
                self.serving.store(Some(Arc::new(version)));
                self.tell(State::Ready, "");
                Ok(())
            }
            Err(failure) => {
                let reason = failure.error.message().to_owned();
                if served_before {
                    let reason = format!("the last load failed, what was there serves: {reason}");
                    self.tell(State::Ready, reason);
                } else {
                    self.tell(State::Unavailable, reason);
                }
                Err(failure)
            }
        }
    }

    /// Takes no more requests and waits for the last one, but no longer than `until`; tells
    /// whether it has ended by then.
    pub(super) fn unload(&self, until: Instant) -> bool {
        let _turn = lock(&self.change);
        self.retired.store(true, Ordering::SeqCst);
        let Some(version) = self.serving.swap(None) else {
            self.tell(State::Unavailable, "it was unloaded");
            return true;
        };
        self.tell(State::Unloading, "its last requests are being answered");
        let ending = version.ending();
        drop(version);
        let ended = ending.wait(until);
        memory::give_back();
        let reason =
            if ended { "it was unloaded" } else { "it was unloaded; a request still runs" };
        self.tell(State::Unavailable, reason);
        ended
    }

    /// The error of a request when nothing serves here.
    pub(super) fn unavailable(&self, name: &str) -> ServerError {
        let Status { state, reason } = self.status();
        let message = match reason.as_str() {
            "" => format!("the model is {}", state.name()),
            reason => format!("the model is {}: {reason}", state.name()),
        };
        ServerError::new(ErrorKind::Unavailable, message).with_model(name)
    }

    fn tell(&self, state: State, reason: impl Into<String>) {
        *lock(&self.status) = Status::new(state, reason);
    }
}
