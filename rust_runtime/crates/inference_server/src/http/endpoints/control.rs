use std::time::{Duration, Instant};

use serde_json::json;

use super::Result;
use crate::{
    http::{blocking, exchange::Exchange, reply::Reply},
    model::State,
    protocol::documents::{read_control, read_index},
};

/// How long the last requests of a model that goes may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn index(exchange: &mut Exchange) -> Result<Reply> {
    let body = exchange.body().await?;
    let only_ready = read_index(&body.bytes, &exchange.app.limits)?;
    let mut entries = exchange.app.repository.index();
    entries.retain(|entry| !only_ready || entry.state == State::Ready.name());
    Reply::json(&entries)
}

/// Loads every version of a model anew from its files; what serves goes on until then.
pub(super) async fn load(exchange: &mut Exchange) -> Result<Reply> {
    let name = allowed(exchange).await?;
    let app = exchange.app.clone().into_inner();
    let loaded = {
        let name = name.clone();
        blocking::run(move || app.repository.load(&name, None)).await?
    };
    match &loaded {
        Ok(()) => tracing::info!(target: "models", model = name, "loaded by request"),
        Err(error) => {
            tracing::warn!(
                target: "models", model = name, reason = %error, detail = error.detail(),
                "a load by request failed"
            );
        }
    }
    loaded?;
    Reply::json(&json!({}))
}

pub(super) async fn unload(exchange: &mut Exchange) -> Result<Reply> {
    let name = allowed(exchange).await?;
    let app = exchange.app.clone().into_inner();
    let until = Instant::now() + PATIENCE;
    {
        let name = name.clone();
        blocking::run(move || app.repository.unload(&name, None, until)).await??;
    }
    tracing::info!(target: "models", model = name, "unloaded by request");
    Reply::json(&json!({}))
}

/// The model's name, once it is clear that the client may and that its body is sound.
async fn allowed(exchange: &mut Exchange) -> Result<String> {
    exchange.app.gate.check(&exchange.request)?;
    let body = exchange.body().await?;
    read_control(&body.bytes, &exchange.app.limits)?;
    Ok(exchange.part("model").unwrap_or_default().to_owned())
}
