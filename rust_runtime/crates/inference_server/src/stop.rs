use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Tells a server to end. Clones tell the same server.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    #[default]
    Nothing,
    Drain,
    Now,
}

impl Stop {
    /// Nothing is wanted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The server is to say that it is not ready, take new work for the drain delay, finish what it
    /// has accepted, and end.
    pub fn drain(&self) {
        self.want(Wanted::Drain);
    }

    /// The server is to end without finishing anything; clients are told so.
    pub fn now(&self) {
        self.want(Wanted::Now);
    }

    /// Whether the server is to end without finishing anything.
    pub fn is_now(&self) -> bool {
        *self.lock() == Wanted::Now
    }

    /// Whether the server is to end, in either way.
    pub fn is_wanted(&self) -> bool {
        *self.lock() != Wanted::Nothing
    }

    /// Waits until the server is to end, but no longer than `pause`; tells whether it is.
    pub(crate) fn wait(&self, pause: Duration) -> bool {
        self.wait_for(Wanted::Drain, pause)
    }

    /// Waits until the server is to end at once, but no longer than `pause`; tells whether it is.
    pub(crate) fn wait_now(&self, pause: Duration) -> bool {
        self.wait_for(Wanted::Now, pause)
    }

    fn want(&self, wanted: Wanted) {
        let mut now = self.lock();
        *now = wanted.max(*now);
        drop(now);
        self.shared.changed.notify_all();
    }

    fn wait_for(&self, wanted: Wanted, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut now = self.lock();
        while *now < wanted {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.shared.changed.wait_timeout(now, left);
            now = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_wanted_never_becomes_less() {
        let stop = Stop::new();
        assert!(!stop.is_wanted() && !stop.wait(Duration::from_millis(1)));
        stop.drain();
        assert!(stop.is_wanted() && !stop.is_now() && stop.wait(Duration::ZERO));
        assert!(!stop.wait_now(Duration::from_millis(1)));
        stop.now();
        stop.drain();
        assert!(stop.is_now());
    }

    #[test]
    fn a_clone_wakes_whoever_waits() {
        let stop = Stop::new();
        let other = stop.clone();
        let waiting = thread::spawn(move || other.wait(Duration::from_hours(1)));
        stop.drain();
        assert!(waiting.join().unwrap());
    }
}
