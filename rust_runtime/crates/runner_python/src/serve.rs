use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use inference_server::{ServerSettings, StartError, Started, Stop, config::environment};
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{hinted_error, invalid, native_error};

/// How often Python is asked for signals, which it notes and does not act upon by itself.
const HEED_SIGNALS: Duration = Duration::from_millis(100);

/// What Python gives: a settings file, and a document of the same keys that wins over it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    file: Option<PathBuf>,
    flags: Value,
}

enum Event {
    Started(String),
    Ended(Result<(), StartError>),
}

/// Serves until a Python signal handler raises, and raises the same once what was accepted is
/// finished; a second signal ends it at once. `started` is called with a JSON document.
#[pyfunction]
pub(crate) fn serve(py: Python<'_>, settings: &str, started: &Bound<'_, PyAny>) -> PyResult<()> {
    let given: Given =
        serde_json::from_str(settings).map_err(|error| invalid(py, &error.to_string()))?;
    let settings = ServerSettings::read(given.file.as_deref(), environment(), given.flags)
        .map_err(|error| start_error(py, &error))?;
    let stop = Stop::new();
    let events = spawn(settings, stop.clone()).map_err(|error| {
        native_error(py, "engine_failed", &format!("no thread can be started: {error}"))
    })?;
    watch(py, events, &stop, started)
}

fn spawn(settings: ServerSettings, stop: Stop) -> std::io::Result<Receiver<Event>> {
    let (events, receiver) = channel();
    let serve = move || {
        let told = started_teller(events.clone());
        let ended = inference_server::serve(settings, runners::load, &stop, told);
        // Nobody listens any more after a second signal.
        let _ = events.send(Event::Ended(ended));
    };
    thread::Builder::new().name("server".to_owned()).spawn(serve)?;
    Ok(receiver)
}

fn started_teller(events: Sender<Event>) -> impl FnOnce(&Started) + Send + 'static {
    move |started| {
        let document = serde_json::to_string(started).unwrap_or_default();
        let _ = events.send(Event::Started(document));
    }
}

fn watch(
    py: Python<'_>,
    mut events: Receiver<Event>,
    stop: &Stop,
    started: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let mut ending: Option<PyErr> = None;
    loop {
        let heard;
        (heard, events) = py.detach(move || (events.recv_timeout(HEED_SIGNALS), events));
        let told = match heard {
            Ok(Event::Started(document)) => started.call1((document,)).map(drop),
            Ok(Event::Ended(Err(error))) => return Err(start_error(py, &error)),
            Ok(Event::Ended(Ok(()))) => return ending.map_or(Ok(()), Err),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(native_error(py, "panicked", "the server's thread has panicked"));
            }
        };
        if let Err(signal) = told.and_then(|()| py.check_signals()) {
            if ending.is_some() {
                stop.now();
                return Err(signal);
            }
            stop.drain();
            ending = Some(signal);
        }
    }
}

fn start_error(py: Python<'_>, error: &StartError) -> PyErr {
    hinted_error(py, error.kind(), &error.to_string(), error.hint())
}
