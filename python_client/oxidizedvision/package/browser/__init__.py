"""The kind `wasm`: a folder for any static host, the page with one model and its module inside."""

from __future__ import annotations

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_size, sha256_of
from oxidizedvision.package.browser.engine import ENGINES, choose_engine, runner_of
from oxidizedvision.package.browser.folder import MODEL, seal, write_folder
from oxidizedvision.package.browser.replay import prove
from oxidizedvision.package.browser.sizes import part_sizes
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.kind import Job, Made, PackageKind
from oxidizedvision.package.place import placed
from oxidizedvision.package.record import forget_package
from oxidizedvision.package.seal import SEAL

__all__ = ["ENGINES", "WasmKind"]

_LONGEST_NAME = 80


class WasmKind(PackageKind):
    """Static files; what they hold is written in `package.oxv.json` with every SHA-256."""

    name = "wasm"
    suffix = "page"
    marks = (SEAL,)

    def name_of(self, name: str) -> str:
        whole = name.isprintable() and name.strip() == name and not set(name) & set("/\\")
        if not whole or not 1 <= len(name) <= _LONGEST_NAME or name.startswith("."):
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{name!r} cannot be the title of a page",
                f"Give --name: 1 to {_LONGEST_NAME} printable characters without / and \\, the "
                "first of them no dot.",
            )
        return name

    def runner(self, engine: str) -> str:
        return runner_of(engine)

    def choose(self, job: Job) -> ChosenEngine:
        return choose_engine(job)

    def make(self, job: Job, chosen: ChosenEngine) -> Made:
        job.notify("writing the page")
        with placed(job.folder) as staging:
            write_folder(staging, job, chosen)
            job.notify(f"replaying the goldens in {runner_of(chosen.engine)}")
            prove(staging, job, chosen.engine)
            sizes = part_sizes(staging)
            seal(staging, job.name, chosen)
            forget_package(job.subject.manifest_path, job.folder)
        model = job.folder / MODEL
        return Made(sha256_of(model), file_size(model), sizes=sizes)
