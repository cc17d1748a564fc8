//! The least that a server can do: actix-web reading a body and giving its bytes back.

use std::future::ready;

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    rt::System,
    web::{self, Bytes, PayloadConfig},
};

use crate::error::{ErrorKind, LoadError};

const MOST_BYTES: usize = 256 << 20;
const SHUTDOWN_S: u64 = 1;

/// Serve POST on any path of a port of this machine, on one worker, until a signal ends it.
///
/// With `reply_bytes`, only so many of a body's first bytes go back.
///
/// # Errors
///
/// [`ErrorKind::Usage`] when the port is taken; [`ErrorKind::Fault`] when serving fails.
pub fn serve(port: u16, reply_bytes: Option<usize>) -> Result<(), LoadError> {
    System::new().block_on(async {
        let server = server(port, reply_bytes)?;
        server.await.map_err(|error| LoadError::new(ErrorKind::Fault, format!("echo: {error}")))
    })
}

fn server(port: u16, reply_bytes: Option<usize>) -> Result<Server, LoadError> {
    let most = reply_bytes.unwrap_or(usize::MAX);
    let bound = HttpServer::new(move || {
        App::new()
            .app_data(PayloadConfig::new(MOST_BYTES))
            .default_service(web::post().to(move |body: Bytes| ready(echoed(&body, most))))
    })
    .workers(1)
    .shutdown_timeout(SHUTDOWN_S)
    .bind(("127.0.0.1", port));
    let bound = bound.map_err(|error| {
        LoadError::new(ErrorKind::Usage, format!("port {port} cannot be served: {error}"))
    })?;
    Ok(bound.run())
}

fn echoed(body: &Bytes, most: usize) -> HttpResponse {
    HttpResponse::Ok().body(body.slice(..body.len().min(most)))
}
