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

    /// Takes note of a run of so many rows; tells whether such runs have just ceased to be new.
    pub(super) fn record(&mut self, key: &Key, rows: usize, took: Duration) -> bool {
        let bucket = (rows.max(1).ilog2() as usize).min(BUCKETS - 1);
        let row = took.as_secs_f64() / rows.max(1) as f64;
        let curve = self.curve(key);
        curve.runs = curve.runs.wrapping_add(1);
        let cost = &mut curve.costs[bucket];
        cost.add(row, curve.runs);
        cost.runs == EARLY
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
            costs
                .filter_map(|(bucket, cost)| Some((bucket, cost.judged()?)))
                .filter(|(bucket, row)| *bucket == 0 || fits(*row, bounds.size(*bucket), bounds))
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
        let bearable =
            self.costs[chosen].judged().is_some_and(|row| fits(row, bounds.size(larger), bounds));
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
mod tests;
