//! Every request is counted once and has one line in the log, which never holds a body.

use tracing::{Level, event, level_filters::LevelFilter};

use super::{app::unfinished, exchange::Exchange, trace::Trace};
use crate::{ErrorKind, ServerError, model::Version};

/// The longest path that is written.
const LONGEST_PATH: usize = 200;

/// What those who watch a server ask again and again; told of only where more is wanted.
const POLLED: [&str; 8] = [
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/repository/index",
    "/v2/models/stats",
    "/health",
    "/metrics",
    "/models",
    "/favicon.ico",
];

/// A request was answered.
pub(super) fn answered(
    exchange: &Exchange,
    status: u16,
    bytes_out: usize,
    error: Option<&ServerError>,
) {
    count(exchange, status, error);
    let polled = POLLED.contains(&exchange.request.path());
    // A probe that says "not ready" is an answer and no error.
    let level = match (status, error.map(ServerError::kind)) {
        (500.., Some(ErrorKind::Fault)) => Level::ERROR,
        (500.., Some(_)) => Level::WARN,
        _ if polled || !exchange.app.logs => Level::DEBUG,
        _ => Level::INFO,
    };
    write(exchange, level, status, bytes_out, error);
}

/// A request was dropped before its answer: its client has left, unless the server ends.
pub(super) fn left(exchange: &Exchange) {
    let error = if exchange.app.is_cut() {
        unfinished()
    } else {
        ServerError::new(ErrorKind::Cancelled, "the client left")
    };
    let status = error.status(exchange.dialect());
    count(exchange, status, None);
    write(exchange, Level::INFO, status, 0, Some(&error));
}

fn count(exchange: &Exchange, status: u16, error: Option<&ServerError>) {
    let served = exchange.served.as_deref().map(|served| (served.name(), served.version()));
    // A model that is known, none of whose versions serves.
    let waited_for = error.filter(|error| error.kind() == ErrorKind::Unavailable);
    let waited_for = waited_for.and_then(ServerError::model).map(|name| (name, ""));
    let metrics = exchange.app.repository.metrics();
    metrics.answered(served.or(waited_for), status);
    if let (Some(served), 200, true) = (served, status, exchange.has_inferred()) {
        metrics.lasted(served, exchange.received.elapsed());
    }
}

fn write(
    exchange: &Exchange,
    level: Level,
    status: u16,
    bytes_out: usize,
    error: Option<&ServerError>,
) {
    if level > LevelFilter::current() {
        return;
    }
    let request = &exchange.request;
    let path: String = request.path().chars().take(LONGEST_PATH).collect();
    let (method, bytes_in) = (request.method().as_str(), exchange.bytes_in);
    let served = exchange.served.as_deref();
    let (model, version) = (served.map(Version::name), served.map(Version::version));
    let milliseconds = exchange.received.elapsed().as_secs_f64() * 1000.0;
    let milliseconds = (milliseconds * 1000.0).round() / 1000.0;
    let trace_id = exchange.trace.as_ref().map(Trace::id);
    let error_type = error.map(|error| error.kind().name());
    let reason = error.map(ToString::to_string);
    let reason = reason.as_deref();
    let detail = error.and_then(ServerError::detail);
    macro_rules! line {
        ($level:expr) => {
            event!(
                target: "request", $level, method, path, status, model, version, milliseconds,
                bytes_in, bytes_out, trace_id, error_type, reason, detail,
            )
        };
    }
    match level {
        Level::ERROR => line!(Level::ERROR),
        Level::WARN => line!(Level::WARN),
        Level::INFO => line!(Level::INFO),
        _ => line!(Level::DEBUG),
    }
}
