//! The largest batch worth having, learnt from how long runs take.

use std::time::Duration;

use super::entry::Key;

/// Sizes are judged by powers of two: bucket `b` holds runs of `2^b` to `2^(b+1) - 1` rows.
const BUCKETS: usize = 12;
/// A larger batch must save so much of the time a row takes, since its first rows wait for longer.
const WORTH: f64 = 0.03;
/// A size is judged from so many runs on: the first may be a plan made or memory taken.
const JUDGED_FROM: u32 = 2;
/// Of the first runs of a size the quickest counts.
const EARLY: u32 = 4;
/// Weight of the newest run after those.
const NEWEST: f64 = 0.05;
/// Whether a neighbouring size has become better is looked up once in so many full batches.
const LOOK_EVERY: u32 = 64;
/// Shapes that are learnt about at one time.
const MOST_SHAPES: usize = 16;

/// What bounds the choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// Rows of a batch that are never exceeded, but by a client's own batch.
    pub(super) most_rows: usize,
    /// Whether a batch always has `most_rows`, as far as there are as many.
    pub(super) fixed: bool,
    /// How long a run may take by our own choice.
    pub(super) longest: Duration,
    /// Whether only powers of two are run, for engines that plan anew for every shape.
    pub(super) powers_only: bool,
}

/// Chooses the size of batches.
#[derive(Debug)]
pub(super) struct Tuner {
    bounds: Bounds,
    /// What is known by shape, that of the latest run last.
    curves: Vec<(Key, Curve)>,
}

/// What a row costs in batches of every size.
#[derive(Debug, Default, Clone)]
struct Curve {
    costs: [Cost; BUCKETS],
    /// Runs so far.
    runs: u32,
    /// Runs since a neighbour was looked at.
    full: u32,
    looks: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    runs: u32,
    /// Which of the curve's runs was its last.
    last: u32,
    /// Seconds a row.
    row: f64,
}

impl Cost {
    fn add(&mut self, row: f64, now: u32) {
        // The longer ago a size was last run, the less is still true of what was known of it.
        let age = f64::from(now.saturating_sub(self.last).max(1));
        self.row = match self.runs {
            0 => row,
            runs if runs < EARLY => self.row.min(row),
            // One run in which the machine was elsewhere says little.
            _ => self.row + (NEWEST * age).min(0.5) * (row.min(3.0 * self.row) - self.row),
        };
        self.last = now;
        self.runs = self.runs.saturating_add(1);
    }

    fn judged(&self) -> Option<f64> {
        (self.runs >= JUDGED_FROM).then_some(self.row)
    }
}

impl Tuner {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, curves: Vec::new() }
    }

    /// The most rows that the next batch of this key should have when so many wait.
    pub(super) fn most_rows(&mut self, key: &Key, waiting: usize) -> usize {
        let bounds = self.bounds;
        if bounds.fixed {
            return bounds.rounded(bounds.most_rows, waiting);
        }
        let curve = self.curve(key);
        let bucket = curve.next_bucket(waiting, &bounds);
        bounds.rounded(bounds.size(bucket), waiting)
    }

    /// How many rows a delay waits for.
    pub(super) fn worth_waiting_for(&self) -> usize {
        match self.curves.last() {
            _ if self.bounds.fixed => self.bounds.most_rows,
            Some((_, curve)) if curve.costs[1].judged().is_some() => self.chosen(),
            _ => 2.min(self.bounds.most_rows),
        }
    }

    /// The most rows that are ever put together.
    pub(super) fn most(&self) -> usize {
        self.bounds.most_rows
    }

    /// Takes note of a run of so many rows.
    pub(super) fn record(&mut self, key: &Key, rows: usize, took: Duration) {
        let bucket = (rows.max(1).ilog2() as usize).min(BUCKETS - 1);
        let row = took.as_secs_f64() / rows.max(1) as f64;
        let curve = self.curve(key);
        curve.runs = curve.runs.wrapping_add(1);
        curve.costs[bucket].add(row, curve.runs);
    }

    /// The size chosen for the shape that ran last.
    pub(super) fn chosen(&self) -> usize {
        let bounds = &self.bounds;
        match self.curves.last() {
            _ if bounds.fixed => bounds.most_rows,
            None => 1,
            Some((_, curve)) => bounds.size(curve.chosen(bounds)),
        }
    }

    /// Seconds that a row takes in a batch of the size chosen, once that is known.
    pub(super) fn seconds_a_row(&self) -> Option<f64> {
        let (_, curve) = self.curves.last()?;
        let costs = curve.costs.iter().filter_map(Cost::judged);
        costs.min_by(f64::total_cmp)
    }

    fn curve(&mut self, key: &Key) -> &mut Curve {
        let known = self.curves.iter().position(|(own, _)| own == key);
        let entry = match known {
            Some(last) if last + 1 == self.curves.len() => self.curves.pop(),
            Some(place) => Some(self.curves.remove(place)),
            None => None,
        };
        if self.curves.len() >= MOST_SHAPES {
            self.curves.remove(0);
        }
        self.curves.push(entry.unwrap_or_else(|| (key.clone(), Curve::default())));
        let last = self.curves.len() - 1;
        &mut self.curves[last].1
    }
}

