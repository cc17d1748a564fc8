"""The kind `executable`: one file, a prebuilt program with the model at its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from oxidizedvision.core.crates import MARK
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, file_size, flush_file, flush_folder, sha256_of
from oxidizedvision.core.publish import working_folder
from oxidizedvision.package import archive
from oxidizedvision.package.bill import BILL, bill_text, crates_in
from oxidizedvision.package.choosing import choose_engine
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.kind import Job, Made, PackageKind
from oxidizedvision.package.names import crate_name
from oxidizedvision.package.prebuilt import ENGINES, Prebuilt, prebuilt_for
from oxidizedvision.package.record import forget_package
from oxidizedvision.package.seal import SEAL, Sealed, seal_text
from oxidizedvision.package.template import GOLDENS, carried_name
from oxidizedvision.runners.program import start


class ExecutableKind(PackageKind):
    """One file that needs no Rust to be made and nothing but the system's C library to run."""

    name = "executable"
    suffix = "executable.exe" if os.name == "nt" else "executable"
    marks = ()

    def name_of(self, name: str) -> str:
        return crate_name(name)

    def check_replaceable(self, path: Path) -> None:
        if path.is_dir() or (path.exists() and not archive.is_executable(path)):
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{path} exists and is no executable made by OxidizedVision",
                "Choose another --output; nothing was overwritten.",
            )

    def choose(self, job: Job) -> ChosenEngine:
        if job.subject.model.suffix == ".pt":
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{job.subject.model.name} is TorchScript, which no executable runs",
                "Package the .onnx file, or use --kind program --engine tch.",
            )
        return choose_engine(job, ENGINES, "An executable")

    def make(self, job: Job, chosen: ChosenEngine) -> Made:
        if job.build:
            raise OxidizedVisionError(
                Kind.USAGE,
                "An executable is whole as it is: --build is for crates",
                "Leave out --build.",
            )
        prebuilt = prebuilt_for(chosen.engine, job.target)
        with working_folder(job.folder.parent, "package") as staging:
            program = staging / job.name
            job.notify("putting the model behind the program")
            with file_errors(job.folder):
                program.write_bytes(prebuilt.program.read_bytes())
            archive.append(program, _parts(staging, job, chosen, prebuilt))
            program.chmod(0o755)
            job.notify("replaying the goldens in it")
            _check(program, job, chosen.engine)
            flush_file(program)
            forget_package(job.subject.manifest_path, job.folder)
            program.replace(job.folder)
            flush_folder(job.folder.parent)
        return Made(sha256_of(job.subject.model), file_size(job.folder), job.folder)


def _check(program: Path, job: Job, engine: str) -> None:
    """Replay the goldens in a program that is not in its place yet, and may never be."""
    try:
        start(program, ["--check"])
    except OxidizedVisionError as error:
        message = error.message.replace(str(program), str(job.folder))
        hint = error.hint
        if error.kind is Kind.CHECK_FAILED:
            manifest = job.subject.manifest
            made = manifest.tolerance_of(job.subject.model.name) != manifest.tolerance
            # How far a smaller file may be was measured on the engine that it was made for.
            advice = f"Make it for {engine}: `oxidizedvision optimize --engine {engine}`"
            hint = f"{advice if made else 'Convert the model again'}, and package the result; "
            hint += "nothing was written."
        raise OxidizedVisionError(error.kind, message, hint) from error


def _parts(
    staging: Path, job: Job, chosen: ChosenEngine, prebuilt: Prebuilt
) -> Mapping[str, bytes | Path]:
    """What goes behind the program, the seal first."""
    subject = job.subject
    model = carried_name(subject.model)
    subject.carried_manifest(chosen.evidence).save(staging / MARK)
    (staging / BILL).write_text(
        bill_text(crates_in(prebuilt.bill), subject, job.name), encoding="utf-8"
    )
    files = {
        model: subject.model,
        GOLDENS: subject.folder / subject.manifest.goldens.file,
        MARK: staging / MARK,
        BILL: staging / BILL,
    }
    says = Sealed(
        "executable",
        job.name,
        chosen.engine,
        model,
        GOLDENS,
        MARK,
        threads=chosen.threads,
        program=sha256_of(prebuilt.program),
    )
    return {SEAL: seal_text(says, files).encode(), **files}
