"""The verb: every file is made in a folder of its own and moved into place at the end."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from oxidizedvision.config import Config, load_config, resolve_checkpoint
from oxidizedvision.config.models import EXPORTERS
from oxidizedvision.config.nearest import nearest
from oxidizedvision.convert.export import Exporter
from oxidizedvision.convert.goldens import Cases, make_goldens, save_goldens
from oxidizedvision.convert.ladder import (
    Attempt,
    Ladder,
    Script,
    Wish,
    best_of,
    best_torchscript,
    first_candidates,
    told_failure,
    write_pt2,
)
from oxidizedvision.convert.ladder.records import attempts_of, axis_records, description, reason_for
from oxidizedvision.convert.network import Arrays, Network, one_thread
from oxidizedvision.convert.proof.sweep import Trial, size_trials, value_trials
from oxidizedvision.convert.shapes import Signature, measure_signature
from oxidizedvision.convert.source import source_file
from oxidizedvision.convert.subject import export_request
from oxidizedvision.convert.tiling import measure_tiling
from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import file_errors, make_folder, sha256_of
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import (
    SCHEMA_VERSION,
    SUFFIX,
    AttemptRecord,
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
from oxidizedvision.core.publish import publish, working_folder
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.onnx_file import read_onnx, spec_values, write_contract
from oxidizedvision.runners.examples import example_of

_TOOLS = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "safetensors")


@dataclass(frozen=True)
class ConvertResult:
    """The files that `convert` wrote.

    torchscript, pt2: None where there is none; `attempts` and the warnings say why. exporter:
    the one whose ONNX was taken, for the `reason` given. parity: `max_error` and `mae` of ONNX
    Runtime against PyTorch, over all inputs that were tried. tiling: overlap and multiple in
    pixels where pictures may be cut into tiles. attempts: every exporter that was tried.
    """

    manifest: Path
    torchscript: Path | None
    onnx: Path
    goldens: Path
    exporter: str
    opset_version: int
    reason: str
    parity: dict[str, float]
    tiling: dict[str, int] | None
    attempts: tuple[AttemptRecord, ...]
    seconds: float
    pt2: Path | None = None


@dataclass(frozen=True)
class _Names:
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


def convert(
    config: str | Path | Config,
    *,
    output_dir: str | Path | None = None,
    opset_version: int | None = None,
    exporter: str | None = None,
    thorough: bool = False,
    trust_checkpoint: bool = False,
    notify: Notify = silent,
) -> ConvertResult:
    """Convert the network of a config, and enter it in the registry.

    Args:
        config: Path of a config.yml, or a loaded one.
        output_dir: Instead of `export.output_dir`.
        opset_version: Instead of `export.opset_version`; as there, it is met or refused.
        exporter: Instead of `export.exporter`: `auto`, `dynamo`, `torchscript` or `script`.
        thorough: Try every exporter and several opsets, and take the best, where otherwise the
            first is taken that agrees with PyTorch in every engine.
        trust_checkpoint: Let a pickled checkpoint run its code, as `model.trust_checkpoint` does.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `config`, `model`, `checkpoint`, `export` or `file_system`. Nothing
            is left half written then, and what an earlier run wrote is as it was.
    """
    from oxidizedvision.registry import register

    start = time.monotonic()
    loaded = _asked(load_config(config), exporter, trust_checkpoint)
    # Before torch is imported, which takes seconds.
    source_file(loaded)
    resolve_checkpoint(loaded)
    wish = _wish(loaded, opset_version, thorough)
    first = first_candidates(wish)[0]
    require("torch", "convert")
    target = _Names(
        make_folder(Path(output_dir or loaded.export.output_dir)), loaded.export.model_name
    )
    with Exporter(first.route) as process, one_thread():
        notify("building the network")
        job = _Job(loaded, Network.of(loaded), wish, process, notify)
        with working_folder(target.folder, "convert") as folder:
            written = job.write(_Names(folder, target.name))
            _publish(_Names(folder, target.name), target)
    register(target.manifest)
    chosen, script = written.chosen, written.script
    return ConvertResult(
        manifest=target.manifest,
        torchscript=target.torchscript if script.file else None,
        pt2=target.pt2 if written.has_pt2 else None,
        onnx=target.onnx,
        goldens=target.goldens,
        exporter=chosen.candidate.route,
        opset_version=chosen.candidate.opset,
        reason=reason_for(written.attempts, chosen, wish.exporter),
        parity=_parity(chosen),
        tiling=_plain(written.tiling),
        attempts=tuple(attempts_of(written.attempts, chosen)),
        seconds=round(time.monotonic() - start, 3),
    )


def _asked(config: Config, exporter: str | None, trust_checkpoint: bool) -> Config:
    """The config with what the flags say."""
    if exporter is not None and exporter not in EXPORTERS:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"There is no exporter {exporter!r}{nearest(exporter, EXPORTERS)}",
            f"Exporters: {', '.join(EXPORTERS)}.",
        )
    if exporter is not None:
        config = config.replaced("export", exporter=exporter)
    return config.replaced("model", trust_checkpoint=True) if trust_checkpoint else config


def _wish(config: Config, opset: int | None, thorough: bool) -> Wish:
    demanded = opset is not None or "opset_version" in config.export.model_fields_set
    return Wish(
        config.export.exporter,
        config.export.opset_version if opset is None else opset,
        demanded,
        thorough,
    )


@dataclass(frozen=True)
class _Written:
    attempts: list[Attempt]
    chosen: Attempt
    script: Script
    has_pt2: bool
    tiling: Tiling | None


@dataclass(frozen=True)
class _Job:
    config: Config
    network: Network
    wish: Wish
    process: Exporter
    notify: Notify

    def write(self, names: _Names) -> _Written:
        """Make every file in a folder."""
        self.notify("running PyTorch on the golden inputs")
        cases = make_goldens(self.network, self.config)
        signature = measure_signature(self.network, self.config)
        save_goldens(cases, self.config, names.goldens)
        self._warn_of_changed_inputs(cases)
        trials = [*_golden_trials(cases), *value_trials(self.network, self.config)]
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
        return _Written(attempts, chosen, script, names.pt2.is_file(), tiling)

    def _ladder(
        self, folder: Path, signature: Signature, trials: list[Trial], sizes: list[Trial]
    ) -> Ladder:
        example = _export_example(self.network, signature, trials[0].inputs)
        flat = self.network.returns_flat(example)
        request = export_request(
            self.config, self.network, signature, example, folder, flat=flat
        ).model_copy(update={"description": description(signature)})
        goldens = [trial for trial in trials if trial.name.startswith("random")]
        return Ladder(
            request=request,
            example=example,
            trials=[*trials, *sizes],
            engine_trials=[goldens[0], *_ends(sizes)],
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
            },
        )
        with file_errors(path):
            path.write_bytes(model.SerializeToString())

    def _manifest(
        self, names: _Names, signature: Signature, chosen: Attempt, script: Script
    ) -> Manifest:
        validation = self.config.validation
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
            tolerance=Tolerance(
                mae=validation.tolerance_mae, cosine_similarity=validation.tolerance_cos_sim
            ),
            stages=self._stages(names, chosen, script),
        )

    def _stages(self, names: _Names, chosen: Attempt, script: Script) -> list[Stage]:
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
        onnx.checks.update(_parity(chosen))
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


def _golden_trials(cases: Cases) -> list[Trial]:
    return [
        Trial(
            name,
            {n.removeprefix("input/"): a for n, a in parts.items() if n.startswith("input/")},
            {n.removeprefix("output/"): a for n, a in parts.items() if n.startswith("output/")},
        )
        for name, parts in cases.items()
    ]


def _ends(sizes: list[Trial]) -> list[Trial]:
    """The smallest and the largest: engines make a plan for each size, which takes long."""
    ordered = sorted(sizes, key=lambda trial: sum(a.size for a in trial.inputs.values()))
    return ordered if len(ordered) < 2 else [ordered[0], ordered[-1]]


def _export_example(network: Network, signature: Signature, golden: Arrays) -> Arrays:
    """The first golden, with lengths of 1 replaced: `torch.export` takes these for constants."""
    longer = {
        name: next((n for n in signature.others[name] if n > 1), length)
        for name, length in signature.lengths.items()
        if length == 1
    }
    if not longer:
        return golden
    shapes = signature.shapes_at(longer)
    generator = np.random.default_rng(0)
    return {item.name: example_of(item, shapes[item.name], generator) for item in network.inputs}


def _warn(message: str) -> None:
    warnings.warn(message, OxidizedVisionWarning, stacklevel=3)


def _parity(chosen: Attempt) -> dict[str, float]:
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


def _publish(made: _Names, target: _Names) -> None:
    """Move the files into place, and drop what an earlier conversion left that is not made now."""
    names = [path.name for path in made.all() if path.is_file()]
    with folder_lock(target.folder):
        old = _manifest_before(target)
        if old is not None:
            _keep_packages(old, made.manifest)
        publish(made.folder, names, target.manifest, _stale(names, old) if old else {})


def _manifest_before(target: _Names) -> Manifest | None:
    if not target.manifest.is_file():
        return None
    try:
        return load_manifest(target.manifest)
    except OxidizedVisionError:
        return None


def _keep_packages(old: Manifest, path: Path) -> None:
    """Crates that were made from a file which came out the same belong to the new manifest too."""
    new = load_manifest(path)
    same = {stage.output.sha256 for stage in new.stages}
    packages = [package for package in old.packages if package.model_sha256 in same]
    if packages:
        new.model_copy(update={"packages": packages}).save(path)


def _stale(names: list[str], old: Manifest) -> dict[str, str]:
    """Names and SHA-256 of what the manifest before lists and this one will not."""
    outputs = [stage.output for stage in old.stages]
    return {output.file: output.sha256 for output in outputs if output.file not in names}
