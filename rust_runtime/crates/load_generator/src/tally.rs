use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    connection::{Answer, TransportError},
    error::{ErrorKind, LoadError},
    frame::Frame,
    report::{Errors, Latency, Report, Windows},
};

const LONGEST_MICROSECONDS: u64 = 3_600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// What is counted while a load runs.
pub(crate) struct Tally {
    frame: Frame,
    deadline: Option<Duration>,
    sent: u64,
    by_status: BTreeMap<u16, u64>,
    errors: Errors,
    late: u64,
    wrong: u64,
    waited_for_connection: u64,
    admitted: Histogram<u64>,
    refused: Histogram<u64>,
    lag: Histogram<u64>,
    windows: Windows,
}

impl Tally {
    /// Count what happens in a frame, in windows of `window`; answers after `deadline` are no good.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fault`] when the histograms cannot be made.
    pub(crate) fn new(
        frame: Frame,
        window: Duration,
        deadline: Option<Duration>,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            frame,
            deadline,
            sent: 0,
            by_status: BTreeMap::new(),
            errors: Errors::default(),
            late: 0,
            wrong: 0,
            waited_for_connection: 0,
            admitted: histogram()?,
            refused: histogram()?,
            lag: histogram()?,
            windows: Windows::new(frame, window),
        })
    }

    /// A request that was due at `intended` is on its way.
    pub(crate) fn begun(&mut self, intended: Instant) {
        if self.frame.holds(intended) {
            self.sent += 1;
            self.lag.saturating_record(microseconds(intended.elapsed()));
        }
    }

    /// No connection was free for a request that was due at `intended`.
    pub(crate) fn waits_for_connection(&mut self, intended: Instant) {
        self.waited_for_connection += u64::from(self.frame.holds(intended));
    }

    /// A request that was due at `intended` ended now.
    pub(crate) fn ended(&mut self, intended: Instant, outcome: Result<Answer, TransportError>) {
        let now = Instant::now();
        let latency = now.saturating_duration_since(intended);
        let in_time = self.deadline.is_none_or(|deadline| latency <= deadline);
        if in_time && matches!(outcome, Ok(Answer::Good(_))) {
            self.windows.count(now);
        }
        if !self.frame.holds(intended) {
            return;
        }
        match outcome {
            Ok(answer) => self.answered(answer, microseconds(latency), in_time),
            Err(TransportError::Connect) => self.errors.connect += 1,
            Err(TransportError::Broken) => self.errors.broken += 1,
            Err(TransportError::Timeout) => self.errors.timeout += 1,
        }
    }

    fn answered(&mut self, answer: Answer, latency: u64, in_time: bool) {
        *self.by_status.entry(answer.status().as_u16()).or_default() += 1;
        match answer {
            Answer::Good(_) => {
                self.admitted.saturating_record(latency);
                self.late += u64::from(!in_time);
            }
            Answer::Refused(_) => self.refused.saturating_record(latency),
            Answer::Wrong(_) => self.wrong += 1,
        }
    }

    /// The figures of everything that was counted.
    pub(crate) fn report(&self) -> Report {
        let answered: u64 = self.by_status.values().sum();
        Report {
            schema_version: 1,
            seconds: self.frame.length().as_secs_f64(),
            sent: self.sent,
            by_status: self.by_status.clone(),
            admitted: self.admitted.len(),
            refused: self.refused.len(),
            wrong: self.wrong,
            late: self.late,
            unanswered: self.sent.saturating_sub(answered + self.errors.total()),
            errors: self.errors,
            waited_for_connection: self.waited_for_connection,
            goodput_per_s: self.windows.total_rate(),
            windows_per_s: self.windows.rates(),
            admitted_ms: Latency::of(&self.admitted),
            refused_ms: Latency::of(&self.refused),
            send_lag_ms: Latency::of(&self.lag),
        }
    }
}

fn histogram() -> Result<Histogram<u64>, LoadError> {
    Histogram::new_with_bounds(1, LONGEST_MICROSECONDS, SIGNIFICANT_DIGITS)
        .map_err(|error| LoadError::new(ErrorKind::Fault, format!("a histogram: {error}")))
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}
