"""The texts of a bundle: how to run the failing part again, in Python and in Rust."""

from __future__ import annotations

PYTHON = '''\
"""Runs model.onnx in {engine} and compares with what was expected.

Ends with 3 while it fails, with 4 where the engine is not here.
Needs: numpy, safetensors, {needs}
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

FOLDER = Path(__file__).resolve().parent
ALLOWED = json.loads((FOLDER / "case.json").read_text(encoding="utf-8"))["outputs"]
MISSING = ("backend_unavailable", "device_unavailable", "dependency_missing")


def run(inputs):
    """All outputs by name."""
{run}

def main():
    tensors = load_file(FOLDER / "case.safetensors")
    inputs = {{k.removeprefix("input/"): v for k, v in tensors.items() if k.startswith("input/")}}
    try:
        outputs = run(inputs)
    except Exception as error:
        print(f"FAIL {{type(error).__name__}}: {{error}}")
        is_missing = isinstance(error, ImportError) or getattr(error, "kind", "") in MISSING
        return 4 if is_missing else 3
    failed = False
    for name, allowed in ALLOWED.items():
        expected = tensors["output/" + name].astype(np.float64)
        got = np.asarray(outputs[name], np.float64)
        if got.shape != expected.shape:
            error, largest = float("inf"), float("inf")
        else:
            difference = np.where(got == expected, 0.0, got - expected)
            error = float(np.sqrt(np.mean(difference**2)))
            largest = float(np.abs(difference).max(initial=0.0))
        wrong = not error <= allowed
        failed |= wrong
        print(f"{{'FAIL' if wrong else 'pass'}} {{name}}: {{error:.3g}} (allowed {{allowed:.3g}}), "
              f"largest difference {{largest:.3g}}")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
'''

RUN_ONNXRUNTIME = """\
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.{level}
    session = onnxruntime.InferenceSession(
        str(FOLDER / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))
"""

RUN_CLIENT = """\
    from oxidizedvision import load

    model = FOLDER / "model.onnx"
    with load(model, runner={engine!r}, optimize={optimize}, apart=True) as runner:
        return runner.run_named(inputs)
"""

