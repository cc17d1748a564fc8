"""One conversion: every file of a network, written into a folder of its own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from oxidizedvision.config import Config, resolve_checkpoint
from oxidizedvision.convert.export import Exporter
from oxidizedvision.convert.goldens import Cases, make_goldens, save_goldens
from oxidizedvision.convert.ladder import (
    Attempt,
    Ladder,
    Script,
    Wish,
    best_of,
    best_torchscript,
    told_failure,
    write_pt2,
)
from oxidizedvision.convert.ladder.records import (
    attempts_of,
    axis_records,
    declared_ranges,
    description,
)
from oxidizedvision.convert.network import Network
from oxidizedvision.convert.proof.sweep import (
    Trial,
    ends_of,
    golden_trials,
    size_trials,
    value_trials,
)
from oxidizedvision.convert.shapes import Signature, measure_signature
from oxidizedvision.convert.subject import export_example, export_request
from oxidizedvision.convert.tiling import measure_tiling
from oxidizedvision.core.errors import OxidizedVisionWarning
from oxidizedvision.core.files import file_errors, sha256_of
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
    tool_versions,
)
from oxidizedvision.core.results import Notify
from oxidizedvision.core.tensors import AxisRange
from oxidizedvision.onnx_file import read_onnx, spec_values, write_contract

_TOOLS = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "safetensors")


@dataclass(frozen=True)
class Names:
    """The files of a model in one folder."""

    folder: Path
    name: str

    @property
    def torchscript(self) -> Path:
        return self.folder / f"{self.name}.pt"

    @property
    def pt2(self) -> Path:
        return self.folder / f"{self.name}.pt2"

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
        return self.torchscript, self.pt2, self.onnx, self.goldens, self.manifest


@dataclass(frozen=True)
class Written:
    """What was made: every attempt, the one whose ONNX was taken, and how long axes may be."""

    attempts: list[Attempt]
    chosen: Attempt
    script: Script
    has_pt2: bool
    tiling: Tiling | None
    axes: Mapping[str, AxisRange]


@dataclass(frozen=True)
class Job:
    """What a conversion works with; `process` is that of the first exporter."""

    config: Config
    network: Network
    wish: Wish
    process: Exporter
    notify: Notify

    def write(self, names: Names) -> Written:
        """Make every file in a folder."""
        self.notify("running PyTorch on the golden inputs")
        cases = make_goldens(self.network, self.config)
        signature = measure_signature(self.network, self.config)
        save_goldens(cases, self.config, names.goldens)
        self._warn_of_changed_inputs(cases)
        trials = [*golden_trials(cases), *value_trials(self.network, self.config)]
        sizes = size_trials(self.network, signature)
        ladder = self._ladder(names.folder, signature, trials, sizes)
        attempts = ladder.climb()
        chosen = best_of(attempts, self.network.name)
        script = best_torchscript(ladder, attempts)
        self._tell(chosen, script)
        pt2 = write_pt2(ladder, attempts, names.pt2) if self.config.export.pt2 else None
        if pt2 is not None:
            _warn(f"There is no .pt2 file: {told_failure(pt2)}")
        tiling = self._tiling(signature)
        if script.file is not None:
            script.file.replace(names.torchscript)
        self._write_onnx(chosen, signature, tiling, names.onnx)
        manifest = self._manifest(names, signature, chosen, script)
        manifest.tiling = tiling
        manifest.attempts = attempts_of(attempts, chosen)
        manifest.axes = axis_records(signature, [*trials, *sizes])
        manifest.save(names.manifest)
        return Written(
            attempts, chosen, script, names.pt2.is_file(), tiling, declared_ranges(signature)
        )

    def _ladder(
        self, folder: Path, signature: Signature, trials: list[Trial], sizes: list[Trial]
    ) -> Ladder:
        example = export_example(self.network, signature, trials[0].inputs)
        flat = self.network.returns_flat(example)
        request = export_request(
            self.config, self.network, signature, example, folder, flat=flat
        ).model_copy(update={"description": description(signature)})
        goldens = [trial for trial in trials if trial.name.startswith("random")]
        return Ladder(
            request=request,
            example=example,
            trials=[*trials, *sizes],
            engine_trials=[goldens[0], *ends_of(sizes)],
            folder=folder,
            timeout_s=self.config.export.timeout_s,
            wish=self.wish,
            wants_pt2=self.config.export.pt2,
            notify=self.notify,
            processes={self.process.route: self.process},
        )

    def _warn_of_changed_inputs(self, cases: Cases) -> None:
        first = next(iter(cases.values()))
        inputs = {item.name: first[f"input/{item.name}"] for item in self.network.inputs}
        changed = self.network.changes_its_input(inputs)
        if changed:
            _warn(
                f"forward of {self.network.name} changes its input {', '.join(changed)} in place; "
                "the exported model works on a copy"
            )

    def _tell(self, chosen: Attempt, script: Script) -> None:
        candidate = chosen.candidate
        if candidate.opset != self.wish.opset:
            self.notify(f"opset {candidate.opset} instead of {self.wish.opset}")
        if candidate.route != "dynamo":
            self.notify("PyTorch calls TorchScript deprecated; it works, and was compared")
        if chosen.is_doubtful:
            places = "; ".join(p.source for p in chosen.places if p.kind == "branch")
            _warn(
                f"forward decides by a value at {places}: only the way that the example input took "
                "was recorded, and no other exporter does better; see "
                "docs/troubleshooting.md#trace-fails"
            )
        elif script.doubt:
            places = "; ".join(place.source for place in script.doubt)
            _warn(
                f"forward decides by a value at {places}: the TorchScript file has only the way "
                "that the example input took; see docs/troubleshooting.md#trace-fails"
            )
        if script.file is None:
            why = told_failure(script.failure) if script.failure else "no reason was given"
            _warn(f"There is no TorchScript file: {why}")

    def _tiling(self, signature: Signature) -> Tiling | None:
        if all(isinstance(dim, int) for dim in signature.inputs[0].dims):
            return None
        self.notify("measuring how far an output pixel looks")
        layout = self.config.preprocess.layout if self.config.preprocess else "nchw"
        return measure_tiling(self.network, signature, layout)

    def _write_onnx(
        self, chosen: Attempt, signature: Signature, tiling: Tiling | None, path: Path
    ) -> None:
        if chosen.onnx is None:
            raise RuntimeError("an attempt without a file was chosen")
        model = read_onnx(chosen.onnx)
        write_contract(
            model,
            {
                "schema_version": str(SCHEMA_VERSION),
                "name": self.config.export.model_name,
                "inputs": spec_values(signature.inputs),
                "outputs": spec_values(signature.outputs),
                "preprocess": _plain(self.config.preprocess),
                "postprocess": _plain(self.config.postprocess),
                "tiling": _plain(tiling),
                "axes": {name: asdict(axis) for name, axis in declared_ranges(signature).items()}
                or None,
            },
        )
        with file_errors(path):
            path.write_bytes(model.SerializeToString())

    def _manifest(
        self, names: Names, signature: Signature, chosen: Attempt, script: Script
    ) -> Manifest:
        mae, similarity = self.config.validation.fp32_limits
        return Manifest(
            name=self.config.export.model_name,
            source=self._source(names.folder.parent),
            tools=tool_versions(*_TOOLS),
            inputs=[Spec.of(spec) for spec in signature.inputs],
            outputs=[Spec.of(spec) for spec in signature.outputs],
            input_shapes={name: list(shape) for name, shape in signature.shapes.items()},
            preprocess=_plain(self.config.preprocess),
            postprocess=_plain(self.config.postprocess),
            goldens=FileRecord.of(names.goldens),
            tolerance=Tolerance(mae=mae, cosine_similarity=similarity),
            stages=self._stages(names, chosen, script),
        )

    def _stages(self, names: Names, chosen: Attempt, script: Script) -> list[Stage]:
        stages = []
        if script.file is not None:
            stages.append(_stage("torchscript", script.tool, names.torchscript, 0.0))
        if names.pt2.is_file():
            stages.append(_stage("pt2", "torch.export.save", names.pt2, 0.0))
        route, opset = chosen.candidate.route, chosen.candidate.opset
        onnx = _stage("onnx", f"torch.onnx.export, {route}", names.onnx, chosen.seconds)
        onnx.parameters.update(
            exporter=route,
            opset_version=opset,
            do_constant_folding=self.config.export.do_constant_folding,
        )
        onnx.checks.update(parity_of(chosen))
        return [*stages, onnx]

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
            checkpoint_key=config.model.checkpoint_key,
            checkpoint_sha256=sha256_of(checkpoint) if checkpoint else None,
            config_sha256=sha256_of(config.path) if config.path else None,
        )


def _warn(message: str) -> None:
    warnings.warn(message, OxidizedVisionWarning, stacklevel=3)


def parity_of(chosen: Attempt) -> dict[str, float]:
    """The largest and the mean error of an attempt; empty where it was not compared."""
    parity = chosen.parity
    return {"max_error": parity.worst, "mae": parity.mae} if parity else {}


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _plain(part: BaseModel | None) -> dict[str, Any] | None:
    return None if part is None else part.model_dump(mode="json")


def _stage(
    name: Literal["torchscript", "pt2", "onnx"], tool: str, path: Path, seconds: float
) -> Stage:
    return Stage(name=name, tool=tool, output=FileRecord.of(path), seconds=round(seconds, 3))
