use std::{
    num::NonZero,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use runner_core::{Device, LoadError, NamedTensors, RunError, Runner, RunnerConfig, guard_load};
use vision_model::Goldens;

use super::{
    description::Description,
    failure::LoadFailure,
    files::Files,
    probe::{Probed, probe},
    repository::Surroundings,
    sample::{Sample, Samples, check},
    team::{self, Bench, Team, Wanted},
    version::{Facts, Version},
};
use crate::{
    InferRequest,
    batch::{Batcher, Engines, Pending},
    memory,
};

/// Loads a model with the engine of a name.
pub type Loader = dyn Fn(&str, &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> + Send + Sync;

/// How long a new version may take to answer the request that it is tried with.
const CANARY: Duration = Duration::from_mins(2);

/// Loads a version and proves it: its goldens agree with PyTorch's, its engines run, and a request
/// comes back through its queue.
///
/// # Errors
/// [`crate::ErrorKind::Conflict`] with the reason, which names no path of the machine.
pub(super) fn load(
    description: &Description,
    around: &Surroundings,
) -> Result<Version, LoadFailure> {
    let named = |failure: LoadFailure| failure.with_model(&description.name);
    load_unnamed(description, around).map_err(named)
}

fn load_unnamed(description: &Description, around: &Surroundings) -> Result<Version, LoadFailure> {
    let start = Instant::now();
    let files = Files::read(&description.source)?;
    let make = |threads| loaded(description, &files, around, threads);
    let wanted = wanted(description);
    let first = make(wanted.first_threads())?;
    let goldens = files.goldens.as_ref();
    let (samples, report) = match goldens {
        Some(goldens) => {
            let (samples, report) = Samples::of_goldens(first.as_ref(), goldens)?;
            (samples, Some(report))
        }
        None => (Samples::made_up(first.as_ref(), &files.contract)?, None),
    };
    let tolerance = goldens.map(|goldens| goldens.tolerance);
    let Probed { batching, powers_only } = probe(first.as_ref(), &samples, tolerance);
    let team = team_of(wanted, &first, &samples.second, &make)?;
    drop(first);
    for runner in others(&team.runners) {
        prove_alike(runner.as_ref(), goldens, &samples)?;
    }
    files.check_unchanged()?;
    memory::gather();
    let threads = team.runners.first().map_or(1, |runner| runner.info().threads);
    let facts = Facts {
        name: description.name.clone(),
        version: description.version.clone(),
        contract: files.contract,
        sha256: files.sha256,
        goldens: report,
        engines: team.runners.len(),
        threads,
        measured: team.measured,
        load_time: start.elapsed(),
    };
    let engines = Engines { runners: team.runners, batching, powers_only };
    let version = started(description, around, engines, facts)?;
    canary(&version, samples.first.inputs)?;
    Ok(version)
}

fn started(
    description: &Description,
    around: &Surroundings,
    engines: Engines,
    facts: Facts,
) -> Result<Version, LoadFailure> {
    let (name, version) = (description.name.as_str(), description.version.as_str());
    let rules = (&description.settings.batch, &around.limits);
    let metrics = around.metrics.of_model(name, version);
    let batcher = Batcher::start(name, engines, rules, &around.clock, metrics)?;
    let mark = around.metrics.serving((name, version), &facts.sha256, batcher.info());
    Ok(Version::new(facts, batcher, around.limits.requests, mark))
}

fn wanted(description: &Description) -> Wanted {
    let settings = &description.settings;
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    match settings.device {
        Device::Cpu => {
            let (engines, threads) = (settings.engines, settings.threads);
            Wanted { engines, threads, processors }
        }
        // One engine fills an accelerator, and its own threads are few.
        Device::Cuda(_) => Wanted {
            engines: settings.engines.max(1),
            threads: settings.threads.max(1),
            processors,
        },
    }
}

fn loaded(
    description: &Description,
    files: &Files,
    around: &Surroundings,
    threads: usize,
) -> Result<Arc<dyn Runner>, LoadFailure> {
    let settings = &description.settings;
    let config = RunnerConfig {
        source: files.source.clone(),
        input_shapes: settings.input_shapes.clone(),
        device: settings.device,
        threads: Some(threads),
        precision: settings.precision,
        optimize: settings.optimize,
        options: settings.options.clone(),
    };
    let name = files.source.name();
    let runner = guard_load(&name, || (around.loader)(&description.runner, &config));
    let refused = |error: LoadError| LoadFailure::of_engine(&description.runner, &error);
    runner.map(Arc::from).map_err(refused)
}

fn team_of(
    wanted: Wanted,
    first: &Arc<dyn Runner>,
    sample: &Sample,
    make: &team::Make<'_>,
) -> Result<Team, LoadFailure> {
    let rate = |runners: &[Arc<dyn Runner>]| team::rate_of(runners, &sample.inputs);
    team::found(wanted, first, &Bench { make, rate: &rate, one_run: sample.took })
}

/// Runners that are not the first one again.
fn others(runners: &[Arc<dyn Runner>]) -> impl Iterator<Item = &Arc<dyn Runner>> {
    let first = runners.first();
    runners.iter().skip(1).filter(move |runner| first.is_some_and(|one| !Arc::ptr_eq(one, runner)))
}

/// Holds an engine that was loaded besides against the goldens, or lets it run once without any.
fn prove_alike(
    runner: &dyn Runner,
    goldens: Option<&Goldens>,
    samples: &Samples,
) -> Result<(), LoadFailure> {
    let failed = |error: RunError| LoadFailure::of_run("one of several engines fails", &error);
    match goldens {
        Some(goldens) => check(&goldens.replay(|inputs| runner.run_named(inputs)).map_err(failed)?),
        None => runner.run_named(samples.first.inputs.clone()).map(drop).map_err(failed),
    }
}

/// Sends one request the way that all others will go.
fn canary(version: &Version, inputs: NamedTensors) -> Result<(), LoadFailure> {
    let deadline = Some(Instant::now() + CANARY);
    let request = InferRequest { deadline, ..InferRequest::new(inputs) };
    version.infer(request).and_then(Pending::wait).map_err(|error| {
        let reason = error.detail().unwrap_or(error.message());
        LoadFailure::new("unsupported", format!("a request through its queue fails: {reason}"))
    })?;
    version.begin_counting();
    Ok(())
}
