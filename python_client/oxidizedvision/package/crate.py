"""What the kinds that are Rust crates have in common: `program`, `library` and `server`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from oxidizedvision.core.crates import MARK
from oxidizedvision.core.files import file_size, sha256_of
from oxidizedvision.package.bill import BILL, bill_text
from oxidizedvision.package.build import build_library, build_program, crates_of, lock_to_content
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.crate_engine import choose_crate_engine, subject_for
from oxidizedvision.package.engines import EVERYWHERE
from oxidizedvision.package.kind import Job, Made, PackageKind
from oxidizedvision.package.names import crate_name
from oxidizedvision.package.place import placed
from oxidizedvision.package.record import forget_package
from oxidizedvision.package.seal import Sealed, seal_folder
from oxidizedvision.package.sources import copy_runtime, workspace_document
from oxidizedvision.package.subject import Subject
from oxidizedvision.package.template import GOLDENS, CrateTemplate, carried_name


class CrateKind(PackageKind):
    """A crate with model, goldens, manifest and the sources of the runtime crates.

    engines: those that it can be made for. runtime: the crates of ours that it is made of, besides
    the engine's and what they need. runs: whether it is built into a program.
    """

    marks = (MARK, "Cargo.toml")
    engines: ClassVar[tuple[str, ...]] = EVERYWHERE
    runtime: ClassVar[tuple[str, ...]]
    runs: ClassVar[bool] = True

    def name_of(self, name: str) -> str:
        return crate_name(name)

    def choose(self, job: Job) -> ChosenEngine:
        return choose_crate_engine(job, self.engines)

    def template(self, job: Job, chosen: ChosenEngine) -> CrateTemplate:
        """The texts of the crate."""
        return CrateTemplate(self.name, self.runtime, job.name, chosen, job.subject)

    def subject(self, job: Job, chosen: ChosenEngine) -> Subject:
        return subject_for(job.subject, chosen.engine)

    def make(self, job: Job, chosen: ChosenEngine) -> Made:
        subject = job.subject
        job.notify(f"loading {subject.model.name} in {chosen.engine}")
        subject.check_loads(chosen.engine, self.engines)
        job.notify("writing the crate")
        with placed(job.folder) as staging:
            _write(staging, self.template(job, chosen))
            _copy_artifacts(staging, subject, chosen)
            lock_to_content(staging)
            text = bill_text(crates_of(staging), subject, job.name)
            (staging / BILL).write_text(text, encoding="utf-8")
            self._seal(staging, job, chosen)
            forget_package(subject.manifest_path, job.folder)
        executable = _built(job, runs=self.runs) if job.build else None
        model = job.folder / carried_name(subject.model)
        return Made(sha256_of(model), file_size(executable or model), executable)

    def _seal(self, folder: Path, job: Job, chosen: ChosenEngine) -> None:
        model, engine = carried_name(job.subject.model), chosen.engine
        threads = chosen.threads
        says = Sealed(self.name, job.name, engine, model, GOLDENS, MARK, threads=threads)
        seal_folder(folder, says)


def _built(job: Job, *, runs: bool) -> Path | None:
    if runs:
        return build_program(job.folder, job.name, notify=job.notify)
    build_library(job.folder, notify=job.notify)
    return None


def _write(staging: Path, template: CrateTemplate) -> None:
    crates = copy_runtime(staging / "runtime", *template.crates)
    for relative, text in template.files(workspace_document(crates, template.outside)).items():
        target = staging / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _copy_artifacts(staging: Path, subject: Subject, chosen: ChosenEngine) -> None:
    """Copy model and goldens, and the manifest up to the stage that made this model."""
    manifest, model = subject.manifest, subject.model
    shutil.copyfile(model, staging / carried_name(model))
    shutil.copyfile(subject.folder / manifest.goldens.file, staging / GOLDENS)
    subject.carried_manifest(chosen.evidence).save(staging / MARK)
