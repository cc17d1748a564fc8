"""The process in which NNCF quantises: `python -m benchmarks.quantise.nncf_worker JSON`."""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from benchmarks.quantise.peers import inputs_of
from oxidizedvision.core import lazy
from oxidizedvision.metrics import METRICS


def main(request: dict[str, Any]) -> None:
    """Quantise the model of a request within its budget, and write it."""
    sys.path.append(request["packages"])  # behind this environment's own
    with contextlib.suppress(ImportError):
        lazy.openvino()  # before NNCF imports it with its telemetry, whose fork can stay for ever
    import nncf

    model = onnx.load(request["model"])
    path = Path(request["model"])
    calibration = list(inputs_of(path, Path(request["calibration"])))
    judged = list(inputs_of(path, Path(request["judged"])))
    score = METRICS[request["metric"]]
    expected = _expected(model, judged, Path(request["judged"]))

    def validate(candidate: onnx.ModelProto, _: Any) -> tuple[float, list[float]]:
        scores = [
            min(score(wanted[name], got[name]) for name in wanted)
            for wanted, got in zip(expected, _outputs(candidate, judged), strict=True)
        ]
        finite = [min(value, 1000.0) for value in scores]
        return statistics.fmean(finite), finite

    quantized = nncf.quantize_with_accuracy_control(
        model,
        nncf.Dataset(calibration),
        nncf.Dataset(judged),
        validate,
        max_drop=request["max_drop"],
        drop_type=nncf.DropType.ABSOLUTE,
        subset_size=len(calibration),
    )
    onnx.save(quantized, request["output"])


def _expected(
    model: onnx.ModelProto, judged: list[dict[str, np.ndarray]], arrays: Path
) -> list[dict[str, np.ndarray]]:
    """What the file says that the outputs should be, else what FP32 gives."""
    outputs = {entry.name for entry in model.graph.output}
    told = {name: array for name, array in np.load(arrays).items() if name in outputs}
    if not told:
        return _outputs(model, judged)
    return [
        {name: array[index : index + 1] for name, array in told.items()}
        for index in range(len(judged))
    ]


def _outputs(
    model: onnx.ModelProto, inputs: list[dict[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, one), strict=True)) for one in inputs]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
