"""A report from the JSON document that it was written as."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.target import Unavailable
from oxidizedvision.validate.compare import WorstValue
from oxidizedvision.validate.data import DataReport, DataResult, UnreadPicture
from oxidizedvision.validate.report import IntegrityResult, ValidationReport, ValidationResult

Plain = Mapping[str, Any]
_Kind = TypeVar("_Kind")
_OLDER = {"model": "", "reference": "pytorch", "seed": 0, "passed": False}


def report_from(document: Plain) -> ValidationReport:
    """The report that `to_plain` or `--json` made a document of; also of an earlier version.

    A null is NaN again where a number must stand, and infinity for the decibels of outputs that
    are equal. Keys that are not known are left out.

    Raises:
        OxidizedVisionError: `corrupt` for what is no such document.
    """
    try:
        return _known_as(
            ValidationReport,
            {**_OLDER, **document},
            results=tuple(_row(row) for row in document["results"]),
            unavailable=tuple(_known_as(Unavailable, row) for row in document["unavailable"]),
            integrity=tuple(_known_as(IntegrityResult, row) for row in document["integrity"]),
            limits=document.get("limits") or {},
            data=_data(document.get("data")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"The validation cannot be read: {type(error).__name__}: {error}",
            "Validate again with this version.",
        ) from error


def _row(row: Plain) -> ValidationResult:
    read: dict[str, Any] = {"limits": row.get("limits") or {}}
    if row.get("max_error") == 0:
        read |= {name: math.inf for name in ("sqnr_db", "psnr_db") if row.get(name) is None}
    place = row.get("worst_value")
    if place is not None:
        index = tuple(int(at) for at in place["index"])
        read["worst_value"] = _known_as(WorstValue, place, index=index)
    return _known_as(ValidationResult, row, **read)


def _data(document: Plain | None) -> DataReport | None:
    if document is None:
        return None
    return _known_as(
        DataReport,
        document,
        results=tuple(_known_as(DataResult, row) for row in document["results"]),
        unread=tuple(_known_as(UnreadPicture, row) for row in document["unread"]),
    )


def _known_as(of: Callable[..., _Kind], document: Plain, /, **read: Any) -> _Kind:
    """A dataclass of the values that were read already, and of the others as they stand."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cast("Any", of)):
        if field.name in read:
            values[field.name] = read[field.name]
        elif field.name in document:
            value = document[field.name]
            missing = value is None and field.type == "float"
            values[field.name] = math.nan if missing else value
    return of(**values)
