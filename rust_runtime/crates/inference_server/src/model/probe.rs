//! Whether a model that says so really works in batches.

use std::time::{Duration, Instant};

use runner_core::{NamedTensors, Runner, Tensor};
use vision_model::{Difference, Tolerance};

use super::sample::Samples;
use crate::batch::{Batching, concatenate, part, rows};

/// A run of a new length is slow when it takes so many times the next one of that length,
const PLANNED: u32 = 3;
/// and so much longer.
const PLAN: Duration = Duration::from_millis(20);

/// What was seen of two samples run as one batch.
pub(super) struct Probed {
    pub(super) batching: Batching,
    /// Whether a run of a length not seen before is slow.
    pub(super) powers_only: bool,
}

/// Runs both samples as one batch and compares with what came of each alone: an output may lack
/// the batch whatever the file says, and rows may depend on each other.
pub(super) fn probe(
    runner: &dyn Runner,
    samples: &Samples,
    tolerance: Option<Tolerance>,
) -> Probed {
    let declared = Batching::declared(runner.info());
    if !declared.is_possible() {
        return Probed { batching: declared, powers_only: false };
    }
    match run(runner, samples, tolerance) {
        Ok(powers_only) => Probed { batching: Batching::Possible, powers_only },
        Err(reason) => Probed { batching: Batching::Off(reason), powers_only: false },
    }
}

fn run(
    runner: &dyn Runner,
    samples: &Samples,
    tolerance: Option<Tolerance>,
) -> Result<bool, String> {
    let inputs = joined(samples).ok_or("two inputs could not be put together")?;
    let start = Instant::now();
    let made = runner.run_named(inputs.clone());
    let first = start.elapsed();
    let made = made.map_err(|error| format!("a batch of two fails: {error}"))?;
    for (name, joined) in &made {
        check(name, joined, samples, tolerance)?;
    }
    if !is_slow(first, samples.second.took * 2) {
        return Ok(false);
    }
    let start = Instant::now();
    // Only its time counts; the same has just gone well.
    drop(runner.run_named(inputs));
    Ok(is_slow(first, start.elapsed()))
}

fn is_slow(first: Duration, usual: Duration) -> bool {
    first > usual * PLANNED && first > usual + PLAN
}

fn joined(samples: &Samples) -> Option<NamedTensors> {
    let join = |(name, first): &(String, Tensor)| {
        let (_, second) = samples.second.inputs.iter().find(|(own, _)| own == name)?;
        Some((name.clone(), concatenate([first, second].into_iter())?))
    };
    samples.first.inputs.iter().map(join).collect()
}

fn check(
    name: &str,
    joined: &Tensor,
    samples: &Samples,
    tolerance: Option<Tolerance>,
) -> Result<(), String> {
    let alone = [&samples.first, &samples.second]
        .map(|sample| sample.outputs.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor));
    let [Some(first), Some(second)] = alone else {
        return Err(format!("output {name:?} is not always there"));
    };
    let (Some(of_first), Some(of_second)) = (rows(first), rows(second)) else {
        return Err(format!("output {name:?} is a scalar"));
    };
    let given = [&samples.first, &samples.second]
        .map(|sample| sample.inputs.first().and_then(|(_, tensor)| rows(tensor)));
    if given != [Some(of_first), Some(of_second)] || rows(joined) != Some(of_first + of_second) {
        return Err(format!("output {name:?} does not have the length of the batch"));
    }
    for (alone, start) in [(first, 0), (second, of_first)] {
        let share = part(joined, start, rows(alone).unwrap_or_default());
        let difference = Difference::of(&share, alone);
        let allowed = tolerance.unwrap_or_else(|| rounding(alone));
        let same_bits = || share == *alone;
        if !difference.is_within(&allowed) && !same_bits() {
            return Err(format!(
                "output {name:?} of a batch is not that of its parts ({difference})"
            ));
        }
    }
    Ok(())
}

/// What an engine's rounding may come to, by the size of the numbers.
fn rounding(alone: &Tensor) -> Tolerance {
    let zero = Difference::of(alone, &nothing_like(alone));
    let size = match zero {
        Difference::Measured { mae, .. } => mae,
        _ => 0.0,
    };
    Tolerance { mae: 1e-3 * size + 1e-6, cosine_similarity: 0.999 }
}

