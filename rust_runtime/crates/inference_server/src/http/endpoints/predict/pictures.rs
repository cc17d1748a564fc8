use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use runner_core::DType;
use serde::Serialize;
use vision_io::{Postprocess, Prediction};

use super::{as_picture, written};
use crate::{
    ServerError,
    http::{
        endpoints::{
            Result,
            run::{infer_pictures, note, picture_request},
        },
        exchange::Exchange,
        reply::Reply,
    },
    model::Version,
    picture::{PictureReply, PictureResult, Wanted},
    protocol::{
        Terms,
        predict::{write_prediction, write_predictions},
    },
};

/// What a picture means, as it is told.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    prediction: &'a Prediction,
    /// A mask or a picture as a PNG file in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    png: Option<String>,
}

/// The answer to pictures: what each means by the model's contract, or the outputs where the
/// contract says nothing or `tensors` are wanted. A `list` is answered by a list.
pub(super) async fn predict(
    exchange: &mut Exchange,
    version: &Arc<Version>,
    files: Vec<Bytes>,
    (terms, list, tensors): (&Terms, bool, bool),
) -> Result<Reply> {
    if tensors || !has_meaning(version) {
        check_writable(version)?;
        let reply = infer_pictures(exchange, version, files, terms).await?;
        return written(exchange, Arc::clone(version), reply).await;
    }
    if terms.outputs.is_some() {
        let message = "\"outputs\" goes with tensors; a picture is answered by what all outputs \
                       mean together, or with ?tensors by the outputs";
        return Err(ServerError::bad_input(message).with_model(version.name()));
    }
    let request = |file| picture_request(exchange, file, Wanted::Meaning, terms);
    let requests = files.into_iter().map(request).collect();
    let (replies, timing) = exchange.app.pictures.predict_all(version, requests).await?;
    note(exchange, &timing);
    told(exchange, version, replies, list)
}

/// Refuses what JSON has no form for.
fn check_writable(version: &Version) -> Result<()> {
    let refused = version.info().outputs.iter().find(|spec| spec.dtype == DType::F16);
    match refused {
        None => Ok(()),
        Some(spec) => {
            let message = "the output is FP16, which is sent as binary data only: send the \
                           picture to /v2/models/{model}/infer";
            Err(ServerError::bad_input(message).with_input(&spec.name).with_model(version.name()))
        }
    }
}

fn has_meaning(version: &Version) -> bool {
    !matches!(version.contract().postprocess, None | Some(Postprocess::Raw(_)))
}

fn told(
    exchange: &Exchange,
    version: &Version,
    mut replies: Vec<PictureReply>,
    list: bool,
) -> Result<Reply> {
    if !list
        && as_picture(exchange)
        && let Some(PictureResult::Meaning { png: Some(png), .. }) =
            replies.first_mut().map(|reply| &mut reply.result)
    {
        return Ok(Reply::png(std::mem::take(png)));
    }
    let predictions = replies.iter().map(meaning).collect::<Result<Vec<_>>>()?;
    let latency = exchange.received.elapsed();
    let encoded = match &predictions[..] {
        [one] if !list => write_prediction(version.name(), one, latency)?,
        all => write_predictions(version.name(), all, latency)?,
    };
    Ok(Reply::encoded(encoded))
}

fn meaning(reply: &PictureReply) -> Result<Told<'_>> {
    match &reply.result {
        PictureResult::Meaning { prediction, png } => {
            Ok(Told { prediction, png: png.as_ref().map(|png| STANDARD.encode(png)) })
        }
        PictureResult::Tensors(_) => Err(ServerError::fault("a picture was answered by tensors")),
    }
}
