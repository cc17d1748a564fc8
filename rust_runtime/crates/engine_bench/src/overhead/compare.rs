//! Two sides in turns.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    calls::{Side, Window, calls_for, warm_up, window},
    clock::Clock,
    interval::{Interval, bootstrap, median},
    random::Random,
};

/// How the second side is set against the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Second over first.
    Ratio,
    /// Second less first, in microseconds.
    Microseconds,
}

impl Measure {
    fn of(self, first: f64, second: f64) -> f64 {
        match self {
            Self::Ratio => second / first,
            Self::Microseconds => (second - first) / 1e3,
        }
    }
}

/// When a comparison has seen enough.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How the sides are set against each other.
    pub measure: Measure,
    /// Loads of both sides, at least.
    pub fewest_rounds: usize,
    /// Pairs of windows between two loads.
    pub pairs_a_round: usize,
    /// The interval is narrow enough, in the measure's own unit.
    pub width: f64,
    /// After this, an interval a few times as wide will do; on a busy machine it goes on for a few
    /// times as long to get even that.
    pub time: Duration,
    /// Order of windows and the bootstrap's draws.
    pub seed: u64,
}

/// How many times wider, and how many times longer.
const PATIENCE: u32 = 4;

impl Plan {
    /// Whether to stop. It looks at the width alone: to stop at a value would favour that value.
    fn satisfied(&self, rounds: usize, width: f64, spent: Duration) -> bool {
        let late = spent >= self.time;
        let wanted = if late { self.width * f64::from(PATIENCE) } else { self.width };
        (rounds >= self.fewest_rounds && width <= wanted) || spent >= self.time * PATIENCE
    }
}

/// A window of each side, one after the other.
type Windows = (Window, Window);

/// Above this share of waiting, what a caller waits says more of the machine than of the sides.
const BUSY: f64 = 0.05;

/// What the second side costs over the first.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The unit of the interval.
    pub measure: Measure,
    /// The clock of the interval; see [`clock_for`].
    pub clock: Clock,
    /// The share of the time in which the sides waited for the processor.
    pub waiting: f64,
    /// Median and 95 % interval over all pairs.
    #[serde(flatten)]
    pub interval: Interval,
    /// Microseconds of one call of the first side, the median from start to end.
    pub first_us: f64,
    /// Microseconds of one call of the second side, the median from start to end.
    pub second_us: f64,
    /// Pairs of windows measured.
    pub pairs: usize,
    /// Times that both sides were loaded.
    pub rounds: usize,
    /// How long it took.
    pub seconds: f64,
}

/// The two sides, freshly loaded.
pub type Pair<'a> = (Box<dyn Side + 'a>, Box<dyn Side + 'a>);

