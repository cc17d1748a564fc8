use super::*;
use crate::ErrorKind;

fn limits(requests: usize, memory: usize) -> QueueLimits {
    QueueLimits { requests, memory, ..QueueLimits::default() }
}

#[test]
fn a_queue_that_is_full_by_count_answers_at_once() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let batcher = started(vec![engine], &eight(), &limits(2, 1 << 20));
    let running = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let waiting = [submit(&batcher, &[1, 2], 1.0), submit(&batcher, &[1, 2], 2.0)];
    let error = batcher.submit(request(&[1, 2], 3.0)).unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::QueueFull, Some("m")));
    assert!(error.retry_after().is_some_and(|delay| delay >= Duration::from_secs(1)));
    assert_eq!(batcher.statistics().inference_stats.fail.count, 1);
    gate.open();
    gate.open();
    assert!(waiting.into_iter().chain([running]).all(|pending| block_on(pending).is_ok()));
    gate.open();
    assert!(block_on(submit(&batcher, &[1, 2], 3.0)).is_ok());
}

#[test]
fn a_queue_that_is_full_by_bytes_answers_at_once_and_counts_exactly() {
    let (engine, gate) = Engine::gated(&["n", "w"]);
    let batcher = started(vec![engine], &eight(), &limits(100, 1000));
    let running = submit(&batcher, &[1, 100], 0.0);
    gate.entered();
    let waiting = submit(&batcher, &[2, 75], 0.0);
    assert_eq!(batcher.load().bytes, 1000);
    let error = batcher.submit(request(&[1, 1], 0.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    drop(waiting);
    assert_eq!(batcher.load().bytes, 400);
    let waiting = submit(&batcher, &[3, 50], 0.0);
    gate.open();
    block_on(running).unwrap();
    gate.entered();
    assert_eq!(batcher.load().bytes, 600);
    gate.open();
    block_on(waiting).unwrap();
    assert_eq!(batcher.load().bytes, 0);
    let error = batcher.submit(request(&[1, 251], 0.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_client_that_left_is_not_computed_and_holds_nothing() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let calls = engine.calls();
    let batcher = start(engine, &eight());
    let running = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let left = submit(&batcher, &[5, 2], 0.0);
    let stays = submit(&batcher, &[1, 2], 0.0);
    assert_eq!(batcher.load().waiting, 2);
    drop(left);
    assert_eq!((batcher.load().waiting, batcher.load().bytes), (1, 16));
    gate.open();
    gate.open();
    block_on(running).unwrap();
    block_on(stays).unwrap();
    assert_eq!(*calls.lock().unwrap(), [[1, 2], [1, 2]]);
}

#[test]
fn a_deadline_that_passes_in_the_queue_is_answered_on_time_and_not_computed() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let calls = engine.calls();
    let batcher = start(engine, &eight());
    let running = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let soon = due_in(request(&[5, 2], 0.0), Duration::from_millis(20));
    let late = batcher.submit(soon).unwrap();
    assert_eq!(refusal(late).kind(), ErrorKind::Deadline);
    assert_eq!((batcher.load().waiting, batcher.load().bytes), (0, 8));
    gate.open();
    block_on(running).unwrap();
    assert_eq!(*calls.lock().unwrap(), [[1, 2]]);
}

#[test]
fn a_deadline_that_has_passed_is_refused_and_a_far_one_is_cut() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let short = QueueLimits {
        deadline: Duration::from_millis(20),
        longest_deadline: Duration::from_millis(30),
        ..QueueLimits::default()
    };
    let batcher = started(vec![engine], &eight(), &short);
    let past = InferRequest { deadline: Some(Instant::now()), ..request(&[1, 2], 0.0) };
    assert_eq!(batcher.submit(past).unwrap_err().kind(), ErrorKind::Deadline);
    let usual = submit(&batcher, &[1, 2], 0.0);
    let far = batcher.submit(due_in(request(&[1, 2], 0.0), Duration::from_hours(1))).unwrap();
    assert_eq!(refusal(usual).kind(), ErrorKind::Deadline);
    assert_eq!(refusal(far).kind(), ErrorKind::Deadline);
    gate.open();
}

#[test]
fn what_waits_is_served_before_the_end_and_nothing_after_it() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let batcher = start(engine, &BatchSettings { size: 1, ..BatchSettings::default() });
    let pending: Vec<Pending> = (0..3).map(|_| submit(&batcher, &[1, 2], 0.0)).collect();
    batcher.close();
    let error = batcher.submit(request(&[1, 2], 0.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!batcher.ending().wait(Instant::now()));
    for _ in 0..3 {
        gate.open();
    }
    assert!(pending.into_iter().all(|pending| block_on(pending).is_ok()));
    assert!(batcher.ending().wait(Instant::now() + Duration::from_mins(1)));
}

#[test]
fn a_queue_without_its_batcher_still_answers_what_it_took() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let batcher = start(engine, &eight());
    let pending = [submit(&batcher, &[1, 2], 0.0), submit(&batcher, &[1, 2], 0.0)];
    drop(batcher);
    gate.open();
    gate.open();
    assert!(pending.into_iter().all(|pending| block_on(pending).is_ok()));
}
