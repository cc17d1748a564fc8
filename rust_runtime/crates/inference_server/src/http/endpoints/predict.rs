use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    Result,
    query::Aside,
    run::{self, Asked, beside},
};
use crate::{
    InferReply, ServerError,
    http::{
        app::App,
        body::Body,
        exchange::Exchange,
        media::{Media, wants_png},
        multipart,
        reply::Reply,
    },
    model::Version,
    protocol::{
        ReplyForm, Terms,
        predict::{check_pictures, scan, write},
    },
};

mod pictures;

/// Parts of a form besides its pictures.
const FIELDS: usize = 8;

/// The short form: a JSON document, one picture as the body, or a form with pictures.
pub(super) async fn predict(exchange: &mut Exchange) -> Result<Reply> {
    let mut aside = Aside::of_query(exchange.request.query_string())?;
    let media = Media::of(exchange.request.headers())?;
    if media == Media::Picture {
        // Who names a model that is not there need not send the picture.
        exchange.version_named(aside.model.as_deref(), aside.version.as_deref())?;
    }
    let body = exchange.body().await?;
    let (files, list) = match media.told_from(&body.bytes) {
        Media::Multipart(boundary) => {
            let files = form(exchange, &body.bytes, &boundary, &mut aside)?;
            let list = files.len() > 1;
            (files, list)
        }
        Media::Picture => (vec![body.bytes.clone()], false),
        Media::Json | Media::Unknown => return of_json(exchange, body, aside).await,
    };
    let version = exchange.version_named(aside.model.as_deref(), aside.version.as_deref())?;
    check_pictures(&version.target(), files.len(), &exchange.app.limits)?;
    let mut terms = Terms::default();
    aside.complete(&mut terms);
    exchange.complete(&mut terms)?;
    pictures::predict(exchange, &version, files, (&terms, list, aside.tensors)).await
}

/// The pictures of a form; its other fields go aside.
fn form(
    exchange: &Exchange,
    body: &Bytes,
    boundary: &str,
    aside: &mut Aside,
) -> Result<Vec<Bytes>> {
    let most = exchange.app.limits.pictures.count.saturating_add(FIELDS);
    let mut files = Vec::new();
    for part in multipart::parts(body, boundary, most)? {
        if part.name == "file" {
            files.push(part.content);
        } else {
            aside.take(&part.name, &String::from_utf8_lossy(&part.content))?;
        }
    }
    if files.is_empty() {
        return Err(ServerError::bad_input("the form has no field \"file\" with a picture"));
    }
    Ok(files)
}

/// What a JSON document asks for.
struct Read {
    version: Arc<Version>,
    asked: Asked,
    terms: Terms,
    list: bool,
}

async fn of_json(exchange: &mut Exchange, body: Body, aside: Aside) -> Result<Reply> {
    let read = {
        let app = exchange.app.clone().into_inner();
        let (bytes, beside_it) = (body.bytes.clone(), aside.clone());
        beside(bytes.len(), move || read(&app, &bytes, &beside_it)).await
    };
    let read = read.inspect_err(|error| exchange.blame(error))?;
    let Read { version, asked, mut terms, list } = read;
    drop(body);
    exchange.serve_by(Arc::clone(&version));
    aside.complete(&mut terms);
    exchange.complete(&mut terms)?;
    match asked {
        Asked::Pictures(files) => {
            pictures::predict(exchange, &version, files, (&terms, list, aside.tensors)).await
        }
        Asked::Tensors(inputs) => {
            let reply = run::infer(exchange, &version, inputs, terms).await?;
            written(exchange, version, reply).await
        }
    }
}

fn read(app: &App, body: &Bytes, aside: &Aside) -> Result<Read> {
    let form = scan(body, &app.limits)?;
    if let (Some(of_body), Some(of_query)) = (form.model(), aside.model.as_deref())
        && of_body != of_query
    {
        return Err(ServerError::bad_input("the body and the path's query name two models"));
    }
    let name = form.model().or(aside.model.as_deref());
    let version = app.find(name, aside.version.as_deref())?;
    let list = form.wants_list();
    let parsed = form.read(&version.target(), &app.limits)?;
    let (asked, terms) = Asked::of(parsed, Some(body));
    Ok(Read { version, asked, terms, list })
}

/// The reply to tensors, or to pictures whose outputs are wanted.
async fn written(
    exchange: &mut Exchange,
    version: Arc<Version>,
    reply: InferReply,
) -> Result<Reply> {
    let start = Instant::now();
    let (of_work, latency) = (Arc::clone(&version), exchange.received.elapsed());
    let size = run::json_bytes(&reply.outputs, &ReplyForm::default());
    let encoded = beside(size, move || write(of_work.name(), &reply, latency)).await?;
    run::note_encode(exchange, &version, start);
    Ok(Reply::encoded(encoded))
}

/// Whether the client would rather have a picture than JSON.
fn as_picture(exchange: &Exchange) -> bool {
    wants_png(exchange.request.headers())
}
