"""Names and texts of a model as they may stand in generated Rust, TOML, C and Markdown.

Whatever a model is called, and its inputs, outputs and axes, can only ever be text there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_KEYWORDS = frozenset(
    """
    abstract as async await become box break const continue crate do dyn else enum extern false
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return
    self static struct super trait true try type typeof union unsafe unsized use virtual where
    while yield
    """.split()  # noqa: SIM905 - a list of one word a line would hide them
)
_LONGEST = 60


def identifiers(names: Iterable[str], fallback: str) -> tuple[str, ...]:
    """A Rust identifier for each name, in lower case and different from all others.

    Letters lose their accents; what is no letter, digit or underscore becomes one underscore. Where
    nothing is left it is `fallback` with its number.
    """
    made: list[str] = []
    for index, name in enumerate(names):
        made.append(_unused(_identifier(name) or f"{fallback}_{index}", made))
    return tuple(made)


def _identifier(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    word = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[:_LONGEST].rstrip("_")
    if word[:1].isdigit():
        word = f"t{word}"
    return f"{word}_" if word in _KEYWORDS else word


def _unused(word: str, taken: list[str]) -> str:
    number, made = 2, word
    while made in taken:
        made = f"{word.rstrip('_')}_{number}"
        number += 1
    return made


def string(text: str) -> str:
    """A Rust string literal of plain ASCII."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    # Half of a surrogate pair is no character of Rust; such a name cannot come from an ONNX file.
    code = 0xFFFD if 0xD800 <= ord(character) <= 0xDFFF else ord(character)
    return f"\\u{{{code:x}}}"


def code(text: str) -> str:
    """Text between backticks on one line of a comment or of Markdown."""
    return "`" + "".join(_shown(character) for character in text) + "`" if text else "` `"


def _shown(character: str) -> str:
    if character == "`":
        return "'"
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
