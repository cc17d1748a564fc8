use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    Result,
    run::{self, Asked, beside},
};
use crate::{
    InferReply,
    http::{app::App, exchange::Exchange, reply::Reply},
    model::Version,
    protocol::{
        ReplyForm, Terms, Words,
        infer::{HEADER_LENGTH, json_length, read, read_apart, write},
    },
};

/// `infer` of the Open Inference Protocol: tensors, or pictures where the model takes them.
pub(super) async fn infer(exchange: &mut Exchange) -> Result<Reply> {
    let version = exchange.version()?;
    let header_length = exchange.header(HEADER_LENGTH)?.map(str::to_owned);
    let cut = header_length.as_deref().and_then(json_length);
    let (asked, mut terms) = {
        let mut body = exchange.body_cut(cut).await?;
        let app = exchange.app.clone().into_inner();
        let whole = (body.bytes.clone(), body.behind.take());
        asked(app, Arc::clone(&version), whole, header_length).await?
    };
    exchange.complete(&mut terms)?;
    let (id, form) = (terms.id.clone(), terms.form.clone());
    let reply = match asked {
        Asked::Tensors(inputs) => run::infer(exchange, &version, inputs, terms).await?,
        Asked::Pictures(files) => run::infer_pictures(exchange, &version, files, &terms).await?,
    };
    written(exchange, version, id, reply, form).await
}

/// Reads a body; its JSON may be long, its binary data is not looked at.
async fn asked(
    app: Arc<App>,
    version: Arc<Version>,
    (body, behind): (Bytes, Option<Words>),
    header_length: Option<String>,
) -> Result<(Asked, Terms)> {
    let json = header_length.as_deref().and_then(json_length).unwrap_or(body.len());
    let work = move || {
        let (target, limits) = (version.target(), &app.limits);
        if let Some(mut binary) = behind {
            let parsed = read_apart(&body, &mut binary, &target, limits)?;
            return Ok(Asked::of(parsed, None));
        }
        let parsed = read(&body, header_length.as_deref(), &target, limits)?;
        Ok(Asked::of(parsed, Some(&body)))
    };
    beside(json, work).await
}

async fn written(
    exchange: &mut Exchange,
    version: Arc<Version>,
    id: Option<String>,
    reply: InferReply,
    form: ReplyForm,
) -> Result<Reply> {
    let start = Instant::now();
    let (of_work, size) = (Arc::clone(&version), run::json_bytes(&reply.outputs, &form));
    let work = move || write(of_work.name(), of_work.version(), id.as_deref(), &reply, &form);
    let encoded = beside(size, work).await?;
    run::note_encode(exchange, &version, start);
    Ok(Reply::encoded(encoded))
}
