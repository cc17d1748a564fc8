//! What each path answers.

mod control;
mod health;
mod infer;
mod models;
mod predict;
mod query;
mod run;

use super::{
    exchange::Exchange,
    pages::{self, OPENAPI},
    reply::Reply,
    routes::{Endpoint, is_of_missing_part},
};
use crate::{ErrorKind, ServerError};

type Result<T> = std::result::Result<T, ServerError>;

/// The answer of an endpoint.
///
/// # Errors
/// What the client is to be told.
pub(super) async fn answer(endpoint: Endpoint, exchange: &mut Exchange) -> Result<Reply> {
    match endpoint {
        Endpoint::Live => health::live(),
        Endpoint::Ready => health::ready(exchange),
        Endpoint::Health => health::health(exchange),
        Endpoint::Server => health::server(),
        Endpoint::ModelMetadata => models::metadata(exchange),
        Endpoint::ModelReady => models::ready(exchange),
        Endpoint::ModelConfig => models::config(exchange),
        Endpoint::ModelStatistics => models::statistics_of_one(exchange),
        Endpoint::Statistics => models::statistics(exchange),
        Endpoint::Models => models::listing(exchange),
        Endpoint::Infer => infer::infer(exchange).await,
        Endpoint::Predict => predict::predict(exchange).await,
        Endpoint::Index => control::index(exchange).await,
        Endpoint::Load => control::load(exchange).await,
        Endpoint::Unload => control::unload(exchange).await,
        Endpoint::Metrics => Ok(Reply::metrics(exchange.app.repository.metrics().text())),
        Endpoint::OpenApi => Ok(Reply::of_json(OPENAPI)),
        Endpoint::Page(index) => page(exchange, index),
    }
}

fn page(exchange: &Exchange, index: usize) -> Result<Reply> {
    if !exchange.app.pages {
        let message = "the pages are turned off in the server's settings (pages: false)";
        return Err(ServerError::new(ErrorKind::NotFound, message));
    }
    pages::page(index).ok_or_else(unknown)
}

/// The answer to a path that is not answered.
pub(super) fn no_such_path(path: &str) -> ServerError {
    if is_of_missing_part(path) {
        let message = "this server has no shared memory, trace and logging extensions";
        return ServerError::new(ErrorKind::NotImplemented, message);
    }
    unknown()
}

fn unknown() -> ServerError {
    let message = "there is no such path; /openapi.json lists those that there are";
    ServerError::new(ErrorKind::NotFound, message)
}

/// The answer to a path that is answered for another verb.
pub(super) fn wrong_verb(allowed: &str) -> ServerError {
    let message = format!("this path takes {allowed} only");
    ServerError::new(ErrorKind::MethodNotAllowed, message)
}
