use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, KeepAlive, error::DispatchError};
use actix_rt::net::TcpStream;
use actix_server::{Server, ServerBuilder};
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use tokio_rustls::TlsAcceptor;

use super::{
    app::App, connection::Connection, running::LAST_WORDS, service, stream::Stream, tls::acceptor,
};
use crate::{ConnectionLimits, StartError, config::ServerSettings};

/// How long a client that is cut off may take to read its answer.
const LINGER: Duration = Duration::from_secs(2);
/// Threads of each worker for what would hold it up; they are started only when they are needed.
const THREADS_BESIDE: usize = 8;

/// What a server listens with.
pub(crate) struct Plan {
    pub(super) app: Arc<App>,
    tls: Option<TlsAcceptor>,
    workers: usize,
}

impl Plan {
    /// # Errors
    /// When certificate or key cannot be used.
    pub(crate) fn new(settings: &ServerSettings, app: Arc<App>) -> Result<Self, StartError> {
        let tls = settings.tls.as_ref().map(acceptor).transpose()?;
        Ok(Self { app, tls, workers: settings.worker_count() })
    }
}

/// Takes the addresses that a host name stands for; with port 0 the first of them, with a free one.
///
/// # Errors
/// [`StartError`] of kind `usage` when none can be had.
pub(crate) fn bind(host: &str, port: u16) -> Result<Vec<TcpListener>, StartError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, port).to_socket_addrs().map_err(|error| refused(host, port, &error))?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.dedup();
    if port == 0 {
        addresses.truncate(1);
    }
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut failed = None;
    for address in addresses {
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(refused(host, port, &error));
            }
            Err(error) => failed = Some(error),
        }
    }
    match (listeners.is_empty(), failed) {
        (false, _) => Ok(listeners),
        (true, Some(error)) => Err(refused(host, port, &error)),
        (true, None) => {
            let error = io::Error::new(io::ErrorKind::AddrNotAvailable, "it stands for no address");
            Err(refused(host, port, &error))
        }
    }
}

fn refused(host: &str, port: u16, error: &io::Error) -> StartError {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "Choose another with --port, or end what listens there.",
        io::ErrorKind::PermissionDenied => "Choose a port above 1023.",
        _ => "Choose a host of this machine: 127.0.0.1 for itself, 0.0.0.0 for all networks.",
    };
    StartError::new("usage", format!("cannot listen on {host}, port {port}: {error}"))
        .with_hint(hint)
}

/// The server on its addresses, not yet running. Must be called within a runtime.
///
/// # Errors
/// Those of the system.
pub(super) fn server(listeners: Vec<TcpListener>, plan: &Plan) -> io::Result<Server> {
    let connections = plan.app.limits.connections.count.div_ceil(plan.workers);
    let longest = plan.app.limits.drain.deadline + LAST_WORDS;
    let seconds = longest.as_secs_f64().ceil() as u64;
    let mut builder = Server::build()
        .workers(plan.workers)
        .worker_max_blocking_threads(THREADS_BESIDE)
        .max_concurrent_connections(connections)
        .shutdown_timeout(seconds)
        .disable_signals();
    for listener in listeners {
        builder = listen(builder, listener, plan)?;
    }
    Ok(builder.run())
}

fn listen(builder: ServerBuilder, listener: TcpListener, plan: &Plan) -> io::Result<ServerBuilder> {
    let signal = builder.graceful_shutdown_signal();
    let (app, tls) = (Arc::clone(&plan.app), plan.tls.clone());
    let address = listener.local_addr()?;
    builder.listen(format!("http-{address}"), listener, move || {
        let limits = Rc::new(app.limits.connections.clone());
        let (tls, of_accept) = (tls.clone(), Rc::clone(&limits));
        let signal = signal.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let signal = signal.clone();
                async move { signal.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(limits.keep_alive))
            // Connections see to it themselves, for every request and not only the first.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            // A client that leaves takes its request back.
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection<Stream>, data| {
                data.insert(connection.watch());
            })
            .h1(map_config(service::service(Arc::clone(&app)), |()| AppConfig::default()));
        fn_service(move |io: TcpStream| accept(io, tls.clone(), Rc::clone(&of_accept)))
            .and_then(http)
    })
}

async fn accept(
    io: TcpStream,
    tls: Option<TlsAcceptor>,
    limits: Rc<ConnectionLimits>,
) -> Result<(Connection<Stream>, Option<SocketAddr>), DispatchError> {
    let peer = io.peer_addr().ok();
    // Answers are written whole, so nothing is gained by waiting for more of them.
    let _ = io.set_nodelay(true);
    let stream = match tls {
        None => Stream::Plain(io),
        Some(tls) => {
            let greeting = tokio::time::timeout(limits.head_deadline, tls.accept(io));
            let greeted = greeting.await.map_err(|_| DispatchError::SlowRequestTimeout)?;
            Stream::Encrypted(Box::new(greeted.map_err(DispatchError::Io)?))
        }
    };
    Ok((Connection::new(stream, &limits), peer))
}
