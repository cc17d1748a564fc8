"""Everything that is printed: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import typer

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.core.text import size_text as size_text  # noqa: PLC0414 - for the verbs

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
PIPE_WIDTH = 160
"""Columns where no terminal sets them: wide enough that no cell of ours wraps."""


@dataclass(frozen=True)
class Table:
    """Rows under headings. Numbers align right; `bad` names the rows to mark."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    bad: frozenset[int] = frozenset()
    numbers_from: int = 99


@dataclass(frozen=True)
class Facts:
    """Labels and values, one pair a line."""

    pairs: Sequence[tuple[str, str]]


View = Table | Facts | str


@dataclass(frozen=True)
class Screen:
    """Where one command prints, and how much."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False

    @contextlib.contextmanager
    def working(self) -> Iterator[Notify]:
        """Give the `Notify` of a long work.

        On a terminal it shows what is being done now; in a pipe it is silent, or prints a line a
        step with --verbose. Until the work ends, what it prints on stdout goes to stderr.
        """
        with _stdout_to_stderr():
            if self.verbose:
                yield self._note
            elif self.quiet or not sys.stderr.isatty():
                yield silent
            else:
                console = _console(sys.stderr)
                with console.status("starting") as status:
                    yield lambda text: status.update(_plain(text))

    def show(self, document: Any, *views: View) -> None:
        """Print a result: the document with --json, otherwise the views."""
        if self.json:
            self._document(to_plain(document))
        elif not self.quiet:
            console = _console(sys.stdout)
            for view in views:
                _print_view(console, view)

    def line(self, text: str) -> None:
        """Print one line as it is."""
        sys.stdout.write(f"{text}\n")

    def note(self, text: str) -> None:
        """Say something beside the result, on stderr."""
        if not self.quiet:
            self._note(text)

    def failed(self, error: OxidizedVisionError) -> int:
        """Print an error, and give its exit code."""
        if self.verbose and error.__traceback__ is not None and error.kind != Kind.USAGE:
            traceback.print_exception(error, file=sys.stderr)
        self._note(f"error: {error.message}")
        if error.hint:
            self._note(f"hint: {error.hint}")
        self._note(f"see: {error.docs}")
        if self.json:
            plain = {"kind": error.kind.value, "message": error.message, "hint": error.hint}
            try:
                self._document({"error": plain})
                self.flush()
            except OSError:  # what was said on stderr has to do
                _give_up_stdout()
        return int(error.exit_code)

    def interrupted(self) -> int:
        """Say that Ctrl-C ended the command, and give its exit code."""
        error = OxidizedVisionError(Kind.INTERRUPTED, "Interrupted")
        self._note("interrupted: nothing half-written was left")
        if self.json:
            self._document({"error": {"kind": error.kind.value, "message": "Interrupted"}})
        return int(error.exit_code)

    def reader_left(self) -> int:
        """End quietly when nobody reads stdout any more."""
        _give_up_stdout()
        return int(ExitCode.DONE)

    def unexpected(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        """Report a fault of ours; an excepthook, after which Python ends with 1."""
        if self.verbose:
            traceback.print_exception(kind, error, trace, file=sys.stderr)
        text = f"{kind.__name__}: {error}" if str(error) else kind.__name__
        fault = OxidizedVisionError(
            Kind.INTERNAL,
            f"This is a fault of OxidizedVision, not of yours: {text}",
            "Please report it with what --verbose shows.",
        )
        Screen(json=self.json).failed(fault)

    def show_warnings(self) -> None:
        """Print our own warnings as one line each; those of libraries only with --verbose."""

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            del file, line
            if issubclass(category, OxidizedVisionWarning):
                self._note(f"warning: {message}")
            elif self.verbose:
                self._note(f"{filename}:{lineno}: {category.__name__}: {message}")

        warnings.showwarning = show

    def flush(self) -> None:
        """Write what is buffered, so that a reader that left is noticed here."""
        sys.stdout.flush()

    def _note(self, text: str) -> None:
        sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()

    def _document(self, content: dict[str, Any]) -> None:
        text = json.dumps({"schema_version": SCHEMA_VERSION, **content}, ensure_ascii=False)
        sys.stdout.write(f"{text}\n")


def _give_up_stdout() -> None:
    """Let what is still buffered, and what Python flushes at its end, go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())


def screen_of(context: typer.Context) -> Screen:
    """The screen of the running command."""
    screen: Screen = context.find_root().obj
    return screen


def show_help_without_verb(context: typer.Context) -> None:
    """End with the help, as a usage error, where a group of verbs is called without one."""
    if context.invoked_subcommand is None:
        screen_of(context).line(context.get_help())
        raise typer.Exit(ExitCode.BAD_INPUT)


def number_text(value: float | None, form: str = ".3g") -> str:
    """A measured number; a dash where there is none."""
    return "–" if value is None or value != value else format(value, form)  # noqa: PLR0124 - NaN


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send stdout to stderr, of Python and of libraries and children that write to its handle."""
    sys.stdout.flush()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            kept = os.dup(1)
        except OSError:  # stdout is closed
            yield
            return
        try:
            os.dup2(2, 1)
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    class PipeConsole(Console):
        """Leaves a reader that left to the command line's own handling."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    width = None if stream.isatty() else PIPE_WIDTH
    return PipeConsole(file=stream, width=width, highlight=False, soft_wrap=False)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(visible(text))


def visible(text: str) -> str:
    """The text with control characters spelled out: names in a model's file may hold any."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) != "Cc" else repr(char)[1:-1]
        for char in text
    )


def _print_view(console: Console, view: View) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    if isinstance(view, str):
        console.print(Text(visible(view)), soft_wrap=True)
        return
    if isinstance(view, Facts):
        width = max((len(label) for label, _ in view.pairs), default=0)
        for label, value in view.pairs:
            console.print(
                Text(label.ljust(width + 1), style="bold"), Text(visible(value)), soft_wrap=True
            )
        return
    title = Text(visible(view.title), style="bold") if view.title else None
    table = RichTable(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False
    )
    for index, name in enumerate(view.columns):
        is_number = index >= view.numbers_from
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for index, row in enumerate(view.rows):
        style = "red" if index in view.bad else ""
        table.add_row(*(Text(visible(cell), style=style) for cell in row))
    console.print(table)
