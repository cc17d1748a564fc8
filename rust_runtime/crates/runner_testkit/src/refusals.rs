//! What does not fit is refused by kind, at once, and the next run works.

use runner_core::{
    DType, Device, LoadError, LoadErrorKind, NamedTensors, Precision, RunErrorKind, Runner,
    RunnerConfig, Tensor,
    ndarray::{ArrayD, IxDyn},
};

use crate::{Bench, Engine, Outcome, ensure, read};

/// Cuts of the whole file, spread evenly.
const CUTS: usize = 20;
const FLIPS: usize = 64;

pub(crate) fn check(bench: &mut Bench<'_>) {
    bench.case("inputs/refused", inputs_that_do_not_fit);
    bench.case("inputs/tied_symbols", |engine| {
        let inputs = vec![zeros("left", &[3, 4]), zeros("right", &[2, 4])];
        refuses(&*engine.open("pair")?, inputs, RunErrorKind::ShapeMismatch)
    });
    bench.case("inputs/not_single", run_on_several);
    let onnx_alone: &[(&str, LoadErrorKind)] = &[
        ("short_weights", LoadErrorKind::Corrupt),
        ("cycle", LoadErrorKind::Corrupt),
        ("nowhere", LoadErrorKind::Corrupt),
        ("nested", LoadErrorKind::Corrupt),
        ("twice", LoadErrorKind::Corrupt),
        ("huge_weight", LoadErrorKind::Corrupt),
        ("huge_constant", LoadErrorKind::Corrupt),
        ("huge_input", LoadErrorKind::Corrupt),
        ("huge_output", LoadErrorKind::Corrupt),
        ("unknown_operator", LoadErrorKind::Unsupported),
        ("outside_parent", LoadErrorKind::Corrupt),
        ("outside_absolute", LoadErrorKind::Corrupt),
        ("outside_missing", LoadErrorKind::Unreadable),
    ];
    let reads_onnx = bench.engine().reads_onnx();
    let torchscript_alone: &[(&str, LoadErrorKind)] = &[("state_dict", LoadErrorKind::Corrupt)];
    let reads_torchscript = bench.engine().reads_torchscript();
    let hostile = ["empty", "random", "truncated"].map(|name| (name, LoadErrorKind::Corrupt));
    let alone = match (reads_onnx, reads_torchscript) {
        (true, _) => onnx_alone,
        (_, true) => torchscript_alone,
        _ => &[],
    };
    for &(name, kind) in hostile.iter().chain(alone) {
        bench.case(&format!("file/{name}"), |engine| {
            rejects(engine, &engine.hostile(name), kind).map(drop)
        });
    }
    bench.case("file/missing", |engine| {
        rejects(engine, &engine.hostile("no_such_file"), LoadErrorKind::NotFound).map(drop)
    });
    bench.case("file/folder", |engine| {
        let config = engine.config_of(&engine.profile.testdata);
        rejects(engine, &config, LoadErrorKind::Unreadable).map(drop)
    });
    if reads_onnx {
        bench.case("file/operator_is_named", operator_is_named);
        bench.case("bytes/external_data", external_data_wants_a_path);
    }
    bench.case("file/cut_anywhere", cut_anywhere);
    bench.case("file/flipped_bits", flipped_bits);
    bench.case("settings/refused", settings_that_cannot_be_had);
    bench.case("settings/shapes_refused", shapes_that_do_not_fit);
}

/// The message of the load error, once its kind is the expected one.
pub(crate) fn rejects(
    engine: &Engine<'_>,
    config: &RunnerConfig,
    kind: LoadErrorKind,
) -> Result<String, String> {
    refused_as(engine.load(config), kind)
}

fn refused_as(
    loaded: Result<Box<dyn Runner>, LoadError>,
    kind: LoadErrorKind,
) -> Result<String, String> {
    match loaded {
        Ok(_) => Err(format!("loads, expected {kind:?}")),
        Err(error) if error.kind() == kind => Ok(error.to_string()),
        Err(error) => Err(format!("{:?} in place of {kind:?}: {error}", error.kind())),
    }
}

fn refuses(runner: &dyn Runner, inputs: NamedTensors, kind: RunErrorKind) -> Outcome {
    match runner.run_named(inputs) {
        Ok(_) => Err(format!("runs, expected {kind:?}")),
        Err(error) => {
            ensure(error.kind() == kind, || format!("{:?} in place of {kind:?}", error.kind()))
        }
    }
}

fn zeros(name: &str, shape: &[usize]) -> (String, Tensor) {
    (name.to_owned(), ArrayD::<f32>::zeros(IxDyn(shape)).into())
}

