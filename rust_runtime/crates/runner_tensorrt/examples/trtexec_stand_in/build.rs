use std::{fs, path::Path, thread, time::Duration};

use runner_core::{
    Backend, DType, Dim, LoadError, RunnerConfig,
    onnx::{ExternalData, OnnxModel},
};
use runner_tract::TractBackend;

use crate::{
    Errors,
    arguments::{Arguments, Shapes},
    engine::Engine,
    stage::Stage,
};

pub(crate) fn build(stage: &Stage, arguments: &Arguments) -> Result<(), Errors> {
    if stage.behaviour == "slow_build" {
        thread::sleep(Duration::from_millis(700));
    }
    let path = Path::new(arguments.value("--onnx").unwrap_or_default());
    let (model, external) = parse(path).map_err(|error| not_parsed(&error))?;
    check_types(stage, &model, arguments)?;
    let open: Vec<String> = model
        .inputs
        .iter()
        .filter(|input| is_open(input))
        .map(|input| input.name.clone())
        .collect();
    let (least, best, most) = profile(&model, &open, arguments)?;
    let (Some(engine), Some(_)) =
        (arguments.value("--saveEngine"), arguments.value("--skipInference"))
    else {
        return Err(vec!["the stand-in builds with --saveEngine and --skipInference only".into()]);
    };
    if stage.behaviour == "lies" {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut files = vec![(name.clone(), path.to_owned())];
    files.extend(external.files.iter().cloned());
    let read = |(_, file): &(String, std::path::PathBuf)| fs::read(file);
    let contents: Vec<Vec<u8>> = files
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|error| vec![format!("Could not open file: {error}")])?;
    let lengths = files.into_iter().map(|(name, _)| name).zip(contents.iter().map(Vec::len));
    let files = lengths.collect();
    let tensorrt = stage.version.clone();
    Engine { tensorrt, model: name, open, least, best, most, files }
        .save(Path::new(engine), &contents)
}

fn is_open(input: &runner_core::onnx::Declared) -> bool {
    let symbolic = |dim: &Dim| matches!(dim, Dim::Symbol(_));
    input.dims.as_ref().is_none_or(|dims| dims.iter().any(symbolic))
}

fn parse(path: &Path) -> Result<(OnnxModel, ExternalData), LoadError> {
    let config = RunnerConfig::from_path(path);
    let model = OnnxModel::read(&config.source.name(), &config.bytes()?)?;
    let external = ExternalData::resolve(&config, &model)?;
    TractBackend.load(&config)?;
    Ok((model, external))
}

fn not_parsed(error: &LoadError) -> Errors {
    vec![
        format!("[TRT] ModelImporter.cpp:1: ERROR: {error}"),
        "Failed to parse onnx file".to_owned(),
        "Parsing model failed".to_owned(),
        "Failed to create engine from model or file.".to_owned(),
        "Engine set up failed".to_owned(),
    ]
}

/// Types that `TensorRT` has not, or has only where a flag allows them.
fn check_types(stage: &Stage, model: &OnnxModel, arguments: &Arguments) -> Result<(), Errors> {
    let bindings = model.inputs.iter().chain(&model.outputs).filter_map(|value| value.dtype);
    let has = |flag| arguments.value(flag).is_some();
    let typed = stage.major() >= 11 || has("--stronglyTyped");
    let uses = |operators: &[&str]| {
        model.nodes.iter().any(|node| operators.contains(&node.operator.as_str()))
    };
    let mut errors = Errors::new();
    for dtype in bindings {
        match dtype {
            DType::F64 | DType::I8 => {
                errors.push(format!("the stand-in does not turn {dtype} into another type"));
            }
            DType::U8 if !uses(&["Cast"]) => errors.push(
                "[TRT] Error Code 9: UINT8 I/O can only be used with Cast (kUINT8)".to_owned(),
            ),
            DType::F16 if !typed && !has("--fp16") => errors.push(
                "[TRT] Error Code 4: fp16 precision has been set for a layer or layer output, but \
                 fp16 is not configured in the builder"
                    .to_owned(),
            ),
            _ => {}
        }
    }
    if uses(&["QuantizeLinear", "DequantizeLinear"]) && !typed && !has("--int8") {
        errors.push("[TRT] Error Code 4: int8 is not configured in the builder".to_owned());
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// As `setupNetworkAndConfig` of `sampleEngines.cpp` reads the shape flags.
fn profile(
    model: &OnnxModel,
    open: &[String],
    arguments: &Arguments,
) -> Result<(Shapes, Shapes, Shapes), Errors> {
    let [least, best, most] =
        ["--minShapes", "--optShapes", "--maxShapes"].map(|flag| arguments.shapes(flag));
    let (mut least, mut best, mut most) = (least?, best?, most?);
    for name in best.keys() {
        if !model.inputs.iter().any(|input| input.name == *name) {
            return Err(vec![format!(
                "Cannot find input tensor with name \"{name}\" in the network inputs! Please make \
                 sure the input tensor names are correct."
            )]);
        }
    }
    if open.is_empty() && !best.is_empty() {
        return Err(vec![
            "Static model does not take explicit shapes since the shape of inference tensors will \
             be determined by the model itself"
                .to_owned(),
        ]);
    }
    for input in model.inputs.iter().filter(|input| open.contains(&input.name)) {
        let ones = || {
            let dims = input.dims.iter().flatten();
            dims.map(|dim| if let Dim::Fixed(length) = dim { *length } else { 1 }).collect()
        };
        for shapes in [&mut least, &mut best, &mut most] {
            shapes.entry(input.name.clone()).or_insert_with(ones);
        }
        let ordered = |low: &Shapes, high: &Shapes| {
            low[&input.name].iter().zip(&high[&input.name]).all(|(low, high)| low <= high)
        };
        if !ordered(&least, &best) || !ordered(&best, &most) {
            return Err(vec!["Required optimization profile is invalid".to_owned()]);
        }
    }
    Ok((least, best, most))
}
