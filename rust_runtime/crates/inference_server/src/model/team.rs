//! How many engines run at one time, with how many threads each: given, or found by measuring.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use runner_core::{NamedTensors, Runner};

use super::failure::LoadFailure;

/// More engines than this are not tried by our own choice: each may hold the model once.
const MOST_ENGINES: usize = 8;
/// Fewer engines with more threads answer sooner, so more must be so much better.
const WORTH: f64 = 1.03;
/// One model is shared by several engine threads when they get at least so much of what as many
/// models would.
const SHARED_IF: f64 = 0.75;
/// A model is timed for so many runs,
const RUNS: u32 = 5;
/// but for at least,
const SHORTEST: Duration = Duration::from_millis(20);
/// and at most so long.
const LONGEST: Duration = Duration::from_millis(100);
/// Where one run takes longer than this nothing is measured.
const TOO_SLOW: Duration = Duration::from_secs(2);

/// Loads the model once more, with so many threads for a run.
pub(super) type Make<'a> = dyn Fn(usize) -> Result<Arc<dyn Runner>, LoadFailure> + 'a;

/// Measures how many runs a second these engines do together.
pub(super) type Rate<'a> = dyn Fn(&[Arc<dyn Runner>]) -> f64 + 'a;

/// What is wanted: 0 is found by measuring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) engines: usize,
    pub(super) threads: usize,
    /// What the process may use.
    pub(super) processors: usize,
}

/// The engines of a model.
pub(super) struct Team {
    /// One for each engine thread; the same one may stand several times.
    pub(super) runners: Vec<Arc<dyn Runner>>,
    /// Whether measuring chose them.
    pub(super) measured: bool,
}

/// What measuring needs.
pub(super) struct Bench<'a> {
    /// Loads the model once more.
    pub(super) make: &'a Make<'a>,
    /// Runs a second of these engines together.
    pub(super) rate: &'a Rate<'a>,
    /// How long one run of the first engine takes.
    pub(super) one_run: Duration,
}

impl Wanted {
    /// Threads of the first engine, which is loaded before anything is measured.
    pub(super) fn first_threads(&self) -> usize {
        self.plans().first().map_or(1, |(_, threads)| *threads)
    }

    /// Engines and threads to try, the fewest engines first.
    fn plans(&self) -> Vec<(usize, usize)> {
        let processors = self.processors.max(1);
        match (self.engines, self.threads) {
            (0, 0) => {
                let mut plans = vec![(1, processors)];
                let mut threads = processors.next_power_of_two() / 2;
                while threads > 0 {
                    let engines = processors / threads;
                    if engines > 1 && engines <= MOST_ENGINES {
                        plans.push((engines, threads));
                    }
                    threads /= 2;
                }
                plans.dedup();
                plans
            }
            (0, threads) => vec![((processors / threads).clamp(1, MOST_ENGINES), threads)],
            (engines, 0) => vec![(engines, (processors / engines).max(1))],
            given => vec![given],
        }
    }
}

/// Finds the engines. `first` is loaded already, with [`Wanted::first_threads`].
///
/// # Errors
/// Those of `make`.
pub(super) fn found(
    wanted: Wanted,
    first: &Arc<dyn Runner>,
    bench: &Bench<'_>,
) -> Result<Team, LoadFailure> {
    let plans = wanted.plans();
    if plans.len() < 2 || bench.one_run > TOO_SLOW {
        let (engines, threads) = plans.first().copied().unwrap_or((1, 1));
        let runners = match engines {
            1 => vec![Arc::clone(first)],
            _ => several(first, (engines, threads), bench)?.runners,
        };
        return Ok(Team { runners, measured: false });
    }
    let mut best: Option<Measured> = None;
    for (engines, threads) in plans {
        let given = threads == wanted.first_threads();
        let runner = if given { Arc::clone(first) } else { (bench.make)(threads)? };
        if threads > 1 && engines > 1 && runner.info().threads < threads {
            // The engine does not take so many: the same as with fewer threads.
            continue;
        }
        let measured = several(&runner, (engines, threads), bench)?;
        if best.as_ref().is_none_or(|best| measured.rate > best.rate * WORTH) {
            best = Some(measured);
        }
    }
    let runners = best.map_or_else(|| vec![Arc::clone(first)], |best| best.runners);
    Ok(Team { runners, measured: true })
}

struct Measured {
    runners: Vec<Arc<dyn Runner>>,
    /// Runs a second, all together.
    rate: f64,
}

/// So many engines around one loaded model, or around one each where it takes turns.
fn several(
    runner: &Arc<dyn Runner>,
    (engines, threads): (usize, usize),
    bench: &Bench<'_>,
) -> Result<Measured, LoadFailure> {
    let measured = |runners: Vec<Arc<dyn Runner>>| {
        let rate = (bench.rate)(&runners);
        Measured { runners, rate }
    };
    let alone = measured(vec![Arc::clone(runner)]);
    if engines < 2 {
        return Ok(alone);
    }
    let shared = measured(vec![Arc::clone(runner); engines]);
    if shared.rate >= SHARED_IF * alone.rate * engines as f64 {
        return Ok(shared);
    }
    let mut runners = vec![Arc::clone(runner)];
    while runners.len() < engines {
        runners.push((bench.make)(threads)?);
    }
    let apart = measured(runners);
    Ok(if apart.rate > shared.rate * WORTH { apart } else { shared })
}

/// How long one run takes; such a run is known to go well.
fn duration_of(runner: &Arc<dyn Runner>, inputs: &NamedTensors) -> Duration {
    let start = Instant::now();
    drop(runner.run_named(inputs.clone()));
    start.elapsed()
}

