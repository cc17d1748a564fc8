//! Time by node, from the counters of a model that is compiled to have them.

use std::num::NonZero;

use runner_core::{
    NodeTime,
    onnx::{EngineNode, Naming, OnnxModel, origins},
};

use crate::native::Counter;

/// The kind of a node that was fused into the one that stands before it.
const FUSED: &str = "undef";
/// What the engine adds to change the layout of a tensor.
const REORDER: &str = "Reorder";
/// Parts of the operators that multiply matrices.
const PRODUCTS: [&str; 7] =
    ["Attention", "Convolution", "FullyConnected", "GRU", "LSTM", "MatMul", "RNN"];
/// What only hands tensors in and out.
const ENDS: [&str; 2] = ["Parameter", "Result"];

/// What `runs` runs took, from the counters after one run and after all. A counter is the average
/// of all runs in whole microseconds, so what takes less reads as nothing.
pub(crate) fn times(
    declared: &OnnxModel,
    after_first: &[Counter],
    after_all: &[Counter],
    runs: NonZero<usize>,
) -> Vec<NodeTime> {
    let calls = runs.get();
    let all = calls as f64 + 1.0;
    let mut nodes = Vec::new();
    let mut called: Vec<EngineNode<'_>> = Vec::new();
    for (first, counter) in after_first.iter().zip(after_all) {
        if ENDS.contains(&counter.operator.as_str()) {
            continue;
        }
        if counter.kernel == FUSED {
            if let Some(node) = called.last_mut() {
                node.names.push(&counter.name);
            }
            continue;
        }
        let total = counter.average_us as f64 * all - first.average_us as f64;
        nodes.push(NodeTime {
            name: counter.name.clone(),
            op_type: counter.operator.clone(),
            origins: Vec::new(),
            calls,
            total_ms: total.max(0.0) / 1e3,
        });
        let added = counter.operator == REORDER;
        called.push(EngineNode {
            names: if added { Vec::new() } else { vec![&counter.name] },
            heavy: PRODUCTS.iter().any(|part| counter.operator.contains(part)),
        });
    }
    for (node, origins) in nodes.iter_mut().zip(origins(declared, &called, Naming::Product)) {
        node.origins = origins;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str, operator: &str, kernel: &str, average_us: i64) -> Counter {
        let [name, operator, kernel] = [name, operator, kernel].map(str::to_owned);
        Counter { name, operator, kernel, average_us }
    }

    #[test]
    fn the_first_run_is_taken_out_and_what_is_fused_has_no_time_of_its_own() {
        let counters = |conv, reorder| {
            [
                counter("x", "Parameter", "unknown_f32", 0),
                counter("x_abcd", "Reorder", "jit_uni_f32", reorder),
                counter("/a/WithoutBiases", "Convolution", "brgconv_f32", conv),
                counter("/r", "Relu", "undef", 0),
                counter("y", "Result", "unknown_f32", 0),
            ]
        };
        let runs = NonZero::new(4).unwrap();
        let nodes = times(&OnnxModel::default(), &counters(30, 2), &counters(10, 0), runs);
        let told: Vec<_> = nodes.iter().map(|node| (&node.name[..], node.calls)).collect();
        assert_eq!(told, [("x_abcd", 4), ("/a/WithoutBiases", 4)]);
        assert!((nodes[1].total_ms - 0.02).abs() < 1e-9 && nodes[0].total_ms == 0.0, "{nodes:?}");
    }
}
