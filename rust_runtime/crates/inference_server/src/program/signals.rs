use std::{io, process, thread, time::Duration};

use crate::Stop;

/// How long a server that was told twice to end may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Has the first SIGTERM or SIGINT drain the server and the second end it at once.
///
/// # Errors
/// When the system gives no handler or no thread.
pub(super) fn heed(stop: &Stop) -> io::Result<()> {
    let stop = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // From here on a signal is no longer the end of the process.
    let mut signals = {
        let _within = runtime.enter();
        Signals::new()?
    };
    let heed = move || {
        runtime.block_on(signals.next());
        stop.drain();
        runtime.block_on(signals.next());
        stop.now();
        thread::sleep(PATIENCE);
        process::exit(i32::from(super::INTERRUPTED));
    };
    thread::Builder::new().name("signals".into()).spawn(heed).map(drop)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let terminate = self.terminate.poll_recv(context);
            let interrupt = self.interrupt.poll_recv(context);
            if terminate.is_ready() { terminate } else { interrupt }
        })
        .await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps)]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Where the system gives no such signal, there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
