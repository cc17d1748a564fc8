use tract_onnx::{
    prelude::*,
    tract_core::{
        internal::AxisOp,
        ops::{
            binary::TypedBinOp,
            cast::Cast,
            cnn::Conv,
            math::{Div, Sub, add, mul, neg, recip},
        },
    },
};

/// How many operations behind a convolution are looked through.
const DEPTH: usize = 8;

/// The model without `a - conv` and `a / conv`, which tract 0.23 computes wrongly where `a` has one
/// element for each channel: it takes a difference into the bias and forgets to turn the weights'
/// sign, and takes a quotient into both. They become `a + -conv` and `a * (1 / conv)`.
pub(crate) fn mended(mut model: TypedModel) -> TractResult<TypedModel> {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let Some(operation) = node.op_as::<TypedBinOp>() else { continue };
        let difference = operation.0.is::<Sub>();
        let [left, right] = [node.inputs[0], node.inputs[1]];
        if !(difference || operation.0.is::<Div>())
            || !is_of_one_axis(model.outlet_fact(left)?)
            || !model.outlet_fact(right)?.datum_type.is_float()
            || !is_of_convolution(&model, right, DEPTH)
        {
            continue;
        }
        let (name, mut patch) = (node.name.clone(), TypedModelPatch::default());
        let (left, right) = (patch.tap_model(&model, left)?, patch.tap_model(&model, right)?);
        let (turn, join) = if difference { (neg(), add()) } else { (recip(), mul()) };
        let turned = patch.wire_node(format!("{name}.turned"), turn, &[right])?[0];
        let joined = patch.wire_node(&name, join, &[turned, left])?[0];
        patch.shunt_outside(&model, id.into(), joined)?;
        patch.apply(&mut model)?;
    }
    Ok(model)
}

fn is_of_one_axis(fact: &TypedFact) -> bool {
    fact.shape.iter().filter(|length| **length != 1.to_dim()).count() <= 1
}

/// Whether a value is a convolution's, with nothing behind it but what tract takes into one.
fn is_of_convolution(model: &TypedModel, value: OutletId, depth: usize) -> bool {
    let node = model.node(value.node);
    let passes = node.op_is::<TypedBinOp>() || node.op_is::<AxisOp>() || node.op_is::<Cast>();
    let mut inputs = node.inputs.iter();
    node.op_is::<Conv>()
        || passes && depth > 0 && inputs.any(|input| is_of_convolution(model, *input, depth - 1))
}
