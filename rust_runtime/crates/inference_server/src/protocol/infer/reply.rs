use runner_core::{Tensor, ndarray::ArrayD};
use serde::Serialize;

use crate::{
    InferReply, ServerError,
    protocol::{
        Datatype, Encoded, ReplyForm, Result,
        binary::{append, size_of},
    },
};

/// Writes the reply of an `infer` request: JSON, and behind it the outputs that are wanted as
/// binary data. Values that JSON has not are `null`, and the output says `non_finite`.
///
/// # Errors
/// [`ErrorKind::Fault`](crate::ErrorKind::Fault) when an FP16 output is to go into JSON, which
/// reading the request prevents.
pub fn write(
    model: &str,
    version: &str,
    id: Option<&str>,
    reply: &InferReply,
    form: &ReplyForm,
) -> Result<Encoded> {
    let is_binary = |name: &String| form.is_binary(name);
    let outputs = &reply.outputs;
    let binary: Vec<&Tensor> =
        outputs.iter().filter(|(name, _)| is_binary(name)).map(|(_, tensor)| tensor).collect();
    let binary_size: usize = binary.iter().map(|tensor| size_of(tensor)).sum();
    let mut body = Vec::with_capacity(binary_size + 256 * (outputs.len() + 1));
    start(&mut body, model, version, id)?;
    for (index, (name, tensor)) in outputs.iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"" } else { b"," });
        head(&mut body, name, tensor)?;
        if is_binary(name) {
            body.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
            json(&mut body, &size_of(tensor))?;
            body.extend_from_slice(b"}}");
        } else {
            data(&mut body, tensor)?;
        }
    }
    body.extend_from_slice(b"]}");
    let header_length = (!binary.is_empty()).then_some(body.len());
    for tensor in binary {
        append(&mut body, tensor);
    }
    Ok(Encoded { body, header_length })
}

fn start(body: &mut Vec<u8>, model: &str, version: &str, id: Option<&str>) -> Result<()> {
    body.extend_from_slice(b"{\"model_name\":");
    json(body, model)?;
    body.extend_from_slice(b",\"model_version\":");
    json(body, version)?;
    if let Some(id) = id {
        body.extend_from_slice(b",\"id\":");
        json(body, id)?;
    }
    body.extend_from_slice(b",\"outputs\":[");
    Ok(())
}

fn head(body: &mut Vec<u8>, name: &str, tensor: &Tensor) -> Result<()> {
    body.extend_from_slice(b"{\"name\":");
    json(body, name)?;
    body.extend_from_slice(b",\"datatype\":");
    json(body, Datatype::from(tensor.dtype()).name())?;
    body.extend_from_slice(b",\"shape\":");
    json(body, tensor.shape())
}

fn data(body: &mut Vec<u8>, tensor: &Tensor) -> Result<()> {
    if has_non_finite(tensor) {
        body.extend_from_slice(b",\"parameters\":{\"non_finite\":true}");
    }
    body.extend_from_slice(b",\"data\":");
    values(body, tensor)?;
    body.push(b'}');
    Ok(())
}

/// Whether a value is none that JSON has.
pub(in crate::protocol) fn has_non_finite(tensor: &Tensor) -> bool {
    match tensor {
        Tensor::F32(array) => !array.iter().all(|value| value.is_finite()),
        Tensor::F64(array) => !array.iter().all(|value| value.is_finite()),
        _ => false,
    }
}

/// The values as a flat JSON array, row-major.
pub(in crate::protocol) fn values(body: &mut Vec<u8>, tensor: &Tensor) -> Result<()> {
    match tensor {
        Tensor::F32(array) => flat(body, array),
        Tensor::F64(array) => flat(body, array),
        Tensor::I8(array) => flat(body, array),
        Tensor::U8(array) => flat(body, array),
        Tensor::I32(array) => flat(body, array),
        Tensor::I64(array) => flat(body, array),
        Tensor::Bool(array) => flat(body, array),
        Tensor::F16(_) => Err(ServerError::fault("an FP16 output was to be written in JSON")),
    }
}

fn flat<T: Serialize + Copy>(body: &mut Vec<u8>, array: &ArrayD<T>) -> Result<()> {
    match array.as_slice() {
        Some(values) => json(body, values),
        None => json(body, &array.iter().copied().collect::<Vec<T>>()),
    }
}

/// Writes a value that cannot fail to be JSON.
pub(in crate::protocol) fn json<T: Serialize + ?Sized>(
    body: &mut Vec<u8>,
    value: &T,
) -> Result<()> {
    serde_json::to_writer(body, value)
        .map_err(|error| ServerError::fault(format!("a reply could not be written: {error}")))
}
