//! So many at once, and a bounded number that wait to be let in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{ErrorKind, Priority, ServerError};

/// Lets in so many at once; those who wait come in by priority, within one in the order in which
/// they came.
#[derive(Debug)]
pub(crate) struct Gate {
    shared: Arc<Mutex<State>>,
    most_waiting: usize,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    /// How many may be inside.
    places: usize,
    waiting: BTreeMap<(Priority, u64), oneshot::Sender<Pass>>,
    arrivals: u64,
}

/// The right to be inside; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Mutex<State>>);

/// A [`Pass`], or a place among those who wait for one.
#[derive(Debug)]
pub(crate) enum Entrance {
    Open(Pass),
    /// Dropping it gives the place up.
    Waiting(oneshot::Receiver<Pass>),
}

impl Gate {
    /// Nobody is inside.
    pub(crate) fn new(most_waiting: usize) -> Self {
        Self { shared: Arc::default(), most_waiting }
    }

    /// Goes in where fewer than `places` are inside and nobody waits, and waits otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::QueueFull`] when as many wait as may.
    pub(crate) fn enter(&self, places: usize, priority: Priority) -> Result<Entrance, ServerError> {
        let mut state = lock(&self.shared);
        state.places = places.max(1);
        let grown = state.let_in(&self.shared);
        let entrance = state.arrive(&self.shared, priority, self.most_waiting);
        drop(state);
        // Outside of the lock: whoever has left gives the pass on as it is dropped.
        drop(grown);
        entrance
    }

    /// Those who wait.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.shared).waiting.len()
    }
}

impl State {
    fn arrive(
        &mut self,
        shared: &Arc<Mutex<Self>>,
        priority: Priority,
        most_waiting: usize,
    ) -> Result<Entrance, ServerError> {
        if self.inside < self.places && self.waiting.is_empty() {
            self.inside += 1;
            return Ok(Entrance::Open(Pass(Arc::clone(shared))));
        }
        if self.waiting.len() >= most_waiting {
            self.waiting.retain(|_, place| !place.is_closed());
        }
        if self.waiting.len() >= most_waiting {
            let message = format!(
                "the model's queue is full: {} pictures wait; try again later",
                self.waiting.len()
            );
            return Err(ServerError::new(ErrorKind::QueueFull, message));
        }
        let (place, let_in) = oneshot::channel();
        self.arrivals += 1;
        self.waiting.insert((priority, self.arrivals), place);
        Ok(Entrance::Waiting(let_in))
    }

    /// Lets in who waits while there are places; gives the passes of those who have left.
    fn let_in(&mut self, shared: &Arc<Mutex<Self>>) -> Vec<Pass> {
        let mut unused = Vec::new();
        while self.inside < self.places
            && let Some((_, place)) = self.waiting.pop_first()
        {
            if place.is_closed() {
                continue;
            }
            self.inside += 1;
            unused.extend(place.send(Pass(Arc::clone(shared))).err());
        }
        unused
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.inside -= 1;
        let unused = state.let_in(&self.0);
        drop(state);
        drop(unused);
    }
}

/// No code panics while it holds the lock; a poisoned one is as good as any.
fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(gate: &Gate, places: usize) -> Pass {
        match gate.enter(places, Priority::default()).unwrap() {
            Entrance::Open(pass) => pass,
            Entrance::Waiting(_) => panic!("no place is free"),
        }
    }

    fn queued(gate: &Gate, places: usize, level: u8) -> oneshot::Receiver<Pass> {
        match gate.enter(places, Priority::from_level(level)).unwrap() {
            Entrance::Open(_) => panic!("a place is free"),
            Entrance::Waiting(place) => place,
        }
    }

    #[test]
    fn so_many_are_inside_and_the_next_comes_in_by_priority() {
        let gate = Gate::new(8);
        let first = open(&gate, 2);
        let second = open(&gate, 2);
        let mut late = queued(&gate, 2, 200);
        let mut old = queued(&gate, 2, 100);
        let mut young = queued(&gate, 2, 100);
        assert_eq!(gate.waiting(), 3);
        drop(first);
        let inside = old.try_recv().unwrap();
        assert!(young.try_recv().is_err() && late.try_recv().is_err());
        drop((second, inside));
        assert!(young.try_recv().is_ok() && late.try_recv().is_ok());
        assert_eq!(gate.waiting(), 0);
    }

    #[test]
    fn too_many_are_refused_and_those_who_left_make_room() {
        let gate = Gate::new(2);
        let inside = open(&gate, 1);
        let first = queued(&gate, 1, 100);
        let mut second = queued(&gate, 1, 100);
        let refused = gate.enter(1, Priority::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QueueFull);
        drop(first);
        let mut third = queued(&gate, 1, 100);
        drop(inside);
        let pass = second.try_recv().unwrap();
        assert!(third.try_recv().is_err());
        drop(pass);
        assert!(third.try_recv().is_ok());
    }

    #[test]
    fn a_pass_that_nobody_takes_goes_to_the_next() {
        let gate = Gate::new(8);
        let inside = open(&gate, 1);
        let leaves = queued(&gate, 1, 100);
        let mut stays = queued(&gate, 1, 100);
        drop(inside);
        assert!(stays.try_recv().is_err());
        drop(leaves);
        drop(stays.try_recv().unwrap());
        drop(open(&gate, 1));
    }

    #[test]
    fn more_places_let_more_in() {
        let gate = Gate::new(8);
        let _inside = open(&gate, 1);
        let mut waits = queued(&gate, 1, 100);
        let _other = open(&gate, 3);
        assert!(waits.try_recv().is_ok());
    }
}