/// Zeros of the same shape and type.
fn nothing_like(tensor: &Tensor) -> Tensor {
    match tensor {
        Tensor::F32(array) => Tensor::F32(array.mapv(|_| 0.0)),
        Tensor::F16(array) => Tensor::F16(array.mapv(|_| runner_core::f16::ZERO)),
        Tensor::F64(array) => Tensor::F64(array.mapv(|_| 0.0)),
        Tensor::I8(array) => Tensor::I8(array.mapv(|_| 0)),
        Tensor::U8(array) => Tensor::U8(array.mapv(|_| 0)),
        Tensor::I32(array) => Tensor::I32(array.mapv(|_| 0)),
        Tensor::I64(array) => Tensor::I64(array.mapv(|_| 0)),
        Tensor::Bool(array) => Tensor::Bool(array.mapv(|_| false)),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, thread};

    use runner_core::ndarray::Axis;
    use vision_io::Contract;

    use super::*;
    use crate::testing::{Engine, failed, one_to_one};

    fn probed(engine: &Engine) -> Probed {
        let samples = Samples::made_up(engine, &Contract::default()).unwrap();
        probe(engine, &samples, None)
    }

    #[test]
    fn a_slow_first_run_of_a_length_is_found_by_its_times() {
        let ms = Duration::from_millis;
        assert!(is_slow(ms(300), ms(20)));
        assert!(!is_slow(ms(50), ms(20)));
        assert!(!is_slow(ms(15), ms(1)));
    }

    #[test]
    fn an_engine_that_plans_every_length_once_runs_powers_only() {
        let seen = Mutex::new(Vec::new());
        let plans = Engine::new(one_to_one(&["n", "4"]), move |inputs| {
            let rows = inputs[0].shape()[0];
            let mut seen = seen.lock().unwrap();
            if !seen.contains(&rows) {
                seen.push(rows);
                thread::sleep(Duration::from_millis(200));
            }
            Ok(inputs)
        });
        assert!(probed(&plans).powers_only);
        assert!(!probed(&plans).powers_only, "there is a plan now");
        assert!(!probed(&Engine::echo(&["n", "4"])).powers_only);
    }

    fn refused(engine: &Engine) -> String {
        probed(engine).batching.reason().unwrap().to_owned()
    }

    /// Does something to the numbers of a whole batch.
    fn model(
        work: impl Fn(&mut runner_core::ndarray::ArrayD<f32>) + Send + Sync + 'static,
    ) -> Engine {
        Engine::new(one_to_one(&["n", "4"]), move |mut inputs| {
            if let Tensor::F32(array) = &mut inputs[0] {
                work(array);
            }
            Ok(inputs)
        })
    }

    #[test]
    fn rows_that_do_not_depend_on_each_other_may_share_a_run() {
        assert!(probed(&Engine::echo(&["n", "4"])).batching.is_possible());
        let rounds = model(|array| {
            let rows = array.len_of(Axis(0)) as f32;
            array.mapv_inplace(|value| value * (1.0 + 1e-6 * rows));
        });
        assert!(probed(&rounds).batching.is_possible());
    }

    #[test]
    fn rows_that_depend_on_each_other_may_not() {
        let whole = model(|array| {
            let largest = array.iter().copied().fold(f32::MIN, f32::max);
            array.mapv_inplace(|value| value - largest);
        });
        assert!(refused(&whole).contains("\"y\""));
        let turned = model(|array| array.invert_axis(Axis(0)));
        assert!(refused(&turned).contains("\"y\""));
    }

    #[test]
    fn what_fails_or_loses_the_batch_says_so() {
        let only_one = Engine::new(one_to_one(&["n", "4"]), |inputs| {
            if inputs[0].shape()[0] == 1 { Ok(inputs) } else { Err(failed("Reshape")) }
        });
        assert!(refused(&only_one).contains("Reshape"));
        let shortened =
            Engine::new(one_to_one(&["n", "4"]), |inputs| Ok(vec![part(&inputs[0], 0, 1)]));
        assert!(refused(&shortened).contains("length of the batch"));
        let fixed = Engine::echo(&["1", "4"]);
        assert!(refused(&fixed).contains("fixed"));
    }
}
