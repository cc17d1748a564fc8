"""What tests of the command line look at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        assert next(iter(document)) == "schema_version"
        assert document["schema_version"] == 1
        return document


@dataclass
class Calls:
    """What the function behind a verb was called with."""

    arguments: dict[str, Any] = field(default_factory=dict)
