use std::time::{Duration, Instant};

/// The part of a load that counts: it follows the warm-up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) begin: Instant,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

impl Frame {
    /// A load that begins now.
    pub(crate) fn new(warmup: Duration, duration: Duration) -> Self {
        let begin = Instant::now();
        let start = begin + warmup;
        Self { begin, start, end: start + duration }
    }

    /// Whether a moment counts.
    pub(crate) fn holds(&self, moment: Instant) -> bool {
        (self.start..self.end).contains(&moment)
    }

    /// How long the part that counts is.
    pub(crate) fn length(&self) -> Duration {
        self.end - self.start
    }
}
