use std::{cell::RefCell, rc::Rc, time::Duration};

use tokio::{runtime, task::LocalSet, time::timeout};

use crate::{
    closed,
    connection::{Answer, Connection, TransportError},
    error::{ErrorKind, LoadError},
    frame::Frame,
    open,
    plan::{Plan, PlannedRequest},
    report::Report,
    schedule::Arrivals,
    tally::Tally,
};

/// A load on a port of this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The server's port.
    pub port: u16,
    /// What decides when a request is sent.
    pub pace: Pace,
    /// How long requests are sent before anything counts.
    pub warmup: Duration,
    /// How long is counted.
    pub duration: Duration,
    /// The length of the windows of [`Report::windows_per_s`].
    pub window: Duration,
    /// How long one answer may take; also how long what is on its way at the end is waited for.
    pub timeout: Duration,
    /// Later answers are admitted, but no goodput.
    pub deadline: Option<Duration>,
}

/// What decides when a request is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many connections, each of which sends as soon as its last request was answered.
    Closed {
        /// How many.
        connections: usize,
    },
    /// A schedule, whatever the server does.
    Open {
        /// Requests a second.
        rate: f64,
        /// How they follow each other.
        arrivals: Arrivals,
        /// No more are opened; requests beyond that wait, and their latency counts it.
        most_connections: usize,
    },
}

/// What every request of a load shares.
pub(crate) struct Context {
    pub(crate) load: Load,
    pub(crate) plan: Plan,
    pub(crate) frame: Frame,
    pub(crate) tally: RefCell<Tally>,
}

/// Load a server, wait for what is on its way, and tell what became of it all.
///
/// # Errors
///
/// [`ErrorKind::Usage`] when nobody listens on the port; [`ErrorKind::Fault`] when this program
/// cannot run.
pub fn run(load: Load, plan: Plan) -> Result<Report, LoadError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| LoadError::new(ErrorKind::Fault, format!("no runtime: {error}")))?;
    LocalSet::new().block_on(&runtime, loaded(load, plan))
}

async fn loaded(load: Load, plan: Plan) -> Result<Report, LoadError> {
    if Connection::open(load.port).await.is_err() {
        let message = format!("nobody listens on port {} of this machine", load.port);
        return Err(LoadError::new(ErrorKind::Usage, message));
    }
    let frame = Frame::new(load.warmup, load.duration);
    let tally = RefCell::new(Tally::new(frame, load.window, load.deadline)?);
    let pace = load.pace;
    let context = Rc::new(Context { load, plan, frame, tally });
    match pace {
        Pace::Closed { connections } => closed::run(&context, connections).await,
        Pace::Open { rate, arrivals, most_connections } => {
            open::run(&context, rate, arrivals, most_connections).await;
        }
    }
    let report = context.tally.borrow().report();
    Ok(report)
}

impl Context {
    /// The connection that is held, or a new one where there is none or the server closed it.
    pub(crate) async fn connected(
        &self,
        held: Option<Connection>,
    ) -> Result<Connection, TransportError> {
        if let Some(mut connection) = held
            && connection.is_usable().await
        {
            return Ok(connection);
        }
        Connection::open(self.load.port).await
    }

    /// One request on a connection; the connection comes back where it may serve once more.
    pub(crate) async fn exchange(
        &self,
        held: Option<Connection>,
        planned: &PlannedRequest,
    ) -> (Result<Answer, TransportError>, Option<Connection>) {
        let exchanged = timeout(self.load.timeout, async {
            let mut connection = self.connected(held).await?;
            let answer = connection.send(planned).await?;
            Ok((answer, connection))
        });
        match exchanged.await {
            Ok(Ok((answer, connection))) => (Ok(answer), Some(connection)),
            Ok(Err(error)) => (Err(error), None),
            Err(_) => (Err(TransportError::Timeout), None),
        }
    }
}
