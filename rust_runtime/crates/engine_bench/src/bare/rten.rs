//! rten: `Model::run` on a pool of threads, inputs borrowed where rten has their type.

use std::{path::Path, sync::Arc};

use ::rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::{Layout, Tensor as RtenTensor, TensorView};
use runner_core::{
    NamedTensors, Tensor,
    ndarray::{ArrayD, IxDyn},
};

use super::{BareEngine, given};

pub(super) struct Bare {
    model: Model,
    inputs: Vec<(String, NodeId)>,
    outputs: Vec<(String, NodeId)>,
    pool: Arc<ThreadPool>,
}

impl Bare {
    pub(super) fn load(path: &Path, threads: usize) -> Result<Self, String> {
        let model = Model::load_file(path).map_err(|error| error.to_string())?;
        let named = |ids: &[NodeId]| {
            let name = |id| model.node_info(id).and_then(|node| node.name().map(str::to_owned));
            ids.iter().map(|&id| (name(id).unwrap_or_default(), id)).collect()
        };
        let (inputs, outputs) = (named(model.input_ids()), named(model.output_ids()));
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        Ok(Self { model, inputs, outputs, pool })
    }
}

impl BareEngine for Bare {
    fn run(&self, inputs: &[(String, Tensor)]) -> Result<NamedTensors, String> {
        let inputs = self.inputs.iter().map(|(name, id)| Ok((*id, value(given(inputs, name)?)?)));
        let inputs = inputs.collect::<Result<Vec<_>, String>>()?;
        let ids: Vec<NodeId> = self.outputs.iter().map(|(_, id)| *id).collect();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let outputs = self.model.run(inputs, &ids, Some(options));
        let named = self.outputs.iter().zip(outputs.map_err(|error| error.to_string())?);
        named.map(|((name, _), output)| Ok((name.clone(), tensor(output)?))).collect()
    }
}

fn value(tensor: &Tensor) -> Result<ValueOrView<'_>, String> {
    Ok(match tensor {
        Tensor::F32(array) => view(array)?.into(),
        Tensor::I32(array) => view(array)?.into(),
        Tensor::I8(array) => view(array)?.into(),
        Tensor::U8(array) => view(array)?.into(),
        Tensor::F16(array) => owned(array, |value| Ok(value.to_f32()))?.into(),
        Tensor::Bool(array) => owned(array, |value| Ok(i32::from(value)))?.into(),
        Tensor::I64(array) => owned(array, |value| {
            i32::try_from(value).map_err(|_| format!("{value} is beyond 32 bits"))
        })?
        .into(),
        Tensor::F64(_) => return Err("rten has no f64".to_owned()),
    })
}

fn view<T>(array: &ArrayD<T>) -> Result<TensorView<'_, T>, String> {
    let elements = array.as_slice().ok_or("an input is not row-major")?;
    Ok(TensorView::from_data(array.shape(), elements))
}

fn owned<T: Copy, U>(
    array: &ArrayD<T>,
    convert: impl Fn(T) -> Result<U, String>,
) -> Result<RtenTensor<U>, String> {
    let elements = array.iter().map(|&value| convert(value)).collect::<Result<Vec<_>, _>>()?;
    Ok(RtenTensor::from_data(array.shape(), elements))
}

fn tensor(value: Value) -> Result<Tensor, String> {
    fn array<T: Clone>(tensor: RtenTensor<T>) -> Result<ArrayD<T>, String> {
        let shape = tensor.shape().to_vec();
        let array = ArrayD::from_shape_vec(IxDyn(&shape), tensor.into_data());
        array.map_err(|error| error.to_string())
    }
    Ok(match value {
        Value::FloatTensor(tensor) => array(tensor)?.into(),
        Value::Int32Tensor(tensor) => array(tensor)?.into(),
        Value::Int8Tensor(tensor) => array(tensor)?.into(),
        Value::UInt8Tensor(tensor) => array(tensor)?.into(),
        other => return Err(format!("rten gave {}", other.dtype())),
    })
}
