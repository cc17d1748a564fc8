use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use runner_core::ModelInfo;

use super::{
    ability::Batching,
    entry::Entry,
    ledger::Ledger,
    queue::Queue,
    settings::BatchSettings,
    tuner::{Bounds, Tuner},
};
use crate::{ErrorKind, Priority, QueueLimits, ServerError};

/// What the engine threads of one model, and those who ask it, have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// The name that the model is served by, for errors.
    pub(super) name: String,
    pub(super) info: ModelInfo,
    /// What the model allowed when it was loaded.
    pub(super) batching: Batching,
    pub(super) deadline: Duration,
    pub(super) longest_deadline: Duration,
    pub(super) delay: Duration,
    /// Bytes of the inputs of a batch of several requests.
    pub(super) batch_memory: usize,
    run_deadline: Duration,
    pub(super) ledger: Ledger,
    state: Mutex<State>,
    pub(super) work: Condvar,
    pub(super) ended: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) tuner: Tuner,
    /// By engine thread: since when it runs.
    pub(super) running: Vec<Option<Instant>>,
    /// Engine threads that wait for work.
    pub(super) idle: usize,
    /// Engine threads that have not ended.
    pub(super) alive: usize,
    pub(super) closing: bool,
    last_id: u64,
    /// Batches in a row that failed although each of their requests went well by itself.
    pub(super) fruitless: u32,
    /// Why requests are no longer put together.
    pub(super) stopped: Option<String>,
}

/// What a queue is made of.
pub(super) struct Setup {
    /// The name that the model is served by.
    pub(super) name: String,
    pub(super) info: ModelInfo,
    pub(super) batching: Batching,
    pub(super) settings: BatchSettings,
    /// Whether only powers of two are run.
    pub(super) powers_only: bool,
    pub(super) limits: QueueLimits,
    /// Engine threads.
    pub(super) threads: usize,
    pub(super) ledger: Ledger,
}

/// The figures of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Requests that wait.
    pub waiting: usize,
    /// Bytes of the inputs of those that wait and of those that run.
    pub bytes: usize,
    /// Engine threads that run.
    pub running: usize,
}

impl Shared {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { name, info, settings, powers_only, limits, threads, ledger, batching } = setup;
        let bounds = Bounds {
            most_rows: if settings.size > 0 { settings.size } else { settings.largest.max(1) },
            fixed: settings.size > 0,
            longest: settings.longest_run,
            powers_only,
        };
        let state = State {
            queue: Queue::new(limits.requests, limits.memory),
            tuner: Tuner::new(bounds),
            running: vec![None; threads],
            idle: 0,
            alive: threads,
            closing: false,
            last_id: 0,
            fruitless: 0,
            stopped: None,
        };
        let off = || Batching::Off("batching is turned off".to_owned());
        let given = settings.run_deadline;
        Self {
            name,
            info,
            batching: if settings.enabled { batching } else { off() },
            deadline: limits.deadline,
            longest_deadline: limits.longest_deadline,
            delay: settings.delay,
            batch_memory: settings.memory,
            run_deadline: if given.is_zero() { limits.deadline } else { given },
            ledger,
            state: Mutex::new(state),
            work: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    /// No code panics while it holds the lock; a poisoned one is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request into the queue; gives its place in time.
    pub(super) fn push(&self, mut entry: Entry) -> Result<u64, ServerError> {
        let bytes = entry.bytes;
        let mut state = self.lock();
        self.check_serving(&state)?;
        state.last_id += 1;
        entry.id = state.last_id;
        let id = entry.id;
        if let Err(refused) = state.queue.push(entry) {
            let delay = state.time_of(state.queue.waiting());
            return Err(refused.with_model(&self.name).with_retry_after(delay));
        }
        // While the lock is held, so that nothing is taken off before it was added.
        self.ledger.metrics.waiting.inc();
        self.ledger.metrics.in_flight.inc();
        self.ledger.metrics.held_bytes.inc_by(signed(bytes));
        drop(state);
        self.work.notify_one();
        Ok(id)
    }

    /// Tells why requests are not taken at all, if so.
    pub(super) fn check_serving(&self, state: &State) -> Result<(), ServerError> {
        if state.closing || state.alive == 0 {
            return Err(self.gone());
        }
        match state.all_run_since().filter(|since| *since > self.run_deadline) {
            Some(since) => Err(self.hangs(since)),
            None => Ok(()),
        }
    }

    /// Takes out a request that nobody waits for, if it still waits.
    pub(super) fn leave(&self, priority: Priority, id: u64) {
        let left = self.lock().queue.remove(priority, id);
        if let Some(entry) = left {
            self.ledger.metrics.waiting.dec();
            self.forget(1, entry.bytes);
            self.failed(entry.arrived, entry.part);
        }
    }

    /// Counts what came then and failed, unless it is a part of a request.
    pub(super) fn failed(&self, arrived: Instant, part: bool) {
        if !part {
            self.ledger.failed(arrived.elapsed());
        }
    }

    /// Takes requests that are no longer held off the gauges.
    pub(super) fn forget(&self, requests: usize, bytes: usize) {
        self.ledger.metrics.in_flight.dec_by(signed(requests));
        self.ledger.metrics.held_bytes.dec_by(signed(bytes));
    }

    /// No more requests are taken; those that wait are served, then the engine threads end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_all();
    }

