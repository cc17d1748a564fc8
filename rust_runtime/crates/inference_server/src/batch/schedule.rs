//! What engine threads do next.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use super::{
    entry::{Entry, Key},
    queue::{Most, Taken},
    shared::{Shared, State, signed},
};
use crate::memory;

/// So many batches in a row that failed, each of whose requests went well by itself, end batching.
const FRUITLESS: u32 = 3;

enum Step {
    Run(Vec<Entry>),
    LookAgain(Instant),
    Rest,
}

/// What was learnt by a run that went well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learnt<'a> {
    pub(super) key: &'a Key,
    pub(super) rows: usize,
    pub(super) took: Duration,
    /// Whether it was a batch of several requests.
    pub(super) joined: bool,
}

impl Shared {
    /// Waits for something to run on the engine thread of this number; `None` when it is to end.
    pub(super) fn next(&self, thread: usize) -> Option<Vec<Entry>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            match self.step(&mut state, now) {
                Step::Run(batch) => {
                    state.running[thread] = Some(now);
                    return Some(batch);
                }
                Step::Rest if state.closing => return None,
                Step::Rest => {
                    state.idle += 1;
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                }
                Step::LookAgain(at) => {
                    state.idle += 1;
                    let woken = self.work.wait_timeout(state, at.saturating_duration_since(now));
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                    state.idle -= 1;
                }
            }
        }
    }

    fn step(&self, state: &mut State, now: Instant) -> Step {
        loop {
            let Some(head) = state.queue.head() else { return Step::Rest };
            let mut most = 1;
            if self.batching.is_possible() && state.stopped.is_none() {
                let waiting = state.queue.rows_of(&head.key, 2 * state.tuner.most());
                // Others that are free take their share.
                let share = waiting.div_ceil(state.idle + 1);
                most = state.tuner.most_rows(&head.key, share).min(share);
                if let Some(at) = self.delayed(state, waiting, now) {
                    return Step::LookAgain(at);
                }
            }
            let most = Most { rows: most.max(1), bytes: self.batch_memory };
            let taken = state.queue.take(most, now);
            let batch = self.sorted_out(taken);
            if !batch.is_empty() {
                return Step::Run(batch);
            }
        }
    }

    /// Until when the first request still waits for others, where a delay is asked for; at least
    /// half of the time until the earliest deadline is left for the run.
    fn delayed(&self, state: &State, waiting: usize, now: Instant) -> Option<Instant> {
        if self.delay.is_zero() || state.closing || waiting >= state.tuner.worth_waiting_for() {
            return None;
        }
        let head = state.queue.head()?;
        let deadline = state.queue.earliest_deadline(&head.key)?;
        let row = state.tuner.seconds_a_row().unwrap_or_default();
        let run = Duration::from_secs_f64(row * waiting as f64);
        let left = deadline.saturating_duration_since(head.arrived);
        let latest = deadline.checked_sub(run.max(left / 2)).unwrap_or(now);
        let until = (head.arrived + self.delay).min(latest);
        (until > now).then_some(until)
    }

    /// Answers what is late, and gives what is to run.
    fn sorted_out(&self, taken: Taken) -> Vec<Entry> {
        let out = taken.batch.len() + taken.late.len() + taken.left.len();
        self.ledger.metrics.waiting.dec_by(signed(out));
        for entry in taken.left.into_iter().chain(taken.late) {
            self.forget(1, entry.bytes);
            self.failed(entry.arrived, entry.part);
            // Whoever has left gets no answer.
            let _ = entry.reply.send(Err(self.late()));
        }
        taken.batch
    }

    /// The engine thread goes on with another request of what it has taken, from now.
    pub(super) fn begins(&self, thread: usize) {
        self.lock().running[thread] = Some(Instant::now());
    }

    /// A run went well, and all that the engine thread had taken is about to be answered.
    pub(super) fn done(&self, thread: usize, held: (usize, usize), learnt: &Learnt<'_>) {
        let (requests, bytes) = held;
        let mut state = self.lock();
        state.running[thread] = None;
        state.queue.release(bytes);
        let settled = state.tuner.record(learnt.key, learnt.rows, learnt.took);
        if learnt.joined {
            state.fruitless = 0;
        }
        drop(state);
        self.forget(requests, bytes);
        if settled {
            // By now the engine has the memory that such runs take.
            memory::gather_later();
        }
    }

    /// Some of what an engine thread has taken is about to be answered, or is dropped.
    pub(super) fn settle(&self, (requests, bytes): (usize, usize)) {
        self.lock().queue.release(bytes);
        self.forget(requests, bytes);
    }

    /// The engine thread has nothing more to run for now.
    pub(super) fn rests(&self, thread: usize) {
        self.lock().running[thread] = None;
    }

    /// A batch failed although each of its requests went well by itself.
    pub(super) fn joined_in_vain(&self, reason: &str) {
        let mut state = self.lock();
        state.fruitless += 1;
        if state.fruitless >= FRUITLESS && state.stopped.is_none() {
            state.stopped = Some(format!("the engine does not run batches: {reason}"));
        }
    }

    /// The engine thread has ended; with the last one nothing is served any more.
    pub(super) fn ends(&self, thread: usize) {
        let mut state = self.lock();
        state.running[thread] = None;
        state.alive -= 1;
        let orphans = if state.alive == 0 { state.queue.drain() } else { Vec::new() };
        drop(state);
        self.ledger.metrics.waiting.dec_by(signed(orphans.len()));
        for entry in orphans {
            self.forget(1, entry.bytes);
            self.failed(entry.arrived, entry.part);
            let _ = entry.reply.send(Err(self.gone()));
        }
        self.ended.notify_all();
    }
}
