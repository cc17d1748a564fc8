//! What the server counts and measures, as Prometheus reads it.
//!
//! Labels are names of served models only; what a client wrote in a path never becomes one.

mod kinds;

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use runner_core::ModelInfo;

pub use self::kinds::{EngineFault, Phase};

const PREFIX: &str = "oxidizedvision";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
    version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    model: String,
    version: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    model: String,
    version: String,
    phase: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    model: String,
    version: String,
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    model: String,
    version: String,
    sha256: String,
    backend: String,
    backend_version: String,
}

/// Everything that is counted and measured.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    waiting: Family<ModelLabels, Gauge>,
    in_flight: Family<ModelLabels, Gauge>,
    held_bytes: Family<ModelLabels, Gauge>,
    batch_size: Family<ModelLabels, Histogram>,
    seconds: Family<PhaseLabels, Histogram>,
    request_seconds: Family<ModelLabels, Histogram>,
    reloads: Family<OutcomeLabels, Counter>,
    faults: Family<OutcomeLabels, Counter>,
    info: Family<InfoLabels, Gauge>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A name as it may stand in a label.
fn label(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 11))
}

fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 20))
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            requests: Family::default(),
            waiting: Family::default(),
            in_flight: Family::default(),
            held_bytes: Family::default(),
            batch_size: Family::new_with_constructor(sizes),
            seconds: Family::new_with_constructor(times),
            request_seconds: Family::new_with_constructor(times),
            reloads: Family::default(),
            faults: Family::default(),
            info: Family::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let to = &mut self.registry;
        to.register("requests", "Requests answered, by HTTP status", self.requests.clone());
        to.register("queue_depth", "Requests that wait", self.waiting.clone());
        to.register("in_flight", "Requests that wait or run", self.in_flight.clone());
        to.register("queue_bytes", "Bytes of the inputs that are held", self.held_bytes.clone());
        to.register("batch_size", "Length of axis 0 of a run", self.batch_size.clone());
        to.register("seconds", "Seconds by phase of a request", self.seconds.clone());
        let whole = self.request_seconds.clone();
        to.register("request_seconds", "Seconds from coming to reply", whole);
        to.register("reloads", "Loads of models, by their end", self.reloads.clone());
        to.register("engine_faults", "Runs that failed, by kind", self.faults.clone());
        to.register("model_info", "What is served; always 1", self.info.clone());
        self
    }

    /// Everything as Prometheus reads it, in its `OpenMetrics` text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    /// Counts an answer. `model` and `version` are `None` where none that is served was meant.
    pub fn answered(&self, served: Option<(&str, &str)>, status: u16) {
        let (model, version) = served.unwrap_or_default();
        let code = status.to_string();
        let labels = RequestLabels { model: label(model), version: label(version), code };
        self.requests.get_or_create(&labels).inc();
    }

    /// Takes note of how long a request to a served model took, from its coming to its reply.
    pub fn lasted(&self, (model, version): (&str, &str), time: Duration) {
        let labels = ModelLabels { model: label(model), version: label(version) };
        self.request_seconds.get_or_create(&labels).observe(time.as_secs_f64());
    }

    /// Counts a load of a model, begun by whoever.
    pub fn loaded(&self, model: &str, version: &str, succeeded: bool) {
        let kind = if succeeded { "done" } else { "failed" }.to_owned();
        let labels = OutcomeLabels { model: label(model), version: label(version), kind };
        self.reloads.get_or_create(&labels).inc();
    }

    /// The measures of one version of a model, to be kept by what works on it.
    pub fn of_model(&self, model: &str, version: &str) -> ModelMetrics {
        let labels = ModelLabels { model: label(model), version: label(version) };
        let phase = |phase: Phase| {
            let (model, version) = (label(model), label(version));
            let labels = PhaseLabels { model, version, phase: phase.name().into() };
            self.seconds.get_or_create(&labels).clone()
        };
        let fault = |fault: EngineFault| {
            let (model, version) = (label(model), label(version));
            let labels = OutcomeLabels { model, version, kind: fault.name().into() };
            self.faults.get_or_create(&labels).clone()
        };
        ModelMetrics {
            waiting: self.waiting.get_or_create(&labels).clone(),
            in_flight: self.in_flight.get_or_create(&labels).clone(),
            held_bytes: self.held_bytes.get_or_create(&labels).clone(),
            batch_size: self.batch_size.get_or_create(&labels).clone(),
            seconds: Phase::ALL.map(phase),
            errors: fault(EngineFault::Error),
            panics: fault(EngineFault::Panic),
        }
    }

    /// Tells which file a version is served from, as long as the mark lives.
    pub fn serving(&self, (model, version): (&str, &str), sha256: &str, info: &ModelInfo) -> Mark {
        let labels = InfoLabels {
            model: label(model),
            version: label(version),
            sha256: label(sha256),
            backend: label(&info.backend),
            backend_version: label(&info.backend_version),
        };
        self.info.get_or_create(&labels).inc();
        Mark { info: self.info.clone(), labels }
    }
}

/// Takes what is told of a version back when it is dropped.
pub struct Mark {
    info: Family<InfoLabels, Gauge>,
    labels: InfoLabels,
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.labels.fmt(f)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // The same file may be served anew before the old version ends.
        let others = self.info.get_or_create(&self.labels).dec() - 1;
        if others <= 0 {
            self.info.remove(&self.labels);
        }
    }
}

/// The measures of one version of a model.
#[derive(Debug, Clone)]
pub struct ModelMetrics {
    pub(crate) waiting: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) held_bytes: Gauge,
    pub(crate) batch_size: Histogram,
    seconds: [Histogram; 6],
    errors: Counter,
    panics: Counter,
}

impl ModelMetrics {
    /// Takes note of how long a phase of one request took.
    pub fn took(&self, phase: Phase, time: Duration) {
        self.seconds[phase as usize].observe(time.as_secs_f64());
    }

    /// Counts a run that failed.
    pub fn fault(&self, fault: EngineFault) {
        match fault {
            EngineFault::Error => self.errors.inc(),
            EngineFault::Panic => self.panics.inc(),
        };
    }
}
