use std::time::Duration;

use tokio::sync::oneshot::Receiver;

use super::*;
use crate::batch::entry::{Answer, tests::entry};

struct Bench {
    queue: Queue,
    /// Held, so that nobody has left.
    answers: Vec<Receiver<Answer>>,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        Self { queue: Queue::new(8, 1000), answers: Vec::new(), next: 0 }
    }

    fn push_as(
        &mut self,
        shape: &[usize],
        change: impl FnOnce(&mut Entry),
    ) -> Result<(), ServerError> {
        self.next += 1;
        let (mut entry, answer) = entry(self.next, shape);
        change(&mut entry);
        self.answers.push(answer);
        self.queue.push(entry)
    }

    fn push(&mut self, shape: &[usize]) {
        self.push_as(shape, |_| {}).unwrap();
    }

    fn take(&mut self, most_rows: usize) -> Vec<u64> {
        self.take_within(Most { rows: most_rows, bytes: usize::MAX })
    }

    fn take_within(&mut self, most: Most) -> Vec<u64> {
        let taken = self.queue.take(most, Instant::now());
        taken.batch.iter().map(|entry| entry.id).collect()
    }
}

#[test]
fn only_what_fits_together_is_taken_and_the_others_keep_their_place() {
    let mut bench = Bench::new();
    for shape in [[1, 4], [1, 5], [1, 4], [2, 4], [1, 5], [1, 4]] {
        bench.push(&shape);
    }
    assert_eq!(bench.take(4), [1, 3, 4]);
    assert_eq!(bench.take(4), [2, 5]);
    assert_eq!(bench.take(4), [6]);
    assert_eq!(bench.take(4), [0_u64; 0]);
    assert_eq!(bench.queue.waiting(), 0);
}

#[test]
fn a_clients_own_batch_counts_and_a_larger_one_runs_by_itself() {
    let mut bench = Bench::new();
    for shape in [[3, 4], [2, 4], [1, 4], [9, 4], [1, 4]] {
        bench.push(&shape);
    }
    assert_eq!(bench.take(4), [1, 3]);
    assert_eq!(bench.take(4), [2, 5]);
    assert_eq!(bench.take(4), [4]);
}

#[test]
fn a_batch_of_several_is_bounded_by_bytes_and_one_request_is_not() {
    let mut bench = Bench::new();
    for shape in [[1, 4], [2, 4], [1, 4]] {
        bench.push(&shape);
    }
    assert_eq!(bench.take_within(Most { rows: 8, bytes: 32 }), [1, 3]);
    assert_eq!(bench.take_within(Most { rows: 8, bytes: 8 }), [2]);
}

#[test]
fn the_first_priority_comes_first_and_shares_with_the_others() {
    let mut bench = Bench::new();
    bench.push(&[1, 4]);
    bench.push(&[1, 5]);
    let urgent = |entry: &mut Entry| entry.priority = Priority::from_level(1);
    bench.push_as(&[1, 4], urgent).unwrap();
    assert_eq!(bench.queue.head().unwrap().id, 3);
    assert_eq!(bench.take(1), [3]);
    bench.push_as(&[1, 4], urgent).unwrap();
    assert_eq!(bench.take(8), [4, 1]);
    assert_eq!(bench.take(8), [2]);
}

#[test]
fn what_nobody_waits_for_costs_nothing() {
    let mut bench = Bench::new();
    bench.push(&[1, 4]);
    bench.push_as(&[1, 4], |entry| entry.deadline = Instant::now()).unwrap();
    bench.push(&[1, 4]);
    bench.answers.remove(0);
    let most = Most { rows: 8, bytes: usize::MAX };
    let taken = bench.queue.take(most, Instant::now() + Duration::from_millis(1));
    assert_eq!((taken.left.len(), taken.late.len(), taken.batch.len()), (1, 1, 1));
    assert_eq!((taken.late[0].id, taken.batch[0].id), (2, 3));
    assert_eq!((bench.queue.waiting(), bench.queue.bytes()), (0, 16));
}

#[test]
fn it_is_full_by_count_and_by_bytes_and_takes_again_when_it_is_not() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.push(&[1, 1]);
    }
    let kind = |refused: Result<(), ServerError>| refused.unwrap_err().kind();
    assert_eq!(kind(bench.push_as(&[1, 1], |_| {})), ErrorKind::QueueFull);
    bench.take(8);
    bench.queue.release(32);
    bench.push(&[1, 200]);
    assert_eq!(kind(bench.push_as(&[1, 51], |_| {})), ErrorKind::QueueFull);
    bench.push(&[1, 50]);
    assert_eq!(bench.queue.bytes(), 1000);
    assert_eq!(kind(bench.push_as(&[1, 251], |_| {})), ErrorKind::TooLarge);
    assert_eq!((bench.queue.waiting(), bench.queue.bytes()), (2, 1000));
}

#[test]
fn bytes_are_held_until_the_run_has_ended() {
    let mut bench = Bench::new();
    bench.push(&[1, 200]);
    bench.take(8);
    assert_eq!((bench.queue.waiting(), bench.queue.bytes()), (0, 800));
    assert!(bench.push_as(&[1, 100], |_| {}).is_err());
    bench.queue.release(800);
    bench.push(&[1, 100]);
    assert_eq!(bench.queue.bytes(), 400);
}

#[test]
fn one_that_leaves_is_taken_out_at_once() {
    let mut bench = Bench::new();
    for shape in [[1, 4], [1, 5], [1, 4]] {
        bench.push(&shape);
    }
    let priority = Priority::default();
    assert_eq!(bench.queue.remove(priority, 2).unwrap().id, 2);
    assert!(bench.queue.remove(priority, 2).is_none());
    assert_eq!((bench.queue.waiting(), bench.queue.bytes()), (2, 32));
    assert_eq!(bench.queue.drain().len(), 2);
    assert_eq!((bench.queue.waiting(), bench.queue.bytes()), (0, 0));
}

#[test]
fn parts_of_what_came_first_are_done_first() {
    let mut bench = Bench::new();
    let start = Instant::now();
    for since in [0, 10, 0, 20, 10, 0] {
        let since = start + Duration::from_millis(since);
        bench.push_as(&[1, 4], |entry| entry.since = since).unwrap();
    }
    let left = bench.queue.remove(Priority::default(), 3).map(|entry| entry.id);
    assert_eq!(left, Some(3));
    assert_eq!(bench.take(8), [1, 6, 2, 5, 4]);
}
