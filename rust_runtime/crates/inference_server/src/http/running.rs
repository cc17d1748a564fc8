use std::{
    io,
    net::TcpListener,
    sync::mpsc::{Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_server::ServerHandle;

use super::listen::{Plan, server};
use crate::{StartError, Stop, wait::block_on};

/// How often it is seen whether the end is to be cut short.
const HEED: Duration = Duration::from_millis(50);
/// How long it may take to tell clients that their requests are not answered.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// A server that listens, on threads of its own.
pub(crate) struct Http {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Http {
    /// Starts to answer.
    ///
    /// # Errors
    /// When the system gives no thread or refuses a socket.
    pub(crate) fn start(listeners: Vec<TcpListener>, plan: Plan) -> Result<Self, StartError> {
        let failed =
            |error: &io::Error| StartError::of_system("the HTTP server cannot start", error);
        raise_open_files(plan.app.limits.connections.count);
        let (tell, told) = channel();
        let thread = thread::Builder::new()
            .name("http".into())
            .spawn(move || run(listeners, &plan, &tell))
            .map_err(|error| failed(&error))?;
        match told.recv() {
            Ok(Ok(handle)) => Ok(Self { handle, thread: Some(thread) }),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&io::Error::other("its thread has ended"))),
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Takes no more connections and waits until all are closed, but no longer than `until`, and
    /// not when `stop` cuts it short; tells whether all were. `cut` has what is left answered.
    pub(crate) fn end(mut self, until: Instant, stop: &Stop, cut: impl FnOnce()) -> bool {
        let (handle, thread) = (self.handle.clone(), self.thread.take());
        let (tell, told) = channel();
        let ending = thread::Builder::new().name("end".into()).spawn(move || {
            block_on(handle.stop(true));
            // Nobody listens any more when the end was cut short.
            let _ = tell.send(());
        });
        if ending.is_err() {
            return false;
        }
        let mut closed = false;
        while !closed && !stop.is_now() && Instant::now() < until {
            let pause = HEED.min(until.saturating_duration_since(Instant::now()));
            closed = told.recv_timeout(pause).is_ok();
        }
        if !closed {
            cut();
        }
        let ended = closed || told.recv_timeout(LAST_WORDS).is_ok();
        let joined = ended && thread.is_none_or(|thread| thread.join().is_ok());
        closed && joined
    }
}

impl Drop for Http {
    /// Ends it at once, unless it has ended.
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn run(listeners: Vec<TcpListener>, plan: &Plan, tell: &Sender<io::Result<ServerHandle>>) {
    actix_rt::System::new().block_on(async {
        match server(listeners, plan) {
            Ok(server) => {
                // Whoever started this waits for it.
                let _ = tell.send(Ok(server.handle()));
                if let Err(error) = server.await {
                    tracing::error!(target: "server", reason = %error, "the HTTP server failed");
                }
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    });
}

/// Asks for as many open files as connections need, with some for everything else.
fn raise_open_files(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(256);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(granted) if granted >= wanted => {}
        granted => tracing::warn!(
            target: "server", wanted, granted = granted.ok(),
            "fewer files may be open than there may be connections"
        ),
    }
}
