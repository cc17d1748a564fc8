use std::time::{Duration, Instant};

/// Stretches of time, some of which may lie over others.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<(Instant, Instant)>);

impl Spans {
    pub(super) fn add(&mut self, start: Instant, length: Duration) {
        self.0.push((start, start + length));
    }

    /// For how long there was at least one.
    pub(super) fn covered(mut self) -> Duration {
        self.0.sort_unstable();
        let mut covered = Duration::ZERO;
        let mut seen: Option<Instant> = None;
        for (start, end) in self.0 {
            let start = seen.map_or(start, |seen| start.max(seen));
            covered += end.saturating_duration_since(start);
            seen = Some(seen.map_or(end, |seen| end.max(seen)));
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_over_another_counts_once_and_gaps_do_not_count() {
        let start = Instant::now();
        let covered = |spans: &[(u64, u64)]| {
            let mut all = Spans::default();
            for (from, length) in spans {
                all.add(start + Duration::from_millis(*from), Duration::from_millis(*length));
            }
            all.covered().as_millis()
        };
        for (spans, expected) in [
            (&[][..], 0),
            (&[(3, 4)], 4),
            (&[(0, 10), (0, 10), (2, 3)], 10),
            (&[(5, 10), (0, 10)], 15),
            (&[(20, 1), (0, 10), (10, 1)], 12),
        ] {
            assert_eq!(covered(spans), expected, "{spans:?}");
        }
    }
}
