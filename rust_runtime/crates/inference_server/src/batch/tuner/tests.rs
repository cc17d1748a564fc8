use super::*;
use crate::batch::entry::tests::entry;

const BOUNDS: Bounds =
    Bounds { most_rows: 64, fixed: false, longest: Duration::from_millis(250), powers_only: false };

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
fn others_on_the_same_processor_do_not_make_batches_look_better() {
    let mut joined = 0;
    for seed in 1..50 {
        let (mut tuner, mut noise) = (Tuner::new(BOUNDS), Noise(seed));
        for _ in 0..2000 {
            let rows = tuner.most_rows(&key(1), 8);
            // For each row that is answered another may be made ready meanwhile.
            let others = (0..rows).filter(|_| noise.next() > 1.0).count();
            let milliseconds = 6.6 * (rows as f64).powf(1.08) + 2.0 * others as f64;
            tuner.record(&key(1), rows, Duration::from_secs_f64(milliseconds / 1e3));
            joined += usize::from(rows > 1);
        }
    }
    assert!(joined < 49 * 2000 / 20, "{joined} of {} in batches", 49 * 2000);
}

#[test]
fn a_batch_that_was_too_large_becomes_smaller_though_no_larger_one_is_there() {
    let mut tuner = Tuner::new(BOUNDS);
    let mut run = |milliseconds: fn(usize) -> f64| {
        let rows = tuner.most_rows(&key(1), 8);
        let took = Duration::from_secs_f64(milliseconds(rows) / 1e3);
        tuner.record(&key(1), rows, took);
        rows
    };
    let before = (0..1000).map(|_| run(|rows| 20.0 + rows as f64)).last();
    let after = (0..2000).map(|_| run(|rows| rows as f64 * (8.0 + rows as f64))).last();
    assert_eq!((before, after), (Some(8), Some(1)));
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