impl Bounds {
    fn last_bucket(&self) -> usize {
        (self.most_rows.max(1).ilog2() as usize).min(BUCKETS - 1)
    }

    fn size(&self, bucket: usize) -> usize {
        1 << bucket.min(self.last_bucket())
    }

    fn rounded(&self, most: usize, waiting: usize) -> usize {
        if self.powers_only && waiting < most { 1 << waiting.max(1).ilog2() } else { most }
    }
}

impl Curve {
    /// The smallest size that is about as good as the best and not too long.
    fn chosen(&self, bounds: &Bounds) -> usize {
        let known = || {
            let costs = self.costs.iter().take(bounds.last_bucket() + 1).enumerate();
            costs.filter_map(|(bucket, cost)| Some((bucket, cost.judged()?))).filter(
                |(bucket, row)| *bucket == 0 || fits(*row, bounds.size(*bucket), bounds),
            )
        };
        let best = known().map(|(_, row)| row).min_by(f64::total_cmp);
        let Some(best) = best else { return 0 };
        known().find(|(_, row)| *row <= best * (1.0 + WORTH)).map_or(0, |(bucket, _)| bucket)
    }

    /// The size to run next: the chosen one or, now and then, a neighbour to learn about.
    fn next_bucket(&mut self, waiting: usize, bounds: &Bounds) -> usize {
        let chosen = self.chosen(bounds);
        if self.costs[chosen].judged().is_none() {
            return chosen;
        }
        let larger = (chosen + 1).min(bounds.last_bucket());
        if waiting < bounds.size(larger) || bounds.last_bucket() == 0 {
            return chosen;
        }
        let bearable = self.costs[chosen].judged().is_some_and(|row| {
            fits(row, bounds.size(larger), bounds)
        });
        if self.costs[larger].judged().is_none() && bearable {
            return larger;
        }
        self.full += 1;
        if self.full < LOOK_EVERY {
            return chosen;
        }
        self.full = 0;
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(2) || !bearable { chosen.saturating_sub(1) } else { larger }
    }
}

