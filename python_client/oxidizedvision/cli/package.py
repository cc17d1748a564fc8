"""`oxidizedvision package`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.budget import budget_views
from oxidizedvision.cli.flags import GoalFlag, JsonFlag
from oxidizedvision.cli.render import Facts, Table, View, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.package import PackageResult


ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A converted .onnx or .pt, or a prepared file; its config.yml or its manifest.",
    ),
]
KindFlag = Annotated[
    str,
    typer.Option(
        metavar="program|library|server|executable|wasm",
        help="A Rust crate of a program, a library or a server; one file that runs as it is; or a "
        "page for any static host.",
    ),
]


def package(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    model: ModelArgument,
    kind: KindFlag = "program",
    output: Annotated[Path | None, typer.Option(help="The package's folder, or its file.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Its engine; the error for a wrong one lists them. auto measures which is best."
        ),
    ] = None,
    goal: GoalFlag = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the crate and its program, or title of the page.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Package a model that changed since it was converted.")
    ] = False,
    build: Annotated[bool, typer.Option("--build", help="Also build the crate.")] = False,
    target: Annotated[
        str | None,
        typer.Option(
            help="What an executable is to run on, such as aarch64-unknown-linux-gnu; this machine "
            "where not given."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a model into a package that stands alone.

    `program`, `library` and `server` are Rust crates, whose `cargo test` compares them with
    PyTorch. `executable` is one file, made in seconds without Rust. `wasm` is a folder of static
    files, a page with the model inside. The last two gave PyTorch's answers before they are there.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.package import package as work

        result = work(
            model,
            kind=kind,
            output=output,
            engine=engine,
            name=name,
            force=force,
            build=build,
            goal=goal,
            target=target,
            notify=notify,
        )
    screen.show(result, *_views(result), *budget_views(result.budget))
    if result.budget is not None:
        raise typer.Exit(result.budget.exit_code)


def _views(result: PackageResult) -> list[View]:
    size = f"{len(result.files)} files, {size_text(result.bytes)}"
    engine = ("engine", f"{result.engine} ({result.reason})")
    if result.kind == "executable":
        size = size_text(result.bytes)
        next_step = f"{result.path.absolute()} --help; oxidizedvision verify {result.path}"
        return [Facts([("program", f"{result.path} ({size})"), engine, ("next", next_step)])]
    if result.kind != "wasm":
        return [Facts([("crate", f"{result.path} ({size})"), engine, _next_of_crate(result)])]
    rows = [(row.part, size_text(row.bytes), size_text(row.compressed)) for row in result.sizes]
    table = Table(("part", "bytes", "with Brotli"), rows, "what a visitor loads", numbers_from=1)
    next_step = f"python3 -m http.server --directory {result.path} 8000; README.md says how to host"
    return [Facts([("page", f"{result.path} ({size})"), engine, ("next", next_step)]), table]


def _next_of_crate(result: PackageResult) -> tuple[str, str]:
    if result.executable is not None:
        return "program", str(result.executable)
    return "next", f"cd {result.path} && cargo test --release && cargo build --release"
