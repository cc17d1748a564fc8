//! Weights on their way from a file into tract's graph. tract reads a message that has them all and
//! copies each out of it; here the message has none, and each is copied from the file, which halves
//! the memory that loading takes.

use prost::Message;
use runner_core::{
    Content, LoadError, LoadErrorKind,
    onnx::{ExternalData, with_weights_in_place},
};
use tract_onnx::{
    model::ParseResult,
    pb::{ModelProto, TensorProto, tensor_proto::DataType},
    prelude::*,
    tract_core::{
        internal::{TractErrorContext, ensure},
        ops::konst::Const,
    },
};

use crate::graph::chain;

/// f32, u8, i8, u16, i16, i32, i64, f16 and f64 as ONNX counts them: tract stores them as ONNX does.
const AS_STORED: [i64; 9] = [1, 2, 3, 4, 5, 6, 7, 10, 11];

/// An initializer that the message lacks.
pub(crate) struct Weight {
    name: String,
    datum_type: DatumType,
    shape: Vec<usize>,
    /// Its first byte in the file.
    start: usize,
}

/// The message that a file is, and the weights that it lacks.
pub(crate) fn read(
    model: &str,
    content: &[u8],
    external: &ExternalData,
) -> Result<(ModelProto, Vec<Weight>), LoadError> {
    let corrupt = |error: &TractError| LoadError::new(LoadErrorKind::Corrupt, model, chain(error));
    let decode = |bytes: &[u8]| ModelProto::decode(bytes).map_err(|error| corrupt(&error.into()));
    if external.files.is_empty()
        && let Some(graph) = with_weights_in_place(model, content, "", &AS_STORED, 1)?
    {
        let mut proto = decode(&graph)?;
        // Graphs inside of nodes may look for the outer one's weights.
        if !has_inner_graphs(&proto) {
            let weights = taken(&mut proto).map_err(|error| corrupt(&error))?;
            return Ok((proto, weights));
        }
    }
    Ok((decode(content)?, Vec::new()))
}

fn has_inner_graphs(proto: &ModelProto) -> bool {
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    let mut attributes = nodes.flat_map(|node| &node.attribute);
    attributes.any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty())
}

/// Takes the weights that are said to be elsewhere, and leaves empty tensors.
fn taken(proto: &mut ModelProto) -> TractResult<Vec<Weight>> {
    let mut weights = Vec::new();
    for tensor in proto.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
        if tensor.external_data.is_empty() {
            continue;
        }
        let place = tensor.external_data.iter().find(|entry| entry.key == "offset");
        weights.push(Weight {
            name: tensor.name.clone(),
            datum_type: DataType::try_from(tensor.data_type)?.try_into()?,
            shape: tensor
                .dims
                .iter()
                .map(|&length| Ok(length.try_into()?))
                .collect::<TractResult<_>>()?,
            start: place.context("a weight has no place")?.value.parse()?,
        });
        *tensor = TensorProto {
            name: std::mem::take(&mut tensor.name),
            data_type: tensor.data_type,
            // No two alike: tract makes one constant of all that are.
            dims: vec![0, weights.len().try_into()?],
            ..TensorProto::default()
        };
    }
    Ok(weights)
}

/// The graph with its weights, which lie in the file. They are taken from its end on, and what was
/// taken is given back at once if the file is ours: of two copies only one weight is there twice.
pub(crate) fn put(
    parsed: ParseResult,
    weights: Vec<Weight>,
    mut content: Content,
) -> TractResult<InferenceModel> {
    let ParseResult { mut model, outlets_by_name, .. } = parsed;
    for weight in weights.into_iter().rev() {
        let Weight { name, datum_type, shape, start } = weight;
        let length = shape.iter().product::<usize>() * datum_type.size_of();
        let bytes = content.get(start..).and_then(|rest| rest.get(..length));
        let bytes = bytes.with_context(|| format!("the weight {name:?} ends behind the file"))?;
        // SAFETY: numbers of any bits are numbers, and there are as many as the shape has.
        let tensor = unsafe { Tensor::from_raw_dt(datum_type, &shape, bytes)? }.into_arc_tensor();
        let node = outlets_by_name.get(&name).context("a weight has no node")?.node;
        let node = &mut model.nodes[node];
        ensure!(node.op_as::<Const>().is_some(), "the weight {name:?} is no constant");
        node.outputs[0].fact = TypedFact::try_from(Arc::clone(&tensor))?.into();
        node.op = Const::new(tensor)?.into();
        if let Content::Owned(file) = &mut content {
            file.truncate(start);
            file.shrink_to_fit();
        }
    }
    Ok(model)
}
