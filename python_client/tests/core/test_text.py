"""Numbers as people read them."""

from __future__ import annotations

import pytest

from oxidizedvision.core.text import counted


@pytest.mark.parametrize(
    ("count", "word", "said"),
    [(1, "class", "1 class"), (0, "class", "0 classes"), (2, "picture", "2 pictures")],
)
def test_one_is_singular(count: int, word: str, said: str) -> None:
    assert counted(count, word) == said
