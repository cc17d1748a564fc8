"""A validation as JUnit XML, which CI servers show as tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from oxidizedvision.core.files import write_text
from oxidizedvision.validate.data import DataReport
from oxidizedvision.validate.report import ValidationReport

FILES = "files"
"""The suite of the model's files."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Test:
    """A test, and how it ended where it did not pass: `failure`, `error` or `skipped`."""

    suite: str
    name: str
    ended: str = ""
    message: str = ""


def write_junit(report: ValidationReport, path: str | Path) -> None:
    """Write a validation as JUnit XML; see `to_junit`.

    Raises:
        OxidizedVisionError: `file_system`.
    """
    write_text(Path(path), to_junit(report))


def to_junit(report: ValidationReport, at: datetime | None = None) -> str:
    """A suite for each runner with a test for each output, and a suite for the model's files.

    A data set adds a test for each file that a runner ran. A runner that is not here is an error,
    or skipped where it may be missing.

    Args:
        report: What was found.
        at: When, in UTC; None is now.
    """
    suites: dict[str, list[_Test]] = {}
    for test in _tests(report):
        suites.setdefault(test.suite, []).append(test)
    stamp = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S")
    root = ET.Element("testsuites")
    for number, (name, tests) in enumerate(suites.items()):
        head = {"id": str(number), "package": report.model, "timestamp": stamp}
        root.append(_suite(name, tests, head, report.seconds.get(name, 0.0)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _tests(report: ValidationReport) -> Iterator[_Test]:
    for row in report.results:
        yield _Test(row.runner, row.output, "" if row.passed else "failure", row.reason)
    if report.data is not None:
        yield from _data_tests(report.data)
    ended = "skipped" if report.skip_unavailable else "error"
    for missing in report.unavailable:
        yield _Test(missing.name, "is here", ended, missing.hint)
    for file in report.integrity:
        yield _Test(FILES, file.file, "" if file.passed else "failure", file.reason)


def _data_tests(data: DataReport) -> Iterator[_Test]:
    for row in data.results:
        name = f"{data.truth} of {data.pictures} pictures, {row.file}"
        yield _Test(row.runner, name, "" if row.passed else "failure", row.reason)


def _suite(name: str, tests: list[_Test], head: Mapping[str, str], seconds: float) -> ET.Element:
    ends = [test.ended for test in tests]
    suite = _element(
        "testsuite",
        name=name,
        hostname="localhost",
        **head,
        tests=str(len(tests)),
        failures=str(ends.count("failure")),
        errors=str(ends.count("error")),
        skipped=str(ends.count("skipped")),
        time=f"{seconds:.3f}",
    )
    ET.SubElement(suite, "properties")
    each = seconds / len(tests)
    for test in tests:
        place = f"{head['package']}.{name}"
        case = _element("testcase", classname=place, name=test.name, time=f"{each:.3f}")
        if test.ended == "skipped":
            case.append(_element("skipped", message=test.message))
        elif test.ended:
            case.append(_element(test.ended, message=test.message, type=_TYPES[test.ended]))
            case[0].text = _clean(test.message)
        suite.append(case)
    for stream in ("system-out", "system-err"):
        ET.SubElement(suite, stream)
    return suite


_TYPES = {"failure": "check_failed", "error": "backend_unavailable"}


def _element(tag: str, **attributes: str) -> ET.Element:
    return ET.Element(tag, {name: _clean(value) for name, value in attributes.items()})


def _clean(text: str) -> str:
    """The text with what XML cannot hold spelled out."""
    return _NOT_XML.sub(lambda found: repr(found[0])[1:-1], text)
