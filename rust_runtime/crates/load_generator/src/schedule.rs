use std::time::Duration;

/// How the requests of an open loop follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances.
    Fixed,
    /// By chance, independent of each other; the seed decides every moment.
    Poisson {
        /// Of the random numbers.
        seed: u64,
    },
}

/// The moments at which requests are due, from the beginning of the load; it has no end.
pub(crate) struct Schedule {
    rate: f64,
    chance: Option<fastrand::Rng>,
    count: u64,
    elapsed: f64,
}

impl Schedule {
    /// So many requests a second, on average.
    pub(crate) fn new(rate: f64, arrivals: Arrivals) -> Self {
        let chance = match arrivals {
            Arrivals::Fixed => None,
            Arrivals::Poisson { seed } => Some(fastrand::Rng::with_seed(seed)),
        };
        Self { rate, chance, count: 0, elapsed: 0.0 }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = match &mut self.chance {
            None => self.count as f64 / self.rate,
            Some(chance) => {
                // 1 - f64() is never 0, whose logarithm is infinite.
                self.elapsed -= (1.0 - chance.f64()).ln() / self.rate;
                self.elapsed
            }
        };
        self.count += 1;
        Duration::try_from_secs_f64(due).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_schedule_has_equal_distances_and_does_not_drift() {
        let mut schedule = Schedule::new(300.0, Arrivals::Fixed);
        assert_eq!(schedule.next(), Some(Duration::ZERO));
        assert_eq!(schedule.next(), Some(Duration::from_secs_f64(1.0 / 300.0)));
        assert_eq!(schedule.nth(2997), Some(Duration::from_secs_f64(2999.0 / 300.0)));
    }

    #[test]
    fn a_random_schedule_has_the_rate_and_the_spread_of_a_poisson_process() {
        let moments: Vec<f64> = Schedule::new(50.0, Arrivals::Poisson { seed: 3 })
            .take(20_000)
            .map(|due| due.as_secs_f64())
            .collect();
        let gaps: Vec<f64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean * 50.0 - 1.0).abs() < 0.03, "{mean}");
        // The standard deviation of an exponential distribution is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn the_seed_decides_the_moments() {
        let moments =
            |seed| Schedule::new(9.0, Arrivals::Poisson { seed }).take(5).collect::<Vec<_>>();
        assert_eq!(moments(1), moments(1));
        assert_ne!(moments(1), moments(2));
    }
}
