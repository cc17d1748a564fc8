use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use runner_core::{NamedTensors, RunError, RunErrorKind, Runner, guard_run};

use super::{
    entry::{Answer, Entry},
    join,
    ledger::RunTimes,
    schedule::Learnt,
    shared::Shared,
};
use crate::{InferReply, ServerError, Timing};

/// An engine thread.
pub(super) struct Worker {
    shared: Arc<Shared>,
    runner: Arc<dyn Runner>,
    /// Its number.
    thread: usize,
    /// Dropped last: who waits for the end of the threads waits for the engine too, which may not be
    /// let go of while the process ends.
    _end: End,
}

/// Tells that an engine thread has ended, when it is dropped.
struct End {
    shared: Arc<Shared>,
    thread: usize,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.ends(self.thread);
    }
}

/// What an engine thread has taken and not yet answered; what is left is settled when it is
/// dropped, whatever happened.
struct Held<'a> {
    worker: &'a Worker,
    requests: usize,
    bytes: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.requests > 0 {
            self.worker.shared.settle((self.requests, self.bytes));
        }
        self.worker.shared.rests(self.worker.thread);
    }
}

impl Held<'_> {
    /// Takes these off; they are settled by the caller.
    fn take(&mut self, requests: usize, bytes: usize) -> (usize, usize) {
        self.requests -= requests;
        self.bytes -= bytes;
        (requests, bytes)
    }

    /// A run has answered these.
    fn done(&mut self, requests: usize, bytes: usize, learnt: &Learnt<'_>) {
        let taken = self.take(requests, bytes);
        self.worker.shared.done(self.worker.thread, taken, learnt);
    }

    /// These are answered without a run that went well.
    fn settle(&mut self, requests: usize, bytes: usize) {
        let taken = self.take(requests, bytes);
        self.worker.shared.settle(taken);
    }
}

impl Worker {
    pub(super) fn new(shared: &Arc<Shared>, runner: Arc<dyn Runner>, thread: usize) -> Self {
        let end = End { shared: Arc::clone(shared), thread };
        Self { shared: Arc::clone(shared), runner, thread, _end: end }
    }

    /// Runs what waits until the queue is closed and empty.
    pub(super) fn work(self) {
        while let Some(batch) = self.shared.next(self.thread) {
            // A fault of our own costs the requests at hand and not the thread.
            let _ = guard_run(&self.shared.name, || {
                self.run(batch);
                Ok(())
            });
        }
    }

    fn run(&self, mut batch: Vec<Entry>) {
        let bytes = batch.iter().map(|entry| entry.bytes).sum();
        let mut held = Held { worker: self, requests: batch.len(), bytes };
        match (batch.pop(), batch.is_empty()) {
            (Some(entry), true) => drop(self.alone(entry, &mut held)),
            (Some(entry), false) => {
                batch.push(entry);
                self.together(batch, &mut held);
            }
            (None, _) => {}
        }
    }

    /// Runs one request by itself, on its inputs as they came.
    fn alone(&self, entry: Entry, held: &mut Held<'_>) -> Result<(), RunErrorKind> {
        let Entry { key, rows, bytes, inputs, outputs, arrived, part, reply, .. } = entry;
        let start = Instant::now();
        let result = self.runner.run_named(inputs);
        let compute = start.elapsed();
        let queue = start.saturating_duration_since(arrived);
        match result {
            Ok(made) => {
                let outputs = wanted(made, outputs.as_deref());
                held.done(1, bytes, &Learnt { key: &key, rows, took: compute, joined: false });
                let none = Duration::ZERO;
                let times = RunTimes { rows, join: none, compute, split: none };
                let whole = (!part).then(|| (queue, arrived.elapsed()));
                self.shared.ledger.ran(&times, whole.as_slice());
                let timing = Timing { queue, compute, batch_size: rows };
                // Whoever has left gets no answer.
                let _ = reply.send(Ok(InferReply { outputs, timing }));
                Ok(())
            }
            Err(error) => {
                let kind = error.kind();
                held.settle(1, bytes);
                self.shared.ledger.fault(kind);
                self.shared.failed(arrived, part);
                let _ = reply.send(self.refused(error));
                Err(kind)
            }
        }
    }

    fn refused(&self, error: RunError) -> Answer {
        Err(ServerError::from(error).with_model(&self.shared.name))
    }

