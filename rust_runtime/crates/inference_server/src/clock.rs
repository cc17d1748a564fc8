//! Alarms at points in time, rung by one thread for the whole server.

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use tokio::sync::oneshot;

/// Alarms that nobody waits for any more are cleared away once there are so many more of them.
const SWEEP_FROM: usize = 1024;

/// Rings alarms on time, however busy everything else is.
#[derive(Debug)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    alarms: Mutex<Alarms>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Alarms {
    heap: BinaryHeap<Alarm>,
    /// How many were left after the last sweep.
    swept: usize,
    ended: bool,
}

/// The earliest is the largest, as the heap wants it.
#[derive(Debug)]
struct Alarm {
    at: Instant,
    ring: oneshot::Sender<()>,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl Clock {
    /// Starts the thread, which ends when the clock is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> std::io::Result<Arc<Self>> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("clock".into()).spawn(move || of_thread.ring_on_time())?;
        Ok(Arc::new(Self { shared }))
    }

    /// Something that is ready at `at`, and never before; dropping it takes the alarm back.
    pub fn at(&self, at: Instant) -> oneshot::Receiver<()> {
        let (ring, alarm) = oneshot::channel();
        let mut alarms = self.shared.lock();
        alarms.sweep();
        let earliest = alarms.heap.peek().is_none_or(|first| at < first.at);
        alarms.heap.push(Alarm { at, ring });
        drop(alarms);
        if earliest {
            self.shared.changed.notify_one();
        }
        alarm
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring_on_time(&self) {
        let mut alarms = self.lock();
        while !alarms.ended {
            let now = Instant::now();
            while alarms.heap.peek().is_some_and(|first| first.at <= now) {
                if let Some(alarm) = alarms.heap.pop() {
                    // Whoever asked may be gone.
                    let _ = alarm.ring.send(());
                }
            }
            let next = alarms.heap.peek().map(|first| first.at.saturating_duration_since(now));
            alarms = match next {
                None => self.changed.wait(alarms).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    let woken = self.changed.wait_timeout(alarms, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Alarms {
    /// Clears away alarms that were taken back, now and then, so that they never make up more than
    /// about half of all.
    fn sweep(&mut self) {
        if self.heap.len() >= 2 * self.swept + SWEEP_FROM {
            self.heap.retain(|alarm| !alarm.ring.is_closed());
            self.swept = self.heap.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn alarms_ring_in_the_order_of_their_times_and_never_before() {
        let clock = Clock::start().unwrap();
        let start = Instant::now();
        let late = clock.at(start + Duration::from_millis(40));
        let early = clock.at(start + Duration::from_millis(10));
        let past = clock.at(start);
        past.blocking_recv().unwrap();
        early.blocking_recv().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(10));
        late.blocking_recv().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(40));
    }

    #[test]
    fn an_alarm_that_is_earlier_than_all_others_wakes_the_clock() {
        let clock = Clock::start().unwrap();
        let _far = clock.at(Instant::now() + Duration::from_hours(1));
        clock.at(Instant::now() + Duration::from_millis(1)).blocking_recv().unwrap();
    }

    #[test]
    fn what_was_taken_back_takes_no_memory_for_long() {
        let clock = Clock::start().unwrap();
        let kept = clock.at(Instant::now() + Duration::from_hours(1));
        for _ in 0..10 * SWEEP_FROM {
            drop(clock.at(Instant::now() + Duration::from_hours(1)));
        }
        assert!(clock.shared.lock().heap.len() <= SWEEP_FROM + 2);
        assert!(clock.shared.lock().heap.iter().any(|alarm| !alarm.ring.is_closed()));
        drop(kept);
    }
}
