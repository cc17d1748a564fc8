use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use crate::{connection::Connection, load::Context};

/// Where the server accepts nobody, connections are not tried in a tight loop.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// Keep so many connections busy until the frame ends.
pub(crate) async fn run(context: &Rc<Context>, connections: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn_local(keep_busy(Rc::clone(context)));
    }
    while tasks.join_next().await.is_some() {}
}

async fn keep_busy(context: Rc<Context>) {
    let mut held: Option<Connection> = None;
    while Instant::now() < context.frame.end {
        let intended = Instant::now();
        context.tally.borrow_mut().begun(intended);
        let (outcome, kept) = context.exchange(held.take(), context.plan.next()).await;
        context.tally.borrow_mut().ended(intended, outcome);
        held = kept;
        if outcome.is_err() {
            sleep(PAUSE_AFTER_ERROR).await;
        }
    }
}
