//! Time by node, from the file that a session of its own writes.

use std::{cmp::Reverse, collections::HashMap, error::Error, fs, iter, num::NonZero, path::Path};

use ort::value::DynValue;
use runner_core::{
    NodeTime,
    onnx::{EngineNode, Naming, OnnxModel, origins},
};
use serde::Deserialize;

use crate::{
    OrtRunner, library, load,
    settings::{Recording, Settings},
};

type Failure = Box<dyn Error + Send + Sync>;

/// As many events as one file should hold: it is read whole, and ONNX Runtime itself stops at a
/// million.
const MOST_EVENTS: usize = 50_000;
/// What ends the name of the event that is the work of a node.
const WORK: &str = "_kernel_time";
/// Operators with graphs inside, whose nodes have events of their own.
const HOLDING: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];
/// What starts the operator of a change of layout.
const REORDER: &str = "Reorder";
/// Parts of the operators that multiply matrices.
const PRODUCTS: [&str; 8] = ["Attention", "Conv", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"];

/// What each node of the session's graph takes.
pub(crate) fn profile(
    runner: &OrtRunner,
    inputs: &[DynValue],
    runs: NonZero<usize>,
) -> Result<Vec<NodeTime>, Failure> {
    let folder = tempfile::tempdir()?;
    // A graph may have as many changes of layout as it has nodes.
    let most = (MOST_EVENTS / (2 * runner.declared.nodes.len() + 8)).max(1);
    let (mut nodes, mut left) = (Nodes::default(), runs.get());
    let recording = Recording::new(folder.path());
    while left > 0 {
        let runs = left.min(most);
        nodes.add(record(runner, inputs, runs, &recording)?);
        left -= runs;
    }
    let graph = OnnxModel::read("the optimised graph", &fs::read(recording.graph())?)?;
    Ok(nodes.traced(&runner.declared, &graph))
}

/// The events of so many runs, after the first run of a session.
fn record(
    runner: &OrtRunner,
    inputs: &[DynValue],
    runs: usize,
    recording: &Recording,
) -> Result<Vec<Event>, Failure> {
    let settings = Settings::read(&runner.config)?.recording(recording.clone());
    let mut loaded = load::load(&runner.config, library::engine()?, &settings)?;
    if loaded.info != runner.info {
        return Err("the model's file has changed since it was loaded".into());
    }
    for _ in 0..=runs {
        loaded.session.run(inputs)?;
    }
    let file = loaded.session.end_profiling()?;
    let events = read_events(Path::new(&file));
    fs::remove_file(file)?;
    let events = events?;
    let ends: Vec<u64> =
        events.iter().filter(|event| event.name == "model_run").map(Event::end).collect();
    if ends.len() != runs + 1 {
        return Err(format!("{} of {} runs were recorded", ends.len(), runs + 1).into());
    }
    Ok(outermost(events.into_iter().filter(|event| event.start >= ends[0]).collect()))
}

fn read_events(file: &Path) -> Result<Vec<Event>, Failure> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

/// The work of nodes that run inside no other node: the time of that one holds theirs.
fn outermost(mut events: Vec<Event>) -> Vec<Event> {
    events.retain(|event| event.kind == "Node" && event.name.ends_with(WORK));
    events.sort_by_key(|event| (event.start, Reverse(event.duration)));
    let mut end = 0;
    events.retain(|event| {
        let outside = event.start >= end;
        if outside && HOLDING.contains(&event.args.op_name.as_str()) {
            end = event.end();
        }
        outside
    });
    events
}

/// One entry of the file; times are microseconds.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "cat")]
    kind: String,
    name: String,
    #[serde(rename = "ts")]
    start: u64,
    #[serde(rename = "dur")]
    duration: u64,
    #[serde(default)]
    args: Arguments,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    op_name: String,
    node_index: String,
}

impl Event {
    fn end(&self) -> u64 {
        self.start + self.duration
    }
}

/// Nodes in the order in which they first ran.
#[derive(Default)]
struct Nodes {
    places: HashMap<(String, String), usize>,
    times: Vec<NodeTime>,
}

impl Nodes {
    fn add(&mut self, events: Vec<Event>) {
        for Event { name, duration, args: Arguments { op_name, node_index }, .. } in events {
            let name = name.strip_suffix(WORK).unwrap_or(&name).to_owned();
            let place = *self.places.entry((node_index, name.clone())).or_insert_with(|| {
                let (calls, total_ms, origins) = (0, 0.0, Vec::new());
                self.times.push(NodeTime { name, op_type: op_name, origins, calls, total_ms });
                self.times.len() - 1
            });
            self.times[place].calls += 1;
            self.times[place].total_ms += duration as f64 / 1e3;
        }
    }

    /// Finds the origins of every node: by its name, and by the values that it makes in the graph
    /// that ran.
    fn traced(mut self, declared: &OnnxModel, graph: &OnnxModel) -> Vec<NodeTime> {
        let made: HashMap<&str, &[String]> =
            graph.nodes.iter().map(|node| (node.name.as_str(), &node.makes[..])).collect();
        let called = self.times.iter().map(|node| {
            let makes = made.get(node.name.as_str()).copied().unwrap_or_default();
            let names = iter::once(plain(&node.name)).chain(makes.iter().map(String::as_str));
            let added = node.op_type.starts_with(REORDER);
            let names = if added { Vec::new() } else { names.collect() };
            EngineNode { names, heavy: PRODUCTS.iter().any(|part| node.op_type.contains(part)) }
        });
        let called: Vec<EngineNode<'_>> = called.collect();
        let found = origins(declared, &called, Naming::Product);
        for (node, origins) in self.times.iter_mut().zip(found) {
            node.origins = origins;
        }
        self.times
    }
}

/// The name without what ONNX Runtime put around another name.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix("fused ").unwrap_or(name);
    let counted = name.rsplit_once("_token_");
    let name = counted.map_or(name, |(name, _)| name);
    name.strip_suffix("_nchwc").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, start: u64, duration: u64) -> Event {
        let args = Arguments { op_name: name.to_owned(), ..Arguments::default() };
        let (kind, name) = ("Node".to_owned(), format!("{name}{WORK}"));
        Event { kind, name, start, duration, args }
    }

    #[test]
    fn what_runs_inside_a_node_is_not_counted_twice() {
        // Inner nodes end first, so they stand first in the file.
        let events = vec![
            event("Relu", 10, 5),
            event("Conv", 15, 2),
            event("Add", 18, 3),
            event("Loop", 15, 10),
            event("Mul", 25, 0),
            event("Sub", 25, 4),
        ];
        let mut kept: Vec<String> =
            outermost(events).into_iter().map(|event| event.args.op_name).collect();
        kept.sort();
        assert_eq!(kept, ["Loop", "Mul", "Relu", "Sub"]);
    }

    #[test]
    fn names_lose_what_was_put_around_them() {
        let names = [
            ("fused /a/Gemm", "/a/Gemm"),
            ("/a/Relu_output_0_nchwc", "/a/Relu_output_0"),
            ("/a/Relu_output_0_nchwc_token_5", "/a/Relu_output_0"),
            ("/a/Conv", "/a/Conv"),
        ];
        for (name, expected) in names {
            assert_eq!(plain(name), expected);
        }
    }
}
