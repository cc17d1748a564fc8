"""`validate`, `--layers` and `--reduce` mean the same when they say that a model fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from made_graphs import Array, network, one_filter, picture, quantised, weights, with_weights
from onnx import ModelProto

from oxidizedvision.layers import (
    REFERENCE,
    TOLERANCE,
    Layer,
    LayerReport,
    OutputLimits,
    Side,
    compare,
    reduce,
)
from oxidizedvision.layers.graph import Graph
from oxidizedvision.layers.measures import Errors
from oxidizedvision.layers.report import OutputError
from oxidizedvision.meaning import Meaning
from oxidizedvision.validate.compare import verdict
from oxidizedvision.validate.limits import Rules


@cache
def values() -> dict[str, Array]:
    graph = Graph(network())
    return {**REFERENCE.answers(graph.with_outputs(graph.tensors), [picture()])[0], **picture()}


@cache
def int8() -> ModelProto:
    """What rounding explains, though it moves the output by some percent."""
    ranges = {
        name: (float(values()[name].min()), float(values()[name].max()))
        for name in ("picture", "r1", "r2", "norm")
    }
    return quantised(network(), ranges)


def limits(cosine: float) -> OutputLimits:
    return OutputLimits(Rules("int8", {"cos_sim": cosine}, {}, {}, Meaning()))


def sides(candidate: ModelProto) -> tuple[Side, Side]:
    return Side(network(), REFERENCE, "clean"), Side(candidate, REFERENCE, "int8")


@pytest.mark.parametrize(("cosine", "passes"), [(0.9, True), (0.9999999, False)])
@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
def test_the_three_agree_on_int8(tmp_path: Path, cosine: float, passes: bool, full: bool) -> None:
    (got,) = REFERENCE.answers(int8(), [picture()])
    held = limits(cosine)
    assert held.rules is not None
    tolerances = held.rules.tolerances("scores")
    assert (not verdict("", values()["scores"], got["scores"], tolerances).reason) == passes

    report = compare(*sides(int8()), picture(), full=full, limits=held)
    assert report.first is None
    assert report.passed == passes
    least = reduce(*sides(int8()), picture(), tmp_path / "bundle", limits=held)
    assert least.failing == (not passes)
    if not passes:
        assert report.moved[0].broken.startswith("cosine similarity 0.9")
        assert (least.kind, least.nodes) == ("limits", ())
        assert least.message.startswith("scores: cosine similarity 0.9")
    assert not (tmp_path / "bundle").exists()


def test_int8_without_a_manifest_has_the_default_limits() -> None:
    passing = compare(*sides(int8()), picture())
    assert passing.outputs[0].relative_error > TOLERANCE
    assert passing.passed
    spoilt = compare(*sides(with_weights(int8(), {"wf": -weights(network(), "wf")})), picture())
    assert "is below 0.99" in spoilt.moved[0].broken


def test_fp32_without_a_manifest_has_a_tolerance() -> None:
    (output,) = compare(*sides(one_filter(network())), picture()).outputs
    assert output.broken.endswith("of the largest value, 0.0001 is allowed")


def test_what_pytorch_gives_is_what_is_expected_where_it_is_known() -> None:
    held = dataclasses.replace(limits(0.99), expected={"scores": -values()["scores"]})
    report = compare(*sides(network()), picture(), limits=held)
    assert report.moved[0].broken.startswith("cosine similarity -1 is below 0.99")


STRAY = Errors(20.0, 0.99, 0.1, 0.1, 0.001, 12.5)


@pytest.mark.parametrize(("tensor", "passes"), [("inner", True), ("y", False)])
def test_what_no_output_shows_and_no_layer_does_is_no_failure(tensor: str, passes: bool) -> None:
    layer = Layer(0, tensor, tensor, "/c", "Conv", "", ("/c",), "fp32", accumulated=STRAY)
    report = LayerReport("m", "a", "b", "full", (layer,), layer, (OutputError("y", 0.0),))
    assert report.passed == passes


class Hidden:
    """An engine whose fault in an inner layer the whole does not show."""

    name = "hidden"

    def answers(
        self, model: ModelProto, cases: Sequence[Mapping[str, Array]]
    ) -> list[dict[str, Array]]:
        whole = [value.name for value in model.graph.output] == ["scores"]
        copy = type(model).FromString(model.SerializeToString())
        for node in copy.graph.node:
            if node.op_type == "Relu" and not (whole and len(copy.graph.node) > 3):
                node.op_type = "LeakyRelu"
        return REFERENCE.answers(copy, cases)


def test_a_layer_at_fault_is_reduced_though_the_whole_hides_it() -> None:
    hidden = Side(network(), REFERENCE, "clean"), Side(network(), Hidden(), "net")
    assert not compare(*hidden, picture(), full=True).passed
    found = reduce(*hidden, picture(), None)
    assert found.failing
    assert found.operators == ("Relu",)
