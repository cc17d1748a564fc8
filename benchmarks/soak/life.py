"""A registry's life: a model that is converted again and again, and small ones beside it.

Each verb is prepared as an `Attempt`, which can be run, killed and run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from oxidizedvision.core.claims import PREFIX
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import (
    SUFFIX,
    FileRecord,
    Manifest,
    Source,
    Spec,
    Stage,
    Tolerance,
)
from oxidizedvision.registry import collect_garbage, list_models, register, remove, tag, tags

NAME = "net"
TAG = "prod"

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed({seed})
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.scale = nn.Parameter(torch.rand(1))

    def forward(self, picture):
        return picture + self.first(picture)[:, :3] * (self.scale * self.scale)
"""

CONFIG = """
model:
  path: model.py
  class_name: Net
  input_shape: [1, 3, 8, 8]
export:
  output_dir: {out}
  model_name: {name}
  exporter: torchscript
  do_constant_folding: false
runners:
  - name: onnxruntime
"""


@dataclass(frozen=True)
class Attempt:
    """A verb that is about to run.

    took_effect: whether what it is for has happened. may_go: SHA-256 of entries that it may drop.
    """

    verb: str
    work: Callable[[], object]
    took_effect: Callable[[], bool]
    may_go: frozenset[str] = frozenset()


@dataclass
class Life:
    """The folders, and how often each verb has come by. The registry's home is `root / "home"`."""

    root: Path
    turns: dict[str, int] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """Where the model is converted to."""
        return self.root / "out"

    @property
    def manifest(self) -> Path:
        """The model's manifest."""
        return self.out / f"{NAME}{SUFFIX}"

    @property
    def crate(self) -> Path:
        """Where the model is packaged."""
        return self.root / "crates" / NAME

    def begin(self) -> None:
        """Write the config and the first small models."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "config.yml").write_text(CONFIG.format(out=self.out, name=NAME))
        for name in ("steady-0", "steady-1"):
            register(small_manifest(self.root / "small", name))
        tag("steady-0", TAG)

    def attempt(self, verb: str) -> Attempt:
        """Prepare the next turn of a verb."""
        turn = self.turns[verb] = self.turns.get(verb, 0) + 1
        prepare: Callable[[Life, int], Attempt] = VERBS[verb]
        return prepare(self, turn)


def _convert(life: Life, turn: int) -> Attempt:
    from oxidizedvision.convert import convert

    model = life.root / "model.py"
    model.write_text(MODEL.format(seed=turn))
    wanted = sha256_of(model)

    def took_effect() -> bool:
        return life.manifest.is_file() and _source_of(life.manifest) == wanted

    return Attempt("convert", lambda: convert(life.root / "config.yml"), took_effect)


def _source_of(manifest: Path) -> object:
    return json.loads(manifest.read_bytes())["source"]["sha256"]


def _optimize(life: Life, turn: int) -> Attempt:
    from oxidizedvision.optimize import optimize

    before = sha256_of(life.manifest)

    def work() -> None:
        optimize(life.out / f"{NAME}.onnx", constant_folding=turn % 2 == 1)

    return Attempt("optimize", work, lambda: sha256_of(life.manifest) != before)


def _package(life: Life, turn: int) -> Attempt:
    from oxidizedvision.package import package

    engine = ("rten", "tract")[turn % 2]
    cargo = life.crate / "Cargo.toml"
    return Attempt(
        "package",
        lambda: package(life.manifest, output=life.crate, engine=engine),
        lambda: cargo.is_file() and f"runner_{engine}" in cargo.read_text(),
    )


def _register(life: Life, turn: int) -> Attempt:
    name = f"small-{turn}"
    manifest = small_manifest(life.root / "small", name)
    return Attempt("register", lambda: register(manifest), lambda: _is_registered(name))


def _tag(_: Life, turn: int) -> Attempt:
    target = f"steady-{turn % 2}"
    return Attempt(
        "tag",
        lambda: tag(target, TAG),
        lambda: [row.name for row in tags() if row.tag == TAG] == [target],
    )


def _remove(life: Life, turn: int) -> Attempt:
    name = f"passing-{turn}"
    entry = register(small_manifest(life.root / "small", name))

    def work() -> None:
        if _is_registered(name):  # the run after a kill may find it gone
            remove(name, files=True)

    return Attempt(
        "remove", work, lambda: not _is_registered(name), may_go=frozenset({entry.sha256})
    )


def _gc(life: Life, turn: int) -> Attempt:
    """Two leftovers of a killed process, and a model whose folder was deleted."""
    left = life.out / f"{PREFIX}convert-turn{turn}"
    left.mkdir(parents=True)
    (left / "half.onnx").write_bytes(b"half")
    (life.out / f"{PREFIX}half-{turn}.json").write_bytes(b"half")
    name = f"gone-{turn}"
    manifest = small_manifest(life.root / "small", name)
    entry = register(manifest)
    manifest.unlink()
    return Attempt(
        "gc",
        collect_garbage,
        lambda: not left.exists() and not _is_registered(name),
        may_go=frozenset({entry.sha256}),
    )


VERBS: dict[str, Callable[[Life, int], Attempt]] = {
    "convert": _convert,
    "optimize": _optimize,
    "package": _package,
    "register": _register,
    "tag": _tag,
    "remove": _remove,
    "gc": _gc,
}


def _is_registered(name: str) -> bool:
    return any(entry.name == name for entry in list_models())


def small_manifest(folder: Path, name: str) -> Path:
    """A manifest with its files, which are no models; nothing is converted."""
    folder.mkdir(parents=True, exist_ok=True)
    records = {}
    for ending in (".pt", ".onnx", ".golden.safetensors"):
        path = folder / f"{name}{ending}"
        path.write_bytes(f"{name}{ending}".encode())
        records[ending] = FileRecord.of(path)
    spec = Spec(name="input", dtype="f32", dims=["batch", 3, 8, 8])
    manifest = Manifest(
        name=name,
        source=Source(path="net.py", class_name="Net"),
        tools={"soak": "1"},
        inputs=[spec],
        outputs=[spec],
        input_shapes={"input": [1, 3, 8, 8]},
        goldens=records[".golden.safetensors"],
        tolerance=Tolerance(mae=1e-5, cosine_similarity=0.999),
        stages=[
            Stage(name="torchscript", tool="soak", output=records[".pt"], seconds=0.0),
            Stage(name="onnx", tool="soak", output=records[".onnx"], seconds=0.0),
        ],
    )
    path = folder / f"{name}{SUFFIX}"
    manifest.save(path)
    return path
