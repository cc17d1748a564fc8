use std::time::Duration;

use runner_core::ModelInfo;
use vision_io::Contract;
use vision_model::GoldenReport;

use crate::{
    InferRequest, Priority, ServerError,
    batch::{Batcher, Ending, Load, Pending, Spent},
    gate::{Entrance, Gate},
    metrics::{Mark, ModelMetrics},
    protocol::{
        Target,
        documents::{ModelStatistics, Served, Tuning},
    },
};

/// Batches of each engine whose pictures are decoded: one that runs, and two to choose a larger
/// size from.
const BATCHES_AHEAD: usize = 3;

/// A version of a model that serves, or has served.
#[derive(Debug)]
pub struct Version {
    facts: Facts,
    batcher: Batcher,
    pictures: Gate,
    most_pictures: usize,
    _mark: Mark,
}

/// What was found when a version was loaded.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) contract: Contract,
    pub(super) sha256: String,
    pub(super) goldens: Option<GoldenReport>,
    pub(super) engines: usize,
    pub(super) threads: usize,
    pub(super) measured: bool,
    pub(super) load_time: Duration,
}

impl Version {
    /// `most_pictures` is how many wait for their turn.
    pub(super) fn new(facts: Facts, batcher: Batcher, most_pictures: usize, mark: Mark) -> Self {
        Self { facts, batcher, pictures: Gate::new(most_pictures), most_pictures, _mark: mark }
    }

    /// The name that the model is served by.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.facts.version
    }

    /// What the engine loaded.
    pub fn info(&self) -> &ModelInfo {
        self.batcher.info()
    }

    /// How pictures go through it.
    pub fn contract(&self) -> &Contract {
        &self.facts.contract
    }

    /// SHA-256 of the model's file, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.facts.sha256
    }

    /// How it stood the comparison with PyTorch; `None` where it has no goldens.
    pub fn goldens(&self) -> Option<&GoldenReport> {
        self.facts.goldens.as_ref()
    }

    /// Engines that run at one time, threads of each, and whether measuring chose them.
    pub fn engines(&self) -> (usize, usize, bool) {
        (self.facts.engines, self.facts.threads, self.facts.measured)
    }

    /// How long loading and proving took.
    pub fn load_time(&self) -> Duration {
        self.facts.load_time
    }

    /// The largest batch that requests are put together to now.
    ///
    /// # Errors
    /// Why they are not, for people.
    pub fn batching(&self) -> Result<usize, String> {
        self.batcher.largest_batch()
    }

    /// For how long a run has gone on that should have ended; `None` when all is well.
    pub fn hung(&self) -> Option<Duration> {
        self.batcher.hung()
    }

    /// What waits and runs.
    pub fn load(&self) -> Load {
        self.batcher.load()
    }

    /// Where its times are measured.
    pub fn metrics(&self) -> &ModelMetrics {
        self.batcher.metrics()
    }

    /// Puts a request into the queue.
    ///
    /// # Errors
    /// As [`Batcher::submit`].
    pub fn infer(&self, request: InferRequest) -> Result<Pending, ServerError> {
        self.batcher.submit(request)
    }

    /// [`Self::infer`] for one of several runs that a request takes.
    ///
    /// # Errors
    /// As [`Batcher::submit`].
    pub(crate) fn infer_part(&self, request: InferRequest) -> Result<Pending, ServerError> {
        self.batcher.submit_part(request)
    }

    /// Counts a request whose parts were answered, after so long.
    pub(crate) fn answered(&self, spent: &Spent, here: Duration) {
        self.batcher.answered(spent, here);
    }

    /// Counts a request that failed, after so long.
    pub(crate) fn failed(&self, here: Duration) {
        self.batcher.failed(here);
    }

    /// Lets a picture in. No more are decoded at one time than keep the engines busy, so that those
    /// that wait cost neither memory nor time.
    ///
    /// # Errors
    /// [`crate::ErrorKind::QueueFull`] when too many wait, and those of [`Batcher::check_serving`].
    pub(crate) fn enter(&self, priority: Priority) -> Result<Entrance, ServerError> {
        self.batcher.check_serving()?;
        let batch = self.batching().unwrap_or(1);
        let places = self.facts.engines * BATCHES_AHEAD * batch + 2;
        // Those that are inside find room in the queue.
        let places = places.min(self.most_pictures);
        self.pictures.enter(places, priority).map_err(|refused| {
            let delay = self.batcher.time_of(self.pictures.waiting());
            refused.with_model(&self.facts.name).with_retry_after(delay)
        })
    }

    /// Pictures that wait for their turn.
    pub fn waiting_pictures(&self) -> usize {
        self.pictures.waiting()
    }

    /// What became of its requests so far, and the figures that it runs by now.
    pub fn statistics(&self) -> ModelStatistics {
        let batching = self.batching();
        let tuning = Tuning {
            largest_batch: batching.as_ref().map_or(1, |size| *size as u64),
            batching: batching.map_or_else(|reason| reason, |_| "on".to_owned()),
            engines: self.facts.engines as u64,
            threads: self.facts.threads as u64,
            measured: self.facts.measured,
        };
        ModelStatistics {
            name: self.facts.name.clone(),
            version: self.facts.version.clone(),
            tuning: Some(tuning),
            ..self.batcher.statistics()
        }
    }

    /// What came before is not counted.
    pub(super) fn begin_counting(&self) {
        self.batcher.begin_counting();
    }

    /// What a request is read against.
    pub fn target(&self) -> Target<'_> {
        let pictures = self.facts.contract.preprocess.is_some();
        let input = self.info().inputs.first().map(|spec| spec.name.as_str());
        Target {
            name: &self.facts.name,
            version: &self.facts.version,
            info: self.info(),
            pictures: input.filter(|_| pictures),
        }
    }

    /// What its documents are written from.
    pub fn served<'a>(
        &'a self,
        versions: &'a [String],
        batching: &'a Result<usize, String>,
    ) -> Served<'a> {
        Served {
            name: &self.facts.name,
            versions,
            info: self.info(),
            batching: batching.as_ref().copied().map_err(String::as_str),
            sha256: Some(&self.facts.sha256),
        }
    }

    /// Tells when its last request has ended, after it was dropped.
    pub(super) fn ending(&self) -> Ending {
        self.batcher.ending()
    }
}
