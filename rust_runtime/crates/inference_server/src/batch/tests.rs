//! Proves that requests share runs as they should, and that each is answered as if it were alone.
//! Engines are held up by gates, never by time.

mod bounds;
mod faults;
mod sharing;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use runner_core::{NamedTensors, Runner};

use super::{BatchSettings, Batcher, Batching, Engines, Pending};
use crate::{
    InferReply, InferRequest, QueueLimits, ServerError,
    clock::Clock,
    metrics::Metrics,
    testing::{Engine, block_on, input, values},
};

/// Always as many as wait, up to 8.
fn eight() -> BatchSettings {
    BatchSettings { size: 8, ..BatchSettings::default() }
}

fn started(engines: Vec<Engine>, settings: &BatchSettings, limits: &QueueLimits) -> Batcher {
    let runners: Vec<Arc<dyn Runner>> =
        engines.into_iter().map(|engine| Arc::new(engine) as Arc<dyn Runner>).collect();
    let batching = Batching::declared(runners[0].info());
    let engines = Engines { runners, batching, powers_only: false };
    let (clock, metrics) = (Clock::start().unwrap(), Metrics::new().of_model("m", "1"));
    Batcher::start("m", engines, (settings, limits), &clock, metrics).unwrap()
}

fn start(engine: Engine, settings: &BatchSettings) -> Batcher {
    started(vec![engine], settings, &QueueLimits::default())
}

fn request(shape: &[usize], value: f32) -> InferRequest {
    InferRequest::new(input(shape, value))
}

fn due_in(request: InferRequest, time: Duration) -> InferRequest {
    InferRequest { deadline: Some(Instant::now() + time), ..request }
}

fn submit(batcher: &Batcher, shape: &[usize], value: f32) -> Pending {
    batcher.submit(request(shape, value)).unwrap()
}

fn reply(pending: Pending) -> InferReply {
    block_on(pending).unwrap()
}

fn refusal(pending: Pending) -> ServerError {
    block_on(pending).unwrap_err()
}

fn output(reply: &InferReply) -> (Vec<usize>, Vec<f32>) {
    let [(_, tensor)] = &reply.outputs[..] else { panic!("{:?}", reply.outputs) };
    (tensor.shape().to_vec(), values(tensor))
}

fn names(outputs: &NamedTensors) -> Vec<&str> {
    outputs.iter().map(|(name, _)| name.as_str()).collect()
}
