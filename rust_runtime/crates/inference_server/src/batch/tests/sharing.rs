use runner_core::{
    Tensor,
    ndarray::{ArrayD, Axis},
};

use super::*;
use crate::{
    Priority,
    testing::{info, one_to_one, spec},
};

#[test]
fn what_waits_is_one_call_with_all_rows_and_each_reply_is_its_own() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let calls = engine.calls();
    let batcher = start(engine, &eight());
    let first = submit(&batcher, &[1, 2], 0.5);
    assert_eq!(gate.entered(), [1, 2]);
    let waiting: Vec<Pending> =
        [1, 2, 1].iter().map(|rows| submit(&batcher, &[*rows, 2], *rows as f32)).collect();
    gate.open();
    assert_eq!(gate.entered(), [4, 2]);
    gate.open();
    assert_eq!(output(&reply(first)), (vec![1, 2], vec![0.5; 2]));
    for (pending, rows) in waiting.into_iter().zip([1, 2, 1]) {
        let reply = reply(pending);
        assert_eq!(output(&reply), (vec![rows, 2], vec![rows as f32; rows * 2]));
        assert_eq!(reply.timing.batch_size, 4);
    }
    assert_eq!(*calls.lock().unwrap(), [vec![1, 2], vec![4, 2]]);
    let statistics = batcher.statistics();
    assert_eq!((statistics.execution_count, statistics.inference_count), (2, 5));
}

/// A row is answered with its sum and its place in the row.
fn sums() -> Engine {
    let outputs = vec![spec("sum", &["n"]), spec("cumulated", &["n", "w"])];
    Engine::new(info(vec![spec("x", &["n", "w"])], outputs), |inputs| {
        let Tensor::F32(array) = &inputs[0] else { panic!("{inputs:?}") };
        let mut cumulated = array.clone();
        cumulated.accumulate_axis_inplace(Axis(1), |before, value| *value += before);
        Ok(vec![array.sum_axis(Axis(1)).into(), cumulated.into()])
    })
}

#[test]
fn a_reply_from_a_batch_equals_the_reply_to_the_same_request_alone() {
    let rows = |seed: usize| -> NamedTensors {
        let array = ArrayD::from_shape_fn(vec![seed % 3 + 1, 4], |index| {
            (index[0] * 7 + index[1] * 3 + seed) as f32 * 0.25
        });
        vec![("x".into(), array.into())]
    };
    let (engine, gate) = Engine::gated_by(sums());
    let batcher = start(engine, &eight());
    let first = submit(&batcher, &[1, 4], 1.0);
    gate.entered();
    let waiting: Vec<Pending> =
        (0..4).map(|seed| batcher.submit(InferRequest::new(rows(seed))).unwrap()).collect();
    gate.open();
    assert_eq!(gate.entered(), [7, 4]);
    gate.open();
    drop(first);
    let alone = sums();
    for (seed, pending) in waiting.into_iter().enumerate() {
        assert_eq!(reply(pending).outputs, alone.run_named(rows(seed)).unwrap(), "{seed}");
    }
}

#[test]
fn a_request_gets_the_outputs_that_it_wants_in_that_order() {
    let (engine, gate) = Engine::gated_by(sums());
    let batcher = start(engine, &eight());
    let wanting = |outputs: &[&str]| {
        let outputs = Some(outputs.iter().map(ToString::to_string).collect());
        batcher.submit(InferRequest { outputs, ..request(&[1, 4], 1.0) })
    };
    let alone = wanting(&["cumulated"]).unwrap();
    gate.entered();
    let turned = [wanting(&["cumulated", "sum"]).unwrap(), wanting(&["cumulated", "sum"]).unwrap()];
    let all = submit(&batcher, &[1, 4], 1.0);
    for _ in 0..3 {
        gate.open();
    }
    assert_eq!((gate.entered(), gate.entered()), (vec![2, 4], vec![1, 4]));
    assert_eq!(names(&reply(alone).outputs), ["cumulated"]);
    for pending in turned {
        assert_eq!(names(&reply(pending).outputs), ["cumulated", "sum"]);
    }
    assert_eq!(names(&reply(all).outputs), ["sum", "cumulated"]);
    assert_eq!(wanting(&["nothing"]).unwrap_err().input(), Some("nothing"));
}

#[test]
fn only_the_same_shapes_share_a_run() {
    let (engine, gate) = Engine::gated(&["n", "w"]);
    let batcher = start(engine, &eight());
    let first = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let others: Vec<Pending> =
        [2, 3, 2, 3].iter().map(|width| submit(&batcher, &[1, *width], 0.0)).collect();
    for _ in 0..3 {
        gate.open();
    }
    assert_eq!((gate.entered(), gate.entered()), (vec![2, 2], vec![2, 3]));
    assert_eq!(reply(first).timing.batch_size, 1);
    assert!(others.into_iter().all(|pending| reply(pending).timing.batch_size == 2));
}

