use std::{collections::BTreeMap, fs, path::Path};

use ndarray::{ArrayD, IxDyn};
use runner_core::{Backend, DType, Dim, NamedTensors, RunnerConfig, Tensor, TensorSpec, f16};
use runner_tract::TractBackend;

use crate::{
    Errors,
    arguments::{Arguments, Shapes},
    bindings::{bound, label, load, raw},
    engine::Engine,
    print,
    stage::Stage,
};

pub(crate) fn run(stage: &Stage, arguments: &Arguments) -> Result<(), Errors> {
    let folder = tempfile::tempdir().map_err(|error| vec![error.to_string()])?;
    let path = Path::new(arguments.value("--loadEngine").unwrap_or_default());
    let engine = Engine::open(stage, path, folder.path())?;
    let config = RunnerConfig::from_path(folder.path().join(&engine.model));
    let runner = TractBackend.load(&config).map_err(|error| vec![error.to_string()])?;
    let shapes = arguments.shapes("--shapes")?;
    let files: BTreeMap<String, String> = arguments.pairs("--loadInputs")?.into_iter().collect();
    let inputs = runner.info().inputs.iter().map(|spec| {
        let shape = shape_of(spec, &engine, &shapes)?;
        let tensor = match files.get(&spec.name) {
            Some(file) => load(Path::new(file), spec.dtype, bound(stage, spec.dtype), &shape)?,
            None => zeros(spec.dtype, &shape),
        };
        Ok((spec.name.clone(), tensor))
    });
    let inputs: NamedTensors = inputs.collect::<Result<_, Errors>>()?;
    let outputs = runner.run_named(inputs.clone()).map_err(|error| {
        vec![format!("[TRT] {error}"), "Error occurred during inference".to_owned()]
    })?;
    export(arguments, &outputs).map_err(|error| vec![error.to_string()])?;
    if arguments.value("--dumpRawBindingsToFile").is_some() {
        dump(stage, "input", &inputs).map_err(|error| vec![error.to_string()])?;
        dump(stage, "output", &outputs).map_err(|error| vec![error.to_string()])?;
    }
    Ok(())
}

fn shape_of(spec: &TensorSpec, engine: &Engine, shapes: &Shapes) -> Result<Vec<usize>, Errors> {
    let name = &spec.name;
    if !engine.open.contains(name) {
        let fixed = |dim: &Dim| if let Dim::Fixed(length) = dim { *length } else { 1 };
        return Ok(spec.dims.iter().map(fixed).collect());
    }
    let shape = shapes.get(name).unwrap_or(&engine.best[name]).clone();
    let range = engine.least[name].iter().zip(&engine.most[name]);
    for (length, (low, high)) in shape.iter().zip(range) {
        if !(low..=high).contains(&length) {
            return Err(vec![
                format!(
                    "[TRT] Error Code 3: API Usage Error (Supplied binding dimension of {length} \
                     for {name} exceeds min ~ max range {low} ~ {high})"
                ),
                "Inference set up failed".to_owned(),
            ]);
        }
    }
    Ok(shape)
}

fn zeros(dtype: DType, shape: &[usize]) -> Tensor {
    let shape = IxDyn(shape);
    match dtype {
        DType::F32 => ArrayD::<f32>::zeros(shape).into(),
        DType::F16 => ArrayD::from_elem(shape, f16::ZERO).into(),
        DType::F64 => ArrayD::<f64>::zeros(shape).into(),
        DType::I8 => ArrayD::<i8>::zeros(shape).into(),
        DType::U8 => ArrayD::<u8>::zeros(shape).into(),
        DType::I32 => ArrayD::<i32>::zeros(shape).into(),
        DType::I64 => ArrayD::<i64>::zeros(shape).into(),
        DType::Bool => ArrayD::from_elem(shape, false).into(),
    }
}

/// The real program goes through a hash map, so any order may come.
fn export(arguments: &Arguments, outputs: &NamedTensors) -> std::io::Result<()> {
    let Some(file) = arguments.value("--exportOutput") else {
        return Ok(());
    };
    let mut bytes = b"[\n".to_vec();
    for (index, (name, tensor)) in outputs.iter().rev().enumerate() {
        bytes.extend(print::entry(index == 0, name, tensor));
    }
    bytes.extend(b"]\n");
    fs::write(file, bytes)
}

fn dump(stage: &Stage, side: &str, tensors: &NamedTensors) -> std::io::Result<()> {
    for (name, tensor) in tensors {
        let dtype = bound(stage, tensor.dtype());
        let dims: Vec<String> = tensor.shape().iter().map(ToString::to_string).collect();
        let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"._-,".contains(&byte);
        let safe: String =
            name.bytes().map(|byte| if kept(byte) { char::from(byte) } else { '_' }).collect();
        let file = format!("{safe}.{side}.{}.{}.raw", dims.join("."), label(stage, dtype));
        fs::write(file, raw(tensor, dtype))?;
    }
    Ok(())
}
