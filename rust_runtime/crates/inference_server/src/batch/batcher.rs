use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use runner_core::{ModelInfo, Runner};

use super::{
    ability::Batching,
    entry::Entry,
    ledger::{Ledger, Spent},
    pending::Pending,
    settings::BatchSettings,
    shared::{Load, Setup, Shared},
    worker::Worker,
};
use crate::{
    InferRequest, QueueLimits, ServerError, clock::Clock, metrics::ModelMetrics,
    protocol::documents::ModelStatistics,
};

/// The engines of one model and what is known of them.
pub struct Engines {
    /// One for each engine thread; the same one may serve several.
    pub runners: Vec<Arc<dyn Runner>>,
    /// Whether requests may share a run.
    pub batching: Batching,
    /// Whether a run of a number of rows not seen before is slow, so that only powers of two run.
    pub powers_only: bool,
}

/// The queue of one model and its engine threads.
#[derive(Debug)]
pub struct Batcher {
    shared: Arc<Shared>,
    clock: Arc<Clock>,
}

impl Batcher {
    /// Starts a thread for every runner. `name` is the one that the model is served by.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Fault`] when there is no engine, or the system gives no thread.
    pub fn start(
        name: &str,
        engines: Engines,
        (settings, limits): (&BatchSettings, &QueueLimits),
        clock: &Arc<Clock>,
        metrics: ModelMetrics,
    ) -> Result<Self, ServerError> {
        let Some(first) = engines.runners.first() else {
            return Err(ServerError::fault("a model has no engine").with_model(name));
        };
        let shared = Arc::new(Shared::new(Setup {
            name: name.to_owned(),
            info: first.info().clone(),
            batching: engines.batching,
            settings: settings.clone(),
            powers_only: engines.powers_only,
            limits: limits.clone(),
            threads: engines.runners.len(),
            ledger: Ledger::new(metrics),
        }));
        // From here on dropping it ends the threads that were started.
        let batcher = Self { shared, clock: Arc::clone(clock) };
        for (thread, runner) in engines.runners.into_iter().enumerate() {
            let worker = Worker::new(&batcher.shared, runner, thread);
            let builder = thread::Builder::new().name(format!("engine-{thread}"));
            builder.spawn(move || worker.work()).map_err(|error| {
                ServerError::fault(format!("no engine thread: {error}")).with_model(name)
            })?;
        }
        Ok(batcher)
    }

    /// Puts a request into the queue.
    ///
    /// # Errors
    /// At once: [`crate::ErrorKind::QueueFull`] when the queue is full,
    /// [`crate::ErrorKind::Deadline`] when the deadline has passed already,
    /// [`crate::ErrorKind::Unavailable`] when the model goes or hangs, and
    /// [`crate::ErrorKind::BadInput`] when the inputs are not the model's.
    pub fn submit(&self, request: InferRequest) -> Result<Pending, ServerError> {
        let received = request.received;
        self.queued(request, false).inspect_err(|_| self.failed(received.elapsed()))
    }

    /// [`Self::submit`] for one of several runs that a request takes; it is counted by
    /// [`Self::answered`] or [`Self::failed`].
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(crate) fn submit_part(&self, request: InferRequest) -> Result<Pending, ServerError> {
        self.queued(request, true)
    }

    fn queued(&self, request: InferRequest, part: bool) -> Result<Pending, ServerError> {
        let shared = &self.shared;
        let latest = request.received + shared.longest_deadline;
        let usual = request.received + shared.deadline;
        let deadline = request.deadline.unwrap_or(usual).min(latest);
        if deadline <= Instant::now() {
            return Err(shared.late());
        }
        let model = (&shared.info, &shared.batching);
        let (entry, answer) = Entry::new(request, model, (deadline, part))
            .map_err(|error| error.with_model(&shared.name))?;
        let priority = entry.priority;
        let id = shared.push(entry)?;
        let alarm = self.clock.at(deadline);
        Ok(Pending::new(answer, alarm, Arc::clone(shared), (priority, id)))
    }

    /// Counts a request whose parts were answered, after so long.
    pub(crate) fn answered(&self, spent: &Spent, here: Duration) {
        self.shared.ledger.answered(spent, here);
    }

    /// Counts a request that failed, after so long.
    pub(crate) fn failed(&self, here: Duration) {
        self.shared.ledger.failed(here);
    }

    /// Tells why requests are not taken at all, if so.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when the model goes or hangs.
    pub fn check_serving(&self) -> Result<(), ServerError> {
        self.shared.check_serving(&self.shared.lock())
    }

    /// How long so many rows take, as far as that is known: 1 s to 60 s.
    pub fn time_of(&self, rows: usize) -> Duration {
        self.shared.lock().time_of(rows)
    }

    /// What was loaded.
    pub fn info(&self) -> &ModelInfo {
        &self.shared.info
    }

    /// The largest batch that requests are put together to now, or why they are not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn largest_batch(&self) -> Result<usize, String> {
        self.shared.largest_batch()
    }

    /// For how long a run has gone on that should have ended; `None` when all is well.
    pub fn hung(&self) -> Option<Duration> {
        self.shared.hung()
    }

    /// What waits and runs.
    pub fn load(&self) -> Load {
        self.shared.load()
    }

    /// What became of the requests so far; the names are the caller's to fill in.
    pub fn statistics(&self) -> ModelStatistics {
        self.shared.ledger.statistics()
    }

    /// Forgets what was counted so far.
    pub(crate) fn begin_counting(&self) {
        self.shared.ledger.begin();
    }

    /// Where the times of this model are measured.
    pub fn metrics(&self) -> &ModelMetrics {
        &self.shared.ledger.metrics
    }

    /// Tells when the engine threads have ended.
    pub fn ending(&self) -> Ending {
        Ending(Arc::clone(&self.shared))
    }

    /// No more requests are taken; those that wait are served, then the engine threads end.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tells when a queue and its engine threads have ended.
#[derive(Debug)]
pub struct Ending(Arc<Shared>);

impl Ending {
    /// Waits until every engine thread has ended, but no longer than `until`; tells whether.
    pub fn wait(&self, until: Instant) -> bool {
        self.0.wait_ended(until)
    }
}
