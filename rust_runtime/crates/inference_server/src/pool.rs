//! Threads for work that keeps a processor busy, as many as there are processors. Whoever sends
//! work bounds how much of it waits.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use runner_core::guard_run;
use tokio::sync::oneshot;

use crate::{ServerError, clock::Clock, timely::timely};

/// Runs jobs in the order in which they come, those that go on with something first. A thread is a
/// permit to compute: a job that waits for something else ends, and what follows is another job.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    clock: Arc<Clock>,
}

/// Which jobs come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something begun goes on, before anything begins.
    GoOn,
    Begin,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    going_on: VecDeque<Box<dyn Job>>,
    beginning: VecDeque<Box<dyn Job>>,
    ended: bool,
}

/// Work with the other end of its answer.
trait Job: Send {
    /// Whether nobody waits for it any more.
    fn is_left(&self) -> bool;

    fn run(self: Box<Self>);
}

struct Task<T, F> {
    work: F,
    answer: oneshot::Sender<Result<T, ServerError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce() -> Result<T, ServerError> + Send,
{
    fn is_left(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(self: Box<Self>) {
        let Self { work, answer } = *self;
        let _ = answer.send(guarded(work));
    }
}

/// Does some work on this thread; a panic is its answer, and the thread goes on.
///
/// # Errors
/// Those of the work, and [`crate::ErrorKind::Fault`] when it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, ServerError>) -> Result<T, ServerError> {
    let done = guard_run("picture", || Ok(work()));
    done.unwrap_or_else(|panic| Err(ServerError::fault(panic.to_string())))
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts so many threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(threads: usize, clock: &Arc<Clock>) -> std::io::Result<Self> {
        let state = Mutex::default();
        let shared = Arc::new(Shared { state, work: Condvar::new() });
        // From here on dropping it ends the threads that were started.
        let pool = Self { shared, clock: Arc::clone(clock) };
        for thread in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            let builder = thread::Builder::new().name(format!("picture-{thread}"));
            builder.spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Does some work on a thread of the pool; the answer is there by the deadline in any case.
    /// Work that nobody waits for any more is not begun.
    ///
    /// # Errors
    /// Those of the work, [`crate::ErrorKind::Deadline`], and [`crate::ErrorKind::Fault`] when it
    /// panics.
    pub(crate) fn run<T, F>(
        &self,
        turn: Turn,
        deadline: Instant,
        work: F,
    ) -> impl Future<Output = Result<T, ServerError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, ServerError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.push(turn, Box::new(Task { work, answer }));
        let alarm = self.clock.at(deadline);
        async move {
            let answer = timely(answered, alarm).await?;
            answer.unwrap_or_else(|_| Err(ServerError::fault("a job ended without an answer")))
        }
    }

    fn push(&self, turn: Turn, job: Box<dyn Job>) {
        let mut state = self.shared.lock();
        match turn {
            Turn::GoOn => state.going_on.push_back(job),
            Turn::Begin => state.beginning.push_back(job),
        }
        drop(state);
        self.shared.work.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if !job.is_left() {
                job.run();
            }
        }
    }

    /// Waits for a job; `None` when there is none and none will come.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            let going_on = state.going_on.pop_front();
            match going_on.or_else(|| state.beginning.pop_front()) {
                Some(job) => return Some(job),
                None if state.ended => return None,
                None => state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, Sender, channel},
        time::Duration,
    };

    use super::*;
    use crate::{ErrorKind, wait::block_on};

    fn pool() -> Pool {
        Pool::start(1, &Clock::start().unwrap()).unwrap()
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    /// Keeps the one thread busy until it is let go.
    fn occupy(pool: &Pool) -> (impl Future<Output = Result<(), ServerError>> + use<>, Sender<()>) {
        let (entering, entered): (Sender<()>, Receiver<()>) = channel();
        let (open, opened): (Sender<()>, Receiver<()>) = channel();
        let busy = pool.run(Turn::Begin, later(), move || {
            entering.send(()).unwrap();
            opened.recv().unwrap();
            Ok(())
        });
        entered.recv().unwrap();
        (busy, open)
    }

    #[test]
    fn work_is_done_on_another_thread_and_answered() {
        let pool = pool();
        let here = thread::current().id();
        let there =
            block_on(pool.run(Turn::Begin, later(), || Ok(thread::current().id()))).unwrap();
        assert_ne!(here, there);
    }

    #[test]
    fn a_panic_is_the_answer_to_its_job_only() {
        let pool = pool();
        let panics =
            pool.run(Turn::Begin, later(), || -> Result<(), ServerError> { panic!("decoder") });
        let error = block_on(panics).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fault);
        assert!(error.detail().is_some_and(|detail| detail.contains("decoder")));
        assert_eq!(block_on(pool.run(Turn::Begin, later(), || Ok(7))), Ok(7));
    }

    #[test]
    fn a_deadline_is_kept_while_every_thread_is_busy() {
        let pool = pool();
        let (busy, open) = occupy(&pool);
        let soon = Instant::now() + Duration::from_millis(10);
        let error = block_on(pool.run(Turn::Begin, soon, || Ok(()))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        open.send(()).unwrap();
        assert!(block_on(busy).is_ok());
    }

    #[test]
    fn what_nobody_waits_for_is_not_begun() {
        let pool = pool();
        let (busy, open) = occupy(&pool);
        let (begun, heard) = channel();
        drop(pool.run(Turn::Begin, later(), move || {
            begun.send(()).unwrap();
            Ok(())
        }));
        open.send(()).unwrap();
        block_on(busy).unwrap();
        block_on(pool.run(Turn::Begin, later(), || Ok(()))).unwrap();
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn what_is_begun_goes_on_before_anything_begins() {
        let pool = pool();
        let (busy, open) = occupy(&pool);
        let (done, heard) = channel();
        let told = |word: &'static str| {
            let done = done.clone();
            move || done.send(word).map_err(|_| ServerError::fault("nobody listens"))
        };
        let begins = pool.run(Turn::Begin, later(), told("begins"));
        let goes_on = pool.run(Turn::GoOn, later(), told("goes on"));
        open.send(()).unwrap();
        block_on(busy).unwrap();
        block_on(begins).unwrap();
        block_on(goes_on).unwrap();
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["goes on", "begins"]);
    }
}
