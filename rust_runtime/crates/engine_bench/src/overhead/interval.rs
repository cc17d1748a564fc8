//! Medians, and how far they can be trusted.

use serde::Serialize;

use super::random::Random;

const RESAMPLES: usize = 1000;
const COVERED: f64 = 0.95;

/// A median and the 95 % interval around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The median of everything measured.
    pub median: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// From the lower end to the upper.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// The median; the mean of the middle two where the count is even, NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    median_in_place(&mut values)
}

/// The bootstrap interval of the median of values that were measured in rounds.
///
/// Rounds are drawn first and values within them second: what one load of a model has in common
/// (where its weights lie in memory) is one piece of evidence, however often it was run.
pub fn bootstrap(rounds: &[Vec<f64>], seed: u64) -> Interval {
    let rounds: Vec<&Vec<f64>> = rounds.iter().filter(|round| !round.is_empty()).collect();
    let mut pooled: Vec<f64> = rounds.iter().copied().flatten().copied().collect();
    let middle = median_in_place(&mut pooled);
    if rounds.is_empty() {
        return Interval { low: middle, median: middle, high: middle };
    }
    let mut random = Random::new(seed);
    let mut medians: Vec<f64> =
        (0..RESAMPLES).map(|_| median_in_place(&mut resample(&rounds, &mut random))).collect();
    medians.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| medians[((RESAMPLES - 1) as f64 * share).round() as usize];
    let tail = (1.0 - COVERED) / 2.0;
    Interval { low: at(tail), median: middle, high: at(1.0 - tail) }
}

fn resample(rounds: &[&Vec<f64>], random: &mut Random) -> Vec<f64> {
    let mut drawn = Vec::new();
    for _ in 0..rounds.len() {
        let round = rounds[random.below(rounds.len())];
        drawn.extend((0..round.len()).map(|_| round[random.below(round.len())]));
    }
    drawn
}

fn median_in_place(values: &mut [f64]) -> f64 {
    let Some(middle) = values.len().checked_sub(1).map(|last| last.div_ceil(2)) else {
        return f64::NAN;
    };
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if even => f64::midpoint(lower, upper),
        _ => upper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!((median(&[5.0]) - 5.0).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_interval_of_equal_values_has_no_width() {
        let interval = bootstrap(&[vec![2.0; 30], vec![2.0; 10]], 1);
        assert!(interval.width().abs() < 1e-12 && (interval.median - 2.0).abs() < 1e-12);
    }

    /// For 0, 1, … 100 the binomial interval of the median is from 40 to 60.
    #[test]
    fn the_interval_of_known_values_is_the_textbooks() {
        let interval = bootstrap(&[(0..=100).map(f64::from).collect()], 3);
        assert!((interval.median - 50.0).abs() < 1e-12);
        assert!((38.0..=43.0).contains(&interval.low), "{interval:?}");
        assert!((57.0..=62.0).contains(&interval.high), "{interval:?}");
        assert_eq!(interval, bootstrap(&[(0..=100).map(f64::from).collect()], 3));
    }

    #[test]
    fn rounds_that_differ_widen_the_interval() {
        let round = |shift: f64| (0..50).map(|i| shift + f64::from(i) / 1000.0).collect();
        let alike: Vec<Vec<f64>> = vec![round(1.0); 4];
        let apart: Vec<Vec<f64>> = [1.0, 1.1, 1.0, 1.1].into_iter().map(round).collect();
        assert!(bootstrap(&apart, 5).width() > 3.0 * bootstrap(&alike, 5).width());
    }

    #[test]
    fn nothing_measured_is_no_interval() {
        assert!(bootstrap(&[vec![]], 1).median.is_nan());
    }
}
