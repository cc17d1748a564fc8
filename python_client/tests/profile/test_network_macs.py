"""Multiply-adds of PyTorch networks equal what is worked out by hand, attention included."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from profiled import profile_code, row_of

VIT = """
import torchvision
def Net():
    return torchvision.models.VisionTransformer(image_size=32, patch_size=8, num_layers=2,
        num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=10)
"""
TOKENS, WIDTH, MLP = 17, 32, 64
BLOCK_MACS = (
    3 * TOKENS * WIDTH * WIDTH  # queries, keys and values
    + 2 * TOKENS * TOKENS * WIDTH  # queries times keys, and the result times values
    + TOKENS * WIDTH * WIDTH  # the projection after it
    + 2 * TOKENS * WIDTH * MLP
)
ATTENTION_MACS = BLOCK_MACS - 2 * TOKENS * WIDTH * MLP


def test_a_vision_transformer_counts_its_attention(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    report = profile_code(tmp_path, VIT, [1, 3, 32, 32])
    patches = 16 * WIDTH * 3 * 8 * 8
    assert report.macs == patches + 2 * BLOCK_MACS + WIDTH * 10
    attention = row_of(report, "encoder.layers.encoder_layer_0.self_attention")
    assert attention.macs == ATTENTION_MACS
    assert attention.type == "MultiheadAttention"


def test_the_encoder_whose_fast_path_is_one_operator(tmp_path: Path) -> None:
    code = "def Net(): return nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)\n"
    before = torch.backends.mha.get_fastpath_enabled()
    assert profile_code(tmp_path, code, [1, 17, 32]).macs == BLOCK_MACS
    assert torch.backends.mha.get_fastpath_enabled() is before


CASES = [
    ("nn.Conv2d(3, 8, 3, padding=1)", [2, 3, 6, 5], 2 * 8 * 6 * 5 * 3 * 9),
    ("nn.Conv2d(4, 8, 3, groups=2)", [1, 4, 6, 6], 8 * 16 * 2 * 9),
    ("nn.Conv2d(6, 6, 3, groups=6, stride=2, padding=1)", [1, 6, 8, 8], 6 * 16 * 9),
    ("nn.Conv1d(3, 4, 5, dilation=2)", [1, 3, 20], 4 * 12 * 3 * 5),
    ("nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)", [1, 4, 5, 5], 4 * 25 * 3 * 9),
    ("nn.Linear(12, 7)", [2, 5, 12], 10 * 12 * 7),
    ("nn.LSTM(8, 16, 2, bidirectional=True)", [5, 2, 8], 2 * 10 * 64 * ((8 + 16) + (32 + 16))),
    ("nn.GRU(8, 16, batch_first=True)", [2, 5, 8], 10 * 48 * (8 + 16)),
    ("nn.BatchNorm2d(3)", [1, 3, 4, 4], 0),
]


@pytest.mark.parametrize(("module", "shape", "macs"), CASES, ids=[case[0] for case in CASES])
def test_a_module_counts_what_the_formula_says(
    tmp_path: Path, module: str, shape: list[int], macs: int
) -> None:
    assert profile_code(tmp_path, f"def Net(): return {module}\n", shape).macs == macs


FUNCTIONS = [
    ("torch.einsum('bij,kj->bik', x, x[0])", [2, 3, 4], 2 * 3 * 3 * 4),
    ("x[0] @ x[0, 0]", [1, 3, 4], 3 * 4),
    ("torch.dot(x[0], x[0])", [1, 6], 6),
    ("nn.functional.affine_grid(x, [2, 3, 5, 7], True)", [2, 2, 3], 2 * 35 * 2 * 3),
    ("x * 2 + x", [1, 6], 0),
]


@pytest.mark.parametrize(("expression", "shape", "macs"), FUNCTIONS, ids=str)
def test_products_outside_of_modules_count(
    tmp_path: Path, expression: str, shape: list[int], macs: int
) -> None:
    code = f"class Net(nn.Module):\n    def forward(self, x): return {expression}\n"
    report = profile_code(tmp_path, code, shape)
    assert report.macs == macs
    assert report.not_counted == ()
    assert row_of(report, "Net").macs == macs


QUANTISED = """
class Float(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant = torch.ao.quantization.QuantStub()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(144, 5)
        self.dequant = torch.ao.quantization.DeQuantStub()
    def forward(self, x):
        return self.dequant(self.head(self.conv(self.quant(x)).flatten(1)))

def Net():
    network = Float().eval()
    network.qconfig = torch.ao.quantization.get_default_qconfig("x86")
    prepared = torch.ao.quantization.prepare(network)
    prepared(torch.ones(1, 3, 8, 8))
    return torch.ao.quantization.convert(prepared)
"""


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_network(tmp_path: Path) -> None:
    report = profile_code(tmp_path, QUANTISED, [1, 3, 8, 8])
    assert report.macs == 4 * 36 * 27 + 144 * 5
    assert report.bytes_by_dtype["qint8"] == 4 * 27 + 144 * 5


def test_what_cannot_be_counted_is_named(tmp_path: Path) -> None:
    code = "class Net(nn.Module):\n    def forward(self, x): return torch.fft.rfft2(x).abs()\n"
    report = profile_code(tmp_path, code, [1, 3, 8, 8])
    assert report.not_counted == ("aten._fft_r2c",)
