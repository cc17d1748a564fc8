"""`oxidizedvision tag`, `remove` and `gc`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Facts, Screen, Table, View, screen_of, size_text
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.registry import GarbageReport, Removal, Tag

_MODEL_HELP = "A name, NAME@VERSION, tag, or the first digits of an id."


def tag(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help=_MODEL_HELP)] = None,
    name: Annotated[str | None, typer.Argument(metavar="TAG", help="The tag to give it.")] = None,
    delete: Annotated[
        str | None, typer.Option("--delete", "-d", metavar="TAG", help="Take this tag away.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a model a tag, or move one to it; without TAG list the tags.

    A tag names exactly one model; NAME alone means the newest model of that name.
    """
    del as_json
    from oxidizedvision import registry

    screen = screen_of(ctx)
    if delete is not None:
        if model is not None:
            raise OxidizedVisionError(
                Kind.USAGE,
                "--delete takes the tag alone",
                f"`oxidizedvision tag --delete {delete}` takes it away.",
            )
        gone = registry.untag(delete)
        screen.show({"tag": gone}, f"{gone.tag} no longer names {_named(gone)}.")
    elif model is None or name is None:
        found = registry.tags(model)
        rows = [(row.tag, f"{row.name}@{row.version}", row.id) for row in found]
        nothing = "No model has a tag." if model is None else f"{model} has no tag."
        screen.show({"tags": found}, Table(("tag", "model", "id"), rows) if rows else nothing)
    else:
        given = registry.tag(model, name)
        moved = f", no longer {given.moved_from}" if given.moved_from else ""
        screen.show({"tag": given}, f"{given.tag} names {_named(given)}{moved}.")


def remove(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL_HELP)],
    files: Annotated[
        bool,
        typer.Option("--files", help="Also delete the files that its manifest lists, unchanged."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before files are deleted.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take a model out of the registry; its files stay, unless asked otherwise.

    Sources, checkpoints, crates and files that changed since they were recorded always stay.
    """
    del as_json
    from oxidizedvision.registry import remove as work

    screen = screen_of(ctx)
    if files and not yes and not dry_run:
        plan = work(model, files=True, dry_run=True)
        if plan.files and not _agreed(screen, plan):
            screen.show({"removed": None}, "Nothing was removed.")
            return
    done = work(model, files=files, dry_run=dry_run)
    screen.show({"removed": done}, *_removal_views(done))


def _agreed(screen: Screen, plan: Removal) -> bool:
    """Ask on a terminal; refuse where nobody could answer."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{len(plan.files)} files of {plan.name}@{plan.version} would be deleted, and there is "
            "no terminal to ask on",
            "Add --yes to delete them, or --dry-run to see them.",
        )
    for path in plan.files:
        screen.note(f"  {path}")
    sys.stderr.write(f"Delete these {len(plan.files)} files ({size_text(plan.bytes)})? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def gc(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Clear away entries whose files are gone, and what killed processes left.

    Entries with a tag stay, and so does what a living process is writing.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working():
        from oxidizedvision.registry import collect_garbage

        report = collect_garbage(dry_run=dry_run)
    for problem in report.problems:
        screen.note(f"warning: {problem}")
    screen.show(report, *_garbage_views(report))
    if report.problems:
        raise typer.Exit(ExitCode.FILE_SYSTEM)


def _named(tag: Tag) -> str:
    return f"{tag.name}@{tag.version} ({tag.id})"


def _removal_views(removal: Removal) -> list[View]:
    would = "would be " if removal.dry_run else ""
    pairs = [(f"{would}removed", f"{removal.name}@{removal.version} ({removal.id})")]
    if removal.tags:
        pairs.append(("its tags", ", ".join(removal.tags)))
    pairs.extend((f"{would}deleted", str(path)) for path in removal.files)
    pairs.extend(("kept", f"{file.path}: {file.reason}") for file in removal.kept)
    return [Facts(pairs)]


def _garbage_views(report: GarbageReport) -> list[View]:
    rows = [
        ("entry", f"{entry.name}@{entry.version} ({entry.id})", entry.reason, "")
        for entry in report.entries
    ]
    rows += [("file", str(f.path), f.reason, size_text(f.bytes)) for f in report.files]
    rows += [
        ("kept", f"{e.name}@{e.version} ({e.id})", f"{e.reason}, but it has a tag", "")
        for e in report.kept_entries
    ]
    rows += [("kept", str(f.path), f.reason, size_text(f.bytes)) for f in report.kept_files]
    gone = len(report.entries) + len(report.files)
    would = "would be cleared away" if report.dry_run else "cleared away"
    summary = f"{gone} {would}, {size_text(report.bytes)}." if gone else "Nothing to clear away."
    return [Table(("", "what", "why", "size"), rows), summary] if rows else [summary]
