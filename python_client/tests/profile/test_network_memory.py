"""Activation memory of PyTorch networks, worked out by hand from the lives of the tensors."""

from __future__ import annotations

from pathlib import Path

from profiled import profile_code

INPUT = 3 * 8 * 12 * 4
HIDDEN = 4 * 8 * 12 * 4


def body(expression: str, activation: str = "nn.ReLU()") -> str:
    return f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.activation = {activation}
        self.register_buffer("table", torch.zeros(1000))
        self.constant = torch.zeros(5000)
    def forward(self, x):
        return {expression}
"""


def test_the_peak_is_what_lives_at_one_time(tmp_path: Path) -> None:
    code = body("self.activation(self.first(x))")
    report = profile_code(tmp_path, code, [1, 3, 8, 12])
    assert report.activation_bytes == 2 * HIDDEN
    assert report.peak_bytes == INPUT + 2 * HIDDEN
    assert report.peak_layer == "activation"


def test_a_chain_frees_what_it_is_done_with(tmp_path: Path) -> None:
    code = body("self.activation(self.activation(self.activation(self.first(x))))")
    report = profile_code(tmp_path, code, [1, 3, 8, 12])
    assert report.activation_bytes == 4 * HIDDEN
    assert report.peak_bytes == INPUT + 2 * HIDDEN


def test_work_in_place_takes_nothing_more(tmp_path: Path) -> None:
    code = body("self.activation(self.first(x))", "nn.ReLU(inplace=True)")
    report = profile_code(tmp_path, code, [1, 3, 8, 12])
    assert report.activation_bytes == HIDDEN
    assert report.peak_bytes == INPUT + HIDDEN
    assert report.peak_layer == "first"


def test_views_and_what_was_there_before_take_nothing(tmp_path: Path) -> None:
    code = body("self.first(x).flatten(1)[:, 3:].reshape(-1), self.table[2:], self.constant[1:]")
    report = profile_code(tmp_path, code, [1, 3, 8, 12])
    assert report.activation_bytes == HIDDEN
    assert report.peak_bytes == INPUT + HIDDEN


def test_a_skip_keeps_its_tensor(tmp_path: Path) -> None:
    code = body("self.activation(h := self.first(x)) + self.activation(h)")
    report = profile_code(tmp_path, code, [1, 3, 8, 12])
    # The hidden tensor, both results, and their sum.
    assert report.peak_bytes == INPUT + 4 * HIDDEN
    assert report.peak_layer == "Net"
