"""Errors: a kind, a message that says what failed, and a hint that says what to do next."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """What the command line ends with."""

    DONE = 0
    OUR_FAULT = 1
    BAD_INPUT = 2
    CHECK_FAILED = 3
    MISSING_PART = 4
    FILE_SYSTEM = 5
    INTERRUPTED = 130


class Kind(StrEnum):
    """What went wrong; the names shared with Rust are those of `runner_core`.

    Each kind has a row of the same name in docs/troubleshooting.md.
    """

    # The user's side of the pipeline.
    USAGE = "usage"
    CONFIG = "config"
    MODEL = "model"
    CHECKPOINT = "checkpoint"
    EXPORT = "export"
    INPUT = "input"
    CHECK_FAILED = "check_failed"
    BUILD_FAILED = "build_failed"
    # Loading, one to one with runner_core::LoadErrorKind.
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    DEVICE_UNAVAILABLE = "device_unavailable"
    BACKEND_UNAVAILABLE = "backend_unavailable"
    INVALID_OPTION = "invalid_option"
    # Running, one to one with runner_core::RunErrorKind (shape_mismatch and panicked are both).
    MISSING_INPUT = "missing_input"
    UNKNOWN_INPUT = "unknown_input"
    DUPLICATE_INPUT = "duplicate_input"
    DTYPE_MISMATCH = "dtype_mismatch"
    SHAPE_MISMATCH = "shape_mismatch"
    NOT_SINGLE = "not_single"
    ENGINE_FAILED = "engine_failed"
    PANICKED = "panicked"
    # The machine and ourselves.
    DEPENDENCY_MISSING = "dependency_missing"
    FILE_SYSTEM = "file_system"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"


_EXIT_CODES = {
    Kind.CHECK_FAILED: ExitCode.CHECK_FAILED,
    Kind.BUILD_FAILED: ExitCode.OUR_FAULT,
    Kind.UNREADABLE: ExitCode.FILE_SYSTEM,
    Kind.DEVICE_UNAVAILABLE: ExitCode.MISSING_PART,
    Kind.BACKEND_UNAVAILABLE: ExitCode.MISSING_PART,
    Kind.DEPENDENCY_MISSING: ExitCode.MISSING_PART,
    Kind.ENGINE_FAILED: ExitCode.OUR_FAULT,
    Kind.PANICKED: ExitCode.OUR_FAULT,
    Kind.FILE_SYSTEM: ExitCode.FILE_SYSTEM,
    Kind.INTERRUPTED: ExitCode.INTERRUPTED,
    Kind.INTERNAL: ExitCode.OUR_FAULT,
}


class OxidizedVisionError(Exception):
    """The one exception that the public functions raise.

    Args:
        kind: What went wrong; decides the exit code and the row of the troubleshooting page.
        message: What failed, on which file, model, node or input.
        hint: The next step, as a sentence; may be empty where the message says it all.
    """

    def __init__(self, kind: Kind, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint

    @property
    def exit_code(self) -> ExitCode:
        """The code that the command line ends with."""
        return _EXIT_CODES.get(self.kind, ExitCode.BAD_INPUT)

    @property
    def docs(self) -> str:
        """The row of the troubleshooting page."""
        return f"docs/troubleshooting.md#{self.kind.value}"

    def __reduce__(self) -> tuple[type[OxidizedVisionError], tuple[Kind, str, str]]:
        return type(self), (self.kind, self.message, self.hint)


class OxidizedVisionWarning(UserWarning):
    """Something that the user should know and that stops nothing."""
