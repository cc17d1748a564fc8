"""Layers of PyTorch networks: what is shared counts once, odd results and modules stop nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from profiled import network_config, profile_code, row_of

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.profile import profile

SHARED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.again = self.first
        self.tied = nn.Conv2d(3, 3, 3, padding=1)
        self.tied.weight = self.first.weight
        self.idle = nn.Linear(4, 5)
    def forward(self, x):
        return {"twice": self.again(self.first(x)), "more": [self.tied(x), None]}
"""


def test_shared_modules_and_weights_count_once(tmp_path: Path) -> None:
    report = profile_code(tmp_path, SHARED, [1, 3, 8, 8])
    assert [row.path for row in report.layers] == ["first", "tied", "idle"]
    first, tied, idle = report.layers
    assert (first.parameters, tied.parameters, idle.parameters) == (84, 3, 25)
    assert report.parameters == 112 == sum(row.parameters for row in report.layers)
    assert report.bytes == 4 * 112 == sum(row.bytes for row in report.layers)
    assert (first.calls, tied.calls, idle.calls) == (2, 1, 0)
    assert first.macs == 2 * (tied.macs or 0)
    assert idle.timed in {"not_timed", "not_run"}
    assert idle.macs == 0


def test_a_module_with_parameters_beside_its_children_is_a_layer(tmp_path: Path) -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, 3))
        self.register_buffer("count", torch.zeros(2, dtype=torch.int64))
        self.inner = nn.Linear(3, 3)
    def forward(self, x):
        return self.inner(x) @ self.scale
"""
    report = profile_code(tmp_path, code, [2, 3])
    assert (report.parameters, report.buffers) == (21, 2)
    own = row_of(report, "Net")
    assert (own.parameters, own.bytes, own.macs) == (9, 36 + 16, 2 * 9)
    assert row_of(report, "inner").macs == 2 * 9
    assert report.bytes_by_dtype == {"f32": 84, "i64": 16}


@pytest.mark.parametrize(
    "result",
    ["(x, x)", "{'a': x}", "[x, {'b': (x, 3)}]", "None", "'text'", "x.to_sparse()"],
)
def test_whatever_a_module_returns(tmp_path: Path, result: str) -> None:
    code = f"""
class Inner(nn.Module):
    def forward(self, x): return {result}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
    def forward(self, x):
        self.inner(x)
        return x + 1
"""
    report = profile_code(tmp_path, code, [1, 3], time=True)
    assert [row.path for row in report.layers] == ["inner"]
    assert report.layers[0].calls == 1


def test_a_network_without_parameters(tmp_path: Path) -> None:
    code = "class Net(nn.Module):\n    def forward(self, x): return x * 2\n"
    report = profile_code(tmp_path, code, [1, 3, 4, 4], time=True)
    assert (report.parameters, report.macs, report.bytes) == (0, 0, 0)
    assert report.bytes_by_dtype == {}
    assert [row.path for row in report.layers] == ["Net"]


def test_a_half_network_and_a_script_module_inside(tmp_path: Path) -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow = nn.Linear(8, 4).half()
        self.script = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    def forward(self, x):
        return self.script(self.narrow(x.half()).float())
"""
    report = profile_code(tmp_path, code, [1, 8], time=True)
    assert report.macs == 32 + 16
    assert report.bytes_by_dtype == {"f16": 2 * 36, "f32": 4 * 20}


def test_an_error_that_the_network_catches_itself(tmp_path: Path) -> None:
    code = """
class Raises(nn.Module):
    def forward(self, x): raise ValueError("no")
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bad, self.good = Raises(), nn.Linear(4, 4)
    def forward(self, x):
        try:
            x = self.bad(x)
        except ValueError:
            pass
        return self.good(x)
"""
    report = profile_code(tmp_path, code, [1, 4], time=True)
    assert {row.path: row.calls for row in report.layers} == {"bad": 1, "good": 1}
    assert row_of(report, "good").macs == 16


def test_another_shape_than_the_configs(tmp_path: Path) -> None:
    config = network_config(tmp_path, "def Net(): return nn.Conv2d(3, 4, 3)\n", [1, 3, 8, 8])
    report = profile(config, shapes={"input": [2, 3, 5, 5]}, time=False)
    assert report.input_shape == (2, 3, 5, 5)
    assert report.macs == 2 * 4 * 9 * 27
    with pytest.raises(OxidizedVisionError) as caught:
        profile(config, shapes={"picture": [1, 3, 5, 5]})
    assert caught.value.kind is Kind.UNKNOWN_INPUT
    assert "input" in caught.value.hint


def test_several_inputs(tmp_path: Path) -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.mix = nn.Embedding(2, 4), nn.Linear(4, 4)
    def forward(self, words, weights):
        return self.mix(self.table(words)) * weights
"""
    config = network_config(tmp_path, code, [1])
    inputs = "[{name: words, shape: [2, 5], dtype: i64}, {name: weights, shape: [2, 5, 4]}]"
    config.write_text(f"model: {{path: net.py, class_name: Net, inputs: {inputs}}}\n")
    report = profile(config)
    assert report.macs == 10 * 16
    assert [(spec.name, spec.dtype, spec.dims) for spec in report.inputs] == [
        ("words", "i64", (2, 5)),
        ("weights", "f32", (2, 5, 4)),
    ]
    # Inputs, the rows of the table, the mixed ones, and their product; rows are gone by then.
    assert report.peak_bytes == 10 * 8 + 3 * 10 * 16
    wider = profile(config, shapes={"words": [2, 7], "weights": [2, 7, 4]}, time=False)
    assert wider.macs == 14 * 16


def test_a_network_that_does_not_run_says_where(tmp_path: Path) -> None:
    code = "class Net(nn.Module):\n    def forward(self, x): raise ValueError('broken')\n"
    with pytest.raises(OxidizedVisionError, match=r"broken at .*net\.py, line 4") as caught:
        profile_code(tmp_path, code, [1, 3])
    assert caught.value.kind is Kind.MODEL
