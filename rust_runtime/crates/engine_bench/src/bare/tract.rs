//! tract: an optimised plan for the given shapes.

use std::path::Path;

use runner_core::{DType, NamedTensors, Tensor, f16};
use tract_onnx::{prelude::*, tract_hir::infer::Factoid};

use super::{BareEngine, Shapes, given};

pub(super) struct Bare {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Bare {
    pub(super) fn load(model: &Path, shapes: Option<&Shapes>) -> Result<Self, String> {
        prepare(model, shapes).map_err(|error| format!("{error:#}"))
    }
}

fn prepare(path: &Path, shapes: Option<&Shapes>) -> TractResult<Bare> {
    let onnx = tract_onnx::onnx();
    let proto = onnx.proto_model_for_path(path)?;
    let folder = path.parent().and_then(Path::to_str);
    let mut model = onnx.parse(&proto, folder)?.model;
    let inputs: Vec<String> =
        model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.clone()).collect();
    let graph = proto.graph.as_ref().ok_or_else(|| TractError::msg("the file has no graph"))?;
    let outputs = graph.output.iter().map(|output| output.name.clone()).collect();
    for (index, name) in inputs.iter().enumerate() {
        let Some(shape) = shapes.and_then(|shapes| shapes.get(name)) else { continue };
        let element = model.input_fact(index)?.datum_type.concretize();
        let element = element.ok_or_else(|| TractError::msg("an input has no type"))?;
        model.set_input_fact(index, InferenceFact::dt_shape(element, shape))?;
    }
    let plan = model.into_optimized()?.into_runnable()?;
    Ok(Bare { plan, inputs, outputs })
}

impl BareEngine for Bare {
    fn run(&self, inputs: &[(String, Tensor)]) -> Result<NamedTensors, String> {
        let inputs = self.inputs.iter().map(|name| Ok(value(given(inputs, name)?)));
        let inputs = inputs.collect::<Result<TVec<_>, String>>()?;
        let outputs = self.plan.run(inputs).map_err(|error| format!("{error:#}"))?;
        let named = self.outputs.iter().zip(&outputs);
        named.map(|(name, output)| Ok((name.clone(), tensor(output)?))).collect()
    }
}

fn value(tensor: &Tensor) -> TValue {
    let tensor = match tensor {
        Tensor::F32(array) => array.clone().into_tensor(),
        Tensor::F16(array) => array.clone().into_tensor(),
        Tensor::F64(array) => array.clone().into_tensor(),
        Tensor::I8(array) => array.clone().into_tensor(),
        Tensor::U8(array) => array.clone().into_tensor(),
        Tensor::I32(array) => array.clone().into_tensor(),
        Tensor::I64(array) => array.clone().into_tensor(),
        Tensor::Bool(array) => array.clone().into_tensor(),
    };
    tensor.into_tvalue()
}

fn tensor(value: &TValue) -> Result<Tensor, String> {
    let owned = match value.datum_type().unquantized() {
        DatumType::F32 => value.to_plain_array_view::<f32>().map(|view| view.to_owned().into()),
        DatumType::F16 => value.to_plain_array_view::<f16>().map(|view| view.to_owned().into()),
        DatumType::F64 => value.to_plain_array_view::<f64>().map(|view| view.to_owned().into()),
        DatumType::I8 => value.to_plain_array_view::<i8>().map(|view| view.to_owned().into()),
        DatumType::U8 => value.to_plain_array_view::<u8>().map(|view| view.to_owned().into()),
        DatumType::I32 => value.to_plain_array_view::<i32>().map(|view| view.to_owned().into()),
        DatumType::I64 => value.to_plain_array_view::<i64>().map(|view| view.to_owned().into()),
        DatumType::Bool => value.to_plain_array_view::<bool>().map(|view| view.to_owned().into()),
        DatumType::TDim => return lengths(value),
        other => return Err(format!("tract gave {other:?}, none of {:?}", DType::ALL)),
    };
    owned.map_err(|error: TractError| error.to_string())
}

/// Lengths of axes, which tract keeps as expressions.
fn lengths(value: &TValue) -> Result<Tensor, String> {
    let numbers = value.cast_to::<i64>().map_err(|error| error.to_string())?;
    let view = numbers.to_plain_array_view::<i64>().map_err(|error| error.to_string())?;
    Ok(view.to_owned().into())
}
