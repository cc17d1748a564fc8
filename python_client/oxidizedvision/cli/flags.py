"""Arguments and flags that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
