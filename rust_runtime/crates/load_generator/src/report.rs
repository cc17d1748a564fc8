use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::frame::Frame;

/// What became of a load; the requests are those that were due while it counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of this document.
    pub schema_version: u32,
    /// How long was counted, without the warm-up.
    pub seconds: f64,
    /// Requests that were due.
    pub sent: u64,
    /// Answers by their status.
    pub by_status: BTreeMap<u16, u64>,
    /// Answers as the plan expects them.
    pub admitted: u64,
    /// Answers with 429 or 503.
    pub refused: u64,
    /// Answers with another status or without the expected text.
    pub wrong: u64,
    /// Those of `admitted` that came after the deadline.
    pub late: u64,
    /// Requests that had no answer when the load was given up.
    pub unanswered: u64,
    /// Requests that had no answer because the transport failed.
    pub errors: Errors,
    /// Requests of an open loop that were due when no connection was free and none could be made.
    pub waited_for_connection: u64,
    /// Good answers a second that came within the deadline, while it counted.
    pub goodput_per_s: f64,
    /// The same in windows.
    pub windows_per_s: Vec<f64>,
    /// Latencies of what was admitted; none where nothing was.
    pub admitted_ms: Option<Latency>,
    /// Latencies of what was refused.
    pub refused_ms: Option<Latency>,
    /// How late requests began, after the moment at which they were due: this program's own fault.
    pub send_lag_ms: Option<Latency>,
}

/// Faults of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Errors {
    /// No connection was made.
    pub connect: u64,
    /// A connection broke before the answer was complete.
    pub broken: u64,
    /// No whole answer came in time.
    pub timeout: u64,
}

impl Errors {
    /// All of them.
    pub fn total(self) -> u64 {
        self.connect + self.broken + self.timeout
    }
}

/// A distribution of times in milliseconds, exact to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// How many there are.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 90 of 100 are not longer.
    pub p90: f64,
    /// 95 of 100 are not longer.
    pub p95: f64,
    /// 99 of 100 are not longer.
    pub p99: f64,
    /// 999 of 1000 are not longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    pub(crate) fn of(microseconds: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1000.0;
        (!microseconds.is_empty()).then(|| Self {
            count: microseconds.len(),
            mean: microseconds.mean() / 1000.0,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: microseconds.max() as f64 / 1000.0,
        })
    }
}

/// Good answers by the time at which they came.
///
/// A window's rate is taken from the last answer before it to its own last answer, so that windows
/// with few answers are not off by the one that just missed them.
pub(crate) struct Windows {
    frame: Frame,
    length: Duration,
    counts: Vec<u64>,
    last: Vec<Option<Instant>>,
    before: Instant,
}

impl Windows {
    pub(crate) fn new(frame: Frame, length: Duration) -> Self {
        let count = (frame.length().as_secs_f64() / length.as_secs_f64()).ceil() as usize;
        let before = frame.start;
        Self { frame, length, counts: vec![0; count], last: vec![None; count], before }
    }

    pub(crate) fn count(&mut self, moment: Instant) {
        if moment < self.frame.start {
            self.before = moment;
        }
        if !self.frame.holds(moment) {
            return;
        }
        let since = moment - self.frame.start;
        let window = (since.as_secs_f64() / self.length.as_secs_f64()) as usize;
        if let (Some(count), Some(last)) = (self.counts.get_mut(window), self.last.get_mut(window))
        {
            *count += 1;
            *last = Some(moment);
        }
    }

    pub(crate) fn rates(&self) -> Vec<f64> {
        let mut before = self.before;
        let windows = self.counts.iter().zip(&self.last);
        let rates = windows.map(|(&count, last)| {
            last.map_or(0.0, |last| {
                let since = last.saturating_duration_since(before).as_secs_f64();
                before = last;
                count as f64 / since
            })
        });
        rates.collect()
    }

    pub(crate) fn total_rate(&self) -> f64 {
        self.counts.iter().sum::<u64>() as f64 / self.frame.length().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame::new(Duration::from_secs(1), Duration::from_secs(3))
    }

    #[test]
    fn answers_fall_into_the_window_in_which_they_came() {
        let frame = frame();
        let mut windows = Windows::new(frame, Duration::from_secs(1));
        for milliseconds in [900, 1400, 1900, 2400, 3900, 4000, 9000] {
            windows.count(frame.begin + Duration::from_millis(milliseconds));
        }
        let rates = windows.rates();
        // From 0.9 to 1.9 there are two, from there to 2.4 one, and to 3.9 one.
        let expected = [2.0, 2.0, 1.0 / 1.5];
        for (rate, wanted) in rates.iter().zip(expected) {
            assert!((rate - wanted).abs() < 1e-9, "{rates:?}");
        }
        assert!((windows.total_rate() - 4.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_window_without_answers_has_the_rate_zero() {
        let frame = frame();
        let mut windows = Windows::new(frame, Duration::from_millis(1500));
        windows.count(frame.start + Duration::from_millis(100));
        let rates = windows.rates();
        assert_eq!(rates.len(), 2);
        assert!((rates[0] - 10.0).abs() < 1e-9 && rates[1] == 0.0, "{rates:?}");
    }

    #[test]
    fn quantiles_are_milliseconds() {
        let mut times = Histogram::new_with_bounds(1, 10_000_000, 3).unwrap();
        assert!(Latency::of(&times).is_none());
        for value in 1..=1000 {
            times.record(value * 1000).unwrap();
        }
        let latency = Latency::of(&times).unwrap();
        assert_eq!(latency.count, 1000);
        for (got, wanted) in [
            (latency.p50, 500.0),
            (latency.p90, 900.0),
            (latency.p99, 990.0),
            (latency.p999, 999.0),
            (latency.max, 1000.0),
            (latency.mean, 500.5),
        ] {
            assert!((got / wanted - 1.0).abs() < 2e-3, "{got} is not {wanted}");
        }
    }
}
