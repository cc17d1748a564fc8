//! What `infer` and `predict` have in common.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use runner_core::NamedTensors;

use super::Result;
use crate::{
    InferReply, Timing,
    http::{
        blocking,
        exchange::{Exchange, owned},
    },
    metrics::Phase,
    model::Version,
    picture::{PictureRequest, PictureTiming, Wanted},
    protocol::{Content, Parsed, ReplyForm, Terms},
};

/// JSON longer than this is read and written apart from the workers.
const READ_AT_ONCE: usize = 32 << 10;

/// What came for a model, with nothing borrowed from the body.
pub(super) enum Asked {
    Tensors(NamedTensors),
    Pictures(Vec<Bytes>),
}

impl Asked {
    /// Takes a request apart; all that it borrows is of the body, where that is told.
    pub(super) fn of(parsed: Parsed<'_>, body: Option<&Bytes>) -> (Self, Terms) {
        let asked = match parsed.content {
            Content::Tensors(tensors) => Self::Tensors(tensors),
            Content::Pictures(pictures) => {
                Self::Pictures(pictures.into_iter().map(|picture| owned(body, picture)).collect())
            }
        };
        (asked, parsed.terms)
    }
}

/// Reads, or writes, on the worker where that is quick, else on a thread of its own.
pub(super) async fn beside<T: Send + 'static>(
    json_bytes: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if json_bytes <= READ_AT_ONCE { work() } else { blocking::run(work).await? }
}

/// About how many bytes these outputs are as JSON, where they are to be JSON.
pub(super) fn json_bytes(outputs: &NamedTensors, form: &ReplyForm) -> usize {
    let written = outputs.iter().filter(|(name, _)| !form.is_binary(name));
    written.map(|(_, tensor)| tensor.len().saturating_mul(10)).sum()
}

/// Puts tensors into the model's queue and waits for the answer. Whoever stops waiting takes the
/// request back.
pub(super) async fn infer(
    exchange: &mut Exchange,
    version: &Version,
    inputs: NamedTensors,
    terms: Terms,
) -> Result<InferReply> {
    let request = terms.request(inputs, exchange.received, &exchange.app.limits.queue);
    let reply = version.infer(request)?.await?;
    exchange.spent("queue", reply.timing.queue);
    exchange.spent("infer", reply.timing.compute);
    Ok(reply)
}

/// A picture of a request, on the request's terms.
pub(super) fn picture_request(
    exchange: &Exchange,
    file: Bytes,
    wanted: Wanted,
    terms: &Terms,
) -> PictureRequest<Bytes> {
    let queue = &exchange.app.limits.queue;
    let timing = terms.clone().request(NamedTensors::new(), exchange.received, queue);
    PictureRequest {
        file,
        wanted,
        outputs: terms.outputs.clone(),
        encode: true,
        priority: timing.priority,
        received: timing.received,
        deadline: timing.deadline,
    }
}

/// The outputs for several pictures, one after the other along axis 0.
pub(super) async fn infer_pictures(
    exchange: &mut Exchange,
    version: &Arc<Version>,
    pictures: Vec<Bytes>,
    terms: &Terms,
) -> Result<InferReply> {
    let request = |file| picture_request(exchange, file, Wanted::Tensors, terms);
    let requests = pictures.into_iter().map(request).collect();
    let (outputs, timing) = exchange.app.pictures.infer_all(version, requests).await?;
    note(exchange, &timing);
    let (queue, compute) = (timing.queue, timing.infer);
    Ok(InferReply { outputs, timing: Timing { queue, compute, batch_size: timing.batch_size } })
}

/// Notes where the time of pictures went, that of the one that took longest.
pub(super) fn note(exchange: &mut Exchange, timing: &PictureTiming) {
    for (phase, time) in timing.phases() {
        exchange.spent(phase.name(), time);
    }
}

/// Notes how long it took to write an answer to tensors.
pub(super) fn note_encode(exchange: &mut Exchange, version: &Version, start: Instant) {
    let taken = start.elapsed();
    version.metrics().took(Phase::Encode, taken);
    exchange.spent(Phase::Encode.name(), taken);
}
