"""The parts that every chart is drawn with. Lengths are in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from oxidizedvision.report.charts.scale import Scale

LETTER = 7.8
"""The width of a letter of our font, somewhat generously."""
BOLD_LETTER = 8.8
COLOURS = 8
"""How many there are in `style.css`: the classes c0 to c7."""
_LEAST_LABEL = 140
_MOST_LETTERS = 42


def drawing(parts: Sequence[str], width: float, height: float, title: str = "") -> str:
    """The whole picture, which a template takes as it is."""
    from markupsafe import Markup

    label = f' aria-label="{clean(title)}"' if title else ""
    return Markup(  # noqa: S704 - every text in it went through clean()
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img"{label} width="{width:.0f}" '
        f'height="{height:.0f}">{"".join(parts)}</svg>'
    )


def clean(content: str) -> str:
    """Escaped, and without what XML does not take."""
    return escape(printable(content))


def printable(content: str) -> str:
    """XML takes no control characters; names in a model's file may hold any."""
    return "".join(char if char.isprintable() else "�" for char in content)


def text(x: float, y: float, content: str, *, anchor: str = "start", css: str = "") -> str:
    """A line of text whose base line is at `y`."""
    kind = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{clean(content)}</text>'


def amount(value: float, digits: int = 4) -> str:
    """A number in so many digits, thousands without an exponent."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.{digits}g}"


def label(x: float, y: float, content: str) -> str:
    """The name of a row, which ends at `x`; a long one is cut and whole in its tooltip."""
    shown = shortened(content)
    if shown == content:
        return text(x, y, content, anchor="end")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end">'
        f"<title>{clean(content)}</title>{clean(shown)}</text>"
    )


def shortened(content: str, letters: int = _MOST_LETTERS) -> str:
    """The beginning and the end of a long name: names of one runner differ at the end."""
    if len(content) <= letters:
        return content
    half = (letters - 1) // 2
    return f"{content[:half]}…{content[-half:]}"


def label_width(labels: Sequence[str]) -> float:
    """Room for the longest of the names of rows."""
    longest = max((min(len(name), _MOST_LETTERS) for name in labels), default=0)
    return max(_LEAST_LABEL, longest * LETTER) + 10


def horizontal_axis(scale: Scale, top: float, bottom: float, title: str) -> list[str]:
    """Grid lines from `top` to `bottom`, the numbers below them, and what they are."""
    parts = [
        f'<path class="grid" d="M{scale.at(value):.1f} {top:.1f}V{bottom:.1f}"/>'
        + text(scale.at(value), bottom + 17, f"{value:g}", anchor="middle", css="tick")
        for value in scale.ticks()
    ]
    middle = (scale.start + scale.end) / 2
    return [*parts, text(middle, bottom + 36, title, anchor="middle", css="tick")]


def vertical_axis(scale: Scale, left: float, right: float, title: str) -> list[str]:
    """Grid lines from `left` to `right`, the numbers left of them, and above what they are."""
    parts = [
        f'<path class="grid" d="M{left:.1f} {scale.at(value):.1f}H{right:.1f}"/>'
        + text(left - 8, scale.at(value) + 4, f"{value:g}", anchor="end", css="tick")
        for value in scale.ticks()
    ]
    return [*parts, text(0, 14, title, css="tick")]
