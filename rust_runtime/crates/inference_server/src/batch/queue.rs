use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use super::entry::{Entry, Key};
use crate::{ErrorKind, Priority, ServerError};

/// Requests that wait: the first priority first, within one the oldest first.
#[derive(Debug)]
pub(super) struct Queue {
    lanes: BTreeMap<Priority, VecDeque<Entry>>,
    waiting: usize,
    /// Of the inputs of those that wait and of those that run.
    bytes: usize,
    most_requests: usize,
    most_bytes: usize,
}

/// The largest batch of several requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    pub(super) rows: usize,
    /// Of their inputs.
    pub(super) bytes: usize,
}

impl Most {
    /// Whether there is room for one more in a batch that begins with `first`.
    fn fits(&self, first: &Entry, entry: &Entry) -> bool {
        first.key == entry.key && entry.rows <= self.rows && entry.bytes <= self.bytes
    }
}

/// What was taken out of the queue at once.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// To share one run; of the same key.
    pub(super) batch: Vec<Entry>,
    /// Whose deadline has passed.
    pub(super) late: Vec<Entry>,
    /// That nobody waits for any more.
    pub(super) left: Vec<Entry>,
}

impl Queue {
    pub(super) fn new(most_requests: usize, most_bytes: usize) -> Self {
        Self { lanes: BTreeMap::new(), waiting: 0, bytes: 0, most_requests, most_bytes }
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes of the inputs of those that wait and of those that run.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts a request behind those of its priority that came before it.
    ///
    /// # Errors
    /// [`ErrorKind::QueueFull`] when there are as many requests (unless it is a part of one that was
    /// let in), or bytes, as the queue holds;
    /// [`ErrorKind::TooLarge`] for a request that it could never hold.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), ServerError> {
        if entry.bytes > self.most_bytes {
            let message = format!(
                "the inputs take {} bytes, the model's queue holds {}",
                entry.bytes, self.most_bytes
            );
            return Err(ServerError::new(ErrorKind::TooLarge, message));
        }
        let full = |what| {
            let message = format!("the model's queue is full: {what}; try again later");
            Err(ServerError::new(ErrorKind::QueueFull, message))
        };
        // What is a part of a picture was let in with it, and a picture is let in once.
        if self.waiting >= self.most_requests && !entry.part {
            return full(format!("{} requests wait", self.waiting));
        }
        if entry.bytes > self.most_bytes - self.bytes.min(self.most_bytes) {
            return full(format!("{} bytes of inputs are held", self.bytes));
        }
        self.waiting += 1;
        self.bytes += entry.bytes;
        let lane = self.lanes.entry(entry.priority).or_default();
        let before = lane.iter().rposition(|other| other.since <= entry.since);
        lane.insert(before.map_or(0, |place| place + 1), entry);
        Ok(())
    }

    /// Takes out a request whose client has left.
    pub(super) fn remove(&mut self, priority: Priority, id: u64) -> Option<Entry> {
        let lane = self.lanes.get_mut(&priority)?;
        let place = lane.iter().position(|entry| entry.id == id)?;
        let entry = lane.remove(place)?;
        self.waiting -= 1;
        self.bytes -= entry.bytes;
        self.clear_empty_lanes();
        Some(entry)
    }

    /// The request that is served next.
    pub(super) fn head(&self) -> Option<&Entry> {
        self.lanes.values().find_map(VecDeque::front)
    }

    /// Rows that wait and could share a run with those of this key, counted up to `enough`.
    pub(super) fn rows_of(&self, key: &Key, enough: usize) -> usize {
        let mut rows = 0;
        for entry in self.lanes.values().flatten().filter(|entry| entry.key == *key) {
            rows += entry.rows;
            if rows >= enough {
                break;
            }
        }
        rows
    }

    /// The earliest deadline among those that wait and could share a run with those of this key.
    pub(super) fn earliest_deadline(&self, key: &Key) -> Option<Instant> {
        let of_key = self.lanes.values().flatten().filter(|entry| entry.key == *key);
        of_key.map(|entry| entry.deadline).min()
    }

    /// Takes the first request that is still wanted, with the following ones that can share its
    /// run within `most`. A request that is larger runs by itself.
    ///
    /// What is taken to run keeps its bytes until [`Self::release`].
    pub(super) fn take(&mut self, most: Most, now: Instant) -> Taken {
        let mut taken = Taken::default();
        let mut room = most;
        for lane in self.lanes.values_mut() {
            let mut passed_by = VecDeque::new();
            while room.rows > 0
                && let Some(entry) = lane.pop_front()
            {
                if entry.is_left() {
                    self.bytes -= entry.bytes;
                    taken.left.push(entry);
                } else if entry.deadline <= now {
                    self.bytes -= entry.bytes;
                    taken.late.push(entry);
                } else if taken.batch.first().is_none_or(|first| room.fits(first, &entry)) {
                    room.rows = room.rows.saturating_sub(entry.rows);
                    room.bytes = room.bytes.saturating_sub(entry.bytes);
                    taken.batch.push(entry);
                } else {
                    passed_by.push_back(entry);
                }
            }
            while let Some(entry) = passed_by.pop_back() {
                lane.push_front(entry);
            }
        }
        self.waiting -= taken.batch.len() + taken.late.len() + taken.left.len();
        self.clear_empty_lanes();
        taken
    }

    /// Lets go of the bytes of what has run.
    pub(super) fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// Takes out everything that waits.
    pub(super) fn drain(&mut self) -> Vec<Entry> {
        let all: Vec<Entry> = std::mem::take(&mut self.lanes).into_values().flatten().collect();
        self.waiting = 0;
        self.bytes -= all.iter().map(|entry| entry.bytes).sum::<usize>();
        all
    }

    fn clear_empty_lanes(&mut self) {
        self.lanes.retain(|_, lane| !lane.is_empty());
    }
}

#[cfg(test)]
mod tests;
