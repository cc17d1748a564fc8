use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use runner_core::RunErrorKind;

use crate::{
    metrics::{EngineFault, ModelMetrics, Phase},
    protocol::documents::{BatchStatistics, InferStatistics, ModelStatistics},
};

/// Sizes up to this are counted one by one, larger ones up to the next power of two, since
/// clients choose them.
const EXACT_SIZES: usize = 64;

/// What became of the requests of one version of a model.
#[derive(Debug)]
pub(crate) struct Ledger {
    statistics: Mutex<ModelStatistics>,
    pub(crate) metrics: ModelMetrics,
}

/// Where the time of one request went.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Waiting in the queue.
    pub(crate) queue: Duration,
    /// What came before the engine.
    pub(crate) input: Duration,
    /// The engine.
    pub(crate) compute: Duration,
    /// What came after the engine.
    pub(crate) output: Duration,
}

/// Where the time of one run went.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunTimes {
    /// Rows of axis 0.
    pub(super) rows: usize,
    /// Putting inputs together.
    pub(super) join: Duration,
    /// The engine.
    pub(super) compute: Duration,
    /// Taking outputs apart.
    pub(super) split: Duration,
}

impl Ledger {
    pub(crate) fn new(metrics: ModelMetrics) -> Self {
        Self { statistics: Mutex::default(), metrics }
    }

    /// What was counted so far; the names are the caller's.
    pub(crate) fn statistics(&self) -> ModelStatistics {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was counted so far.
    pub(super) fn begin(&self) {
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner) =
            ModelStatistics::default();
    }

    /// A run, and the requests that it answered, which had waited in the queue, and been here, for
    /// so long. Runs for parts of requests come without those.
    pub(super) fn ran(&self, times: &RunTimes, requests: &[(Duration, Duration)]) {
        self.metrics.batch_size.observe(times.rows as f64);
        for (queued, _) in requests {
            self.metrics.took(Phase::Queue, *queued);
            self.metrics.took(Phase::Infer, times.compute);
        }
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        statistics.last_inference = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        statistics.inference_count += times.rows as u64;
        statistics.execution_count += 1;
        for (queued, here) in requests {
            let RunTimes { join: input, compute, split: output, .. } = *times;
            let spent = Spent { queue: *queued, input, compute, output };
            count(&mut statistics.inference_stats, &spent, *here);
        }
        let batch = batch_of(&mut statistics.batch_stats, times.rows);
        batch.compute_input.add(times.join);
        batch.compute_infer.add(times.compute);
        batch.compute_output.add(times.split);
    }

    /// A request that was answered after so long, by runs for its parts.
    pub(super) fn answered(&self, spent: &Spent, here: Duration) {
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut statistics.inference_stats, spent, here);
    }

    /// A request that failed, after so long.
    pub(super) fn failed(&self, here: Duration) {
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.inference_stats.fail.add(here);
    }

    /// A run that the engine did not end well.
    pub(super) fn fault(&self, kind: RunErrorKind) {
        match kind {
            RunErrorKind::Panicked => self.metrics.fault(EngineFault::Panic),
            RunErrorKind::EngineFailed => self.metrics.fault(EngineFault::Error),
            _ => {}
        }
    }
}

fn count(sums: &mut InferStatistics, spent: &Spent, here: Duration) {
    sums.success.add(here);
    sums.queue.add(spent.queue);
    sums.compute_input.add(spent.input);
    sums.compute_infer.add(spent.compute);
    sums.compute_output.add(spent.output);
}

fn batch_of(batches: &mut Vec<BatchStatistics>, rows: usize) -> &mut BatchStatistics {
    let rows = if rows <= EXACT_SIZES { rows } else { rows.next_power_of_two() } as u64;
    let place = batches.binary_search_by_key(&rows, |batch| batch.batch_size);
    let place = place.unwrap_or_else(|place| {
        batches.insert(place, BatchStatistics { batch_size: rows, ..Default::default() });
        place
    });
    &mut batches[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_run_counts_once_and_each_of_its_requests() {
        let ledger = Ledger::new(Metrics::new().of_model("m", "1"));
        let times = RunTimes { rows: 3, join: MS, compute: 5 * MS, split: MS };
        ledger.ran(&times, &[(2 * MS, 9 * MS), (3 * MS, 10 * MS)]);
        ledger.failed(MS);
        let told = ledger.statistics();
        assert_eq!((told.execution_count, told.inference_count), (1, 3));
        let sums = &told.inference_stats;
        assert_eq!((sums.success.count, sums.fail.count, sums.queue.ns), (2, 1, 5_000_000));
        assert_eq!(sums.compute_infer.ns, 10_000_000);
        assert_eq!((told.batch_stats.len(), told.batch_stats[0].batch_size), (1, 3));
        assert_eq!(told.batch_stats[0].compute_infer.ns, 5_000_000);
        assert!(told.last_inference > 0);
    }

    #[test]
    fn runs_for_parts_of_a_request_are_no_requests() {
        let ledger = Ledger::new(Metrics::new().of_model("m", "1"));
        let times = RunTimes { rows: 1, join: MS, compute: 5 * MS, split: MS };
        ledger.ran(&times, &[]);
        ledger.ran(&times, &[]);
        ledger.answered(&Spent { queue: 2 * MS, compute: 6 * MS, ..Spent::default() }, 9 * MS);
        let told = ledger.statistics();
        assert_eq!((told.execution_count, told.inference_count), (2, 2));
        let sums = &told.inference_stats;
        assert_eq!((sums.success.count, sums.success.ns), (1, 9_000_000));
        assert_eq!((sums.compute_infer.count, sums.compute_infer.ns), (1, 6_000_000));
        assert_eq!(told.batch_stats[0].compute_infer.count, 2);
    }

    #[test]
    fn sizes_that_clients_choose_do_not_fill_memory() {
        let ledger = Ledger::new(Metrics::new().of_model("m", "1"));
        for rows in 1..5000 {
            ledger.ran(&RunTimes { rows, join: MS, compute: MS, split: MS }, &[]);
        }
        let sizes: Vec<u64> =
            ledger.statistics().batch_stats.iter().map(|batch| batch.batch_size).collect();
        assert!(sizes.len() <= 64 + 7 && sizes.is_sorted(), "{sizes:?}");
    }
}
