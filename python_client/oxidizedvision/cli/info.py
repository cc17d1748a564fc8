"""`oxidizedvision info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Facts, Table, View, number_text, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import TensorSpec
    from oxidizedvision.registry import ModelDetails

_MARKS = {"present": "✓", "changed": "✗", "missing": "✗", "unchecked": "?"}
_MANIFEST_NOTES = {
    "present": "",
    "missing": ", which is gone; below is what was registered",
    "replaced": ", which is another model's now; below is what was registered",
}


def info(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name, NAME@VERSION, tag or first digits of an id; or a manifest or model file.",
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Show what a model takes, gives and came from."""
    del as_json
    screen = screen_of(ctx)
    with screen.working():
        from oxidizedvision.registry import describe

        details = describe(target)
    screen.show(details, *details_views(details))


def details_views(details: ModelDetails) -> list[View]:
    """What is known, then the chain of files."""
    version = f"@{details.version}" if details.version else ""
    pairs = [
        ("name", f"{details.name}{version}"),
        ("id", details.id or "not registered"),
        ("model", f"{details.model} ({size_text(details.bytes)})"),
        ("opset", str(details.opset or "unknown")),
        ("inputs", _specs(details.inputs)),
        ("outputs", _specs(details.outputs)),
        ("made with", ", ".join(f"{tool} {v}" for tool, v in details.tools.items())),
    ]
    if details.manifest is not None:
        pairs.insert(3, ("manifest", f"{details.manifest}{_MANIFEST_NOTES[details.status]}"))
    if details.tags:
        pairs.insert(2, ("tags", ", ".join(details.tags)))
    if details.validation is not None:
        verdict = "passed" if details.validation.get("passed") else "FAILED"
        pairs.append(("validation", f"{verdict} {details.validation.get('at', '')}".strip()))
    pairs.extend(
        (row["runner"], f"{number_text(row.get('p50_ms'), '.2f')} ms (median)")
        for row in (details.benchmark or {}).get("results", [])
    )
    views: list[View] = [Facts(pairs)]
    if details.lineage:
        views.append(_lineage(details))
    return views


def _lineage(details: ModelDetails) -> Table:
    rows = [
        (
            item.role,
            f"{_MARKS[item.status]} {item.status}",
            (item.sha256 or "")[:12],
            "" if item.bytes is None else size_text(item.bytes),
            item.tool or "",
            str(item.path),
        )
        for item in details.lineage
    ]
    wrong = {"missing", "changed"}
    bad = frozenset(index for index, item in enumerate(details.lineage) if item.status in wrong)
    return Table(("from", "as recorded", "sha256", "size", "tool", "path"), rows, bad=bad)


def _specs(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.name} {spec.dtype} {spec.dims_text()}" for spec in specs)
