use super::Result;
use crate::{
    http::{exchange::Exchange, reply::Reply},
    protocol::documents::{Health, Live, Ready, ServerMetadata},
};

pub(super) fn live() -> Result<Reply> {
    Reply::json(&Live { live: true })
}

/// 503 until every model is ready, and from the moment on that the server is to end.
pub(super) fn ready(exchange: &Exchange) -> Result<Reply> {
    let ready = exchange.app.is_ready();
    Ok(Reply::json(&Ready { live: true, ready })?.with_status(if ready { 200 } else { 503 }))
}

pub(super) fn server() -> Result<Reply> {
    Reply::json(&ServerMetadata::default())
}

pub(super) fn health(exchange: &Exchange) -> Result<Reply> {
    let repository = &exchange.app.repository;
    let ready = exchange.app.is_ready();
    let status = match ready {
        true => "ok",
        false if repository.is_draining() => "ending",
        false => "not ready",
    };
    let serving = repository.serving();
    let first = serving.first();
    let model = first.map_or("", |version| version.name());
    let backend = first.map_or("", |version| version.info().backend.as_str());
    let document = Health { status, model, backend };
    Ok(Reply::json(&document)?.with_status(if ready { 200 } else { 503 }))
}
