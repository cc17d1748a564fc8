"""The verb: every file is made in a folder of its own and moved into place at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oxidizedvision.config import Config, load_config, resolve_checkpoint
from oxidizedvision.config.models import EXPORTERS
from oxidizedvision.config.nearest import nearest
from oxidizedvision.convert.export import Exporter
from oxidizedvision.convert.job import Job, Names, Written, parity_of
from oxidizedvision.convert.ladder import Wish, first_candidates
from oxidizedvision.convert.ladder.records import attempts_of, reason_for
from oxidizedvision.convert.network import Network, one_thread
from oxidizedvision.convert.source import source_file
from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import make_folder
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import AttemptRecord, Manifest, load_manifest
from oxidizedvision.core.publish import publish, working_folder
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.core.tensors import AxisRange


@dataclass(frozen=True)
class ConvertResult:
    """The files that `convert` wrote.

    torchscript, pt2: None where there is none; `attempts` and the warnings say why. exporter:
    the one whose ONNX was taken, for the `reason` given. parity: `max_error` and `mae` of ONNX
    Runtime against PyTorch, over all inputs that were tried. tiling: overlap and multiple in
    pixels where pictures may be cut into tiles. attempts: every exporter that was tried. axes: how
    long those may be that are no free ones, as declared or as found by trying.
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
    axes: Mapping[str, AxisRange] = field(default_factory=dict)


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
    target = Names(
        make_folder(Path(output_dir or loaded.export.output_dir)), loaded.export.model_name
    )
    with Exporter(first.route) as process, one_thread():
        notify("building the network")
        job = Job(loaded, Network.of(loaded), wish, process, notify)
        with working_folder(target.folder, "convert") as folder:
            written = job.write(Names(folder, target.name))
            _publish(Names(folder, target.name), target)
    register(target.manifest)
    return _result(target, written, wish, round(time.monotonic() - start, 3))


def _result(target: Names, written: Written, wish: Wish, seconds: float) -> ConvertResult:
    """What was written, by the names that it has in the end."""
    chosen, tiling = written.chosen, written.tiling
    return ConvertResult(
        manifest=target.manifest,
        torchscript=target.torchscript if written.script.file else None,
        pt2=target.pt2 if written.has_pt2 else None,
        onnx=target.onnx,
        goldens=target.goldens,
        exporter=chosen.candidate.route,
        opset_version=chosen.candidate.opset,
        reason=reason_for(written.attempts, chosen, wish.exporter),
        parity=parity_of(chosen),
        tiling=tiling.model_dump() if tiling else None,
        attempts=tuple(attempts_of(written.attempts, chosen)),
        seconds=seconds,
        axes=written.axes,
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


def _publish(made: Names, target: Names) -> None:
    """Move the files into place, and drop what an earlier conversion left that is not made now."""
    names = [path.name for path in made.all() if path.is_file()]
    with folder_lock(target.folder):
        old = _manifest_before(target)
        if old is not None:
            _keep_packages(old, made.manifest)
        publish(made.folder, names, target.manifest, _stale(names, old) if old else {})


def _manifest_before(target: Names) -> Manifest | None:
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
