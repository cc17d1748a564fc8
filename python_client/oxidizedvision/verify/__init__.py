"""`verify`: whether a package is what was made, from checkpoint to program, and answers so."""

from __future__ import annotations

from pathlib import Path

from oxidizedvision.core.crates import crate_sha256
from oxidizedvision.core.errors import ExitCode, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.package.opened import Opened, opened_package, read_seal_of
from oxidizedvision.verify import answers, inside, project
from oxidizedvision.verify.report import Link, VerifyReport

__all__ = ["Link", "VerifyReport", "verify"]


def verify(
    package: str | Path,
    *,
    origin: str | Path | None = None,
    build: bool = False,
    notify: Notify = silent,
) -> VerifyReport:
    """Go along the chain of a package, from the source to the answers of its program.

    Inside: the seal, the SHA-256 of every file, the manifest's own chain of stages, the model that
    the program carries. Then the goldens are replayed in the packaged program itself. Where the
    folder that it was made in is at hand, source, config, checkpoint and every stage's file too.

    Args:
        package: What `package` wrote: a folder, or one file.
        origin: The folder with the model's manifest, or that manifest; the package's own folder
            where not given.
        build: Also run `cargo test` in a crate, which builds it and compares its answers.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `not_found` or `usage` where it is no package.
    """
    path = Path(package)
    try:
        seal = read_seal_of(path)
    except OxidizedVisionError as error:
        if error.exit_code is not ExitCode.CHECK_FAILED:
            raise
        broken = Link("seal", "broken", error.message)
        return VerifyReport(path, "", path.name, "", crate_sha256(path), (broken,))
    says = seal.says
    links = [Link("seal", "whole", f"made by version {seal.version}")]
    try:
        links += inside.links(path, seal)
    except OxidizedVisionError as error:
        if error.exit_code is not ExitCode.CHECK_FAILED:
            raise
        links.append(Link("files", "broken", error.message))
    if all(link.status != "broken" for link in links):
        with opened_package(path) as package_:
            links += _deeper(package_, origin, build=build, notify=notify)
    return VerifyReport(path, says.kind, says.name, says.engine, crate_sha256(path), tuple(links))


def _deeper(
    opened: Opened, origin: str | Path | None, *, build: bool, notify: Notify
) -> list[Link]:
    """What can be asked once every file is known to be the one that was sealed."""
    found = [*inside.stage_links(opened)]
    found += project.links(opened, Path(origin) if origin is not None else None)
    notify("replaying the goldens in the packaged program")
    recorded = any(link.name == "record" and link.status == "whole" for link in found)
    return [*found, answers.link(opened, build=build, recorded=recorded)]
