//! Time by node: every node once a run, times that add up, names that lead back to the file.

use std::{collections::BTreeSet, num::NonZero, time::Instant};

use runner_core::{NodeTime, RunErrorKind, Runner, onnx::OnnxModel};

use crate::{Bench, Engine, Outcome, ensure, read};

const RUNS: NonZero<usize> = NonZero::new(5).unwrap();
/// What engines call a convolution, which some do by a product of matrices.
const CONVOLUTION: [&str; 2] = ["Conv", "MatMul"];

pub(crate) fn check(bench: &mut Bench<'_>) {
    bench.case("profile/nodes", nodes_are_told);
    bench.case("profile/missing_input", |engine| {
        let runner = engine.open("residual")?;
        let refused = runner.profile_named(Vec::new(), RUNS).err();
        let kind = refused.map(|error| error.kind());
        ensure(kind == Some(RunErrorKind::MissingInput), || format!("{kind:?}"))
    });
}

fn nodes_are_told(engine: &Engine<'_>) -> Outcome {
    for (model, optimize) in [("residual", true), ("dynamic", true), ("residual", false)] {
        let mut config = engine.config(model);
        config.optimize = optimize;
        let runner = engine.load(&config).map_err(|error| error.to_string())?;
        nodes_of(engine, model, &*runner).map_err(|reason| format!("{model}: {reason}"))?;
    }
    Ok(())
}

fn nodes_of(engine: &Engine<'_>, model: &str, runner: &dyn Runner) -> Outcome {
    for case in engine.golden(model)? {
        let start = Instant::now();
        let nodes = runner.profile_named(case.inputs, RUNS).map_err(|error| error.to_string())?;
        let nodes = nodes.ok_or("the engine cannot tell")?;
        let passed = start.elapsed().as_secs_f64() * 1e3;
        times_add_up(&nodes, passed)
            .and_then(|()| origins_are_the_file(engine, model, &nodes))
            .map_err(|reason| format!("{reason}: {nodes:?}"))?;
    }
    Ok(())
}

fn times_add_up(nodes: &[NodeTime], passed_ms: f64) -> Outcome {
    ensure(nodes.iter().all(|node| node.total_ms >= 0.0), || "a time is below zero".to_owned())?;
    ensure(nodes.iter().all(|node| node.calls == RUNS.get()), || "not once a run".to_owned())?;
    let sum: f64 = nodes.iter().map(|node| node.total_ms).sum();
    ensure(sum > 0.0 && sum <= passed_ms, || format!("{sum} ms of nodes in {passed_ms} ms"))?;
    let names: BTreeSet<_> = nodes.iter().map(|node| &node.name).collect();
    ensure(names.len() == nodes.len(), || "two nodes have one name".to_owned())
}

/// Every node of the file is some node's origin, and a convolution is told as one.
fn origins_are_the_file(engine: &Engine<'_>, model: &str, nodes: &[NodeTime]) -> Outcome {
    let bytes = read(&engine.model(model))?;
    let file = OnnxModel::read(model, &bytes).map_err(|error| error.to_string())?;
    let told = nodes.iter().flat_map(|node| &node.origins).map(String::as_str);
    let told: BTreeSet<&str> = told.collect();
    let known: BTreeSet<&str> = file.nodes.iter().map(|node| node.name.as_str()).collect();
    ensure(told == known, || format!("{told:?} stand for {known:?}"))?;
    for convolution in file.nodes.iter().filter(|node| node.operator == "Conv") {
        let is_told = nodes.iter().any(|node| {
            node.origins.first() == Some(&convolution.name)
                && CONVOLUTION.iter().any(|name| node.op_type.contains(name))
        });
        ensure(is_told, || format!("{} is told as no convolution", convolution.name))?;
    }
    Ok(())
}
