"""A model in what is shipped: a Rust crate of its own, or a page for browsers. `package`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.budget import check_packaged
from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.crates import crate_files
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.package.browser import WasmKind
from oxidizedvision.package.build import build_program
from oxidizedvision.package.engines import ALONE, ENGINES, refuse_engine
from oxidizedvision.package.executable import ExecutableKind
from oxidizedvision.package.kind import Job, Made, PackageKind, PackageResult, PartSize
from oxidizedvision.package.library import LibraryKind
from oxidizedvision.package.program import ProgramKind
from oxidizedvision.package.record import record_package
from oxidizedvision.package.server import ServerKind
from oxidizedvision.package.subject import Subject

if TYPE_CHECKING:
    from oxidizedvision.config import BudgetConfig
    from oxidizedvision.package.chosen import ChosenEngine

__all__ = [
    "ALONE",
    "ENGINES",
    "KINDS",
    "PackageResult",
    "PartSize",
    "build_program",
    "crate_files",
    "package",
    "refuse_engine",
]

KINDS: Mapping[str, PackageKind] = {
    kind.name: kind
    for kind in (ProgramKind(), LibraryKind(), ServerKind(), ExecutableKind(), WasmKind())
}
"""What a model can be packaged as; the first is the default."""


def package(  # noqa: PLR0913 - keyword-only
    model: str | Path,
    *,
    kind: str = "program",
    output: str | Path | None = None,
    engine: str | None = None,
    name: str | None = None,
    force: bool = False,
    build: bool = False,
    goal: str | None = None,
    target: str | None = None,
    notify: Notify = silent,
) -> PackageResult:
    """Put a converted model into a package that stands alone.

    `program`, `library` and `server` are Rust crates with model, goldens, manifest and the sources
    of the runtime crates; no path leads out, and their `cargo test` compares their own answers with
    PyTorch's. `executable` is one file, a program of the native wheel with the model at its end.
    `wasm` is a folder for any static host: the page of examples/wasm_frontend with this model
    inside. The last two gave PyTorch's answers before they were put in place.

    Args:
        model: An `.onnx` file written by `convert` or `optimize`; or a `config.yml` or manifest,
            which stand for the newest ONNX file that was made from them; or, for crates, what
            `prepare` wrote for one of their engines, or the `.pt` for tch. With `engine="tch"` any
            of them stands for the manifest's TorchScript file.
        kind: A name of `KINDS`: `program`, `library`, `server`, `executable` or `wasm`.
        output: Its folder, or its file; beside the model, named after it, the kind and the target,
            where not given. What is no package of that kind stays.
        engine: One that the kind can have; the error for another one lists them. `auto` for the
            best of `ALONE` here: by `choose`, with its number of threads, or for `wasm` by timing
            its modules in Node. Where not given, the fastest by the manifest; the smallest.
        name: The crate's and the program's name, or the page's title; the model's where not given.
        force: Package a model whose content is no longer what the manifest recorded.
        build: Also build the crate (`cargo build --release`), and put its program into `bin`.
        goal: Of `auto` for a program, as in `choose`; None means `latency`.
        target: What an executable is to run on, such as `aarch64-unknown-linux-gnu`; this machine
            where not given. QEMU proves it here.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `check_failed` for a changed model, and for a module that does not
            give PyTorch's answers; `unsupported` when the engine cannot load the model, with those
            that can; `usage` for a bad kind, engine, goal, name or output; `dependency_missing`
            where module, page, program, QEMU or Node are missing; with `auto` as `choose`.
    """
    given = Path(model)
    wanted = _kind_named(kind, target)
    limits = _budget_in(given)
    subject = Subject.of(given)
    name = wanted.name_of(subject.manifest.name if name is None else name)
    folder = Path(output) if output else subject.model.parent / wanted.place(name, target)
    wanted.check_replaceable(folder)
    job = Job(given, subject, name, folder, engine, goal, build, target, notify)
    job, chosen = _with_engine(wanted, job, force=force)
    job.subject.warn()
    made = wanted.make(job, chosen)
    result = _result(wanted, job, chosen, made, limits)
    record_package(job.subject.manifest_path, result, made.model_sha256)
    return result


def _with_engine(kind: PackageKind, job: Job, *, force: bool) -> tuple[Job, ChosenEngine]:
    """The job for the model's file that the chosen engine runs."""
    if not force:
        job.subject.check_unchanged()
    chosen = kind.choose(job)
    if chosen.choice is not None:
        job = job.of(job.subject.chosen(chosen.choice.file))
    job = job.of(kind.subject(job, chosen))
    if not force:
        job.subject.check_unchanged()
    return job, chosen


def _kind_named(kind: str, target: str | None) -> PackageKind:
    if kind in KINDS:
        _refuse_target(KINDS[kind], target)
        return KINDS[kind]
    raise OxidizedVisionError(
        Kind.USAGE,
        f"There is no kind of package {kind!r}{nearest(kind, KINDS)}",
        f"Choose one of: {', '.join(KINDS)}.",
    )


def _refuse_target(kind: PackageKind, target: str | None) -> None:
    if target is None or isinstance(kind, ExecutableKind):
        return
    raise OxidizedVisionError(
        Kind.USAGE,
        f"A target is of executables, and this is to be of kind {kind.name}",
        "A crate is built for another processor by `cargo build --target`; a page runs on each.",
    )


def _result(
    kind: PackageKind,
    job: Job,
    chosen: ChosenEngine,
    made: Made,
    limits: BudgetConfig | None,
) -> PackageResult:
    """What became of a package that is in place."""
    files = crate_files(job.folder)
    manifest, model = job.subject.manifest, job.subject.model
    return PackageResult(
        path=job.folder,
        name=job.name,
        engine=chosen.engine,
        reason=chosen.reason,
        executable=made.executable,
        files=tuple(str(path.relative_to(job.folder)) for path in files if path != job.folder),
        bytes=sum(path.stat().st_size for path in files),
        budget=check_packaged(limits, manifest, kind.runner(chosen.engine), model, made.shipped),
        threads=chosen.threads,
        kind=kind.name,
        sizes=made.sizes,
    )


def _budget_in(target: Path) -> BudgetConfig | None:
    """The limits of a config; a model's file and a manifest have none."""
    if target.suffix not in (".yml", ".yaml") or not target.exists():
        return None
    from oxidizedvision.config import load_config

    return load_config(target).budget
