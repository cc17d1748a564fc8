"""Every node's time lands on one operator and one module, and nothing is lost or counted twice."""

from __future__ import annotations

import dataclasses
import math

import onnx
import pytest
from made_engine_profile import FUSING, PLAIN, RUNS, engine, model, profile_of, three_engines
from onnx import TensorProto, helper

from oxidizedvision.benchmark.engine_profile import EngineProfile, SideRow
from oxidizedvision.benchmark.engine_profile.attribution import FileNode, attributed, nodes_of
from oxidizedvision.core.errors import Kind, OxidizedVisionError


def by_label(rows: tuple[SideRow, ...], name: str) -> dict[str, float]:
    return {row.label: row.ms[name] for row in rows if name in row.ms}


def test_nodes_without_a_name_go_by_their_first_output() -> None:
    assert nodes_of(model()) == {
        "first": FileNode("Conv", "block.first"),
        "r": FileNode("Relu", "block.act"),
        "second": FileNode("Conv", "block.second"),
        "sum": FileNode("Add", "."),
        "plain": FileNode("MatMul", ""),
    }


def test_a_node_of_the_graph_goes_before_one_inside_another() -> None:
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, [1])
    inner = helper.make_graph([helper.make_node("Neg", ["x"], ["v"], name="n")], "i", [], [value])
    outer = [
        helper.make_node("If", ["c"], ["w"], then_branch=inner, else_branch=inner),
        helper.make_node("Abs", ["w"], ["y"], name="n"),
        helper.make_node("Exp", ["w"], ["z"], name="n"),
    ]
    graph = onnx.ModelProto(graph=helper.make_graph(outer, "g", [], []))
    assert {name: node.op_type for name, node in nodes_of(graph).items()} == {"w": "If", "n": "Abs"}


def test_what_a_node_stands_for() -> None:
    nodes, fused = attributed(FUSING, nodes_of(model()), RUNS)
    found = {node.name: (node.source, node.operator, node.module) for node in nodes}
    assert found == {
        "first_r": ("file", "Conv", "block.first"),
        "order": ("added", "Reorder", None),
        "second": ("file", "Conv", "block.second"),
        "s": ("file", "Add", "."),
        "m": ("unknown", "Magic", None),
        "p": ("file", "MatMul", None),
    }
    first = nodes[0]
    assert (first.ms, first.calls, first.origins) == (2.0, RUNS, ("first", "r"))
    assert first.share == pytest.approx(8.0 / 15.6)
    assert math.fsum(node.share for node in nodes) == pytest.approx(1.0)
    assert fused == {"Relu": 1}


def test_an_origin_that_is_gone_does_not_hide_one_that_is_there() -> None:
    nodes, fused = attributed(PLAIN, nodes_of(model()), RUNS)
    assert (nodes[3].source, nodes[3].operator, nodes[3].module) == ("file", "Add", ".")
    assert fused == {}


def test_a_node_that_stands_for_itself_elsewhere_is_not_fused() -> None:
    times = (*FUSING, PLAIN[1])
    assert attributed(times, nodes_of(model()), RUNS)[1] == {}


def test_no_time_at_all_has_no_shares() -> None:
    still = [dataclasses.replace(time, total_ms=0.0) for time in FUSING]
    assert {node.share for node in attributed(still, nodes_of(model()), RUNS)[0]} == {0.0}


def test_operators_are_those_of_the_file() -> None:
    rows = three_engines().by_operator()
    assert by_label(rows, "ort") == {
        "Conv": 3.0,
        "Reorder (added by the engine)": 0.5,
        "Add": 0.25,
        "Magic (of unknown origin)": 0.1,
        "MatMul": 0.05,
    }
    assert by_label(rows, "tract") == {"Conv": 7.0, "Relu": 1.5, "Add": 0.5}
    assert [row.label for row in rows][:3] == ["Conv", "Relu", "Add"]
    assert by_label(rows, "pytorch") == {}


def test_what_an_engine_added_is_no_operator_of_that_name() -> None:
    added = dataclasses.replace(FUSING[1], op_type="Conv")
    rows = profile_of(engine("ort", (FUSING[0], added), 1.0)).by_operator()
    assert by_label(rows, "ort") == {"Conv": 2.0, "Conv (added by the engine)": 0.5}


def test_modules_have_what_they_do_without_their_children() -> None:
    rows = three_engines().by_module()
    assert by_label(rows, "ort") == {
        "block.first": 2.0,
        "block.second": 1.0,
        "(added by the engine)": 0.5,
        ". (the network itself)": 0.25,
        "(of unknown origin)": 0.1,
        "(no module noted)": 0.05,
    }
    assert by_label(rows, "pytorch") == {
        "block.first": 1.0,
        "block.act": 0.25,
        "block.second": 0.5,
        "block": 0.05,
        ". (the network itself)": 0.2,
    }


def test_at_a_depth_parents_sum_their_children() -> None:
    report = three_engines()
    rows = report.by_module(depth=1)
    assert by_label(rows, "pytorch") == pytest.approx({"block": 1.8, ". (the network itself)": 0.2})
    assert by_label(rows, "ort")["block"] == 3.0
    assert by_label(rows, "tract") == {"block": 8.5, ". (the network itself)": 0.5}
    assert report.by_module(depth=2) == report.by_module() == report.by_module(depth=9)
    with pytest.raises(OxidizedVisionError) as caught:
        report.by_module(depth=0)
    assert caught.value.kind == Kind.USAGE


@pytest.mark.parametrize("depth", [None, 1])
def test_rows_add_up_to_the_engine(depth: int | None) -> None:
    report: EngineProfile = three_engines()
    totals = {"pytorch": 2.0, "ort": 3.9, "tract": 9.0}
    assert {e.name: e.nodes_ms for e in report.engines} == pytest.approx(totals)
    sides = {"module": report.by_module(depth), "operator": report.by_operator()}
    for by, rows in sides.items():
        for name, total in totals.items():
            if by == "module" or name != "pytorch":
                assert math.fsum(row.ms.get(name, 0.0) for row in rows) == pytest.approx(total)