fn inputs_that_do_not_fit(engine: &Engine<'_>) -> Outcome {
    let runner = engine.open("residual")?;
    let good = || zeros("x", &[1, 3, 8, 8]);
    let doubles = Tensor::from(ArrayD::<f64>::zeros(IxDyn(&[1, 3, 8, 8])));
    for (inputs, kind) in [
        (vec![], RunErrorKind::MissingInput),
        (vec![good(), zeros("z", &[1])], RunErrorKind::UnknownInput),
        (vec![good(), good()], RunErrorKind::DuplicateInput),
        (vec![("x".to_owned(), doubles)], RunErrorKind::DtypeMismatch),
        (vec![zeros("x", &[1, 3, 8])], RunErrorKind::ShapeMismatch),
        (vec![zeros("x", &[])], RunErrorKind::ShapeMismatch),
        (vec![zeros("x", &[1, 4, 8, 8])], RunErrorKind::ShapeMismatch),
        (vec![zeros("x", &[0, 3, 8, 8])], RunErrorKind::ShapeMismatch),
    ] {
        refuses(&*runner, inputs, kind)?;
    }
    let next = runner.run_named(vec![good()]);
    ensure(next.is_ok(), || "the next run fails too".to_owned())
}

fn run_on_several(engine: &Engine<'_>) -> Outcome {
    let runner = engine.open("pair")?;
    match runner.run(&ArrayD::zeros(IxDyn(&[3, 4]))) {
        Ok(_) => Err("runs on one of two inputs".to_owned()),
        Err(error) => {
            ensure(error.kind() == RunErrorKind::NotSingle, || format!("{:?}", error.kind()))
        }
    }
}

fn operator_is_named(engine: &Engine<'_>) -> Outcome {
    let config = engine.hostile("unknown_operator");
    let message = rejects(engine, &config, LoadErrorKind::Unsupported)?;
    ensure(message.contains("Frobnicate"), || message)
}

fn cut_anywhere(engine: &Engine<'_>) -> Outcome {
    let whole = read(&engine.model("residual"))?;
    for cut in 0..CUTS {
        let part = whole[..whole.len() * cut / CUTS].to_vec();
        refused_as(engine.load_content(part), LoadErrorKind::Corrupt)
            .map_err(|reason| format!("cut {cut} of {CUTS}: {reason}"))?;
    }
    Ok(())
}

/// A flipped bit may go unnoticed (in a weight), but never past an error.
fn flipped_bits(engine: &Engine<'_>) -> Outcome {
    let whole = read(&engine.model("residual"))?;
    for flip in 0..FLIPS {
        let mut bytes = whole.clone();
        let place = flip * 7919 % bytes.len();
        bytes[place] ^= 1 << (flip % 8);
        let Ok(runner) = engine.load_content(bytes) else {
            continue;
        };
        let _ = runner.run(&ArrayD::zeros(IxDyn(&[1, 3, 8, 8])));
    }
    Ok(())
}

fn external_data_wants_a_path(engine: &Engine<'_>) -> Outcome {
    if !engine.backend.capabilities().from_bytes {
        return Ok(());
    }
    let loaded = engine.load_content(read(&engine.model("external"))?);
    let message = refused_as(loaded, LoadErrorKind::Unsupported)?;
    ensure(message.contains("external.data"), || message)
}

fn settings_that_cannot_be_had(engine: &Engine<'_>) -> Outcome {
    let config = || engine.config("residual");
    let can = engine.backend.capabilities();
    let no_device = RunnerConfig { device: Device::Cuda(99), ..config() };
    let message = rejects(engine, &no_device, LoadErrorKind::DeviceUnavailable)?;
    ensure(message.contains("cuda:99"), || message)?;
    let no_threads = RunnerConfig { threads: Some(0), ..config() };
    rejects(engine, &no_threads, LoadErrorKind::InvalidOption)?;
    for precision in [Precision::Fp16, Precision::Int8] {
        if !can.precisions.contains(&precision) {
            let no_precision = RunnerConfig { precision, ..config() };
            rejects(engine, &no_precision, LoadErrorKind::InvalidOption)?;
        }
    }
    let mut no_option = config();
    no_option.options.insert("warp_speed".to_owned(), "9".to_owned());
    let message = rejects(engine, &no_option, LoadErrorKind::InvalidOption)?;
    ensure(message.contains("warp_speed"), || message)?;
    for dtype in DType::ALL.iter().filter(|dtype| !can.dtypes.contains(dtype)) {
        let config = engine.config(&format!("dtype_{dtype}"));
        rejects(engine, &config, LoadErrorKind::Unsupported)?;
    }
    Ok(())
}

fn shapes_that_do_not_fit(engine: &Engine<'_>) -> Outcome {
    for (model, input, shape) in [
        ("dynamic", "x", vec![1, 4, 8, 8]),
        ("dynamic", "x", vec![1, 3, 8]),
        ("dynamic", "x", vec![0, 3, 8, 8]),
        ("dynamic", "z", vec![1, 3, 8, 8]),
        ("residual", "x", vec![1, 3, 9, 9]),
        ("dynamic", "x", vec![1, 3, 1 << 31, 1 << 31]),
    ] {
        let mut config = engine.config(model);
        config.input_shapes.insert(input.to_owned(), shape.clone());
        rejects(engine, &config, LoadErrorKind::ShapeMismatch)
            .map_err(|reason| format!("{model} {input} {shape:?}: {reason}"))?;
    }
    Ok(())
}
