//! The largest batch worth having, learnt from how long runs take.

use std::time::Duration;

use super::entry::Key;

/// Sizes are judged by powers of two: bucket `b` holds runs of `2^b` to `2^(b+1) - 1` rows.
const BUCKETS: usize = 12;
/// A larger batch must save so much of the time a row takes, since its first rows wait for longer.
const WORTH: f64 = 0.03;
/// A size is judged from so many runs on.
const JUDGED_FROM: u32 = 3;
/// Of so many latest runs of a size,
const LATEST: usize = 32;
/// the quickest tenth counts: a plan that is made, memory that is taken and what else runs on the
/// machine only ever make a run longer, and the longer a run is the less often it is spared.
const QUICKEST: usize = 10;
/// A neighbouring size is looked at for so many runs, since one of them says little:
const LOOK: u32 = 4;
/// first after so many full batches, then each time after twice as many,
const FIRST_LOOK: u32 = 16;
/// until one of so many full batches is a look.
const LOOK_EVERY: u32 = 64;
/// After so many runs of a size its memory has been taken: that of the first, and what grows later.
const SETTLED: [u32; 3] = [4, 64, 512];
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
    /// Runs since a neighbour was looked at.
    full: u32,
    looks: u32,
    /// The size that is looked at, and for how many runs more.
    look: (usize, u32),
}

#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    runs: u32,
    /// Seconds a row, of the latest runs, in a ring.
    latest: [f64; LATEST],
}

impl Cost {
    fn add(&mut self, row: f64) {
        self.latest[self.runs as usize % LATEST] = row;
        self.runs = self.runs.wrapping_add(1).max(1);
    }

    fn latest(&self) -> &[f64] {
        &self.latest[..LATEST.min(self.runs as usize)]
    }

    /// Seconds a row when nothing else runs.
    fn judged(&self) -> Option<f64> {
        let mut latest = [0.0; LATEST];
        let latest = &mut latest[..self.latest().len()];
        latest.copy_from_slice(self.latest());
        let place = latest.len() / QUICKEST;
        let judged = self.runs >= JUDGED_FROM;
        judged.then(|| *latest.select_nth_unstable_by(place, f64::total_cmp).1)
    }

    /// Seconds a row as it is now.
    fn usual(&self) -> Option<f64> {
        let latest = self.latest();
        self.judged().map(|_| latest.iter().sum::<f64>() / latest.len() as f64)
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

    /// Takes note of a run of so many rows; tells whether the memory that such runs take
    /// has just settled.
    pub(super) fn record(&mut self, key: &Key, rows: usize, took: Duration) -> bool {
        let bucket = (rows.max(1).ilog2() as usize).min(BUCKETS - 1);
        let row = took.as_secs_f64() / rows.max(1) as f64;
        let cost = &mut self.curve(key).costs[bucket];
        cost.add(row);
        SETTLED.contains(&cost.runs)
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
        let costs = curve.costs.iter().filter_map(Cost::usual);
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
        let is_enough = |bucket| waiting >= bounds.size(bucket);
        let fits =
            self.costs[chosen].judged().is_some_and(|row| fits(row, bounds.size(larger), bounds));
        let may_grow = larger > chosen && is_enough(larger) && fits;
        if may_grow && self.costs[larger].judged().is_none() {
            return larger;
        }
        if !is_enough(chosen) {
            return chosen;
        }
        if let (bucket, left @ 1..) = self.look {
            self.look = (bucket, left - 1);
            return bucket;
        }
        self.full += 1;
        if self.full < (FIRST_LOOK << self.looks.min(16)).min(LOOK * LOOK_EVERY) {
            return chosen;
        }
        self.full = 0;
        self.looks = self.looks.wrapping_add(1);
        let up = may_grow && (chosen == 0 || self.looks.is_multiple_of(2));
        let bucket = if up { larger } else { chosen.saturating_sub(1) };
        self.look = (bucket, LOOK - 1);
        bucket
    }
}

/// Whether a run of so many rows is as short as it must be.
fn fits(row: f64, rows: usize, bounds: &Bounds) -> bool {
    row * rows as f64 <= bounds.longest.as_secs_f64()
}

#[cfg(test)]
mod tests;
