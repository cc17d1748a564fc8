//! Statistics in the layout that Triton's clients read.

use std::time;

use serde::Serialize;

/// The word that stands for all models in `/v2/models/stats`; no model can have it as its name.
pub fn is_reserved_name(name: &str) -> bool {
    name == "stats"
}

/// `/v2/models/stats` and `/v2/models/{model}/stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// One for each model and version.
    pub model_stats: Vec<ModelStatistics>,
}

/// How often something happened, and how long it took in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Duration {
    /// How often.
    pub count: u64,
    /// Nanoseconds in all.
    pub ns: u64,
}

impl Duration {
    /// Counts what took so long.
    pub fn add(&mut self, taken: time::Duration) {
        self.count = self.count.saturating_add(1);
        let nanoseconds = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        self.ns = self.ns.saturating_add(nanoseconds);
    }
}

/// Statistics of one version of a model since it was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelStatistics {
    /// The name that the model is served by.
    pub name: String,
    /// The version.
    pub version: String,
    /// When it last answered, in milliseconds since 1970; 0 for never.
    pub last_inference: u64,
    /// What it worked on: a request for a batch of n counts n, and each tile of a picture 1.
    pub inference_count: u64,
    /// How often the engine ran.
    pub execution_count: u64,
    /// Where the time of its requests went.
    pub inference_stats: InferStatistics,
    /// One for each size of batch that ran.
    pub batch_stats: Vec<BatchStatistics>,
    /// How it is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// Nothing is told of memory.
    pub memory_usage: [u8; 0],
}

/// The figures that a model runs by now, given or found by measuring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tuning {
    /// `on`, or why requests do not share runs.
    pub batching: String,
    /// Rows of the largest batch that requests are put together to.
    pub largest_batch: u64,
    /// Engines that run at one time.
    pub engines: u64,
    /// Threads of one run.
    pub threads: u64,
    /// Whether measuring chose the engines and threads.
    pub measured: bool,
}

/// Where the time of requests went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct InferStatistics {
    /// Requests that were answered, from their coming to their end. One for several pictures, or
    /// for a picture in tiles, is one, and so in every other count here.
    pub success: Duration,
    /// Requests that the model did not answer: refused, late, left or failed.
    pub fail: Duration,
    /// Waiting in the queue; of a picture in tiles, the time in which at least one waited.
    pub queue: Duration,
    /// Decoding, preprocessing and joining into a batch.
    pub compute_input: Duration,
    /// The engine; of a picture in tiles, the time in which at least one was in it.
    pub compute_infer: Duration,
    /// Splitting a batch, postprocessing and writing pictures.
    pub compute_output: Duration,
    /// There is no cache.
    pub cache_hit: Duration,
    /// There is no cache.
    pub cache_miss: Duration,
}

/// Runs with one size of batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BatchStatistics {
    /// The size.
    pub batch_size: u64,
    /// Putting inputs together.
    pub compute_input: Duration,
    /// The engine.
    pub compute_infer: Duration,
    /// Taking outputs apart.
    pub compute_output: Duration,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::protocol::documents::write;

    #[test]
    fn statistics_have_the_layout_that_clients_read() {
        let mut model = ModelStatistics { name: "m".to_owned(), ..ModelStatistics::default() };
        model.inference_stats.success.add(time::Duration::from_micros(3));
        model.batch_stats.push(BatchStatistics { batch_size: 4, ..BatchStatistics::default() });
        let body = write(&Statistics { model_stats: vec![model] }).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let model = &body["model_stats"][0];
        assert_eq!(model["inference_stats"]["success"]["ns"], 3000);
        assert_eq!(model["batch_stats"][0]["batch_size"], 4);
        assert_eq!(model["memory_usage"], Value::Array(vec![]));
        let phases = ["fail", "queue", "compute_input", "compute_infer", "compute_output"];
        for phase in phases {
            assert_eq!(model["inference_stats"][phase]["count"], 0, "{phase}");
        }
    }

    #[test]
    fn sums_do_not_wrap() {
        let mut duration = Duration { count: u64::MAX, ns: u64::MAX };
        duration.add(time::Duration::MAX);
        assert_eq!(duration, Duration { count: u64::MAX, ns: u64::MAX });
    }
}