    /// Waits until every engine thread has ended, but no longer than `until`.
    pub(super) fn wait_ended(&self, until: Instant) -> bool {
        let mut state = self.lock();
        while state.alive > 0 {
            let pause = until.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                return false;
            }
            let woken = self.ended.wait_timeout(state, pause);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(super) fn load(&self) -> Load {
        let state = self.lock();
        let running = state.running.iter().flatten().count();
        Load { waiting: state.queue.waiting(), bytes: state.queue.bytes(), running }
    }

    /// The largest batch that requests are put together to now, or why they are not.
    pub(super) fn largest_batch(&self) -> Result<usize, String> {
        if let Some(reason) = self.batching.reason() {
            return Err(reason.to_owned());
        }
        let state = self.lock();
        match &state.stopped {
            Some(reason) => Err(reason.clone()),
            None => Ok(state.tuner.chosen()),
        }
    }

    /// For how long a run has gone on that should have ended.
    pub(super) fn hung(&self) -> Option<Duration> {
        let state = self.lock();
        let longest = state.running.iter().flatten().map(Instant::elapsed).max()?;
        (longest > self.run_deadline).then_some(longest)
    }

    fn hangs(&self, since: Duration) -> ServerError {
        let message = format!("a run of the model has not ended for {:.1} s", since.as_secs_f64());
        ServerError::new(ErrorKind::Unavailable, message).with_model(&self.name)
    }

    /// The error of a request whose deadline has passed.
    pub(super) fn late(&self) -> ServerError {
        let message = "the deadline passed before the request was answered";
        ServerError::new(ErrorKind::Deadline, message).with_model(&self.name)
    }

    /// The error of a request to a model that is going or gone.
    pub(super) fn gone(&self) -> ServerError {
        let message = "the model is being unloaded";
        ServerError::new(ErrorKind::Unavailable, message).with_model(&self.name)
    }
}

impl State {
    /// How long every engine thread has run, where none is free.
    fn all_run_since(&self) -> Option<Duration> {
        let runs = self.running.iter().map(|run| run.map(|since| since.elapsed()));
        runs.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// How long so many rows take by all engine threads, as far as that is known.
    pub(super) fn time_of(&self, rows: usize) -> Duration {
        let rows = rows.max(1) as f64;
        let seconds = self.tuner.seconds_a_row().unwrap_or_default() * rows;
        Duration::from_secs_f64((seconds / self.running.len().max(1) as f64).clamp(1.0, 60.0))
    }
}

/// A count for a gauge.
pub(super) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
