use std::time::Duration;

use runner_core::Tensor;
use serde::Serialize;

use crate::{
    InferReply,
    protocol::{
        Encoded, Result,
        infer::{has_non_finite, json, values},
    },
};

/// Writes the reply to a tensor: `{"output", "shape", "model", "latency_ms"}`, or
/// `{"outputs": {name: {"output", "shape"}}, …}` where there are several. Values are flat and
/// row-major; what JSON has not is `null`, and `non_finite` says so.
///
/// # Errors
/// [`ErrorKind::Fault`](crate::ErrorKind::Fault) when an output is FP16, which reading the request
/// prevents.
pub fn write(model: &str, reply: &InferReply, latency: Duration) -> Result<Encoded> {
    let mut body = vec![b'{'];
    match &reply.outputs[..] {
        [(_, tensor)] => output(&mut body, tensor)?,
        outputs => {
            body.extend_from_slice(b"\"outputs\":{");
            for (index, (name, tensor)) in outputs.iter().enumerate() {
                body.extend_from_slice(if index == 0 { b"" } else { b"," });
                json(&mut body, name)?;
                body.extend_from_slice(b":{");
                output(&mut body, tensor)?;
                body.push(b'}');
            }
            body.push(b'}');
        }
    }
    end(body, model, latency)
}

/// Writes the reply to one picture: `{"prediction", "model", "latency_ms"}`.
///
/// # Errors
/// [`ErrorKind::Fault`](crate::ErrorKind::Fault) when the prediction cannot be JSON.
pub fn write_prediction(
    model: &str,
    prediction: &impl Serialize,
    latency: Duration,
) -> Result<Encoded> {
    let mut body = b"{\"prediction\":".to_vec();
    json(&mut body, prediction)?;
    end(body, model, latency)
}

/// Writes the reply to a list of pictures: `{"predictions": […], "model", "latency_ms"}`.
///
/// # Errors
/// As [`write_prediction`].
pub fn write_predictions(
    model: &str,
    predictions: &[impl Serialize],
    latency: Duration,
) -> Result<Encoded> {
    let mut body = b"{\"predictions\":".to_vec();
    json(&mut body, predictions)?;
    end(body, model, latency)
}

fn output(body: &mut Vec<u8>, tensor: &Tensor) -> Result<()> {
    body.extend_from_slice(b"\"output\":");
    values(body, tensor)?;
    body.extend_from_slice(b",\"shape\":");
    json(body, tensor.shape())?;
    if has_non_finite(tensor) {
        body.extend_from_slice(b",\"non_finite\":true");
    }
    Ok(())
}

fn end(mut body: Vec<u8>, model: &str, latency: Duration) -> Result<Encoded> {
    body.extend_from_slice(b",\"model\":");
    json(&mut body, model)?;
    body.extend_from_slice(b",\"latency_ms\":");
    let microseconds = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
    json(&mut body, &(f64::from(microseconds) / 1000.0))?;
    body.push(b'}');
    Ok(Encoded { body, header_length: None })
}
