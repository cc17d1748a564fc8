"""The verbs put together, and everything that can end a command handled in one place."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import oxidizedvision
from oxidizedvision.cli import (
    backends,
    benchmark,
    choose,
    config,
    convert,
    diff,
    info,
    list_models,
    optimize,
    package,
    predict,
    prepare,
    profile,
    registry,
    run,
    serve,
    validate,
    verify,
)
from oxidizedvision.cli.render import Screen, screen_of, show_help_without_verb
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError

PROGRAM = "oxidizedvision"

_UsageError: Any = typer.BadParameter.__base__
"""Typer gives usage errors no public name but that of this subclass."""

_FILE_SYSTEM_ERRNOS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
}


class Verbs(TyperGroup):
    """Turns what a verb raises into messages and exit codes, before Typer does."""

    def invoke(self, ctx: Any) -> Any:
        screen = screen_of(ctx)
        try:
            return super().invoke(ctx)
        except OxidizedVisionError as error:
            raise typer.Exit(screen.failed(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(screen.interrupted()) from None
        except BrokenPipeError:
            raise typer.Exit(screen.reader_left()) from None
        except MemoryError as error:
            raise typer.Exit(screen.failed(_memory_error(error))) from None
        except OSError as error:
            if error.errno not in _FILE_SYSTEM_ERRNOS:
                raise
            raise typer.Exit(screen.failed(_file_system_error(error))) from None


app = typer.Typer(
    cls=Verbs,
    name=PROGRAM,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (
    convert.convert,
    validate.validate,
    benchmark.benchmark,
    choose.choose,
    diff.diff,
    optimize.optimize,
    profile.profile,
    prepare.prepare,
    package.package,
    verify.verify,
    predict.predict,
    serve.serve,
    run.run,
    list_models.list_,
    info.info,
    registry.tag,
    registry.remove,
    registry.gc,
    backends.backends,
):
    app.command(name=verb.__name__.rstrip("_"))(verb)
app.add_typer(config.app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        Screen().line(f"{PROGRAM} {oxidizedvision.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print errors and --json documents only.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print every step, warning and traceback.")
    ] = False,
) -> None:
    """From a trained PyTorch vision model to a proved, measured Rust program."""
    # `screen_for` has read both flags: they may stand before the verb or after it.
    del version, quiet, verbose
    show_help_without_verb(ctx)


def screen_for(arguments: Sequence[str]) -> tuple[Screen, list[str]]:
    """The screen that the global flags ask for, and the arguments without these flags."""
    flags = {"--quiet": "quiet", "-q": "quiet", "--verbose": "verbose", "-v": "verbose"}
    end = arguments.index("--") if "--" in arguments else len(arguments)
    before = arguments[:end]
    asked = {flags[argument] for argument in before if argument in flags}
    rest = [argument for argument in before if argument not in flags] + list(arguments[end:])
    screen = Screen(json="--json" in before, quiet="quiet" in asked, verbose="verbose" in asked)
    return screen, rest


def help_asked_for(root: Any, arguments: Sequence[str]) -> str | None:
    """The help of the verb that `--help` follows; None where nobody asks for help.

    Answered before Typer looks at any value, for which it imports pydantic.
    """
    command, context = root, typer.Context(root, info_name=PROGRAM, **root.context_settings)
    for argument in arguments:
        verbs = getattr(command, "commands", {})
        if argument in ("-h", "--help"):
            text: str = command.get_help(context)
            return text
        if argument in verbs:
            command = verbs[argument]
            context = typer.Context(command, info_name=argument, parent=context)
        elif argument == "--" or verbs:
            return None
    return None


def run_command(arguments: Sequence[str], screen: Screen) -> int:
    """Run one command line and give its exit code; an unexpected exception gets through."""
    command = typer.main.get_command(app)
    help_text = help_asked_for(command, arguments)
    if help_text is not None:
        screen.line(help_text)
        return int(ExitCode.DONE)
    try:
        code = command.main(
            args=list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=screen
        )
    except _UsageError as error:
        return screen.failed(_usage_error(error))
    return int(code or 0)


def main() -> NoReturn:
    """Run the command line of this process, and end it."""
    screen, arguments = screen_for(sys.argv[1:])
    sys.excepthook = screen.unexpected
    screen.show_warnings()
    try:
        code = run_command(arguments, screen)
        screen.flush()
    except KeyboardInterrupt:
        code = screen.interrupted()
    except BrokenPipeError:
        code = screen.reader_left()
    except OSError as error:  # stdout's disk is full
        error.filename = error.filename or "standard output"
        code = screen.failed(_file_system_error(error))
    sys.exit(code)


def _usage_error(error: Any) -> OxidizedVisionError:
    path = error.ctx.command_path if error.ctx is not None else PROGRAM
    message = error.format_message().rstrip(".")
    return OxidizedVisionError(Kind.USAGE, message, f"`{path} --help` shows what it takes.")


def _memory_error(error: MemoryError) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.INPUT,
        f"There is not enough memory: {error or 'none is left'}",
        "Use a smaller input or batch, or a machine with more memory.",
    )


def _file_system_error(error: OSError) -> OxidizedVisionError:
    what = f"{error.filename}: " if error.filename else ""
    return OxidizedVisionError(
        Kind.FILE_SYSTEM,
        f"{what}{error.strerror}",
        "Check permissions and free space, or choose another folder.",
    )
