"""Numbers as people read them."""

from __future__ import annotations


def size_text(count: int) -> str:
    """A number of bytes, in steps of 1024: `88.2 KiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{count} B"


def counted(count: int, word: str) -> str:
    """A number with what it counts: `1 class`, `3 classes`."""
    if count == 1:
        return f"1 {word}"
    return f"{count} {word}{'es' if word.endswith('s') else 's'}"
