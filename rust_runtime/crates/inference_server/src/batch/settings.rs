use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// How requests of one model share runs of its engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchSettings {
    /// Whether they share runs at all, where the model allows it.
    pub enabled: bool,
    /// Rows of a batch; 0 finds the best number by measuring.
    pub size: usize,
    /// The most rows that measuring may choose.
    pub largest: usize,
    /// Bytes of the inputs of a batch of several requests: what an engine needs besides grows with
    /// them.
    #[serde(with = "units::size")]
    pub memory: usize,
    /// How long a request may wait for others to share its run; 0 waits only while the engine is
    /// busy. The earliest deadline cuts it short.
    #[serde(with = "units::time")]
    pub delay: Duration,
    /// How long a run may take by the choice of a batch.
    #[serde(with = "units::time")]
    pub longest_run: Duration,
    /// A run that has not ended by then makes the model not ready; 0 takes the queue's deadline.
    #[serde(with = "units::time")]
    pub run_deadline: Duration,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            size: 0,
            largest: 64,
            memory: 16 << 20,
            delay: Duration::ZERO,
            longest_run: Duration::from_millis(250),
            run_deadline: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_waited_for_unless_asked() {
        let settings: BatchSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, BatchSettings::default());
        assert_eq!((settings.delay, settings.size), (Duration::ZERO, 0));
        let settings: BatchSettings = serde_json::from_str(r#"{"delay":"2 ms"}"#).unwrap();
        assert_eq!(settings.delay, Duration::from_millis(2));
        assert!(serde_json::from_str::<BatchSettings>(r#"{"max":8}"#).is_err());
    }
}
