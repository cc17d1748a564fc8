"""Overlap and multiple are those of the network; what cannot be cut is not said to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import DYNAMIC, HEAD, project

from oxidizedvision.convert import convert

PLAIN = "self.body = nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1) for _ in range(5)])"
DILATED = (
    "self.body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), "
    "nn.Conv2d(3, 3, 3, padding=4, dilation=4))"
)
GLOBAL = "self.body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.InstanceNorm2d(3))"
POINTS = "self.body = nn.Conv2d(3, 3, 1)"

UNET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1)
        self.a, self.b, self.c = conv(3, 4), conv(4, 4), conv(4, 4)
        self.up2, self.up1 = (nn.ConvTranspose2d(4, 4, 2, stride=2) for _ in range(2))
        self.d, self.e = conv(8, 4), conv(8, 3)

    def forward(self, x):
        a = self.a(x)
        b = self.b(nn.functional.max_pool2d(a, 2))
        c = self.c(nn.functional.max_pool2d(b, 2))
        d = self.d(torch.cat([b, self.up2(c)], 1))
        return self.e(torch.cat([a, self.up1(d)], 1))
"""
)

POSITION = (
    HEAD
    + """
class Net(nn.Module):
    def forward(self, x):
        return x + torch.cumsum(torch.ones_like(x), 3)
"""
)


def body(layers: str) -> str:
    return (
        HEAD
        + "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        + f"        {layers}\n\n    def forward(self, x):\n        return self.body(x)\n"
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (body(PLAIN), {"overlap": 5, "multiple": 1}),
        (body(DILATED), {"overlap": 5, "multiple": 1}),
        (body(POINTS), {"overlap": 0, "multiple": 1}),
        # 1 + 2 + 4 of the way down, and back up, to the far end of a block of 4.
        (UNET, {"overlap": 13, "multiple": 4}),
        (body(GLOBAL), None),
        (POSITION, None),
    ],
)
def test_measured(tmp_path: Path, code: str, expected: dict[str, int] | None) -> None:
    config = project(tmp_path, code, shape=(1, 3, 32, 32), export=DYNAMIC)
    assert convert(config).tiling == expected


def test_fixed_sizes_are_not_tiled(tmp_path: Path) -> None:
    assert convert(project(tmp_path, body(PLAIN))).tiling is None
