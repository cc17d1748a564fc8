"""Pages as one HTML file that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata, resources
from typing import Any

_FOLDER = resources.files(__package__)


def render(
    template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> str:
    """A template of this folder with our style; every value is escaped, a missing one an error."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, loader=jinja2.FunctionLoader(_text)
    )
    environment.filters.update(filters or {})
    return environment.get_template(template).render(
        style=_text("style.css"), version=metadata.version("oxidizedvision"), **values
    )


def _text(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")
