"""What `verify` found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oxidizedvision.core.errors import ExitCode

LinkStatus = Literal["whole", "broken", "unchecked"]


@dataclass(frozen=True)
class Link:
    """One link of the chain from source to program.

    status: `unchecked` where what it takes is not here, which `detail` tells.
    """

    name: str
    status: LinkStatus
    detail: str


@dataclass(frozen=True)
class VerifyReport:
    """A package and every link of its chain, in order.

    sha256: of the whole package: of an executable that of its file, else one over paths and
    contents of its files without what Cargo built. Compare it with what its maker tells: the chain
    shows that nothing was damaged or mixed up, and not who made it.
    """

    path: Path
    kind: str
    name: str
    engine: str
    sha256: str
    links: tuple[Link, ...]

    @property
    def first_broken(self) -> Link | None:
        """The first link that does not hold; None where all that was checked does."""
        return next((link for link in self.links if link.status == "broken"), None)

    @property
    def passed(self) -> bool:
        """Whether no link is broken."""
        return self.first_broken is None

    @property
    def exit_code(self) -> ExitCode:
        """0, or 3 where a link is broken."""
        return ExitCode.DONE if self.passed else ExitCode.CHECK_FAILED
