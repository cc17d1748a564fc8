use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use crate::{
    ServerError, StartError, Stop,
    model::{LoadFailure, Repository},
};

/// How often it is seen whether the server is to end while it still loads.
const HEED: Duration = Duration::from_millis(50);

/// Loads every model; tells whether the server is to go on.
///
/// # Errors
/// Why the first model that failed did.
pub(super) fn load_all(repository: &Arc<Repository>, stop: &Stop) -> Result<bool, StartError> {
    let (tell, told) = channel();
    let of_thread = Arc::clone(repository);
    let load = move || {
        // Nobody listens any more when the server ended meanwhile.
        let _ = tell.send(of_thread.load_all());
    };
    thread::Builder::new()
        .name("load".into())
        .spawn(load)
        .map_err(|error| StartError::of_system("no thread", &error))?;
    loop {
        match told.recv_timeout(HEED) {
            Ok(failures) => return first(failures).map(|()| !stop.is_wanted()),
            Err(RecvTimeoutError::Timeout) if stop.is_wanted() => return Ok(false),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StartError::new("internal", "loading the models ended early"));
            }
        }
    }
}

/// The first failure is what the start fails with; the log has the others.
fn first(failures: Vec<LoadFailure>) -> Result<(), StartError> {
    let mut failures = failures.into_iter();
    let Some(LoadFailure { error, cause }) = failures.next() else { return Ok(()) };
    for LoadFailure { error, cause } in failures {
        let detail = error.detail();
        tracing::error!(target: "models", cause, reason = %error, detail, "not loaded");
    }
    Err(StartError::new(cause, with_detail(&error)))
}

/// An error for whoever starts a server, who may know what clients must not.
fn with_detail(error: &ServerError) -> String {
    let message = error.to_string();
    match error.detail() {
        Some(detail) if !detail.contains('\n') && !message.contains(detail) => {
            format!("{message} ({detail})")
        }
        _ => message,
    }
}
