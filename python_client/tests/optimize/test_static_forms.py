"""Of two static forms that keep the budget, the harness tells which is faster."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import onnx
import pytest
from smaller import int8, needs_engine

from oxidizedvision.quantize.report import Timing


@needs_engine
@pytest.mark.parametrize("wanted", ["more", "fewer"])
def test_the_faster_one_comes_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    seen: list[int] = []

    def timed(request: Any, forms: dict[str, bytes], *_: Any, **__: Any) -> dict[str, Timing]:
        del request
        return {name: timing_of(content) for name, content in forms.items()}

    def timing_of(small: bytes) -> Timing:
        nodes = onnx.load_model_from_string(small).graph.node
        seen.append(sum(node.op_type == "QuantizeLinear" for node in nodes))
        longer = -seen[-1] if wanted == "more" else seen[-1]
        ratio = 0.5 + longer / 1000 if seen[-1] else 0.9
        return Timing(10.0, 10.0 * ratio, ratio, (ratio, ratio), "faster", 1)

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.choice"), "timed", timed)
    result = int8(project, max_drop=1)  # how far each is off depends on the processor
    static = [count for count in seen if count]
    assert len(set(static)) == 2
    nodes = onnx.load(result.output).graph.node
    count = sum(node.op_type == "QuantizeLinear" for node in nodes)
    assert count == (max(static) if wanted == "more" else min(static))
