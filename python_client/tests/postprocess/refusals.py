"""Calls that must end in a typed error with a hint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError


def refused(kind: Kind, call: Callable[[], object]) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        call()
    assert caught.value.kind == kind, caught.value.message
    assert caught.value.hint
    return caught.value