#[test]
fn a_clients_own_batch_counts_towards_the_largest() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let batcher = start(engine, &BatchSettings { size: 4, ..BatchSettings::default() });
    let first = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let others: Vec<Pending> =
        [3, 3, 9, 1].iter().map(|rows| submit(&batcher, &[*rows, 2], 0.0)).collect();
    for _ in 0..4 {
        gate.open();
    }
    let runs = [gate.entered(), gate.entered(), gate.entered()];
    assert_eq!(runs, [[4, 2], [3, 2], [9, 2]]);
    drop((first, others));
}

#[test]
fn the_first_priority_is_served_first() {
    let (engine, gate) = Engine::gated(&["n", "w"]);
    let batcher = start(engine, &eight());
    let first = submit(&batcher, &[1, 1], 0.0);
    gate.entered();
    let usual = submit(&batcher, &[1, 2], 0.0);
    let urgent = InferRequest { priority: Priority::from_level(1), ..request(&[1, 3], 0.0) };
    let urgent = batcher.submit(urgent).unwrap();
    for _ in 0..3 {
        gate.open();
    }
    assert_eq!((gate.entered(), gate.entered()), (vec![1, 3], vec![1, 2]));
    drop((first, usual, urgent));
}

#[test]
fn a_model_with_a_fixed_batch_axis_is_never_batched_and_says_so() {
    let (engine, gate) = Engine::gated(&["1", "2"]);
    let calls = engine.calls();
    let batcher = start(engine, &eight());
    let pending: Vec<Pending> = (0..4).map(|_| submit(&batcher, &[1, 2], 1.0)).collect();
    for _ in 0..4 {
        gate.open();
    }
    assert!(pending.into_iter().all(|pending| reply(pending).timing.batch_size == 1));
    assert_eq!(*calls.lock().unwrap(), vec![vec![1, 2]; 4]);
    assert!(batcher.largest_batch().unwrap_err().contains("fixed first axis"));
}

#[test]
fn batching_that_is_turned_off_is_off() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let batcher = start(engine, &BatchSettings { enabled: false, ..eight() });
    let pending: Vec<Pending> = (0..3).map(|_| submit(&batcher, &[1, 2], 1.0)).collect();
    for _ in 0..3 {
        gate.open();
    }
    assert!(pending.into_iter().all(|pending| reply(pending).timing.batch_size == 1));
    assert!(batcher.largest_batch().is_err());
}

#[test]
fn where_only_powers_run_three_are_two_and_one() {
    let (engine, gate) = Engine::gated(&["n", "2"]);
    let engines = Engines {
        batching: Batching::declared(engine.info()),
        runners: vec![Arc::new(engine)],
        powers_only: true,
    };
    let metrics = Metrics::new().of_model("m", "1");
    let (settings, limits) = (eight(), QueueLimits::default());
    let clock = Clock::start().unwrap();
    let batcher = Batcher::start("m", engines, (&settings, &limits), &clock, metrics).unwrap();
    let first = submit(&batcher, &[1, 2], 0.0);
    gate.entered();
    let others: Vec<Pending> = (0..3).map(|_| submit(&batcher, &[1, 2], 1.0)).collect();
    for _ in 0..3 {
        gate.open();
    }
    assert_eq!((gate.entered(), gate.entered()), (vec![2, 2], vec![1, 2]));
    drop((first, others));
}

#[test]
fn a_delay_waits_for_others_and_not_longer_than_needed() {
    let settings = BatchSettings { size: 2, delay: Duration::from_hours(1), ..eight() };
    let engine = Engine::echo(&["n", "2"]);
    let calls = engine.calls();
    let limits = QueueLimits { longest_deadline: Duration::from_hours(9), ..Default::default() };
    let batcher = started(vec![engine], &settings, &limits);
    let long = Duration::from_hours(8);
    let pair = [(); 2].map(|()| batcher.submit(due_in(request(&[1, 2], 0.0), long)).unwrap());
    for pending in pair {
        assert_eq!(reply(pending).timing.batch_size, 2);
    }
    assert_eq!(*calls.lock().unwrap(), [[2, 2]]);
    // The deadline cuts the delay short: the request runs alone, in time.
    let pressed = due_in(request(&[1, 2], 0.0), Duration::from_secs(2));
    assert_eq!(reply(batcher.submit(pressed).unwrap()).timing.batch_size, 1);
}

#[test]
fn a_tuned_queue_batches_only_what_batches_save_time_on() {
    let flat = Engine::new(one_to_one(&["n", "2"]), Ok);
    let batcher = start(flat, &BatchSettings::default());
    assert_eq!(batcher.largest_batch(), Ok(1));
    for value in 0..50 {
        let reply = reply(submit(&batcher, &[1, 2], value as f32));
        assert_eq!(output(&reply).1, [value as f32; 2]);
    }
}
