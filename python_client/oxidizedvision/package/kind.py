"""What every kind of package is made from, and what it must know to be made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

from oxidizedvision.budget import BudgetReport
from oxidizedvision.core.results import Notify
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.place import check_replaceable
from oxidizedvision.package.subject import Subject


@dataclass(frozen=True)
class PartSize:
    """A part of a page: its bytes, and those that travel where a server compresses them."""

    part: str
    bytes: int
    compressed: int


@dataclass(frozen=True)
class PackageResult:
    """A model in a package.

    path: the package's folder, or its one file. kind: what was made. executable: the program, where
    it was built or is the package. reason: why this engine. bytes: size of all files together.
    budget: the config's limits against what is packaged; None where it has none, or no config was
    given. threads: of the program where it is not told otherwise, where `auto` chose them. sizes:
    of `wasm`, what a visitor's browser loads, with Brotli at 9.
    """

    path: Path
    name: str
    engine: str
    reason: str
    executable: Path | None
    files: tuple[str, ...]
    bytes: int
    budget: BudgetReport | None = None
    threads: int | None = None
    kind: str = "program"
    sizes: tuple[PartSize, ...] = ()


@dataclass(frozen=True)
class Job:
    """What is to be packaged: `given` is the target as it was named, `engine` None where it is not.

    folder: where the package goes; the file where it is one. target: what an executable runs on, as
    Rust calls it; None is this machine.
    """

    given: Path
    subject: Subject
    name: str
    folder: Path
    engine: str | None
    goal: str | None
    build: bool
    target: str | None
    notify: Notify

    def of(self, subject: Subject) -> Job:
        """The same job for another file of the model."""
        return replace(self, subject=subject)


@dataclass(frozen=True)
class Made:
    """What became of a job beside its folder, as in `PackageResult`.

    model_sha256: of the model's file in the package. shipped: the bytes that a budget limits.
    """

    model_sha256: str
    shipped: int
    executable: Path | None = None
    sizes: tuple[PartSize, ...] = ()


class PackageKind(ABC):
    """A row of the kinds. marks: the files by which a folder is known as a package of this kind."""

    name: str
    suffix: str
    marks: tuple[str, ...]

    @abstractmethod
    def name_of(self, name: str) -> str:
        """A name as this kind writes it; it may stand in the name of a folder.

        Raises:
            OxidizedVisionError: `usage` for one that it cannot have.
        """

    def place(self, name: str, target: str | None) -> str:
        """What a package is called where nobody says where it goes."""
        return "-".join(part for part in (name, self.suffix, target) if part)

    def check_replaceable(self, path: Path) -> None:
        """Refuse a path where anything but a package of this kind stands.

        Raises:
            OxidizedVisionError: `usage`.
        """
        check_replaceable(path, self.marks)

    def runner(self, engine: str) -> str:
        """The runner that stands for a package with this engine."""
        return engine

    @abstractmethod
    def choose(self, job: Job) -> ChosenEngine:
        """The engine that is asked for, or the best that is known."""

    def subject(self, job: Job, chosen: ChosenEngine) -> Subject:  # noqa: ARG002 - for kinds that can
        """The model's file that the engine runs, where that is not the one that was given."""
        return job.subject

    @abstractmethod
    def make(self, job: Job, chosen: ChosenEngine) -> Made:
        """Write the package, and put it in place of what was in the folder, whole or not at all."""
