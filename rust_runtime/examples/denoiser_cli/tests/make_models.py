"""Writes the models that tests/cli.rs and tests/golden.rs run, with PyTorch's own answers.

Run it in this folder: `python make_models.py`. It is seeded. Metadata is left to the tests.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).parent / "models"


class Denoiser(nn.Module):
    """Three convolutions and a skip: an output pixel depends on 3 pixels to each side."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 3, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Takes and gives `[N, 3, H, W]`."""
        return x - self.body(x)


class Classifier(nn.Module):
    """Scores red, green and blue by how much of each is in the picture."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Takes `[1, 3, H, W]`, gives `[1, 3]`."""
        return x.mean(dim=(2, 3))


class Detector(nn.Module):
    """Two boxes that are always the same; the picture's red and green are their scores."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes = nn.Parameter(torch.tensor([[[0.0, 0.0, 16.0, 16.0], [8.0, 8.0, 32.0, 32.0]]]))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Takes `[1, 3, 32, 32]`, gives `[1, 2, 4]` and `[1, 2]`."""
        scores = x.mean(dim=(2, 3))[:, :2]
        return self.boxes + 0.0 * scores[:, :, None], scores


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(3)
    model = Denoiser().eval()
    axes = {2: "height", 3: "width"}
    export(model, "denoiser", {"input": axes, "output": axes})
    export(model, "fixed", None)
    write_goldens(model)
    export(Classifier(), "classifier", {"input": axes}, ["scores"])
    export(Detector(), "detector", {"input": axes}, ["boxes", "scores"])


def export(
    model: nn.Module,
    name: str,
    dynamic_axes: dict[str, dict[int, str]] | None,
    outputs: Sequence[str] = ("output",),
) -> None:
    """Write one ONNX file for pictures of 40 by 32, or of any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, 32, 40),),
            FOLDER / f"{name}.onnx",
            dynamo=False,
            opset_version=17,
            input_names=["input"],
            output_names=list(outputs),
            dynamic_axes=dynamic_axes,
        )


def write_goldens(model: nn.Module) -> None:
    """Two recorded cases, and the manifest that lists the model and them."""
    tensors = {}
    with torch.no_grad():
        for case, shape in enumerate([(1, 3, 9, 7), (1, 3, 4, 12)]):
            value = torch.rand(shape)
            tensors[f"random-{case}/input/input"] = value
            tensors[f"random-{case}/output/output"] = model(value)
    goldens = FOLDER / "denoiser.golden.safetensors"
    tolerance = json.dumps({"mae": 1e-05, "cosine_similarity": 0.999})
    metadata = {"schema_version": "1", "model": "denoiser", "tolerance": tolerance}
    save_file(tensors, goldens, metadata=metadata)
    stage = {"name": "onnx", "output": record(FOLDER / "denoiser.onnx")}
    manifest = {"schema_version": 1, "goldens": record(goldens), "stages": [stage]}
    text = json.dumps(manifest, indent=2)
    (FOLDER / "denoiser.oxv.json").write_text(text + "\n", encoding="utf-8")


def record(path: Path) -> dict[str, str | int]:
    """Name, content and size of a file."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.name, "sha256": digest, "bytes": len(content)}


if __name__ == "__main__":
    main()
