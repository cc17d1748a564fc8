"""The verb: every file is made in a folder of its own and moved into place at the end."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from oxidizedvision.config import Config, load_config, resolve_checkpoint
from oxidizedvision.config.models import INPUT_NAME
from oxidizedvision.convert.export import TRACE, OnnxExport, Opset, trace
from oxidizedvision.convert.goldens import make_goldens, random_input, save_goldens
from oxidizedvision.convert.network import Network, one_thread
from oxidizedvision.convert.parity import check_parity
from oxidizedvision.convert.shapes import Signature, measure_signature
from oxidizedvision.convert.source import source_file
from oxidizedvision.convert.tiling import measure_tiling
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.files import file_errors, make_folder, sha256_of
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import (
    SCHEMA_VERSION,
    SUFFIX,
    FileRecord,
    Manifest,
    Source,
    Spec,
    Stage,
    Tiling,
    Tolerance,
    load_manifest,
    tool_versions,
)
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.onnx_file import opset_of, spec_values, write_contract

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_TOOLS = ("torch", "onnx", "onnxruntime", "numpy", "safetensors")


@dataclass(frozen=True)
class ConvertResult:
    """The files that `convert` wrote.

    parity: `max_error` and `mae` of ONNX Runtime against PyTorch, over all goldens and sizes.
    tiling: overlap and multiple in pixels where pictures may be cut into tiles.
    """

    manifest: Path
    torchscript: Path
    onnx: Path
    goldens: Path
    opset_version: int
    parity: dict[str, float]
    tiling: dict[str, int] | None
    seconds: float


@dataclass(frozen=True)
class _Names:
    """The files of a model in one folder."""

    folder: Path
    name: str

    @property
    def torchscript(self) -> Path:
        return self.folder / f"{self.name}.pt"

    @property
    def onnx(self) -> Path:
        return self.folder / f"{self.name}.onnx"

    @property
    def goldens(self) -> Path:
        return self.folder / f"{self.name}.golden.safetensors"

    @property
    def manifest(self) -> Path:
        return self.folder / f"{self.name}{SUFFIX}"

    def all(self) -> tuple[Path, ...]:
        """In the order of publication: the manifest that names the others comes last."""
        return self.torchscript, self.onnx, self.goldens, self.manifest


def convert(
    config: str | Path | Config,
    *,
    output_dir: str | Path | None = None,
    opset_version: int | None = None,
    notify: Notify = silent,
) -> ConvertResult:
    """Convert the network of a config, and enter it in the registry.

    Args:
        config: Path of a config.yml, or a loaded one.
        output_dir: Instead of `export.output_dir`.
        opset_version: Instead of `export.opset_version`; as there, it is met or refused.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `config`, `model`, `checkpoint`, `export` or `file_system`. Nothing
            is left half written then, and what an earlier run wrote is as it was.
    """
    from oxidizedvision.registry import register

    start = time.monotonic()
    loaded = load_config(config)
    # Before torch is imported, which takes seconds.
    source_file(loaded)
    resolve_checkpoint(loaded)
    require("torch", "convert")
    target = _Names(
        make_folder(Path(output_dir or loaded.export.output_dir)), loaded.export.model_name
    )
    notify("building the network")
    job = _Job(loaded, Network.of(loaded), _opset(loaded, opset_version), notify)
    with one_thread(), _working_folder(target.folder) as folder:
        written = job.write(_Names(folder, target.name))
        _publish(_Names(folder, target.name), target)
    register(target.manifest)
    return ConvertResult(
        manifest=target.manifest,
        torchscript=target.torchscript,
        onnx=target.onnx,
        goldens=target.goldens,
        opset_version=written.opset,
        parity=written.parity,
        tiling=_plain(written.tiling),
        seconds=round(time.monotonic() - start, 3),
    )


def _opset(config: Config, flag: int | None) -> Opset:
    if flag is not None:
        return Opset(flag, demanded=True)
    demanded = "opset_version" in config.export.model_fields_set
    return Opset(config.export.opset_version, demanded)


@dataclass(frozen=True)
class _Written:
    opset: int
    parity: dict[str, float]
    tiling: Tiling | None


@dataclass(frozen=True)
class _Job:
    config: Config
    network: Network
    opset: Opset
    notify: Notify

    def write(self, names: _Names) -> _Written:
        """Make every file in a folder."""
        self.notify("running PyTorch on the golden inputs")
        signature = measure_signature(self.network, self.config)
        cases = make_goldens(self.network, signature, self.config)
        save_goldens(cases, self.config, names.goldens)
        example = cases["random-0"][f"input/{INPUT_NAME}"]
        self.notify("tracing to TorchScript")
        with _timed() as tracing:
            trace(self.network, signature, example, names.torchscript, self.notify)
        tiling = self._tiling(signature)
        self.notify("exporting to ONNX")
        with _timed() as exporting:
            opset = self._export(signature, tiling, example, names.onnx)
        self.notify("comparing TorchScript and ONNX with PyTorch")
        at_other_size = random_input(self.config, len(cases), signature.other_shape)
        parity = check_parity(self.network, (names.torchscript, names.onnx), cases, at_other_size)
        stages = [
            _stage("torchscript", TRACE, names.torchscript, tracing[0]),
            _stage("onnx", "torch.onnx.export, dynamo=False", names.onnx, exporting[0]),
        ]
        stages[1].parameters.update(
            opset_version=opset, do_constant_folding=self.config.export.do_constant_folding
        )
        stages[1].checks.update(parity)
        self._manifest(names, signature, tiling, stages).save(names.manifest)
        return _Written(opset, parity, tiling)

    def _tiling(self, signature: Signature) -> Tiling | None:
        if all(isinstance(dim, int) for dim in signature.inputs[0].dims):
            return None
        self.notify("measuring how far an output pixel looks")
        layout = self.config.preprocess.layout if self.config.preprocess else "nchw"
        return measure_tiling(self.network, signature, layout)

    def _export(
        self, signature: Signature, tiling: Tiling | None, example: Array, path: Path
    ) -> int:
        folding = self.config.export.do_constant_folding
        export = OnnxExport(self.network, signature, self.opset, folding)
        model = export.run(example, path, self.notify)
        pixels = {
            "preprocess": _plain(self.config.preprocess),
            "postprocess": _plain(self.config.postprocess),
        }
        write_contract(
            model,
            {
                "schema_version": str(SCHEMA_VERSION),
                "name": self.config.export.model_name,
                "inputs": spec_values(signature.inputs),
                "outputs": spec_values(signature.outputs),
                **pixels,
                "tiling": _plain(tiling),
            },
        )
        with file_errors(path):
            path.write_bytes(model.SerializeToString())
        return opset_of(model)

    def _manifest(
        self, names: _Names, signature: Signature, tiling: Tiling | None, stages: list[Stage]
    ) -> Manifest:
        validation = self.config.validation
        return Manifest(
            name=self.config.export.model_name,
            source=self._source(names.folder.parent),
            tools=tool_versions(*_TOOLS),
            inputs=[Spec.of(spec) for spec in signature.inputs],
            outputs=[Spec.of(spec) for spec in signature.outputs],
            input_shapes={INPUT_NAME: list(signature.shape)},
            preprocess=_plain(self.config.preprocess),
            postprocess=_plain(self.config.postprocess),
            tiling=tiling,
            goldens=FileRecord.of(names.goldens),
            tolerance=Tolerance(
                mae=validation.tolerance_mae, cosine_similarity=validation.tolerance_cos_sim
            ),
            stages=stages,
        )

    def _source(self, folder: Path) -> Source:
        """Where the network comes from, with paths relative to the manifest's folder."""
        config, file = self.config, self.network.file
        checkpoint = resolve_checkpoint(config)
        installed = config.model.module_reference is not None
        return Source(
            path=config.model.path if installed or not file else _relative(file, folder),
            class_name=config.model.class_name,
            init_args=config.model.init_args,
            sha256=sha256_of(file) if file else None,
            checkpoint=_relative(checkpoint, folder) if checkpoint else None,
            checkpoint_sha256=sha256_of(checkpoint) if checkpoint else None,
            config_sha256=sha256_of(config.path) if config.path else None,
        )


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _plain(part: BaseModel | None) -> dict[str, Any] | None:
    return None if part is None else part.model_dump(mode="json")


