use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{body::Bodies, control::Gate};
use crate::{
    Limits, ServerError, StartError,
    config::ServerSettings,
    model::{Repository, Version},
    picture::Pictures,
};

/// What every worker works with.
pub(crate) struct App {
    pub(super) repository: Arc<Repository>,
    pub(super) pictures: Pictures,
    pub(super) limits: Limits,
    pub(super) bodies: Bodies,
    pub(super) gate: Gate,
    /// Whether the status page and the documentation are served.
    pub(super) pages: bool,
    /// Whether every request has its line in the log.
    pub(super) logs: bool,
    /// Whether everything that was to be loaded at the start is.
    loaded: AtomicBool,
}

impl App {
    /// `threads` work on pictures.
    ///
    /// # Errors
    /// When the token cannot be read, or the system gives no thread.
    pub(crate) fn new(
        settings: &ServerSettings,
        repository: Arc<Repository>,
        threads: usize,
    ) -> Result<Self, StartError> {
        let limits = settings.limits.clone();
        let gate = match settings.token()? {
            Some(token) => Gate::Token(token),
            None if settings.control.loopback => Gate::Loopback,
            None => Gate::Closed,
        };
        let pictures = Pictures::start(threads, &limits, repository.clock())
            .map_err(|error| StartError::of_system("no thread for pictures", &error))?;
        Ok(Self {
            bodies: Bodies::new(limits.connections.bodies),
            repository,
            pictures,
            limits,
            gate,
            pages: settings.pages,
            logs: settings.log.requests,
            loaded: AtomicBool::new(false),
        })
    }

    /// Everything that was to be loaded at the start is.
    pub(crate) fn set_loaded(&self) {
        self.loaded.store(true, Ordering::SeqCst);
    }

    /// Whether the server should get requests.
    pub(super) fn is_ready(&self) -> bool {
        self.loaded.load(Ordering::SeqCst) && self.repository.is_ready()
    }

    /// What is served.
    pub(crate) fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }

    /// The model of a name, or the only one there is.
    ///
    /// # Errors
    /// As [`Repository::find`] and [`Repository::find_only`].
    pub(super) fn find(
        &self,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Arc<Version>, ServerError> {
        match (name, version) {
            (Some(name), version) => self.repository.find(name, version),
            (None, None) => self.repository.find_only(),
            (None, Some(_)) => Err(ServerError::bad_input("a version is named without its model")),
        }
    }
}
