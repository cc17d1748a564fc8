use std::num::NonZeroUsize;

use runner_core::{Dim, NamedTensors, Tensor, TensorSpec};
use serde_json::{Value, json};
use vision_model::made_up;

use crate::{
    Arguments, Fault,
    arguments::named,
    job::{self, SCHEMA_VERSION, pretty, read_tensors},
    session::{Session, milliseconds},
};

mod turns;

pub(crate) use turns::serve;

/// Runs that warm up a benchmark unless the user says how many.
const WARMUP: usize = 10;
/// The most elements that an input is made up with.
const MAX_ELEMENTS: usize = 1 << 30;

/// Times the engine: the first run, the warm-up, then `iterations` runs.
pub(crate) fn answer(
    session: &mut Session,
    iterations: NonZeroUsize,
    arguments: &Arguments,
) -> Result<String, Fault> {
    let inputs = inputs(session, arguments)?;
    let mut report = start(session, &inputs, arguments.warmup.unwrap_or(WARMUP))?;
    report["latency_ms"] = times(session, &inputs, iterations.get())?.into();
    report["peak_rss_mib"] = peak_rss_mib().into();
    Ok(pretty(&report))
}

/// Does the first run and the warm-up, and tells what was loaded and how long that took.
fn start(session: &mut Session, inputs: &NamedTensors, warmup: usize) -> Result<Value, Fault> {
    let first = time(session, inputs)?;
    for _ in 0..warmup {
        time(session, inputs)?;
    }
    let info = session.info();
    Ok(json!({
        "schema_version": SCHEMA_VERSION,
        "model": info.model,
        "backend": info.backend,
        "backend_version": info.backend_version,
        "threads": info.threads,
        "load_ms": milliseconds(session.load_time),
        "first_ms": first,
    }))
}

fn times(session: &mut Session, inputs: &NamedTensors, runs: usize) -> Result<Vec<f64>, Fault> {
    (0..runs).map(|_| time(session, inputs)).collect()
}

/// The milliseconds of one run. They are not kept: a benchmark may be of any length.
fn time(session: &mut Session, inputs: &NamedTensors) -> Result<f64, Fault> {
    session.run_named(inputs.clone())?;
    Ok(session.run_times.drain(..).map(milliseconds).sum())
}

fn inputs(session: &Session, arguments: &Arguments) -> Result<NamedTensors, Fault> {
    let specs = &session.info().inputs;
    let given = job::inputs(session, arguments)?;
    if !given.is_empty() {
        return read_tensors(&given);
    }
    let mut shapes = Vec::new();
    for text in &arguments.shape {
        let (spec, dims) = named(&text.into(), specs, "input")?;
        shapes.push((spec.name.clone(), dims_of(&dims.to_string_lossy())?));
    }
    let shape_of = |spec: &TensorSpec| {
        let given = shapes.iter().find(|(name, _)| *name == spec.name);
        given.map_or_else(|| fixed_dims(spec), |(_, dims)| Ok(dims.clone()))
    };
    specs.iter().map(|spec| sample(spec, &shape_of(spec)?)).collect()
}

fn dims_of(text: &str) -> Result<Vec<usize>, Fault> {
    let dims: Option<Vec<usize>> = text.split(',').map(|dim| dim.trim().parse().ok()).collect();
    dims.ok_or_else(|| Fault::usage(format!("{text:?} are no axes: expected some like 1,3,64,64")))
}

fn fixed_dims(spec: &TensorSpec) -> Result<Vec<usize>, Fault> {
    let fixed = spec.dims.iter().map(|dim| match dim {
        Dim::Fixed(length) => Some(*length),
        Dim::Symbol(_) => None,
    });
    fixed.collect::<Option<_>>().ok_or_else(|| {
        let message = format!("input {:?} has axes of any length: {}", spec.name, spec.dims_text());
        Fault::bad(message).with_hint("Say how long they are to be: --shape 1,3,64,64.")
    })
}

/// A tensor that is the same in every run of the program.
fn sample(spec: &TensorSpec, dims: &[usize]) -> Result<(String, Tensor), Fault> {
    let elements = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
        return Err(Fault::bad(format!("axes {dims:?} are too large")));
    }
    Ok((spec.name.clone(), made_up(spec.dtype, dims, 1)))
}

/// The most memory that the process ever held, where the system tells it.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use runner_core::DType;

    use super::*;

    #[test]
    fn axes_are_read_or_refused() {
        assert_eq!(dims_of("1,3, 64,64").unwrap(), [1, 3, 64, 64]);
        for text in ["", "1,x", "1,,2", "-1"] {
            assert!(dims_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn samples_have_a_size_that_can_be() {
        let spec = TensorSpec { name: "x".into(), dtype: DType::F32, dims: vec![] };
        assert_eq!(sample(&spec, &[2, 500]).unwrap().1.shape(), [2, 500]);
        assert!(sample(&spec, &[usize::MAX, 2]).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_the_peak() {
        assert!(peak_rss_mib().unwrap() > 0.5);
    }
}
