use std::sync::Arc;

use serde_json::{Map, Value};
use vision_io::Postprocess;

use super::Result;
use crate::{
    ServerError,
    http::{exchange::Exchange, reply::Reply},
    model::{State, Version},
    protocol::documents::{IndexEntry, ModelConfig, ModelMetadata, ModelReady, Statistics},
};

pub(super) fn metadata(exchange: &mut Exchange) -> Result<Reply> {
    let version = exchange.version()?;
    let versions = exchange.app.repository.versions(version.name());
    let batching = version.batching();
    Reply::json(&ModelMetadata::from(version.served(&versions, &batching)))
}

pub(super) fn config(exchange: &mut Exchange) -> Result<Reply> {
    let version = exchange.version()?;
    let versions = exchange.app.repository.versions(version.name());
    let batching = version.batching();
    Reply::json(&ModelConfig::from(version.served(&versions, &batching)))
}

/// 503 for a model that is known and not ready.
pub(super) fn ready(exchange: &Exchange) -> Result<Reply> {
    let name = exchange.part("model").unwrap_or_default();
    let state = exchange.app.repository.state(name, exchange.part("version"))?;
    let ready = state == State::Ready && !exchange.app.repository.is_draining();
    let document = ModelReady { name, ready };
    Ok(Reply::json(&document)?.with_status(if ready { 200 } else { 503 }))
}

pub(super) fn statistics(exchange: &Exchange) -> Result<Reply> {
    let serving = exchange.app.repository.serving();
    statistics_of(&serving)
}

/// Of every version that serves, or of the one that the path names.
pub(super) fn statistics_of_one(exchange: &mut Exchange) -> Result<Reply> {
    let named = exchange.version()?;
    if exchange.part("version").is_some() {
        return statistics_of(&[named]);
    }
    let mut serving = exchange.app.repository.serving();
    serving.retain(|version| version.name() == named.name());
    statistics_of(&serving)
}

fn statistics_of(versions: &[Arc<Version>]) -> Result<Reply> {
    let model_stats = versions.iter().map(|version| version.statistics()).collect();
    Reply::json(&Statistics { model_stats })
}

/// Everything that is known, with all that there is to tell of what serves.
pub(super) fn listing(exchange: &Exchange) -> Result<Reply> {
    let repository = &exchange.app.repository;
    let serving = repository.serving();
    let entry = |entry: IndexEntry| {
        let of_entry = |version: &&Arc<Version>| {
            version.name() == entry.name && version.version() == entry.version
        };
        let version = serving.iter().find(of_entry);
        let mut told = plain(&entry)?;
        if let Some(version) = version {
            told.extend(facts(version)?);
        }
        Ok(Value::Object(told))
    };
    let models = repository.index().into_iter().map(entry).collect::<Result<Vec<_>>>()?;
    Reply::json(&serde_json::json!({ "models": models }))
}

/// What a version is and takes.
fn facts(version: &Version) -> Result<Map<String, Value>> {
    let (versions, batching) = ([version.version().to_owned()], version.batching());
    let metadata = ModelMetadata::from(version.served(&versions, &batching));
    let mut facts = plain(&metadata)?;
    facts.remove("versions");
    if let Some(Value::Object(parameters)) = facts.remove("parameters") {
        facts.extend(parameters);
    }
    let (engines, threads, measured) = version.engines();
    let kind = version.contract().postprocess.as_ref().map(kind_of);
    facts.extend([
        ("pictures".to_owned(), version.target().pictures.is_some().into()),
        ("postprocess".to_owned(), kind.map_or(Value::Null, Value::from)),
        ("engines".to_owned(), engines.into()),
        ("threads".to_owned(), threads.into()),
        ("measured".to_owned(), measured.into()),
        ("device".to_owned(), version.info().device.to_string().into()),
        ("goldens".to_owned(), version.goldens().is_some().into()),
    ]);
    Ok(facts)
}

fn kind_of(postprocess: &Postprocess) -> &'static str {
    match postprocess {
        Postprocess::Image(_) => "image",
        Postprocess::Classification(_) => "classification",
        Postprocess::Segmentation(_) => "segmentation",
        Postprocess::Detection(_) => "detection",
        Postprocess::Raw(_) => "raw",
    }
}

fn plain(document: &impl serde::Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(document) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ServerError::fault("a document about a model is no object")),
        Err(error) => Err(ServerError::fault(format!("a document cannot be JSON: {error}"))),
    }
}