    /// Runs several requests by one call of the engine.
    fn together(&self, batch: Vec<Entry>, held: &mut Held<'_>) {
        let start = Instant::now();
        let Some(inputs) = joined(&batch) else {
            return self.one_by_one(batch, "inputs could not be put together", held);
        };
        let joined = Instant::now();
        let result = self.runner.run_named(inputs);
        let made = Instant::now();
        let outputs = match result {
            Ok(outputs) => outputs,
            Err(error) => return self.one_by_one(batch, error.kind().name(), held),
        };
        let Some(parts) = parts(&outputs, &batch) else {
            let reason = "an output does not have the length of the batch";
            return self.one_by_one(batch, reason, held);
        };
        let rows = batch.iter().map(|entry| entry.rows).sum();
        let times =
            RunTimes { rows, join: joined - start, compute: made - joined, split: made.elapsed() };
        self.answer(batch, parts, (start, &times), held);
    }

    fn answer(
        &self,
        batch: Vec<Entry>,
        parts: Vec<NamedTensors>,
        (start, times): (Instant, &RunTimes),
        held: &mut Held<'_>,
    ) {
        if let Some(first) = batch.first() {
            let took = times.join + times.compute + times.split;
            let learnt = Learnt { key: &first.key, rows: times.rows, took, joined: true };
            held.done(batch.len(), batch.iter().map(|entry| entry.bytes).sum(), &learnt);
        }
        let queued = |entry: &Entry| start.saturating_duration_since(entry.arrived);
        let whole = batch.iter().filter(|entry| !entry.part);
        let spans: Vec<_> = whole.map(|entry| (queued(entry), entry.arrived.elapsed())).collect();
        self.shared.ledger.ran(times, &spans);
        for (entry, outputs) in batch.into_iter().zip(parts) {
            let queue = queued(&entry);
            let timing = Timing { queue, compute: times.compute, batch_size: times.rows };
            // Whoever has left gets no answer.
            let _ = entry.reply.send(Ok(InferReply { outputs, timing }));
        }
    }

    /// Runs the requests of a batch that failed each by itself, so that only those at fault fail.
    fn one_by_one(&self, batch: Vec<Entry>, reason: &str, held: &mut Held<'_>) {
        let (mut went_well, mut failed) = (0, 0);
        for entry in batch {
            if entry.is_left() || entry.deadline <= Instant::now() {
                held.settle(1, entry.bytes);
                self.shared.failed(entry.arrived, entry.part);
                let _ = entry.reply.send(Err(self.shared.late()));
                continue;
            }
            self.shared.begins(self.thread);
            match self.alone(entry, held) {
                Ok(()) => went_well += 1,
                Err(_) => failed += 1,
            }
        }
        if went_well > 1 && failed == 0 {
            self.shared.joined_in_vain(reason);
        }
    }
}

/// The inputs of all requests, in the model's order, one after the other along axis 0.
fn joined(batch: &[Entry]) -> Option<NamedTensors> {
    let names = batch.first()?.inputs.iter().map(|(name, _)| name.clone()).enumerate();
    names
        .map(|(index, name)| {
            let of_each = batch.iter().map(move |entry| &entry.inputs[index].1);
            Some((name, join::concatenate(of_each)?))
        })
        .collect()
}

/// Each request's share of the outputs that it wants; `None` when an output is not as long as the
/// batch.
fn parts(outputs: &NamedTensors, batch: &[Entry]) -> Option<Vec<NamedTensors>> {
    let rows: usize = batch.iter().map(|entry| entry.rows).sum();
    if outputs.iter().any(|(_, tensor)| join::rows(tensor) != Some(rows)) {
        return None;
    }
    let mut start = 0;
    let share = |entry: &Entry| {
        let from = start;
        start += entry.rows;
        let cut = |(name, tensor): &(String, runner_core::Tensor)| {
            (name.clone(), join::part(tensor, from, entry.rows))
        };
        match &entry.outputs {
            None => outputs.iter().map(cut).collect(),
            Some(wanted) => {
                wanted.iter().filter_map(|name| found(outputs, name)).map(cut).collect()
            }
        }
    };
    Some(batch.iter().map(share).collect())
}

fn found<'a>(outputs: &'a NamedTensors, name: &str) -> Option<&'a (String, runner_core::Tensor)> {
    outputs.iter().find(|(own, _)| own == name)
}

/// The outputs that are wanted, in that order.
fn wanted(mut made: NamedTensors, wanted: Option<&[String]>) -> NamedTensors {
    let Some(wanted) = wanted else { return made };
    let mut take = |name: &String| {
        let place = made.iter().position(|(own, _)| own == name)?;
        Some(made.swap_remove(place))
    };
    wanted.iter().filter_map(&mut take).collect()
}
