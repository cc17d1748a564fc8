//! A server from its settings to its end.

mod granted;
mod loading;
mod logging;

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use runner_core::{LoadError, Runner, RunnerConfig};

use crate::{
    StartError, Started, Stop,
    clock::Clock,
    config::{ServerSettings, format_of, processors},
    http::{App, Http, Plan, bind},
    metrics::Metrics,
    model::{Change, Description, Loader, Repository, Surroundings, Watch, Watcher},
};

/// How often a server that runs looks whether all is well.
const LOOK: Duration = Duration::from_millis(500);
/// How long engines have to let go of what they hold, whatever else is cut short: a process that
/// ends while one frees a GPU's memory may crash.
const LET_GO: Duration = Duration::from_secs(1);

/// Serves until `stop` tells to end, and returns once that is done. `load` loads a model with the
/// engine of a name; `started` is told when the server listens and has loaded its models. Signals
/// are the caller's.
///
/// # Errors
/// Why it did not start: settings that do not go together, an address that cannot be had, a model
/// that is not fit.
pub fn serve(
    settings: ServerSettings,
    load: impl Fn(&str, &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> + Send + Sync + 'static,
    stop: &Stop,
    started: impl FnOnce(&Started) + Send + 'static,
) -> Result<(), StartError> {
    serve_with(settings, Vec::new(), load, stop, started)
}

/// [`serve`] with models besides those of the settings, such as one that the program carries.
///
/// # Errors
/// As [`serve`].
pub fn serve_with(
    settings: ServerSettings,
    carried: Vec<Description>,
    load: impl Fn(&str, &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> + Send + Sync + 'static,
    stop: &Stop,
    started: impl FnOnce(&Started) + Send + 'static,
) -> Result<(), StartError> {
    settings.check()?;
    logging::start(settings.log);
    let served = run(settings, carried, Box::new(load), stop, started);
    logging::flush();
    served
}

fn run(
    mut settings: ServerSettings,
    carried: Vec<Description>,
    load: Box<Loader>,
    stop: &Stop,
    started: impl FnOnce(&Started),
) -> Result<(), StartError> {
    granted::fit(&mut settings.limits);
    let described = described(&settings, carried)?;
    let listeners = bind(&settings.host, settings.port)?;
    let address = address_of(&listeners, &settings)?;
    let server = Server::start(&settings, listeners, load)?;
    for description in described {
        server.app.repository().describe(description)?;
    }
    if !loading::load_all(server.app.repository(), stop)? {
        return Ok(());
    }
    let watcher = watch(&settings, server.app.repository())?;
    server.app.set_loaded();
    let told = Started::of(address, server.app.repository());
    tracing::info!(target: "server", address = told.address, models = told.models.len(), "ready");
    started(&told);
    while !stop.wait(LOOK) {
        if server.http.has_ended() {
            return Err(StartError::new("internal", "the HTTP server has ended by itself"));
        }
    }
    drop(watcher);
    server.end(&settings, stop);
    Ok(())
}

fn described(
    settings: &ServerSettings,
    mut carried: Vec<Description>,
) -> Result<Vec<Description>, StartError> {
    let engine = settings.runner.as_deref();
    for model in &settings.models {
        carried.push(model.description(engine)?);
    }
    if carried.is_empty() && settings.folder.is_none() {
        return Err(StartError::new("usage", "there is no model to serve").with_hint(
            "Name one on the command line, or in the settings under models or folder.",
        ));
    }
    Ok(carried)
}

/// Where a client finds the server, as an address of the web.
fn address_of(listeners: &[TcpListener], settings: &ServerSettings) -> Result<String, StartError> {
    let first = listeners.first().map(TcpListener::local_addr).transpose();
    let first =
        first.map_err(|error| StartError::of_system("the socket has no address", &error))?;
    let port = first.map_or(settings.port, |address| address.port());
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let host = match settings.host.trim_start_matches('[').trim_end_matches(']') {
        "0.0.0.0" | "" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok(format!("{scheme}://{host}:{port}"))
}

/// What runs until the end.
struct Server {
    app: Arc<App>,
    http: Http,
}

impl Server {
    fn start(
        settings: &ServerSettings,
        listeners: Vec<TcpListener>,
        loader: Box<Loader>,
    ) -> Result<Self, StartError> {
        let clock = Clock::start().map_err(|error| StartError::of_system("no thread", &error))?;
        let limits = settings.limits.queue.clone();
        let metrics = Arc::new(Metrics::new());
        let repository = Repository::new(Surroundings { loader, limits, clock, metrics });
        let app = Arc::new(App::new(settings, Arc::new(repository), processors())?);
        let plan = Plan::new(settings, Arc::clone(&app))?;
        Ok(Self { app, http: Http::start(listeners, plan)? })
    }

    /// Says that it is not ready, takes new work for a while, finishes, and ends.
    fn end(self, settings: &ServerSettings, stop: &Stop) {
        let drain = &settings.limits.drain;
        self.app.repository().begin_drain();
        tracing::info!(target: "server", delay = ?drain.delay, "ending: not ready from now on");
        let at_once = stop.wait_now(drain.delay);
        let until = Instant::now() + if at_once { Duration::ZERO } else { drain.deadline };
        let closed = self.http.end(until, stop, || self.app.cut_short());
        let until = until.max(Instant::now() + LET_GO);
        let ended = self.app.repository().close(until) && !stop.is_now();
        if closed && ended {
            tracing::info!(target: "server", "ended: everything that was accepted is answered");
        } else {
            tracing::warn!(target: "server", "ended before every request was done");
        }
    }
}

/// Loads what lies in the folder, and goes on looking at it.
fn watch(
    settings: &ServerSettings,
    repository: &Arc<Repository>,
) -> Result<Option<Watcher>, StartError> {
    let Some(folder) = &settings.folder else { return Ok(None) };
    let engine = folder.runner.as_deref().or(settings.runner.as_deref()).ok_or_else(|| {
        StartError::new("usage", "no engine is named for the models of the folder")
            .with_hint("Name one: runner in the settings, --runner on the command line.")
    })?;
    if engine == "auto" {
        return Err(StartError::new("usage", "auto cannot choose for a folder of models")
            .with_hint("Name an engine for the folder."));
    }
    if !folder.path.is_dir() {
        let message = format!("the folder {} is not there", folder.path.display());
        return Err(StartError::new("not_found", message));
    }
    let format = format_of(engine);
    let mut watch = Watch::new(folder.path.clone(), format, engine, folder.settings.clone());
    watch.look(repository).iter().for_each(report);
    let watcher = Watcher::start(watch, Arc::clone(repository), folder.every, report);
    watcher.map(Some).map_err(|error| StartError::of_system("no thread", &error))
}

fn report(change: &Change) {
    match change {
        Change::Loaded(model, version) => {
            tracing::info!(target: "models", model, version, "loaded");
        }
        Change::Unloaded(model, version) => {
            tracing::info!(target: "models", model, version, "unloaded");
        }
        Change::Failed(model, version, error) => tracing::warn!(
            target: "models", model, version, reason = %error, detail = error.detail(),
            "not loaded"
        ),
    }
}
