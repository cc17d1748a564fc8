use runner_core::{
    Device, Dim, LoadError, LoadErrorKind, ModelInfo, ModelSource, RunnerConfig, TensorSpec,
    onnx::{ExternalData, OnnxModel, Signature},
};

use crate::{
    NAME, OpenvinoRunner,
    inference::Inference,
    library::Engine,
    message,
    native::{CompiledModel, Lengths, Model, Port, Side},
    options::Options,
    pool::Pool,
    ports, shapes, tensor,
};

/// Makes errors about one model.
struct Refuse<'a>(&'a str);

impl Refuse<'_> {
    fn because(&self, kind: LoadErrorKind, message: impl Into<String>) -> LoadError {
        LoadError::new(kind, self.0, message)
    }

    /// The model is whole, but beyond the engine.
    fn unsupported(&self, reason: &str) -> LoadError {
        self.because(LoadErrorKind::Unsupported, message::one_line(reason))
    }
}

pub(crate) fn load(
    config: &RunnerConfig,
    engine: &'static Engine,
    options: &Options,
) -> Result<OpenvinoRunner, LoadError> {
    let name = config.source.name();
    let refuse = Refuse(&name);
    let bytes = config.bytes()?;
    let declared = OnnxModel::read(&name, &bytes)?;
    let external = ExternalData::resolve(config, &declared)?;
    let signature = Signature::new(config, &declared)?;
    let mut model = read(config, engine, &bytes, !external.files.is_empty())?;
    let Interface { inputs, outputs, specs } =
        interface(config, &declared, &signature, &mut model)?;
    let compiled = model
        .compile(&engine.core, &options.properties())
        .map_err(|reason| refuse.unsupported(&reason))?;
    let threads = threads(&refuse, &compiled, options)?;
    let pool = Pool::new(compiled).map_err(|reason| refuse.unsupported(&reason))?;
    let inference = Inference::new(model, &signature.inputs);
    let info = ModelInfo {
        model: name,
        backend: NAME.to_owned(),
        backend_version: engine.version.clone(),
        inputs: signature.inputs,
        outputs: specs,
        threads,
        device: Device::Cpu,
        axes: signature.axes,
    };
    Ok(OpenvinoRunner { info, pool, inputs, outputs, inference, declared, config: config.clone() })
}

/// Where the file's inputs and outputs are in the engine's model, and what the outputs are.
struct Interface {
    inputs: Vec<Option<usize>>,
    outputs: Vec<usize>,
    specs: Vec<TensorSpec>,
}

/// Finds the model's inputs and outputs and gives the inputs their axes.
fn interface(
    config: &RunnerConfig,
    declared: &OnnxModel,
    signature: &Signature,
    model: &mut Model,
) -> Result<Interface, LoadError> {
    let name = config.source.name();
    let refuse = Refuse(&name);
    let inputs = input_indices(&refuse, model, &signature.inputs)?;
    let names: Vec<&str> = declared.outputs.iter().map(|output| output.name.as_str()).collect();
    let outputs = indices(&refuse, model, Side::Output, &names)?;
    let known = shapes::hints(model, &signature.inputs, &inputs)
        .and_then(|known| {
            shapes::settle(model, &signature.inputs, &inputs)?;
            Ok(outputs.iter().map(|&index| known[index].clone()).collect::<Vec<_>>())
        })
        .map_err(|reason| misfit(&refuse, config, &reason))?;
    let specs = signature.outputs(config, declared, &known)?;
    let placed = signature.inputs.iter().zip(inputs.iter().copied());
    check_dtypes(&refuse, model, Side::Input, placed)?;
    let placed = specs.iter().zip(outputs.iter().copied().map(Some));
    check_dtypes(&refuse, model, Side::Output, placed)?;
    Ok(Interface { inputs, outputs, specs })
}

/// From memory, so that the bytes that were checked are those that are read; by its path where
/// weights are in files beside it.
fn read(
    config: &RunnerConfig,
    engine: &Engine,
    bytes: &[u8],
    has_files: bool,
) -> Result<Model, LoadError> {
    let model = match &config.source {
        ModelSource::Path(path) if has_files => Model::from_path(&engine.core, path),
        _ => Model::from_bytes(&engine.core, bytes),
    };
    model.map_err(|reason| {
        let (kind, message) = message::refusal(&reason);
        LoadError::new(kind, &config.source.name(), message)
    })
}

