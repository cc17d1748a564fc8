"""Whatever a model's names are, they are identifiers or text in generated Rust, nothing else."""

from __future__ import annotations

import re

import pytest

from oxidizedvision.package.rust_text import code, identifiers, string

HOSTILE = [
    '"); std::process::exit(1); ("',
    "\\",
    '\\"',
    "a\nb",
    "*/ fn main() {} /*",
    "`backtick`",
    "fn",
    "Self",
    "self",
    "",
    "_",
    "__",
    "42",
    "größe",
    "画像",
    "\u202eevil\u2066",
    "\0",
    "a" * 500,
    "é",
    "#[cfg(x)]",
    "@{name}",
    "{0}",
    "\ud800",
]


def test_plain_names_stay() -> None:
    assert identifiers(["image", "x_2", "scale"], "input") == ("image", "x_2", "scale")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imageData", "image_data"),
        ("onnx::Conv/2", "onnx_conv_2"),
        ("type", "type_"),
        ("Self", "self_"),
        ("495", "t495"),
        ("größe", "groe"),
        ("画像", "input_0"),
        ("", "input_0"),
        ("__a__b__", "a_b"),
    ],
)
def test_other_names_become_identifiers(name: str, expected: str) -> None:
    assert identifiers([name], "input") == (expected,)


def test_no_two_are_alike() -> None:
    made = identifiers(["a", "A", "a!", "a_2", "画", "像", "fn", "FN"], "input")
    assert len(set(made)) == len(made)


def test_hostile_names_are_identifiers() -> None:
    made = identifiers(HOSTILE, "output")
    assert len(set(made)) == len(HOSTILE)
    for word in made:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?", word), word


@pytest.mark.parametrize("text", HOSTILE)
def test_a_string_is_one_literal_of_ascii(text: str) -> None:
    literal = string(text)
    assert literal.isascii()
    assert re.fullmatch(r'"(?:[^"\\\x00-\x1f]|\\["\\]|\\u\{[0-9a-f]{1,6}\})*"', literal)
    assert _read(literal) == text.replace("\ud800", "\ufffd")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_comment_is_one_line_between_two_backticks(text: str) -> None:
    shown = code(text)
    assert len(shown.splitlines()) == 1
    assert shown.count("`") == 2
    assert shown[0] == shown[-1] == "`"
    assert "\u202e" not in shown


def _read(literal: str) -> str:
    """As Rust reads it."""
    inside = literal[1:-1]
    unicode = re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), inside)
    return re.sub(r'\\(["\\])', r"\1", unicode)
