"""Arguments and flags that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oxidizedvision.core.errors import Kind, OxidizedVisionError

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, all else on stderr.")
]
ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG", help="The config.yml.")]
TargetArgument = Annotated[
    Path,
    typer.Argument(metavar="TARGET", help="A config.yml, a manifest (*.oxv.json) or an .onnx."),
]
RunnerFlag = Annotated[
    list[str] | None,
    typer.Option("--runner", metavar="NAME", help="A runner to use; may be given several times."),
]
PictureFlag = Annotated[
    list[Path] | None,
    typer.Option("--picture", metavar="FILE", help="A real picture; may be given several times."),
]
ProgramFlag = Annotated[
    Path | None,
    typer.Option("--program", metavar="FILE", help="The packaged executable, as one more runner."),
]
SkipFlag = Annotated[
    bool,
    typer.Option("--skip-unavailable", help="Report runners that are not here; do not fail."),
]
GoalFlag = Annotated[
    str | None,
    typer.Option(
        metavar="GOAL",
        help="What auto chooses for: latency (the default), throughput, memory, size or "
        "cold-start.",
    ),
]

TrustFlag = Annotated[
    bool,
    typer.Option(
        "--trust-checkpoint",
        help="Let a pickled checkpoint run its code: only for files whose maker you trust.",
    ),
]
OptionFlag = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="An option of the engine; may be repeated."),
]
ShapeFlag = Annotated[
    list[str] | None,
    typer.Option(
        metavar="INPUT=LENGTHS",
        help="Shape of an input, as input=1,3,224,224; may be given several times.",
    ),
]


def options_of(given: list[str]) -> dict[str, str]:
    """The options by name.

    Raises:
        OxidizedVisionError: `usage` for what is no KEY=VALUE, or for a key given twice.
    """
    options: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals) or key in options:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"--option {text} cannot be used",
                "Give each option once, as KEY=VALUE.",
            )
        options[key] = value
    return options


def shapes_of(given: list[str]) -> dict[str, tuple[int, ...]]:
    """The shapes by input.

    Raises:
        OxidizedVisionError: `usage` for what is no INPUT=LENGTHS.
    """
    return dict(map(_shape, given))


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, lengths = text.rpartition("=")
    try:
        shape = tuple(int(part) for part in lengths.split(",") if part.strip())
    except ValueError:
        shape = ()
    if not name or (not shape and lengths.strip()):
        raise OxidizedVisionError(
            Kind.USAGE, f"--shape {text!r} is no shape", "Write it as input=1,3,224,224."
        )
    return name, shape
