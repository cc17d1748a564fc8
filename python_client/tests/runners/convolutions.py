"""Convolutions of every geometry in one model, none a multiple of what kernels take at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

CHANNELS = 6


class Geometry(NamedTuple):
    """One convolution: `kernel`, `stride`, `dilation` by axis, and zeros before and after.

    factor: channels that come out for each that goes in.
    """

    picture: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    before: tuple[int, ...] = (0, 0)
    after: tuple[int, ...] = (0, 0)
    factor: int = 2


PICTURES: Mapping[str, tuple[int, ...]] = {
    "odd": (1, CHANNELS, 11, 19),
    "even": (1, CHANNELS, 10, 64),
    "wide": (1, CHANNELS, 8, 150),
    "small": (2, CHANNELS, 7, 5),
    "fourteen": (1, CHANNELS, 14, 14),
    "line": (1, CHANNELS, 53),
    "volume": (1, CHANNELS, 5, 7, 16),
}
GEOMETRIES: Mapping[str, Geometry] = {
    "same": Geometry("odd", (3, 3), before=(1, 1), after=(1, 1)),
    "valid": Geometry("odd", (3, 3)),
    "panels": Geometry("even", (3, 3), before=(1, 1), after=(1, 1)),
    "panels_valid": Geometry("even", (3, 2)),
    "wide_rows": Geometry("wide", (3, 3), before=(1, 1), after=(1, 1)),
    "strided": Geometry("even", (3, 3), (2, 2), before=(1, 1), after=(1, 1)),
    "strided_down": Geometry("even", (3, 3), (2, 1), before=(1, 1), after=(1, 1)),
    "strided_across": Geometry("odd", (5, 4), (1, 3)),
    "dilated": Geometry("even", (3, 3), dilation=(2, 3), before=(2, 3), after=(2, 3)),
    "one_sided": Geometry("odd", (3, 3), before=(0, 2), after=(2, 0)),
    "long": Geometry("odd", (1, 7), before=(0, 3), after=(0, 3)),
    "groups": Geometry("even", (3, 3), groups=2, before=(1, 1), after=(1, 1)),
    "groups_strided": Geometry("odd", (3, 3), (2, 2), groups=3, before=(1, 1), after=(1, 1)),
    "depthwise": Geometry("odd", (3, 3), groups=CHANNELS, before=(1, 1), after=(1, 1)),
    "two_rows": Geometry("fourteen", (3, 3), before=(1, 1), after=(1, 1)),
    "many_rows": Geometry("small", (3, 3), before=(1, 1), after=(1, 1)),
    "own": Geometry("odd", (3, 3), groups=CHANNELS, before=(1, 1), after=(1, 1), factor=1),
    "own_valid": Geometry("even", (3, 3), groups=CHANNELS, factor=1),
    "own_strided": Geometry(
        "even", (3, 3), (2, 2), groups=CHANNELS, before=(1, 1), after=(1, 1), factor=1
    ),
    "own_thirds": Geometry("wide", (3, 3), (3, 3), groups=CHANNELS, before=(0, 2), factor=1),
    "own_dilated": Geometry(
        "even", (3, 3), (1, 2), (2, 3), groups=CHANNELS, before=(2, 3), after=(2, 3), factor=1
    ),
    "own_wide": Geometry("wide", (5, 5), groups=CHANNELS, before=(2, 2), after=(2, 2), factor=1),
    "own_tall": Geometry("odd", (9, 2), groups=CHANNELS, before=(4, 0), after=(4, 1), factor=1),
    "own_small": Geometry("small", (3, 3), groups=CHANNELS, before=(1, 1), after=(1, 1), factor=1),
    "own_beyond": Geometry("small", (3, 9), groups=CHANNELS, before=(1, 4), after=(1, 4), factor=1),
    "pointwise": Geometry("odd", (1, 1)),
    "whole": Geometry("odd", (11, 19)),
    "line_same": Geometry("line", (7,), (1,), (1,), before=(3,), after=(3,)),
    "volume_same": Geometry(
        "volume", (3, 3, 3), (1, 1, 1), (1, 1, 1), before=(1, 1, 1), after=(1, 1, 1)
    ),
}
_COMPUTE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def write(
    path: Path, without: Collection[str] = ()
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Write the model, without some geometries; its inputs, and what PyTorch gives."""
    generator = torch.Generator().manual_seed(11)
    geometries = {name: it for name, it in GEOMETRIES.items() if name not in without}
    used = {geometry.picture for geometry in geometries.values()}
    pictures = {
        name: torch.randn(*shape, generator=generator)
        for name, shape in PICTURES.items()
        if name in used
    }
    nodes, constants, expected = [], [], {}
    for name, geometry in geometries.items():
        picture, kernel = pictures[geometry.picture], geometry.kernel
        channels = CHANNELS // geometry.groups
        filters = geometry.factor * CHANNELS
        weight = torch.randn(filters, channels, *kernel, generator=generator)
        weight /= weight[0].numel() ** 0.5
        bias = torch.randn(filters, generator=generator)
        expected[name] = _computed(geometry, picture, weight, bias)
        sides = [f"{name}_weight", f"{name}_bias"]
        constants += [
            numpy_helper.from_array(tensor.numpy(), side)
            for side, tensor in zip(sides, (weight, bias), strict=True)
        ]
        nodes += [
            _convolution(geometry, name, sides),
            helper.make_node("Relu", [f"{name}_product"], [name]),
        ]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [_value(name, tensor) for name, tensor in pictures.items()],
        [_value(name, tensor) for name, tensor in expected.items()],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return _arrays(pictures), _arrays(expected)


def _computed(
    geometry: Geometry, picture: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    # PyTorch counts zeros from the last axis on, before and after each.
    pads = zip(reversed(geometry.before), reversed(geometry.after), strict=True)
    padded = functional.pad(picture, [length for axis in pads for length in axis])
    return _COMPUTE[len(geometry.kernel)](
        padded,
        weight,
        bias,
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=geometry.groups,
    ).relu()


def _convolution(geometry: Geometry, name: str, sides: Sequence[str]) -> onnx.NodeProto:
    return helper.make_node(
        "Conv",
        [geometry.picture, *sides],
        [f"{name}_product"],
        name=f"{name}_convolution",
        strides=geometry.stride,
        dilations=geometry.dilation,
        group=geometry.groups,
        pads=[*geometry.before, *geometry.after],
    )


def _value(name: str, tensor: torch.Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(tensor.shape))


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
