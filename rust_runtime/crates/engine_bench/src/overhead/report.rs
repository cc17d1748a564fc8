//! Everything about one engine.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::Serialize;

use super::{
    calls::Side,
    child::WorkerProcess,
    compare::{Comparison, Measure, Pair, Plan, compare},
    memory::{Growth, Habit, growth},
    random::Random,
    subject::{Layer, Specimen, Subject, THREADS, agreement},
};

const RATIO_BOUND: f64 = 1.05;
const MICROSECONDS_BOUND: f64 = 30.0;
const SEED: u64 = 20;
/// glibc gives the free end of the main arena alone back to the system, so threads that come and
/// go with an engine would leave megabytes or none, by chance.
const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");
/// glibc raises these two by itself, up to such values, as a process frees large blocks. Two
/// processes with different pasts would run at different speeds, whatever language calls: one of
/// them would give its heap back and fault it in again in every run.
const SAME_HEAP: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "33554432"), ("MALLOC_TRIM_THRESHOLD_", "67108864")];

/// What to measure, and with whom.
#[derive(Debug, Clone)]
pub struct Job {
    /// The engine's name.
    pub engine: String,
    /// The model whose ratio counts.
    pub model: PathBuf,
    /// The tiny model whose microseconds count.
    pub tiny: PathBuf,
    /// The most seconds for one comparison.
    pub seconds: f64,
    /// This program, which is its own worker.
    pub program: PathBuf,
    /// The Python interpreter and the script of its worker.
    pub python: Option<(PathBuf, PathBuf)>,
}

/// One comparison and its bound.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What is set against what: `rust/bare` or `python/rust`.
    pub sides: &'static str,
    /// The model's file name.
    pub model: String,
    /// What was measured.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The most that the upper end of the interval may be.
    pub bound: f64,
    /// Largest difference of the two outputs relative to the largest value; 0 is bit-equal.
    pub difference: f64,
    /// Whether the upper end is within the bound.
    pub passed: bool,
}

/// The figures of one engine.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The engine's name.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// Threads of every run.
    pub threads: usize,
    /// The comparisons.
    pub speed: Vec<Row>,
    /// What many runs, and many loads and drops, leave behind.
    pub memory: Vec<Growth>,
    /// Whether every bound holds. Memory that the bare engine keeps is shown and does not count.
    pub passed: bool,
}

impl Job {
    /// Measures everything.
    ///
    /// # Errors
    /// What failed, with the name of the model and the side.
    pub fn report(&self) -> Result<Report, String> {
        let model = Specimen::new(&self.engine, &self.model)?;
        let tiny = Specimen::new(&self.engine, &self.tiny)?;
        let mut speed = Vec::new();
        for (specimen, measure) in [(&model, Measure::Ratio), (&tiny, Measure::Microseconds)] {
            speed.push(self.rust_against_bare(specimen, measure)?);
            if self.python.is_some() {
                speed.push(self.python_against_rust(specimen, measure)?);
            }
        }
        let memory = self.memory()?;
        let passed = speed.iter().all(|row| row.passed)
            && memory.iter().all(|row| row.passed || row.layer == Layer::Bare.name());
        let engine_version = model.engine_version.clone();
        Ok(Report {
            engine: self.engine.clone(),
            engine_version,
            threads: THREADS,
            speed,
            memory,
            passed,
        })
    }

    fn rust_against_bare(&self, specimen: &Specimen, measure: Measure) -> Result<Row, String> {
        let load = |layer| Subject::load(&self.engine, layer, specimen);
        let difference = agreement(&load(Layer::Bare)?.values()?, &load(Layer::Ours)?.values()?)?;
        let comparison = compare(&self.plan(measure), |random| {
            in_any_order(random, || Ok(boxed(load(Layer::Bare)?)), || Ok(boxed(load(Layer::Ours)?)))
        })?;
        Ok(row("rust/bare", &specimen.path, comparison, difference))
    }

    fn python_against_rust(&self, specimen: &Specimen, measure: Measure) -> Result<Row, String> {
        let load = |layer: Layer| -> Result<WorkerProcess, String> {
            let mut worker = self.worker(layer, &SAME_HEAP)?;
            worker.load(&specimen.path)?;
            Ok(worker)
        };
        let rust = load(Layer::Ours)?.values()?;
        let difference = agreement(&rust, &load(Layer::Python)?.values()?)?;
        let comparison = compare(&self.plan(measure), |random| {
            in_any_order(
                random,
                || Ok(boxed(load(Layer::Ours)?)),
                || Ok(boxed(load(Layer::Python)?)),
            )
        })?;
        Ok(row("python/rust", &specimen.path, comparison, difference))
    }

    fn memory(&self) -> Result<Vec<Growth>, String> {
        let mut rows = Vec::new();
        for layer in Layer::ALL {
            if layer == Layer::Python && self.python.is_none() {
                continue;
            }
            for (model, habit, count) in [
                (&self.tiny, Habit::Runs, 10_000),
                (&self.tiny, Habit::Cycles, 200),
                (&self.model, Habit::Cycles, 20),
            ] {
                let mut worker = self.worker(layer, &[ONE_ARENA])?;
                rows.push(growth(layer.name(), &mut worker, model, habit, count)?);
            }
        }
        Ok(rows)
    }

    fn worker(&self, layer: Layer, variables: &[(&str, &str)]) -> Result<WorkerProcess, String> {
        let mut command = match (layer, &self.python) {
            (Layer::Python, Some((interpreter, script))) => {
                let mut command = Command::new(interpreter);
                command.arg(script);
                command
            }
            (Layer::Python, None) => return Err("no --python was given".to_owned()),
            (Layer::Bare | Layer::Ours, _) => {
                let mut command = Command::new(&self.program);
                command.args(["worker", "--layer", layer.name()]);
                command
            }
        };
        command.args(["--engine", &self.engine]).envs(variables.iter().copied());
        WorkerProcess::start(&format!("{} {}", layer.name(), self.engine), &mut command)
    }

    fn plan(&self, measure: Measure) -> Plan {
        Plan {
            measure,
            fewest_rounds: 8,
            pairs_a_round: match measure {
                Measure::Ratio => 12,
                Measure::Microseconds => 60,
            },
            width: match measure {
                Measure::Ratio => 0.01,
                Measure::Microseconds => 1.0,
            },
            time: Duration::from_secs_f64(self.seconds),
            seed: SEED,
        }
    }
}

fn boxed<'a>(side: impl Side + 'a) -> Box<dyn Side + 'a> {
    Box::new(side)
}

/// Loads the two in any order: the second to come finds another heap.
fn in_any_order<'a>(
    random: &mut Random,
    first: impl FnOnce() -> Result<Box<dyn Side + 'a>, String>,
    second: impl FnOnce() -> Result<Box<dyn Side + 'a>, String>,
) -> Result<Pair<'a>, String> {
    if random.coin() {
        return Ok((first()?, second()?));
    }
    let later = second()?;
    Ok((first()?, later))
}

fn row(sides: &'static str, path: &Path, comparison: Comparison, difference: f64) -> Row {
    let bound = match comparison.measure {
        Measure::Ratio => RATIO_BOUND,
        Measure::Microseconds => MICROSECONDS_BOUND,
    };
    let model = path.file_name().map_or_else(String::new, |name| name.display().to_string());
    let passed = comparison.interval.high <= bound;
    Row { sides, model, comparison, bound, difference, passed }
}
