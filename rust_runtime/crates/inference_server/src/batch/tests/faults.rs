use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{
    ErrorKind,
    testing::{failed, one_to_one, tensor},
};

/// A batch of 8 of which one holds 13, after a first run that held the engine up.
fn batch_of_eight(engine: Engine) -> (Vec<Pending>, Batcher) {
    let (engine, gate) = Engine::gated_by(engine);
    let batcher = start(engine, &eight());
    let first = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let batch =
        (0..8).map(|place| submit(&batcher, &[1, 2], if place == 5 { 13.0 } else { place as f32 }));
    let batch: Vec<Pending> = batch.collect();
    for _ in 0..10 {
        gate.open();
    }
    block_on(first).unwrap();
    assert_eq!(gate.entered(), [8, 2]);
    (batch, batcher)
}

#[test]
fn a_panic_or_an_error_in_a_batch_fails_only_the_culprit() {
    for panics in [true, false] {
        let (batch, batcher) = batch_of_eight(Engine::poisoned(&["n", "2"], 13.0, panics));
        for (place, pending) in batch.into_iter().enumerate() {
            let answer = block_on(pending);
            if place == 5 {
                assert_eq!(answer.unwrap_err().kind(), ErrorKind::Fault);
            } else {
                assert_eq!(output(&answer.unwrap()), (vec![1, 2], vec![place as f32; 2]));
            }
        }
        assert_eq!(batcher.load().bytes, 0);
        assert_eq!(batcher.largest_batch(), Ok(8), "the model is not at fault");
        assert_eq!(batcher.statistics().inference_stats.fail.count, 1);
    }
}

#[test]
fn a_poisonous_request_alone_leaves_the_engine_usable() {
    let batcher = start(Engine::poisoned(&["n", "2"], 13.0, true), &eight());
    let error = refusal(submit(&batcher, &[1, 2], 13.0));
    assert_eq!((error.kind(), error.model()), (ErrorKind::Fault, Some("m")));
    assert!(error.detail().is_some_and(|detail| detail.contains("poison")));
    assert!(!error.to_string().contains("poison"));
    assert!(block_on(submit(&batcher, &[1, 2], 1.0)).is_ok());
}

#[test]
fn an_engine_that_runs_no_batches_is_found_out() {
    let model = Engine::new(one_to_one(&["n", "2"]), |inputs| {
        if inputs[0].shape()[0] > 1 { Err(failed("Reshape")) } else { Ok(inputs) }
    });
    let (engine, gate) = Engine::gated_by(model);
    let calls = engine.calls();
    let batcher = start(engine, &eight());
    let mut runs = 0;
    for _ in 0..3 {
        assert!(batcher.largest_batch().is_ok());
        let first = submit(&batcher, &[1, 2], 0.0);
        gate.entered();
        let pair = [submit(&batcher, &[1, 2], 1.0), submit(&batcher, &[1, 2], 2.0)];
        for _ in 0..4 {
            gate.open();
        }
        block_on(first).unwrap();
        for (pending, value) in pair.into_iter().zip([1.0, 2.0]) {
            assert_eq!(output(&reply(pending)).1, [value; 2]);
        }
        for _ in 0..3 {
            gate.entered();
        }
        runs += 4;
        assert_eq!(calls.lock().unwrap().len(), runs);
    }
    // One more request shows that what the last batch taught has been noted.
    gate.open();
    block_on(submit(&batcher, &[1, 2], 0.0)).unwrap();
    let reason = batcher.largest_batch().unwrap_err();
    assert!(reason.contains("engine_failed"), "{reason}");
}

#[test]
fn an_output_that_is_not_as_long_as_the_batch_is_never_split() {
    let model = Engine::new(one_to_one(&["n", "2"]), |inputs| {
        let value = values(&inputs[0])[0];
        Ok(vec![tensor(&[1, 2], value)])
    });
    let (engine, gate) = Engine::gated_by(model);
    let batcher = start(engine, &eight());
    let first = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let pair = [submit(&batcher, &[1, 2], 1.0), submit(&batcher, &[1, 2], 2.0)];
    for _ in 0..4 {
        gate.open();
    }
    for (pending, value) in [first].into_iter().chain(pair).zip([0.0, 1.0, 2.0]) {
        assert_eq!(output(&reply(pending)), (vec![1, 2], vec![value; 2]));
    }
}

#[test]
fn a_run_that_hangs_makes_its_model_not_ready_and_no_other() {
    let settings = BatchSettings { run_deadline: Duration::from_millis(1), ..eight() };
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let hanging = start(engine, &settings);
    let healthy = start(Engine::echo(&["n", "2"]), &settings);
    assert_eq!(hanging.hung(), None);
    let soon = |rows| due_in(request(&[rows, 2], 0.0), Duration::from_millis(50));
    let running = hanging.submit(soon(1)).unwrap();
    gate.entered();
    let waiting = hanging.submit(soon(2)).ok();
    assert_eq!(refusal(running).kind(), ErrorKind::Deadline);
    if let Some(waiting) = waiting {
        assert_eq!(refusal(waiting).kind(), ErrorKind::Deadline);
    }
    assert!(hanging.hung().is_some());
    let refused = hanging.submit(request(&[1, 2], 0.0)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(block_on(submit(&healthy, &[1, 2], 0.0)).is_ok());
    gate.open();
    hanging.close();
    assert!(hanging.ending().wait(Instant::now() + Duration::from_mins(1)));
    assert_eq!(hanging.hung(), None);
}

#[test]
fn a_model_with_another_free_engine_goes_on_while_one_hangs() {
    let settings = BatchSettings { run_deadline: Duration::from_millis(1), ..eight() };
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let engines = vec![engine, Engine::echo(&["n", "2"])];
    let batcher = started(engines, &settings, &QueueLimits::default());
    // Whichever engine is free takes a request: sooner or later the one that holds it up.
    let held_up = |_: &usize| {
        let soon = due_in(request(&[1, 2], 0.0), Duration::from_millis(100));
        block_on(batcher.submit(soon).unwrap()).is_err()
    };
    assert!((0..100_000).any(|run| held_up(&run)));
    assert!(batcher.hung().is_some());
    for _ in 0..5 {
        assert!(block_on(submit(&batcher, &[1, 2], 0.0)).is_ok());
    }
    gate.open();
}

#[test]
fn who_waits_for_the_end_waits_until_the_engine_is_let_go_of() {
    struct Slow(Arc<AtomicBool>);
    impl Drop for Slow {
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(100));
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let gone = Arc::new(AtomicBool::new(false));
    let slow = Slow(Arc::clone(&gone));
    let engine = Engine::new(one_to_one(&["n", "2"]), move |inputs| {
        let _held = &slow;
        Ok(inputs)
    });
    let batcher = start(engine, &eight());
    batcher.close();
    assert!(batcher.ending().wait(Instant::now() + Duration::from_mins(1)));
    assert!(gone.load(Ordering::SeqCst));
}
