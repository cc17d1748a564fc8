use std::num::NonZero;

use runner_core::{LoadError, LoadErrorKind, RunnerConfig};

use crate::native::Property;

/// The options of this engine, and how many threads it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// The user's wish, checked after compilation: the engine makes fewer when threads are few.
    pub(crate) streams: Option<usize>,
    throughput: bool,
    pinning: bool,
    threads: usize,
    /// Whether every node's time is counted.
    counting: bool,
}

impl Options {
    /// # Errors
    /// [`LoadErrorKind::InvalidOption`] for an unknown option or an impossible value.
    pub(crate) fn read(config: &RunnerConfig) -> Result<Self, LoadError> {
        let refuse = |message: String| {
            Err(LoadError::new(LoadErrorKind::InvalidOption, &config.source.name(), message))
        };
        let mut reader = config.read_options();
        let streams = reader.get::<usize>("num_streams")?;
        let hint = reader.get::<String>("performance_hint")?;
        let pinning = reader.get::<bool>("cpu_pinning")?.unwrap_or(false);
        reader.finish()?;
        let throughput = match hint.as_deref() {
            None | Some("latency") => false,
            Some("throughput") => true,
            Some(other) => {
                return refuse(format!(
                    "option performance_hint cannot be {other:?}: expected latency or throughput"
                ));
            }
        };
        let available = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = config.threads.unwrap_or_else(available);
        if let Some(wanted) = streams.filter(|wanted| !(1..=threads).contains(wanted)) {
            return refuse(format!(
                "option num_streams cannot be {wanted}: expected 1 to {threads}, one for each \
                 thread at most"
            ));
        }
        Ok(Self { streams, throughput, pinning, threads, counting: false })
    }

    /// The same for the runs of one request, of so many threads, whose nodes are counted.
    pub(crate) fn counting(self, threads: usize) -> Self {
        Self { streams: Some(1), throughput: false, threads, counting: true, ..self }
    }

    /// What the engine is told when it compiles.
    pub(crate) fn properties(&self) -> Vec<Property> {
        let hint = if self.throughput { "THROUGHPUT" } else { "LATENCY" };
        let mut properties = vec![
            // Without this, a processor with bf16 instructions computes in bf16.
            Property::new("INFERENCE_PRECISION_HINT", "f32"),
            // Without this, activations before compressed weights are quantised on the fly.
            Property::new("EXECUTION_MODE_HINT", "ACCURACY"),
            Property::new("INFERENCE_NUM_THREADS", &self.threads.to_string()),
            Property::new("PERFORMANCE_HINT", hint),
            // Every process pins its threads to the same processors, busy or not.
            Property::new("ENABLE_CPU_PINNING", if self.pinning { "YES" } else { "NO" }),
        ];
        if self.counting {
            properties.push(Property::new("PERF_COUNT", "YES"));
        }
        let default = (!self.throughput).then_some(1);
        if let Some(streams) = self.streams.or(default) {
            properties.push(Property::new("NUM_STREAMS", &streams.to_string()));
        }
        properties
    }
}