def _stage(name: Literal["torchscript", "onnx"], tool: str, path: Path, seconds: float) -> Stage:
    return Stage(name=name, tool=tool, output=FileRecord.of(path), seconds=round(seconds, 3))


@contextmanager
def _timed() -> Iterator[list[float]]:
    """A list that holds the seconds that the block took, once it has ended."""
    start = time.monotonic()
    seconds = [0.0]
    yield seconds
    seconds[0] = time.monotonic() - start


@contextmanager
def _working_folder(target: Path) -> Iterator[Path]:
    """A folder inside `target`, on the same file system, that is gone in the end."""
    with file_errors(target):
        folder = tempfile.TemporaryDirectory(prefix=".convert-", dir=target)
    with folder as name:
        yield Path(name)


def _publish(made: _Names, target: _Names) -> None:
    """Move the files into place, and drop what was optimised from the model before."""
    stale = _stale(target)
    for source, place in zip(made.all(), target.all(), strict=True):
        with file_errors(place):
            with source.open("rb") as file:
                os.fsync(file.fileno())
            source.replace(place)
    for path in stale:
        with file_errors(path):
            path.unlink(missing_ok=True)


def _stale(target: _Names) -> list[Path]:
    if not target.manifest.is_file():
        return []
    try:
        old = load_manifest(target.manifest)
    except OxidizedVisionError:
        return []
    files = [target.folder / stage.output.file for stage in old.stages if stage.name == "optimize"]
    return [path for path in files if path not in target.all()]