/// Measures in rounds: load both, warm up, then windows of the two in random order.
///
/// # Errors
/// Those of loading and calling.
pub fn compare<'a>(
    plan: &Plan,
    mut load: impl FnMut(&mut Random) -> Result<Pair<'a>, String>,
) -> Result<Comparison, String> {
    let start = Instant::now();
    let mut random = Random::new(plan.seed);
    let mut rounds: Vec<Vec<Windows>> = Vec::new();
    let interval = loop {
        rounds.push(round(plan, load(&mut random)?, &mut random)?);
        let interval = interval(plan, &rounds);
        if plan.satisfied(rounds.len(), interval.width(), start.elapsed()) {
            break interval;
        }
    };
    let pairs: Vec<Windows> = rounds.iter().flatten().copied().collect();
    let wall =
        |side: fn(&Windows) -> f64| median(&pairs.iter().map(side).collect::<Vec<_>>()) / 1e3;
    Ok(Comparison {
        measure: plan.measure,
        clock: clock_for(plan.measure, &rounds),
        waiting: waiting(&rounds).unwrap_or(0.0),
        interval,
        first_us: wall(|pair| pair.0.wall),
        second_us: wall(|pair| pair.1.wall),
        pairs: pairs.len(),
        rounds: rounds.len(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn interval(plan: &Plan, rounds: &[Vec<Windows>]) -> Interval {
    let clock = clock_for(plan.measure, rounds);
    let time = |window: &Window| match clock {
        Clock::Wall => window.wall,
        Clock::Processor => window.processor.unwrap_or(f64::NAN),
    };
    let value = |(first, second): &Windows| plan.measure.of(time(first), time(second));
    let values: Vec<Vec<f64>> =
        rounds.iter().map(|round| round.iter().map(value).collect()).collect();
    bootstrap(&values, plan.seed)
}

/// Microseconds are those that a caller waits. A ratio is too, but on a busy machine, where it is
/// that of the processor's time: a call of milliseconds is interrupted again and again there.
/// What is waited for in vain (a lock, another thread) would still show in the microseconds.
fn clock_for(measure: Measure, rounds: &[Vec<Windows>]) -> Clock {
    let busy = waiting(rounds).is_some_and(|share| share > BUSY);
    if measure == Measure::Ratio && busy { Clock::Processor } else { Clock::Wall }
}

/// The share of the time in which the sides had no processor; none where the system does not tell.
fn waiting(rounds: &[Vec<Windows>]) -> Option<f64> {
    let windows = rounds.iter().flatten().flat_map(|(first, second)| [first, second]);
    let (mut waited, mut all) = (0.0, 0.0);
    for window in windows {
        waited += (window.mean - window.processor?).max(0.0);
        all += window.mean;
    }
    (all > 0.0).then(|| waited / all)
}

fn round(plan: &Plan, pair: Pair<'_>, random: &mut Random) -> Result<Vec<Windows>, String> {
    let (mut first, mut second) = pair;
    let call = warm_up(&mut *first)?.max(warm_up(&mut *second)?);
    let count = calls_for(call);
    let mut pairs = Vec::with_capacity(plan.pairs_a_round);
    for _ in 0..plan.pairs_a_round {
        pairs.push(if random.coin() {
            (window(&mut *first, count)?, window(&mut *second, count)?)
        } else {
            let later = window(&mut *second, count)?;
            (window(&mut *first, count)?, later)
        });
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overhead::clock::Times;

    /// Calls of about `nanoseconds`, some of them disturbed; on a busy machine each waits for up to
    /// three times as long.
    struct Noisy {
        nanoseconds: f64,
        busy: bool,
        random: Random,
    }

    impl Side for Noisy {
        fn time(&mut self, count: usize) -> Result<Times, String> {
            let (mut each, mut processor) = (Vec::new(), 0);
            for _ in 0..count {
                let noise = 1.0 + 0.04 * self.random.unit();
                let disturbed = if self.random.below(10) == 0 { 2.5 } else { 1.0 };
                let worked = (self.nanoseconds * noise * disturbed) as u64;
                let wait = if self.busy { 3.0 * self.random.unit() } else { 0.0 };
                each.push(worked + (self.nanoseconds * wait) as u64);
                processor += worked;
            }
            Ok(Times { each, processor: Some(processor) })
        }
    }

    /// One load, with a luck of its own.
    fn noisy(nanoseconds: f64, busy: bool, random: &mut Random) -> Box<dyn Side> {
        let luck = 1.0 + 0.01 * random.unit();
        let random = Random::new(random.bits());
        Box::new(Noisy { nanoseconds: nanoseconds * luck, busy, random })
    }

    fn plan(measure: Measure, seed: u64) -> Plan {
        Plan {
            measure,
            fewest_rounds: 8,
            pairs_a_round: 20,
            width: 0.01,
            time: Duration::from_millis(100),
            seed,
        }
    }

    fn measured(measure: Measure, sides: (f64, f64), busy: bool, seed: u64) -> Comparison {
        let load =
            |random: &mut Random| Ok((noisy(sides.0, busy, random), noisy(sides.1, busy, random)));
        compare(&plan(measure, seed), load).unwrap()
    }

    #[test]
    fn a_planted_overhead_of_a_tenth_is_found() {
        for busy in [false, true] {
            let found = measured(Measure::Ratio, (4e6, 4.4e6), busy, 11);
            assert_eq!(found.clock, if busy { Clock::Processor } else { Clock::Wall });
            assert_eq!(found.waiting > 0.3, busy);
            let interval = found.interval;
            assert!(interval.low > 1.05 && (interval.median - 1.1).abs() < 0.02, "{found:?}");
        }
    }

    #[test]
    fn planted_microseconds_are_found() {
        let found = measured(Measure::Microseconds, (20e3, 60e3), false, 12).interval;
        assert!((found.median - 40.0).abs() < 3.0 && found.low > 30.0, "{found:?}");
    }

    /// A side that sleeps costs its caller microseconds, though the processor does nothing.
    #[test]
    fn microseconds_are_waited_on_any_machine() {
        let found = measured(Measure::Microseconds, (20e3, 60e3), true, 13);
        assert_eq!(found.clock, Clock::Wall);
        assert!(found.interval.median > 80.0, "{found:?}");
    }

    /// 95 % intervals of A against A leave 1 out in a few of a hundred seeds, and never by much.
    #[test]
    fn the_same_against_itself_is_one() {
        for busy in [false, true] {
            let intervals: Vec<Interval> = (0..40)
                .map(|seed| measured(Measure::Ratio, (4e6, 4e6), busy, seed).interval)
                .collect();
            let holds = |interval: &&Interval| interval.low <= 1.0 && 1.0 <= interval.high;
            assert!(intervals.iter().filter(holds).count() >= 34, "{intervals:?}");
            assert!(intervals.iter().all(|interval| (interval.median - 1.0).abs() < 0.02));
        }
    }

    #[test]
    fn where_the_system_tells_no_processor_time_the_wall_clock_counts() {
        let window = Window { wall: 5.0, mean: 9.0, processor: None };
        assert_eq!(clock_for(Measure::Ratio, &[vec![(window, window)]]), Clock::Wall);
    }

    #[test]
    fn it_stops_when_the_interval_is_narrow_or_patience_is_at_its_end() {
        let plan = Plan { time: Duration::from_secs(10), ..plan(Measure::Ratio, 1) };
        let stops =
            |rounds, width, seconds| plan.satisfied(rounds, width, Duration::from_secs(seconds));
        assert!(stops(8, 0.01, 1) && !stops(7, 0.01, 1) && !stops(8, 0.02, 9));
        assert!(stops(8, 0.04, 10) && !stops(7, 0.04, 10) && !stops(8, 0.05, 39));
        assert!(stops(1, 1.0, 40));
    }

    #[test]
    fn a_comparison_ends_in_time_with_what_it_has() {
        let plan = Plan { pairs_a_round: 1, time: Duration::ZERO, ..plan(Measure::Ratio, 1) };
        let load = |random: &mut Random| Ok((noisy(1e3, false, random), noisy(1e3, false, random)));
        let found = compare(&plan, load).unwrap();
        assert_eq!((found.rounds, found.pairs), (1, 1));
    }

    #[test]
    fn a_side_that_fails_is_the_answer() {
        struct Broken;
        impl Side for Broken {
            fn time(&mut self, _: usize) -> Result<Times, String> {
                Err("m.onnx: broken".to_owned())
            }
        }
        let load = |_: &mut Random| Ok((Box::new(Broken) as _, Box::new(Broken) as _));
        assert_eq!(compare(&plan(Measure::Ratio, 1), load).unwrap_err(), "m.onnx: broken");
    }
}
