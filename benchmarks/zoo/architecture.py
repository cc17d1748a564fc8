"""What one network of the zoo is, and the config that `oxidizedvision convert` gets for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CONFIG = "config.yml"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Architecture:
    """A network by where it is built, and the pictures that it takes.

    Args:
        name: What the tables call it.
        family: `cnn`, `transformer`, `mixer`, `segmentation`, `detection` or `trained`.
        path: `package.module:attribute`, or a file, which then has `attribute`.
        arguments: For the class or the function.
        size: Side of the example picture in pixels.
        step: Height and width may change in steps of so many pixels; 0: they may not.
        batch: Whether the number of pictures may change.
        attribute: The class or function where `path` is a file.
        checkpoint: Trained weights; None stands for seeded ones.
    """

    name: str
    family: str
    path: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    size: int = 64
    step: int = 0
    batch: bool = True
    attribute: str | None = None
    checkpoint: Path | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the example: one picture."""
        return 1, 3, self.size, self.size

    @property
    def other_shape(self) -> tuple[int, int, int, int]:
        """Another shape that was promised; the example's where nothing may change."""
        height, width = self.size + self.step, self.size + 2 * self.step
        return (2 if self.batch else 1), 3, height, width

    def weights(self, folder: Path) -> Path:
        """The file of the weights; seeded ones are to be written to it."""
        return self.checkpoint or folder / WEIGHTS

    def axes(self) -> dict[int, Any]:
        """What `export.dynamic_axes` says of the input."""
        found: dict[int, Any] = {0: "batch"} if self.batch else {}
        if self.step:
            for axis, name in ((2, "height"), (3, "width")):
                bounds = {"min": self.size, "multiple_of": self.step}
                found[axis] = {"name": name, **bounds}
        return found

    def config(self, folder: Path) -> dict[str, Any]:
        """Everything that stands in the config; files go into `folder`."""
        model = {
            "path": self.path,
            "input_shape": list(self.shape),
            "init_args": dict(self.arguments),
            "checkpoint": str(self.weights(folder)),
        }
        if self.attribute is not None:
            model["class_name"] = self.attribute
        export: dict[str, Any] = {"output_dir": str(folder / "out"), "model_name": self.name}
        if self.axes():
            export["dynamic_axes"] = {"input": self.axes()}
        return {"model": model, "export": export}

    def write_config(self, folder: Path) -> Path:
        """Write `config.yml` as a user would."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / CONFIG
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(self.config(folder), file)
        return path