/// Runs a second of all engines at once, each on its own thread as it will be served.
pub(super) fn rate_of(runners: &[Arc<dyn Runner>], inputs: &NamedTensors) -> f64 {
    let start = Barrier::new(runners.len());
    thread::scope(|scope| {
        let threads: Vec<_> = runners
            .iter()
            .map(|runner| scope.spawn(|| rate_of_one(runner, inputs, &start)))
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

fn rate_of_one(runner: &Arc<dyn Runner>, inputs: &NamedTensors, start: &Barrier) -> f64 {
    let one_run = duration_of(runner, inputs);
    let enough = (one_run * RUNS).clamp(SHORTEST, LONGEST);
    start.wait();
    let begin = Instant::now();
    let mut runs = 0_u32;
    while runs == 0 || begin.elapsed() < enough {
        duration_of(runner, inputs);
        runs += 1;
    }
    f64::from(runs) / begin.elapsed().as_secs_f64().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::testing::{Engine, input, one_to_one};

    fn plans(engines: usize, threads: usize, processors: usize) -> Vec<(usize, usize)> {
        Wanted { engines, threads, processors }.plans()
    }

    #[test]
    fn plans_use_all_processors_and_keep_what_is_given() {
        assert_eq!(plans(0, 0, 1), [(1, 1)]);
        assert_eq!(plans(0, 0, 2), [(1, 2), (2, 1)]);
        assert_eq!(plans(0, 0, 4), [(1, 4), (2, 2), (4, 1)]);
        assert_eq!(plans(0, 0, 6), [(1, 6), (3, 2), (6, 1)]);
        assert_eq!(plans(0, 0, 64), [(1, 64), (2, 32), (4, 16), (8, 8)]);
        assert_eq!(plans(0, 2, 4), [(2, 2)]);
        assert_eq!(plans(3, 0, 4), [(3, 1)]);
        assert_eq!(plans(5, 7, 2), [(5, 7)]);
    }

    /// An engine of which only the number of threads counts.
    fn engine(threads: usize) -> Arc<dyn Runner> {
        let mut info = one_to_one(&["n", "2"]);
        info.threads = threads;
        Arc::new(Engine::new(info, Ok))
    }

    /// What an engine is like.
    #[derive(Clone, Copy)]
    struct Kind {
        /// Times as fast with each thread more.
        speed_up: f64,
        /// Whether runs of one loaded model wait for each other.
        takes_turns: bool,
    }

    /// Engines, threads of each, and whether they share the model; how often it was loaded.
    fn team(wanted: Wanted, kind: Kind, one_run: Duration) -> ((usize, usize, bool), usize) {
        let loads = Cell::new(1);
        let make = |threads| {
            loads.set(loads.get() + 1);
            Ok(engine(threads))
        };
        let rate = |runners: &[Arc<dyn Runner>]| {
            let shared = runners.iter().all(|runner| Arc::ptr_eq(runner, &runners[0]));
            let at_once = if shared && kind.takes_turns { 1 } else { runners.len() };
            at_once as f64
                * kind.speed_up.powi(i32::try_from(runners[0].info().threads).unwrap() - 1)
        };
        let bench = Bench { make: &make, rate: &rate, one_run };
        let team = found(wanted, &engine(wanted.first_threads()), &bench).unwrap();
        let shared = team.runners.iter().all(|runner| Arc::ptr_eq(runner, &team.runners[0]));
        ((team.runners.len(), team.runners[0].info().threads, shared), loads.get())
    }

    const TWO: Wanted = Wanted { engines: 0, threads: 0, processors: 2 };
    const QUICK: Duration = Duration::from_millis(1);

    #[test]
    fn one_processor_is_not_measured() {
        let kind = Kind { speed_up: 1.5, takes_turns: true };
        assert_eq!(team(Wanted { processors: 1, ..TWO }, kind, QUICK), ((1, 1, true), 1));
    }

    #[test]
    fn threads_that_help_make_one_engine_and_threads_that_do_not_make_two() {
        let helped = Kind { speed_up: 1.99, takes_turns: false };
        assert_eq!(team(TWO, helped, QUICK), ((1, 2, true), 2));
        let not_helped = Kind { speed_up: 1.2, takes_turns: false };
        assert_eq!(team(TWO, not_helped, QUICK), ((2, 1, true), 2));
    }

    #[test]
    fn a_model_that_takes_turns_is_loaded_for_every_engine() {
        let kind = Kind { speed_up: 1.2, takes_turns: true };
        assert_eq!(team(TWO, kind, QUICK), ((2, 1, false), 3));
    }

    #[test]
    fn what_is_given_or_too_slow_to_measure_is_taken_as_it_is() {
        let kind = Kind { speed_up: 1.2, takes_turns: true };
        let given = Wanted { engines: 2, threads: 1, processors: 16 };
        assert_eq!(team(given, kind, QUICK), ((2, 1, false), 2));
        assert_eq!(team(TWO, kind, Duration::from_secs(9)), ((1, 2, true), 1));
    }

    #[test]
    fn every_engine_runs_while_it_is_measured() {
        let counting = Engine::echo(&["n", "2"]);
        let calls = counting.calls();
        let runner: Arc<dyn Runner> = Arc::new(counting);
        let rate = rate_of(&[Arc::clone(&runner), runner], &input(&[1, 2], 0.0));
        assert!(rate > 0.0);
        assert!(calls.lock().unwrap().len() >= 4);
    }
}
