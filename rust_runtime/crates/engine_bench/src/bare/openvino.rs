//! OpenVINO: one infer request whose input tensors are written in place.

use std::{cell::RefCell, path::Path};

use ::openvino::{
    CompiledModel, Core, DeviceType, Dimension, ElementType, InferRequest, Model, Node,
    PartialShape, Rank, RwPropertyKey, Shape, Tensor as OpenvinoTensor,
};
use runner_core::{DType, NamedTensors, Tensor};

use super::{
    BareEngine, Shapes, library,
    memory::{bytes_of, filled, lengths_of},
};

pub(super) struct Bare {
    request: RefCell<InferRequest>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    _model: CompiledModel,
}

impl Bare {
    pub(super) fn load(
        path: &Path,
        threads: usize,
        shapes: Option<&Shapes>,
    ) -> Result<Self, String> {
        openvino_sys::library::load_from(library("OPENVINO_DYLIB_PATH")?)?;
        let mut core = Core::new().map_err(|error| error.to_string())?;
        prepare(&mut core, path, threads, shapes).map_err(|error| text(&error))
    }
}

fn text(error: &::openvino::InferenceError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn prepare(
    core: &mut Core,
    path: &Path,
    threads: usize,
    shapes: Option<&Shapes>,
) -> Result<Bare, ::openvino::InferenceError> {
    let settings = [
        (RwPropertyKey::HintInferencePrecision, "f32".to_owned()),
        (RwPropertyKey::InferenceNumThreads, threads.to_string()),
        (RwPropertyKey::NumStreams, "1".to_owned()),
    ];
    for (key, value) in settings {
        core.set_property(&DeviceType::CPU, &key, &value)?;
    }
    let mut model = core.read_model_from_file(&path.to_string_lossy(), "")?;
    fix_shapes(&mut model, shapes)?;
    let mut compiled = core.compile_model(&model, DeviceType::CPU)?;
    // Some ports, those of constants, have lost their names.
    let name = |port: Result<Node, _>| port.and_then(|port| port.get_name()).unwrap_or_default();
    let inputs = (0..compiled.get_input_size()?).map(|i| name(compiled.get_input_by_index(i)));
    let inputs = inputs.collect();
    let outputs = (0..compiled.get_output_size()?).map(|i| name(compiled.get_output_by_index(i)));
    let outputs = outputs.collect();
    let request = RefCell::new(compiled.create_infer_request()?);
    Ok(Bare { request, inputs, outputs, _model: compiled })
}

/// Fixes the inputs whose axes are open. OpenVINO takes a scalar of ONNX's for a value of unknown
/// rank, and the bindings have no shape that would fix it: such models fail here.
fn fix_shapes(
    model: &mut Model,
    shapes: Option<&Shapes>,
) -> Result<(), ::openvino::InferenceError> {
    for index in 0..model.get_inputs_len()? {
        let port = model.get_input_by_index(index)?;
        let name = port.get_name()?;
        let known = shapes.and_then(|shapes| shapes.get(&name));
        let Some(shape) = known.filter(|shape| !shape.is_empty()) else { continue };
        let own = port.get_partial_shape()?;
        if own.get_rank().is_dynamic() || own.is_dynamic() {
            model.reshape_input_by_name(&name, &partial_shape(shape)?)?;
        }
    }
    Ok(())
}

/// The constructor of fixed shapes refuses axes of length 0, this way does not.
fn partial_shape(shape: &[usize]) -> Result<PartialShape, ::openvino::InferenceError> {
    let lengths = lengths_of(shape);
    let dims: Vec<Dimension> = lengths.iter().map(|&it| Dimension::new(it, it)).collect();
    let rank = i64::try_from(dims.len()).unwrap_or(i64::MAX);
    PartialShape::new_dynamic(Rank::new(rank, rank), &dims)
}

impl BareEngine for Bare {
    fn run(&self, inputs: &[(String, Tensor)]) -> Result<NamedTensors, String> {
        let mut request = self.request.borrow_mut();
        for ((name, tensor), known) in inputs.iter().zip(&self.inputs) {
            write(&mut request, (name, known), tensor)?;
        }
        request.infer().map_err(|error| text(&error))?;
        let named = self.outputs.iter().enumerate();
        named.map(|(index, name)| Ok((name.clone(), read(&request, index)?))).collect()
    }
}

/// Writes an input by its name in the file or, where OpenVINO has dropped that, by its own name.
fn write(
    request: &mut InferRequest,
    (name, known): (&str, &str),
    tensor: &Tensor,
) -> Result<(), String> {
    let bytes = bytes_of(tensor)?;
    let own = request.get_tensor(name).or_else(|_| request.get_tensor(known));
    let mut own = own.map_err(|error| text(&error))?;
    let has_its_size = own.get_byte_size().is_ok_and(|size| size == bytes.len());
    if has_its_size && lengths(&own)? == tensor.shape() {
        return copy_into(&mut own, bytes);
    }
    let dims = lengths_of(tensor.shape());
    let shape = Shape::new(&dims).map_err(|error| text(&error))?;
    let made = OpenvinoTensor::new(element_type(tensor.dtype()), &shape);
    let mut made = made.map_err(|error| text(&error))?;
    copy_into(&mut made, bytes)?;
    request.set_tensor(name, &made).map_err(|error| text(&error))
}

fn copy_into(tensor: &mut OpenvinoTensor, bytes: &[u8]) -> Result<(), String> {
    if !bytes.is_empty() {
        tensor.get_raw_data_mut().map_err(|error| text(&error))?.copy_from_slice(bytes);
    }
    Ok(())
}

fn read(request: &InferRequest, index: usize) -> Result<Tensor, String> {
    let output = request.get_output_tensor_by_index(index).map_err(|error| text(&error))?;
    let element = output.get_element_type().map_err(|error| text(&error))?;
    let known = DType::ALL.into_iter().find(|&dtype| element_type(dtype) == element);
    let dtype = known.ok_or_else(|| format!("OpenVINO gave {element}"))?;
    filled(dtype, &lengths(&output)?, |memory| {
        if !memory.is_empty() {
            memory.copy_from_slice(output.get_raw_data().map_err(|error| text(&error))?);
        }
        Ok(())
    })
}

fn lengths(tensor: &OpenvinoTensor) -> Result<Vec<usize>, String> {
    match tensor.get_shape() {
        Ok(shape) => Ok(shape.get_dimensions().iter().map(|&length| length as usize).collect()),
        // The C interface refuses to tell a shape without axes.
        Err(_) if tensor.get_size() == Ok(1) => Ok(Vec::new()),
        Err(error) => Err(text(&error)),
    }
}

fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::F32 => ElementType::F32,
        DType::F16 => ElementType::F16,
        DType::F64 => ElementType::F64,
        DType::I8 => ElementType::I8,
        DType::U8 => ElementType::U8,
        DType::I32 => ElementType::I32,
        DType::I64 => ElementType::I64,
        DType::Bool => ElementType::Boolean,
    }
}
