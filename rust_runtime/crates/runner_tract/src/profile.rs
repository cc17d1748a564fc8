use std::{
    num::NonZero,
    time::{Duration, Instant},
};

use runner_core::{
    NodeTime,
    onnx::{EngineNode, Naming, OnnxModel, origins},
};
use tract_onnx::{prelude::*, tract_core::plan::eval};

use crate::plan::Plan;

/// What multiplies matrices.
const PRODUCTS: [&str; 4] = ["Conv", "DepthWiseConv", "EinSum", "OptMatMul"];

/// What each node of a plan takes, timed around its evaluation.
pub(crate) fn profile(
    plan: &Plan,
    declared: &OnnxModel,
    inputs: &TVec<TValue>,
    runs: NonZero<usize>,
) -> TractResult<Vec<NodeTime>> {
    plan.run(inputs.clone())?;
    let mut times = vec![(0, Duration::ZERO); plan.model().nodes().len()];
    for _ in 0..runs.get() {
        plan.spawn()?.run_plan_with_eval(inputs.clone(), |context, state, node, inputs| {
            let start = Instant::now();
            let outputs = eval(context, state, node, inputs);
            let (calls, total) = &mut times[node.id];
            *total += start.elapsed();
            *calls += 1;
            outputs
        })?;
    }
    Ok(described(plan, declared, &times))
}

fn described(plan: &Plan, declared: &OnnxModel, times: &[(usize, Duration)]) -> Vec<NodeTime> {
    let nodes = plan.order_without_consts().iter().map(|&id| plan.model().node(id));
    // An input is handed on, which is no work.
    let nodes: Vec<_> = nodes.filter(|node| node.op.name() != "Source").collect();
    let called = nodes.iter().map(|node| EngineNode {
        names: vec![node.name.as_str()],
        heavy: PRODUCTS.contains(&&*node.op.name()),
    });
    let called: Vec<_> = called.collect();
    let origins = origins(declared, &called, Naming::Last);
    let described = nodes.iter().zip(origins).map(|(node, origins)| {
        let (calls, total) = times[node.id];
        NodeTime {
            name: node.name.clone(),
            op_type: node.op.name().into_owned(),
            origins,
            calls,
            total_ms: total.as_secs_f64() * 1e3,
        }
    });
    described.collect()
}
