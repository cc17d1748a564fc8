"""Steps of an engine's graph are traced to the nodes of the file, in every way that they hide.

The graphs are what ONNX Runtime makes of such files, on processors that keep channels in blocks and
on others.
"""

from __future__ import annotations

from onnx import GraphProto
from onnx.parser import parse_graph

from oxidizedvision.profile.graph.fusion import place, traceable_name

NODE = [traceable_name(index) for index in range(9)]


def traced(file: str, engine: str, macs: list[int]) -> tuple[dict[str, int], dict[int, int]]:
    """By step the node, and by fused node the one that it is in."""
    graph: GraphProto = parse_graph(file)
    optimized: GraphProto = parse_graph(engine)
    for index, node in enumerate(graph.node):
        node.name = NODE[index]
    for node in optimized.node:
        node.name = node.doc_string or node.name
    placement = place(graph, optimized, macs)
    return placement.layer_of, placement.fused_into


BLOCK = """g (float[1,8,4,4] x, float[8,8,3,3] w) => (float[1,8,4,4] y) {
    a = Conv(x, w) r = Relu(a)
    c = Conv(r, w) s = Add(c, r) t = Relu(s)
    d = Conv(t, w) u = Relu(d)
    y = Flatten(u) }"""


def test_convolutions_on_blocked_channels() -> None:
    layer_of, fused_into = traced(
        BLOCK,
        """g (float[1,8,4,4] x, float[8,8,3,3] w) => (float[1,8,4,4] y) {
        [ReorderInput] b0 = com.microsoft.nchwc.ReorderInput(x)
        [r_nchwc] b1 = com.microsoft.nchwc.Conv(b0, w, bias)
        [c_nchwc] b2 = com.microsoft.nchwc.Conv(b1, w, bias, b1)
        [u_nchwc_token_3] b3 = com.microsoft.nchwc.Conv(b2, w, bias)
        [ReorderOutput] u = com.microsoft.nchwc.ReorderOutput(b3)
        [oxvnode7] y = Flatten(u) }""",
        [9, 0, 9, 0, 0, 9, 0, 0],
    )
    assert layer_of == {"r_nchwc": 0, "c_nchwc": 2, "u_nchwc_token_3": 5, "oxvnode7": 7}
    assert fused_into == {1: 0, 3: 2, 4: 2, 6: 5}


def test_a_sum_belongs_to_the_convolution_that_is_given_it() -> None:
    file = """g (float[1,8,4,4] x, float[8,8,3,3] w) => (float[1,8,4,4] y) {
        a = Conv(x, w) b = Conv(x, w) s = Add(a, b) y = Relu(s) }"""
    for given in ("a", "b"):
        other = {"a": "b", "b": "a"}[given]
        layer_of, fused_into = traced(
            file,
            f"""g (float[1,8,4,4] x, float[8,8,3,3] w) => (float[1,8,4,4] y) {{
            [{other}_nchwc] t0 = com.microsoft.nchwc.Conv(x, w, bias)
            [{given}_nchwc] t1 = com.microsoft.nchwc.Conv(x, w, bias, t0)
            [ReorderOutput] y = com.microsoft.nchwc.ReorderOutput(t1) }}""",
            [9, 9, 0, 0],
        )
        holder = {"a": 0, "b": 1}[given]
        assert layer_of == {"a_nchwc": 0, "b_nchwc": 1}
        assert fused_into == {2: holder, 3: holder}


def test_a_reordered_result_is_that_of_the_step_before() -> None:
    layer_of, fused_into = traced(
        """g (float[1,8,4,4] x, float[8,8,3,3] w) => (float[1,8,4,4] y) {
        a = Conv(x, w) b = Erf(a) y = Exp(b) }""",
        """g (float[1,8,4,4] x, float[8,8,3,3] w) => (float[1,8,4,4] y) {
        [oxvnode0] t = other.FusedConv(x, w)
        [Transpose_token_1] b = Transpose(t)
        [oxvnode2] y = Exp(b) }""",
        [9, 0, 0],
    )
    assert layer_of == {"oxvnode0": 0, "oxvnode2": 2}
    assert fused_into == {1: 0}


def test_a_pattern_is_taken_back_to_where_it_begins() -> None:
    layer_of, fused_into = traced(
        """g (float[4] x, float[4] k) => (float[4] y) {
        h = Neg(x) a = Div(h, k) b = Erf(a) c = Add(b, k) d = Mul(h, c) y = Mul(d, k) }""",
        """g (float[4] x, float[4] k) => (float[4] y) {
        [oxvnode0] h = Neg(x) [Gelu] y = com.microsoft.Gelu(h) }""",
        [0] * 6,
    )
    assert layer_of == {"oxvnode0": 0, "Gelu": 5}
    assert fused_into == dict.fromkeys((1, 2, 3, 4), 5)


def test_a_product_with_its_bias_is_found_by_its_name() -> None:
    layer_of, fused_into = traced(
        """g (float[2,3,4] x, float[4,5] w, float[5] k) => (float[2,3,5] y) {
        a = MatMul(x, w) b = Add(a, k) y = Erf(b) }""",
        """g (float[2,3,4] x, float[4,5] w, float[5] k) => (float[2,3,5] y) {
        [gemm_input_reshape] i = Reshape(x, s)
        [oxvnode0_MatMulAddFusion] o = Gemm(i, w, k)
        [gemm_output_reshape] b = Reshape(o, s2)
        [oxvnode2] y = Erf(b) }""",
        [9, 0, 0],
    )
    assert layer_of == {"oxvnode0_MatMulAddFusion": 0, "oxvnode2": 2}
    assert fused_into == {1: 0}


def test_what_is_constant_is_in_nothing() -> None:
    layer_of, fused_into = traced(
        """g (float[4,2] x) => (float[8] y) <int64[1] n = {0}> {
        s = Shape(x) p = ReduceProd(s) q = Add(p, n) r = Reshape(x, q) y = Exp(r) }""",
        """g (float[4,2] x) => (float[8] y) <int64[1] q = {8}> {
        [oxvnode3] r = Reshape(x, q) [oxvnode4] y = Exp(r) }""",
        [0] * 5,
    )
    assert layer_of == {"oxvnode3": 3, "oxvnode4": 4}
    assert fused_into == {}