RUST = """\
//! Runs `model.onnx` in {engine} and compares with what was expected.
//!
//! Ends with 3 while it fails, with 4 where the engine is not here, with 1 where a file is not.
use std::{{fs, path::Path, process::ExitCode}};

use {crate_name}::{runner};
use runner_core::{{
    LoadError, LoadErrorKind, RunError, Runner, RunnerConfig, Tensor, f16,
    ndarray::{{ArrayD, IxDyn}},
}};
use safetensors::{{Dtype, SafeTensors, tensor::TensorView}};

const ALLOWED: &[(&str, f64)] = &[{allowed}];

fn main() -> ExitCode {{
    match run() {{
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {{
            eprintln!("error: {{error}}");
            exit_code(error.as_ref())
        }}
    }}
}}

fn exit_code(error: &(dyn std::error::Error + 'static)) -> ExitCode {{
    match error.downcast_ref::<LoadError>() {{
        Some(reason) if reason.kind() == LoadErrorKind::BackendUnavailable => ExitCode::from(4),
        Some(_) => ExitCode::from(3),
        None if error.is::<RunError>() => ExitCode::from(3),
        None => ExitCode::FAILURE,
    }}
}}

fn run() -> Result<bool, Box<dyn std::error::Error>> {{
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let bytes = fs::read(folder.join("case.safetensors"))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let mut config = RunnerConfig::from_path(folder.join("model.onnx"));
    config.optimize = {optimize};
    let runner = {runner}::from_config(&config)?;
    let mut inputs = Vec::new();
    for spec in &runner.info().inputs {{
        let view = tensors.tensor(&format!("input/{{}}", spec.name))?;
        inputs.push((spec.name.clone(), tensor_of(&view)?));
    }}
    let outputs = runner.run_named(inputs)?;
    let mut passed = true;
    for (name, allowed) in ALLOWED {{
        let expected = tensor_of(&tensors.tensor(&format!("output/{{name}}"))?)?;
        let got = outputs.iter().find(|(output, _)| output == name);
        let got = got.map(|(_, tensor)| tensor).ok_or("an output is missing")?;
        let error = distance(got, &expected);
        let wrong = error.is_nan() || error > *allowed;
        passed &= !wrong;
        let verdict = if wrong {{ "FAIL" }} else {{ "pass" }};
        println!("{{verdict}} {{name}}: {{error:.3e}} (allowed {{allowed:.3e}})");
    }}
    Ok(passed)
}}

/// The root mean square of the difference; infinite for another shape.
fn distance(got: &Tensor, expected: &Tensor) -> f64 {{
    if got.shape() != expected.shape() {{
        return f64::INFINITY;
    }}
    let (got, expected) = (values(got), values(expected));
    let square = |(a, b): (&f64, &f64)| if a == b {{ 0.0 }} else {{ (a - b) * (a - b) }};
    let sum: f64 = got.iter().zip(&expected).map(square).sum();
    (sum / got.len().max(1) as f64).sqrt()
}}

fn values(tensor: &Tensor) -> Vec<f64> {{
    match tensor {{
        Tensor::F32(a) => a.iter().map(|v| f64::from(*v)).collect(),
        Tensor::F16(a) => a.iter().map(|v| v.to_f64()).collect(),
        Tensor::F64(a) => a.iter().copied().collect(),
        Tensor::I8(a) => a.iter().map(|v| f64::from(*v)).collect(),
        Tensor::U8(a) => a.iter().map(|v| f64::from(*v)).collect(),
        Tensor::I32(a) => a.iter().map(|v| f64::from(*v)).collect(),
        Tensor::I64(a) => a.iter().map(|v| *v as f64).collect(),
        Tensor::Bool(a) => a.iter().map(|v| f64::from(u8::from(*v))).collect(),
    }}
}}

fn tensor_of(view: &TensorView<'_>) -> Result<Tensor, Box<dyn std::error::Error>> {{
    let shape = IxDyn(view.shape());
    let data = view.data();
    Ok(match view.dtype() {{
        Dtype::F32 => ArrayD::from_shape_vec(shape, numbers(data, f32::from_le_bytes))?.into(),
        Dtype::F16 => ArrayD::from_shape_vec(shape, numbers(data, f16::from_le_bytes))?.into(),
        Dtype::F64 => ArrayD::from_shape_vec(shape, numbers(data, f64::from_le_bytes))?.into(),
        Dtype::I8 => ArrayD::from_shape_vec(shape, numbers(data, i8::from_le_bytes))?.into(),
        Dtype::U8 => ArrayD::from_shape_vec(shape, numbers(data, u8::from_le_bytes))?.into(),
        Dtype::I32 => ArrayD::from_shape_vec(shape, numbers(data, i32::from_le_bytes))?.into(),
        Dtype::I64 => ArrayD::from_shape_vec(shape, numbers(data, i64::from_le_bytes))?.into(),
        Dtype::BOOL => {{
            ArrayD::from_shape_vec(shape, data.iter().map(|byte| *byte != 0).collect())?.into()
        }}
        other => return Err(format!("a tensor is {{other}}").into()),
    }})
}}

fn numbers<const N: usize, T>(data: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {{
    data.chunks_exact(N)
        .map(|bytes| {{
            let mut number = [0; N];
            number.copy_from_slice(bytes);
            read(number)
        }})
        .collect()
}}
"""

README = """\
# {nodes} of {model} that {fails} in {engine}

{message}.

| node | operator | module |
| --- | --- | --- |
{rows}

The inputs are what {reference} computes there for the inputs that were given, the expected outputs
what it computes next. A difference fails where rounding does not explain it; `case.json` has the
largest root mean square that it does explain, by output.

| file | what it is |
| --- | --- |
| `model.onnx` | the nodes above, with their weights |
| `case.safetensors` | `input/NAME` and `output/NAME`, the expected outputs |
| `case.json` | how it fails, and what is allowed |
| `reproduce.py` | runs it in Python: `python reproduce.py` |
{rust}
Both end with 3 while it fails, with 0 once it does not, and with 4 where the engine is not here.
"""

RUST_ROW = "| `rust/` | the same in Rust: `cargo run --release` in that folder |\n"
NO_RUST = "\nThere is no crate for Rust: {why}.\n"
