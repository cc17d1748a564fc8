"""What an exporter raised or warned of, as a cause that a user can act on."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from oxidizedvision.convert.export.request import Cause, Failure, Place
from oxidizedvision.convert.source import describe

_ADDED_IN = re.compile(r"to ONNX opset version \d+ is not supported.*added in version (\d+)", re.S)
_OPERATOR = re.compile(r"(?:operator '|target=torch\.ops\.|op=')([\w.:]+)")
_TRACE_LINE = re.compile(r"^\s*(?:# )?(\S+?)[(:](\d+)\b", re.M)
_FILE_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_FIXED = re.compile(r"(?:specialized|constant|static)", re.I)

_BRANCH_TYPES = ("GuardOnDataDependentSymNode", "UserError")
_BRANCH_SIGNS = ("data-dependent", "Dynamic control flow", "dynamic control flow")
_RANGE_SIGNS = ("Constraints violated", "ConstraintViolation", "specialized to be a constant")
_OPERATOR_TYPES = ("DispatchError", "UnsupportedOperatorError", "OnnxExporterError")
_HINT_BRANCH = (
    "Write the choice with torch.where, or move it out of forward; `script` keeps branches, and "
    "engines in pure Rust rarely run them."
)
_HINT_OPERATOR = "Replace that operator in the network's code, or move it out of forward."
_HINT_BAKED = (
    "Take the axis out of export.dynamic_axes, give it multiple_of, or write forward without "
    "int() on a shape."
)
_HINT_OTHER = "Run with --verbose for what the exporter said; try another export.exporter."


class ExportFailedError(Exception):
    """An exporter failed, or the user's code in it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def exporting(file: Path | None) -> Iterator[None]:
    """Turn whatever an exporter raises into its cause; exporters run the user's code.

    Raises:
        ExportFailedError: with the cause.
    """
    try:
        yield
    except Exception as error:
        raise ExportFailedError(failure_of(error, file)) from error


def failure_of(error: BaseException, file: Path | None) -> Failure:
    """The cause behind an exception of an exporter, with the user's line where there is one."""
    chain = list(_chain(error))
    texts = [str(item) for item in chain]
    source = next((line for item in chain if (line := _user_line(item, file))), "")
    source = source or next((line for text in texts if (line := _told_line(text, file))), "")
    for item, text in zip(chain, texts, strict=True):
        found = _classified(item, text)
        if found is not None:
            return found.model_copy(update={"source": source})
    deepest = chain[-1]
    # Whoever tells a failure puts its source behind the message.
    said = _first_sentence(describe(deepest, None).removesuffix(f" at {source}"))
    return Failure(cause=Cause.OTHER, message=said, hint=_HINT_OTHER, source=source)


def _user_line(error: BaseException, file: Path | None) -> str:
    """The innermost line of the user's code on an exception's way; empty where there is none."""
    if file is None:
        return ""
    folder = file.resolve().parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_absolute() and folder in path.parents and "site-packages" not in path.parts:
            return f"{path.name}, line {frame.lineno}"
    return ""


def line_of_operator(graph: Any, operator: str, file: Path | None) -> str:
    """The user's line that calls an operator in a traced graph; empty where it is not known."""
    if file is None or graph is None or "::" not in operator:
        return ""
    folder = file.resolve().parent
    for node in graph.findAllNodes(operator, True):
        for name, line in _TRACE_LINE.findall(str(node.sourceRange())):
            path = Path(name)
            if folder in path.parents and "site-packages" not in path.parts:
                return f"{path.name}, line {line}"
    return ""


def _told_line(text: str, file: Path | None) -> str:
    """The user's line where an exporter tells it in words: `File "…/model.py", line 12`."""
    if file is None:
        return ""
    folder = file.resolve().parent
    for name, line in reversed(_FILE_LINE.findall(text)):
        path = Path(name)
        if folder in path.parents and "site-packages" not in path.parts:
            return f"{path.name}, line {line}"
    return ""


def _chain(error: BaseException) -> Iterable[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _classified(error: BaseException, text: str) -> Failure | None:
    kind = type(error).__name__
    added = _ADDED_IN.search(text)
    if added:
        opset = int(added.group(1))
        name = _operator(text)
        return Failure(
            cause=Cause.OPSET_TOO_LOW,
            message=f"{name} needs opset {opset}",
            hint=f"Set export.opset_version to {opset} or more, or leave it out.",
            opset=opset,
            operator=name,
        )
    if kind in _OPERATOR_TYPES and ("No ONNX function" in text or "is not supported" in text):
        name = _operator(text)
        message = f"{name} has no ONNX form"
        return Failure(cause=Cause.OPERATOR, message=message, hint=_HINT_OPERATOR, operator=name)
    if any(sign in text for sign in _RANGE_SIGNS):
        return Failure(cause=Cause.BAKED, message=_range_text(text), hint=_HINT_BAKED)
    if kind in _BRANCH_TYPES and any(sign in text for sign in _BRANCH_SIGNS):
        return Failure(
            cause=Cause.BRANCH,
            message="forward decides by a value that is known only when it runs",
            hint=_HINT_BRANCH,
        )
    return None


def _operator(text: str) -> str:
    found = _OPERATOR.search(text)
    if found is None:
        found = re.search(r"for <OpOverload\(op='([\w.:]+)'", text)
    return found.group(1) if found else "an operator of the network"


def _range_text(text: str) -> str:
    constant = re.search(r"specialized it to be a constant \((\d+)\)", text)
    if constant:
        return f"forward fixes an axis that is declared dynamic at the length {constant.group(1)}"
    lines = [line.strip(" -") for line in text.splitlines() if _FIXED.search(line)]
    detail = f": {_first_sentence(lines[0])}" if lines else ""
    return f"forward fixes the length of an axis that is declared dynamic{detail}"


def _first_sentence(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return line[:300]


def places_of(caught: Iterable[warnings.WarningMessage]) -> list[Place]:
    """What the tracer warned of, in the user's own files, each place once."""
    import torch
    from torch.jit._trace import TracerWarning

    library = Path(torch.__file__).parent
    found: dict[str, Place] = {}
    for item in caught:
        own = not Path(item.filename).is_relative_to(library)
        if issubclass(item.category, TracerWarning) and own:
            source = f"{Path(item.filename).name}, line {item.lineno}"
            found.setdefault(source, Place(kind=_place_kind(str(item.message)), source=source))
    return list(found.values())


def _place_kind(text: str) -> Literal["branch", "integer", "other"]:
    if "Python boolean" in text:
        return "branch"
    lengths = ("Python integer", "Python index", "Using len to get tensor shape")
    return "integer" if any(sign in text for sign in lengths) else "other"
