//! Right answers: alone, from many threads, in any order, for every element type.

use std::thread;

use runner_core::{
    DType, NamedTensors, RunErrorKind, Runner, Tensor,
    ndarray::{ArrayD, Axis, IxDyn},
};

use crate::{Bench, Engine, Outcome, ensure};

const THREADS: usize = 8;
const RUNS: usize = 6;

pub(crate) fn check(bench: &mut Bench<'_>) {
    let reads_torchscript = bench.engine().reads_torchscript();
    let onnx_alone: &[&str] = if reads_torchscript { &[] } else { &["bare", "external"] };
    for &model in ["residual", "dynamic", "pair"].iter().chain(onnx_alone) {
        bench.case(&format!("golden/{model}"), |engine| golden(engine, model));
    }
    for dtype in DType::ALL {
        bench.case(&format!("dtype/{dtype}"), |engine| golden(engine, &format!("dtype_{dtype}")));
    }
    bench.case("dtype/i64_beyond_i32", large_integers_are_right_or_refused);
    bench.case("run/single", run_is_run_named);
    bench.case("run/strides", strides_do_not_matter);
    bench.case("run/input_order", order_does_not_matter);
    bench.case("run/optimize_off", optimisation_changes_no_answer);
    bench.case("run/threads", threads_get_equal_answers);
}

fn run(runner: &dyn Runner, inputs: &NamedTensors) -> Result<NamedTensors, String> {
    runner.run_named(inputs.clone()).map_err(|error| error.to_string())
}

fn golden(engine: &Engine<'_>, model: &str) -> Outcome {
    let runner = engine.open(model)?;
    for case in engine.golden(model)? {
        let outputs = run(&*runner, &case.inputs)?;
        engine
            .compare(&outputs, &case.outputs)
            .map_err(|reason| format!("{}: {reason}", case.name))?;
        let order = outputs.iter().map(|(name, _)| name);
        let declared = runner.info().outputs.iter().map(|spec| &spec.name);
        ensure(order.eq(declared), || "outputs are not in the graph's order".to_owned())?;
    }
    Ok(())
}

fn large_integers_are_right_or_refused(engine: &Engine<'_>) -> Outcome {
    let runner = engine.open("dtype_i64")?;
    let large = (1_i64 << 40) + 1;
    let input = Tensor::from(ArrayD::from_elem(IxDyn(&[2, 3]), large));
    let expected = Tensor::from(ArrayD::from_elem(IxDyn(&[2, 3]), large * 2 + 1));
    match runner.run_named(vec![("x".to_owned(), input)]) {
        Ok(outputs) => ensure(outputs[0].1 == expected, || format!("{:?}", outputs[0].1)),
        Err(error) => {
            let told = error.kind() == RunErrorKind::DtypeMismatch && error.input() == Some("x");
            ensure(told, || format!("{:?}: {error}", error.kind()))
        }
    }
}

fn picture(engine: &Engine<'_>) -> Result<ArrayD<f32>, String> {
    let case = engine.golden("residual")?.remove(0);
    let input = case.inputs[0].1.clone();
    ArrayD::try_from(input).map_err(|tensor: Tensor| tensor.dtype().to_string())
}

fn run_is_run_named(engine: &Engine<'_>) -> Outcome {
    let runner = engine.open("residual")?;
    let picture = picture(engine)?;
    let single = runner.run(&picture).map_err(|error| error.to_string())?;
    let named = run(&*runner, &vec![("x".to_owned(), picture.into())])?;
    ensure(Tensor::from(single) == named[0].1, || "other answers than run_named".to_owned())
}

fn strides_do_not_matter(engine: &Engine<'_>) -> Outcome {
    let runner = engine.open("residual")?;
    let picture = picture(engine)?;
    let mut turned = picture.clone();
    turned.swap_axes(2, 3);
    let mut turned = turned.as_standard_layout().into_owned();
    turned.swap_axes(2, 3);
    turned.invert_axis(Axis(2));
    let mut upside_down = picture;
    upside_down.invert_axis(Axis(2));
    let row_major = upside_down.as_standard_layout().into_owned();
    let answer = |array| run(&*runner, &vec![("x".to_owned(), Tensor::from(array))]);
    ensure(answer(turned)? == answer(row_major)?, || "strides change the answer".to_owned())
}

fn order_does_not_matter(engine: &Engine<'_>) -> Outcome {
    let runner = engine.open("pair")?;
    let case = engine.golden("pair")?.remove(0);
    let mut reversed = case.inputs.clone();
    reversed.reverse();
    engine.compare(&run(&*runner, &reversed)?, &case.outputs)
}

fn optimisation_changes_no_answer(engine: &Engine<'_>) -> Outcome {
    for model in ["residual", "dynamic", "pair"] {
        let mut config = engine.config(model);
        config.optimize = false;
        let runner = engine.load(&config).map_err(|error| error.to_string())?;
        for case in engine.golden(model)? {
            let outputs = run(&*runner, &case.inputs)?;
            engine.compare(&outputs, &case.outputs).map_err(|off| format!("{model}: {off}"))?;
        }
    }
    Ok(())
}

fn threads_get_equal_answers(engine: &Engine<'_>) -> Outcome {
    let cases = engine.golden("dynamic")?;
    let alone = engine.open("dynamic")?;
    let expected: Vec<_> =
        cases.iter().map(|case| run(&*alone, &case.inputs)).collect::<Result<_, _>>()?;
    let shared = engine.open("dynamic")?;
    let worker = |first: usize| {
        for turn in first..first + RUNS {
            let index = turn % cases.len();
            let outputs = run(&*shared, &cases[index].inputs)?;
            let equal = outputs == expected[index];
            ensure(equal, || "another answer than when run alone".to_owned())?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|first| {
                scope.spawn({
                    let worker = &worker;
                    move || worker(first)
                })
            })
            .collect();
        let ended = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())));
        ended.collect()
    })
}
