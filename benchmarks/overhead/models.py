"""The model of ordinary size: MobileNetV2 of torchvision, with seeded weights, at 224 × 224."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SHAPE = (1, 3, 224, 224)
CLASSES = 1000
OPSET = 17
SEED = 20


def export_mobilenet(folder: Path) -> tuple[Path, Path]:
    """The model as .onnx and as .pt; written once, and found there from then on.

    Raises:
        OSError: when the folder cannot be written.
    """
    onnx, script = folder / "mobilenet_v2.onnx", folder / "mobilenet_v2.pt"
    if onnx.is_file() and script.is_file():
        return onnx, script
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    network, example = calibrated_mobilenet(), torch.rand(SHAPE)
    with warnings.catch_warnings(), torch.no_grad():
        # PyTorch announces that both exports will be replaced one day.
        warnings.simplefilter("ignore", DeprecationWarning)
        write_script(network, example, script)
        write_onnx(network, example, onnx)
    return onnx, script


def calibrated_mobilenet() -> torch.nn.Module:
    """Seeded weights, with batch-norm statistics of what they see.

    With the untouched statistics of a new network its outputs would be so small that any
    difference vanished.
    """
    import torch
    from torchvision.models import mobilenet_v2

    torch.manual_seed(SEED)
    network: torch.nn.Module = mobilenet_v2(weights=None).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(8, *SHAPE[1:]))
    return network.eval()


def write_onnx(network: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    """Write beside the path first, so that a broken export leaves nothing to be found."""
    import torch

    part = path.with_suffix(".onnx.part")
    torch.onnx.export(
        network,
        (example,),
        part,
        dynamo=False,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["output"],
    )
    part.replace(path)


def write_script(network: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    """Write the trace with the names and shapes that runners of .pt files read."""
    import torch

    traced: Any = torch.jit.trace(network, example)  # type: ignore[no-untyped-call]
    specs = {
        "schema_version": 1,
        "inputs": [{"name": "input", "dtype": "f32", "dims": list(SHAPE)}],
        "outputs": [{"name": "output", "dtype": "f32", "dims": [SHAPE[0], CLASSES]}],
        "input_shapes": {"input": list(SHAPE)},
    }
    part = path.with_suffix(".pt.part")
    torch.jit.save(traced, str(part), _extra_files={"oxv.json": json.dumps(specs)})
    part.replace(path)