/// Whether a run of so many rows is as short as it must be.
fn fits(row: f64, rows: usize, bounds: &Bounds) -> bool {
    row * rows as f64 <= bounds.longest.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::entry::tests::entry;

    const BOUNDS: Bounds = Bounds {
        most_rows: 64,
        fixed: false,
        longest: Duration::from_millis(250),
        powers_only: false,
    };

    fn key(width: usize) -> Key {
        entry(0, &[1, width]).0.key
    }

    /// A small seeded generator (xorshift): 0.8 to 1.2, or 1 from the seed 0.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            if self.0 == 0 { 1.0 } else { 0.8 + (self.0 % 4001) as f64 / 10_000.0 }
        }
    }

    /// Milliseconds a row of the last runs, when there is always enough to do.
    fn learnt(bounds: Bounds, seed: u64, cost: impl Fn(usize) -> f64) -> (f64, Tuner) {
        let (mut tuner, mut noise) = (Tuner::new(bounds), Noise(seed));
        let (mut time, mut rows_done) = (0.0, 0);
        for run in 0..4000 {
            let rows = tuner.most_rows(&key(1), 1000);
            tuner.record(&key(1), rows, Duration::from_secs_f64(cost(rows) * noise.next() / 1e3));
            if run >= 2000 {
                time += cost(rows);
                rows_done += rows;
            }
        }
        (time / f64::from(u32::try_from(rows_done).unwrap()), tuner)
    }

    /// Milliseconds of a run of so many rows on machines of several kinds.
    fn machines() -> [fn(usize) -> f64; 6] {
        [
            |rows| rows as f64,
            |rows| 2.0 + rows as f64,
            |rows| 20.0 + 0.2 * rows as f64,
            |rows| rows as f64 * (1.0 + 0.05 * rows as f64),
            |rows| if rows <= 8 { 3.0 + rows as f64 } else { 3.0 + 2.5 * rows as f64 },
            |rows| rows as f64 * (1.0 - 0.01 * rows.min(16) as f64),
        ]
    }

    #[test]
    fn what_is_learnt_is_within_a_twentieth_of_the_best_fixed_size() {
        for (index, cost) in machines().into_iter().enumerate() {
            let a_row = |rows: usize| cost(rows) / rows as f64;
            let best = (0..=6).map(|bucket| a_row(1 << bucket)).fold(f64::INFINITY, f64::min);
            let (learnt, tuner) = learnt(BOUNDS, 7, cost);
            assert!(learnt <= 1.05 * best, "machine {index}: {learnt} for {best}, {tuner:?}");
        }
    }

    #[test]
    fn a_batch_that_gains_nothing_stays_small() {
        assert_eq!(learnt(BOUNDS, 0, |rows| rows as f64).1.chosen(), 1);
    }

    #[test]
    fn a_run_does_not_become_longer_than_allowed() {
        let bounds = Bounds { longest: Duration::from_millis(30), ..BOUNDS };
        let (_, tuner) = learnt(bounds, 7, |rows| 4.0 + 2.0 * rows as f64);
        assert_eq!(tuner.chosen(), 8);
        let slow = learnt(bounds, 7, |rows| 100.0 + rows as f64).1;
        assert_eq!(slow.chosen(), 1);
    }

    #[test]
    fn a_machine_that_changes_is_learnt_anew() {
        let (_, mut tuner) = learnt(BOUNDS, 7, |rows| 20.0 + 0.2 * rows as f64);
        assert_eq!(tuner.chosen(), 64);
        for _ in 0..6000 {
            let rows = tuner.most_rows(&key(1), 1000);
            let milliseconds = rows as f64 * (1.0 + 0.05 * rows as f64);
            tuner.record(&key(1), rows, Duration::from_secs_f64(milliseconds / 1e3));
        }
        assert_eq!(tuner.chosen(), 1);
    }

    #[test]
    fn a_first_slow_run_of_a_size_says_nothing() {
        let mut tuner = Tuner::new(BOUNDS);
        let mut seen = [0; BUCKETS];
        for _ in 0..200 {
            let rows = tuner.most_rows(&key(1), 1000);
            let bucket = rows.ilog2() as usize;
            seen[bucket] += 1;
            let plan = if seen[bucket] == 1 { 300.0 } else { 0.0 };
            let milliseconds = plan + 20.0 + 0.2 * rows as f64;
            tuner.record(&key(1), rows, Duration::from_secs_f64(milliseconds / 1e3));
        }
        assert_eq!(tuner.chosen(), 64);
    }

    #[test]
    fn a_size_that_is_given_is_kept() {
        let bounds = Bounds { most_rows: 5, fixed: true, ..BOUNDS };
        let mut tuner = Tuner::new(bounds);
        tuner.record(&key(1), 5, Duration::from_secs(9));
        assert_eq!((tuner.most_rows(&key(1), 1), tuner.chosen()), (5, 5));
    }

    #[test]
    fn where_only_powers_run_fewer_requests_make_a_smaller_power() {
        let bounds = Bounds { most_rows: 8, fixed: true, powers_only: true, ..BOUNDS };
        let mut tuner = Tuner::new(bounds);
        let sizes: Vec<usize> =
            [1, 2, 3, 5, 7, 8, 20].map(|waiting| tuner.most_rows(&key(1), waiting)).into();
        assert_eq!(sizes, [1, 2, 2, 4, 4, 8, 8]);
    }

    #[test]
    fn shapes_are_learnt_apart_and_old_ones_forgotten() {
        let mut tuner = Tuner::new(BOUNDS);
        for width in 1..100 {
            tuner.record(&key(width), 1, Duration::from_millis(1));
        }
        assert_eq!(tuner.curves.len(), MOST_SHAPES);
        assert!(tuner.curves.iter().any(|(own, _)| *own == key(99)));
    }
}
