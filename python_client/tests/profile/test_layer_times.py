"""Times: parts are told apart, add up, and go to the layers that they belong to."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from profiled import graph_file, network_config, row_of

from oxidizedvision.profile import ProfileReport, profile
from oxidizedvision.profile.network.watch import Watch
from oxidizedvision.profile.runs import Run, Times, median_run

FUSABLE = (
    "g (float[1,8,16,16] x) => (float[1,8,16,16] y) {"
    "[first] a = Conv <pads=[1,1,1,1]> (x, w, b) [act] r = Relu(a)"
    "[second] c = Conv <pads=[1,1,1,1]> (r, w, b) [sum] s = Add(c, r) [last] t = Relu(s)"
    "[shape] n = Shape(t) [back] y = Reshape(t, n) }"
)


def checked(report: ProfileReport) -> None:
    time = report.time
    assert time is not None
    measured = [row.time_ms for row in report.layers if row.time_ms is not None]
    assert time.layers_ms == pytest.approx(sum(measured), abs=1e-4)
    assert time.other_ms == pytest.approx(max(time.total_ms - time.layers_ms, 0), abs=1e-4)
    assert time.threads == 1
    assert time.runs >= 3
    for row in report.layers:
        assert (row.time_ms is not None) == (row.timed == "measured"), row
        assert (row.fused_into is not None) == (row.timed == "fused"), row


def test_fused_nodes_name_the_layer_that_has_their_time(tmp_path: Path) -> None:
    path = graph_file(tmp_path, FUSABLE, w=(8, 8, 3, 3), b=(8,))
    report = profile(path)
    checked(report)
    assert report.time is not None
    assert report.time.engine == "onnxruntime"
    for name in ("first", "second"):
        assert row_of(report, name).timed == "measured"
        assert (row_of(report, name).time_ms or 0) > 0
    assert row_of(report, "act").fused_into == "first"
    assert row_of(report, "shape").timed == "removed"
    for name in ("sum", "last"):
        assert row_of(report, name).fused_into in {"second", None}


def test_pytorch_layers_are_timed_without_their_children(tmp_path: Path) -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.idle = nn.Linear(2, 2)
    def forward(self, x):
        return self.inner(self.inner(x)) @ x.T
"""
    report = profile(network_config(tmp_path, code, [64, 64]))
    checked(report)
    assert {row.path: row.timed for row in report.layers} == {
        "Net": "measured",
        "inner.0": "measured",
        "inner.1": "measured",
        "idle": "not_run",
    }
    assert row_of(report, "inner.0").calls == 2


def test_without_time_nothing_is_timed(tmp_path: Path) -> None:
    path = graph_file(tmp_path, FUSABLE, w=(8, 8, 3, 3), b=(8,))
    report = profile(path, time=False)
    assert report.time is None
    assert {row.timed for row in report.layers} == {"not_timed"}
    assert "time was not measured" in report.notes


def test_what_moves_in_a_child_is_the_childs() -> None:
    import torch
    from torch import nn

    moved = 0

    class Mover(nn.Module):
        def __init__(self, steps: int, inner: nn.Module | None = None) -> None:
            super().__init__()
            self.steps, self.inner = steps, inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            nonlocal moved
            moved += self.steps
            if self.inner is not None:
                self.inner(self.inner(x))
            moved += self.steps
            return x

    network = Mover(1, Mover(10, Mover(100)))
    with Watch(network, lambda: moved) as watch:
        network(torch.zeros(1))
    assert dict(watch.own) == {"": 2, "inner": 40, "inner.inner": 4 * 200}
    assert dict(watch.calls) == {"": 1, "inner": 2, "inner.inner": 4}
    assert watch.whole == 842
    network(torch.zeros(1))
    assert watch.whole == 842, "hooks stay behind"


def test_a_module_that_raises_and_is_caught_leaves_the_stack_in_order() -> None:
    import torch
    from torch import nn

    class Raises(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError(x)

    class Catches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bad, self.good = Raises(), nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with contextlib.suppress(ValueError):
                self.bad(x)
            result: torch.Tensor = self.good(x)
            return result

    network = Catches()
    with Watch(network, lambda: 0) as watch:
        network(torch.zeros(1))
        assert watch.current == ""
    assert dict(watch.calls) == {"": 1, "bad": 1, "good": 1}


def test_nodes_of_nested_graphs_are_in_the_time_of_the_outer_one(tmp_path: Path) -> None:
    path = graph_file(
        tmp_path,
        "g (float[64,64] x, bool c) => (float[64,64] y) { [choice] y = If (c) <"
        "then_branch = t () => (float[64,64] ty) { a = MatMul(x, x) ty = MatMul(a, x) },"
        "else_branch = e () => (float[64,64] ey) { b = Neg(x) ey = MatMul(b, x) }> }",
    )
    report = profile(path)
    checked(report)
    assert row_of(report, "choice").timed == "measured"
    assert report.time is not None
    assert report.time.added == ()


def test_medians_leave_out_the_slower_half() -> None:
    totals, parts = (10.0, 1.0, 3.0, 2.0, 90.0), (1.0, 7.0, 5.0, 9.0, 3.0)
    runs = [Run(total, {"a": part}) for total, part in zip(totals, parts, strict=True)]
    runs.append(Run(50.0, {"a": 2.0, "b": 0.5}))
    median = median_run(runs)
    assert median.total == 2.0
    assert median.parts == {"a": 2.0, "b": 0.0}


def test_the_rest_is_what_no_layer_has() -> None:
    times = Times([Run(10.0)], [Run(12.0, {"a": 4.0, "b": 3.0, "holder": 5.0})])
    report = times.report(["a", "b"], "pytorch", "2")
    assert (report.total_ms, report.layers_ms, report.other_ms) == (10.0, 7.0, 3.0)
    assert report.watched_ms == 12.0
    assert report.share(3.5) == pytest.approx(0.35)
    assert times.notes(report) == []


def test_numbers_that_cannot_be_added_up_come_with_a_note() -> None:
    times = Times([Run(10.0, held=0.4)], [Run(30.0, {"a": 20.0})])
    report = times.report(["a"], "pytorch", "2")
    assert report.other_ms == 0
    watched, disturbed = times.notes(report)
    assert "20 ms" in watched
    assert "60%" in disturbed


def test_the_graph_of_a_quantised_file_is_traced(tmp_path: Path) -> None:
    path = graph_file(
        tmp_path,
        "g (float[1,8,16,16] x) => (float[1,8,14,14] y) {"
        "[q] a = QuantizeLinear(x, s, z) [d] b = DequantizeLinear(a, s, z)"
        "[w] f = DequantizeLinear(k, s, wz) [conv] c = Conv(b, f)"
        "[requantize] e = QuantizeLinear(c, s, z) [out] y = DequantizeLinear(e, s, z) }",
        s=np.array(0.1, np.float32),
        z=np.array(0, np.uint8),
        wz=np.array(0, np.int8),
        k=np.ones((8, 8, 3, 3), np.int8),
    )
    report = profile(path)
    checked(report)
    assert row_of(report, "conv").timed == "measured"
    assert row_of(report, "d").fused_into == "conv"
    assert row_of(report, "requantize").fused_into == "conv"
    assert row_of(report, "w").timed == "removed"
