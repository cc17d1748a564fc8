//! What is known once a model is loaded, and what settings do.

use runner_core::{
    Availability, DType, Dim, LoadErrorKind, ModelInfo, Precision, RunnerConfig, TensorSpec,
};

use crate::{Bench, Engine, Outcome, ensure, read};

pub(crate) fn check(bench: &mut Bench<'_>) {
    bench.case("backend/ready", backend_is_ready);
    bench.case("info/fixed", |engine| info_of(engine, "residual", fixed(), fixed()));
    bench.case("info/symbols", |engine| info_of(engine, "dynamic", symbols(), symbols()));
    if !bench.engine().reads_torchscript() {
        bench.case("info/output_without_shape", |engine| info_of(engine, "bare", fixed(), fixed()));
    }
    bench.case("info/several", several);
    bench.case("bytes/as_path", bytes_are_as_good_as_a_path);
    bench.case("settings/threads", threads_are_told);
    bench.case("settings/input_shapes", input_shapes_fix_symbols);
}

fn fixed() -> Vec<Dim> {
    [1, 3, 8, 8].map(Dim::Fixed).to_vec()
}

fn symbol(name: &str) -> Dim {
    Dim::Symbol(name.to_owned())
}

fn symbols() -> Vec<Dim> {
    vec![symbol("batch"), Dim::Fixed(3), symbol("height"), symbol("width")]
}

fn spec(name: &str, dims: Vec<Dim>) -> TensorSpec {
    TensorSpec { name: name.to_owned(), dtype: DType::F32, dims }
}

fn expect_specs(info: &ModelInfo, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> Outcome {
    ensure(info.inputs == inputs, || format!("inputs {:?}", info.inputs))?;
    ensure(info.outputs == outputs, || format!("outputs {:?}", info.outputs))
}

fn backend_is_ready(engine: &Engine<'_>) -> Outcome {
    let Availability::Ready { version } = engine.backend.check() else {
        return Err(format!("{:?}", engine.backend.check()));
    };
    let can = engine.backend.capabilities();
    ensure(version.contains('.'), || format!("version {version:?}"))?;
    ensure(can.formats.contains(&engine.profile.format), || format!("formats {:?}", can.formats))?;
    ensure(can.devices.contains(&engine.profile.device), || format!("devices {:?}", can.devices))?;
    ensure(can.precisions.contains(&Precision::Fp32) && can.dynamic_dims, || format!("{can:?}"))
}

fn info_of(engine: &Engine<'_>, model: &str, input: Vec<Dim>, output: Vec<Dim>) -> Outcome {
    let runner = engine.open(model)?;
    let info = runner.info();
    ensure(info.model == format!("{model}.{}", engine.profile.format), || {
        format!("model {:?}", info.model)
    })?;
    ensure(info.backend == engine.backend.name(), || format!("backend {:?}", info.backend))?;
    let version = Availability::Ready { version: info.backend_version.clone() };
    ensure(version == engine.backend.check(), || format!("version {}", info.backend_version))?;
    ensure(info.device == engine.profile.device && info.threads >= 1, || format!("{info:?}"))?;
    expect_specs(info, &[spec("x", input)], &[spec("y", output)])
}

fn several(engine: &Engine<'_>) -> Outcome {
    let rows = |name| spec(name, vec![symbol("rows"), Dim::Fixed(4)]);
    let runner = engine.open("pair")?;
    let inputs = ["left", "right"].map(rows);
    expect_specs(runner.info(), &inputs, &["difference", "product"].map(rows))
}

fn bytes_are_as_good_as_a_path(engine: &Engine<'_>) -> Outcome {
    let from_path = engine.open("residual")?;
    let content = read(&engine.model("residual"))?;
    let device = engine.profile.device;
    let name = from_path.info().model.clone();
    let config = RunnerConfig { device, ..RunnerConfig::from_bytes(name, content) };
    if !engine.backend.capabilities().from_bytes {
        let kind = engine.load(&config).err().map(|error| error.kind());
        return ensure(kind == Some(LoadErrorKind::Unsupported), || format!("{kind:?}"));
    }
    let from_bytes = engine.load(&config).map_err(|error| error.to_string())?;
    ensure(from_bytes.info() == from_path.info(), || format!("{:?}", from_bytes.info()))?;
    for case in engine.golden("residual")? {
        let run = |runner: &dyn runner_core::Runner| {
            runner.run_named(case.inputs.clone()).map_err(|error| error.to_string())
        };
        let same = run(&*from_bytes)? == run(&*from_path)?;
        ensure(same, || "other answers than from the path".to_owned())?;
    }
    Ok(())
}

fn threads_are_told(engine: &Engine<'_>) -> Outcome {
    let mut config = engine.config("residual");
    config.threads = Some(1);
    let runner = engine.load(&config).map_err(|error| error.to_string())?;
    ensure(runner.info().threads == 1, || format!("threads {}", runner.info().threads))
}

fn input_shapes_fix_symbols(engine: &Engine<'_>) -> Outcome {
    let shape = vec![2, 3, 5, 9];
    let dims: Vec<Dim> = shape.iter().copied().map(Dim::Fixed).collect();
    let mut config = engine.config("dynamic");
    config.input_shapes.insert("x".to_owned(), shape);
    let runner = engine.load(&config).map_err(|error| error.to_string())?;
    expect_specs(runner.info(), &[spec("x", dims.clone())], &[spec("y", dims)])?;
    let cases = engine.golden("dynamic")?;
    let [other, fitting] = cases.as_slice() else {
        return Err(format!("{} golden cases", cases.len()));
    };
    let outputs = runner.run_named(fitting.inputs.clone()).map_err(|error| error.to_string())?;
    engine.compare(&outputs, &fitting.outputs)?;
    let refused = runner.run_named(other.inputs.clone()).is_err();
    ensure(refused, || "a shape other than the fixed one ran".to_owned())
}
