use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    sync::Semaphore,
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use crate::{
    connection::Connection,
    load::Context,
    schedule::{Arrivals, Schedule},
};

/// tokio's timer counts in milliseconds; what is left is waited for awake.
const TIMER_STEP: Duration = Duration::from_millis(2);

/// A connection that was idle for longer is not used again: servers close theirs after 5 s and
/// more, and a request that crosses the close would be lost by no fault of theirs.
const LONGEST_IDLE: Duration = Duration::from_secs(3);

/// Connections that are open and free, the one used last on top.
struct Pool {
    idle: RefCell<Vec<(Connection, Instant)>>,
    permits: Semaphore,
}

impl Pool {
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let (connection, since) = idle.pop()?;
        if since.elapsed() <= LONGEST_IDLE {
            return Some(connection);
        }
        // Those below were idle for longer still.
        idle.clear();
        None
    }

    fn put(&self, connection: Connection) {
        self.idle.borrow_mut().push((connection, Instant::now()));
    }
}

/// Send on schedule until the frame ends, then wait for what is on its way.
pub(crate) async fn run(
    context: &Rc<Context>,
    rate: f64,
    arrivals: Arrivals,
    most_connections: usize,
) {
    let idle = RefCell::default();
    let pool = Rc::new(Pool { idle, permits: Semaphore::new(most_connections) });
    let mut tasks = JoinSet::new();
    for offset in Schedule::new(rate, arrivals) {
        let intended = context.frame.begin + offset;
        if intended >= context.frame.end {
            break;
        }
        wait_until(intended).await;
        context.tally.borrow_mut().begun(intended);
        tasks.spawn_local(send(Rc::clone(context), Rc::clone(&pool), intended));
        while tasks.try_join_next().is_some() {}
    }
    let rest = async { while tasks.join_next().await.is_some() {} };
    // What is not answered by then is counted as such.
    let _ = timeout(context.load.timeout, rest).await;
}

async fn send(context: Rc<Context>, pool: Rc<Pool>, intended: Instant) {
    if pool.permits.available_permits() == 0 {
        context.tally.borrow_mut().waits_for_connection(intended);
    }
    // The semaphore is never closed.
    let Ok(_permit) = pool.permits.acquire().await else { return };
    let held = pool.take();
    let (outcome, kept) = context.exchange(held, context.plan.next()).await;
    context.tally.borrow_mut().ended(intended, outcome);
    if let Some(connection) = kept {
        pool.put(connection);
    }
}

async fn wait_until(due: Instant) {
    let ahead = due.saturating_duration_since(Instant::now());
    if let Some(asleep) = ahead.checked_sub(TIMER_STEP) {
        sleep(asleep).await;
    }
    while Instant::now() < due {
        yield_now().await;
    }
}
