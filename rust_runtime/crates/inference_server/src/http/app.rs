use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use tokio::sync::watch;

use super::{body::Bodies, control::Gate};
use crate::{
    ErrorKind, Limits, ServerError, StartError,
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
    /// Whether nothing that is under way is waited for any more.
    cut: watch::Sender<bool>,
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
            cut: watch::Sender::new(false),
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

    /// Whatever is under way is answered at once that it will not be done.
    pub(crate) fn cut_short(&self) {
        self.cut.send_replace(true);
    }

    /// Whether nothing that is under way is waited for any more.
    pub(super) fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }

    /// Does work unless it is cut short.
    ///
    /// # Errors
    /// Those of the work, and [`ErrorKind::Unavailable`] where it is cut short.
    pub(super) async fn until_cut<T>(
        &self,
        work: impl Future<Output = Result<T, ServerError>>,
    ) -> Result<T, ServerError> {
        let cut = async {
            // The sender lives as long as this.
            let _ = self.cut.subscribe().wait_for(|cut| *cut).await;
        };
        let (mut work, mut cut) = (pin!(work), pin!(cut));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Pending => cut.as_mut().poll(context).map(|()| Err(unfinished())),
            done @ Poll::Ready(_) => done,
        })
        .await
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

/// The error of a request that the end of the server leaves undone.
pub(super) fn unfinished() -> ServerError {
    ServerError::new(ErrorKind::Unavailable, "the server ended before the request was answered")
}