fn indices(
    refuse: &Refuse<'_>,
    model: &Model,
    side: Side,
    names: &[&str],
) -> Result<Vec<usize>, LoadError> {
    let found = model.ports(side).and_then(|ports| ports::indices(names, &ports));
    found.map_err(|reason| refuse.unsupported(&reason))
}

/// The engine's index of each input; none for an input that nothing uses.
fn input_indices(
    refuse: &Refuse<'_>,
    model: &Model,
    inputs: &[TensorSpec],
) -> Result<Vec<Option<usize>>, LoadError> {
    let ports = model.ports(Side::Input).map_err(|reason| refuse.unsupported(&reason))?;
    // With a port for every input none is unused, though some may go by another name.
    let whole = ports.len() == inputs.len();
    let is_used = |input: &TensorSpec| whole || model.has_input(&input.name);
    let mut used = inputs.iter().map(is_used).collect::<Vec<_>>();
    for port in ports
        .iter()
        .filter(|port| !inputs.iter().any(|input| port.name.as_ref() == Some(&input.name)))
    {
        let fitting = (0..inputs.len()).filter(|&i| !used[i] && fits(&inputs[i], port));
        if let [only] = fitting.collect::<Vec<_>>()[..] {
            used[only] = true;
        }
    }
    let names = inputs.iter().zip(&used).filter(|(_, used)| **used);
    let names: Vec<&str> = names.map(|(input, _)| input.name.as_str()).collect();
    let mut found = indices(refuse, model, Side::Input, &names)?.into_iter();
    Ok(used.into_iter().map(|used| if used { found.next() } else { None }).collect())
}

/// Whether an input has the element type and the axes of a port that goes by another name.
fn fits(input: &TensorSpec, port: &Port) -> bool {
    let same = |(dim, known): (&Dim, &Lengths)| match dim {
        Dim::Fixed(length) => {
            i64::try_from(*length).is_ok_and(|it| (known.min, known.max) == (it, it))
        }
        Dim::Symbol(_) => known.max < 0 || known.min != known.max,
    };
    tensor::dtype_of(port.element) == Some(input.dtype)
        && port.dims.as_ref().is_some_and(|dims| {
            dims.len() == input.dims.len() && input.dims.iter().zip(dims).all(same)
        })
}

/// The model cannot have the axes of its inputs: the user's fault where the user gave them.
fn misfit(refuse: &Refuse<'_>, config: &RunnerConfig, reason: &str) -> LoadError {
    if config.input_shapes.is_empty() {
        return refuse.unsupported(reason);
    }
    let reason = message::one_line(reason);
    let message = format!("the shapes given for its inputs do not fit the model: {reason}");
    refuse.because(LoadErrorKind::ShapeMismatch, message)
}

fn check_dtypes<'a>(
    refuse: &Refuse<'_>,
    model: &Model,
    side: Side,
    specs: impl Iterator<Item = (&'a TensorSpec, Option<usize>)>,
) -> Result<(), LoadError> {
    let ports = model.ports(side).map_err(|reason| refuse.unsupported(&reason))?;
    for (spec, index) in specs {
        if !tensor::takes(spec.dtype) {
            let message = format!(
                "{:?} is {}, which OpenVINO would compute as f32: export the model in f32",
                spec.name, spec.dtype
            );
            return Err(refuse.unsupported(&message));
        }
        let element = index.map(|index| ports[index].element);
        if let Some(element) = element.filter(|&it| tensor::dtype_of(it) != Some(spec.dtype)) {
            let message = format!(
                "{:?} is declared as {}, but OpenVINO finds another type ({element})",
                spec.name, spec.dtype
            );
            return Err(refuse.unsupported(&message));
        }
    }
    Ok(())
}

/// The threads of one run: those of the engine, shared by its streams.
fn threads(
    refuse: &Refuse<'_>,
    compiled: &CompiledModel,
    options: &Options,
) -> Result<usize, LoadError> {
    let number = |key| compiled.number(key).map_err(|reason| refuse.unsupported(&reason));
    let threads = number(c"INFERENCE_NUM_THREADS")?;
    let streams = number(c"NUM_STREAMS")?;
    match options.streams {
        Some(wanted) if wanted != streams => Err(refuse.because(
            LoadErrorKind::InvalidOption,
            format!(
                "option num_streams cannot be {wanted}: OpenVINO makes {streams} of {threads} \
                 threads"
            ),
        )),
        _ => Ok((threads / streams.max(1)).max(1)),
    }
}
