"""The JUnit file is what CI servers read: one suite a runner, one test an output."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from made_validation import failed_of, full_report, report_of, result_of

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.validate import IntegrityResult, ValidationReport, to_junit, write_junit

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

# What the schema of Apache Ant's JUnit task asks of each element: the attributes that must be
# there, those that may be, and the order of the children.
SCHEMA = {
    "testsuites": ((), (), ("testsuite",)),
    "testsuite": (
        ("package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors", "time"),
        ("skipped",),
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "properties": ((), (), ("property",)),
    "testcase": (("name", "classname", "time"), (), ("skipped", "error", "failure")),
    "failure": (("type",), ("message",), ()),
    "error": (("type",), ("message",), ()),
    "skipped": ((), ("message",), ()),
    "system-out": ((), (), ()),
    "system-err": ((), (), ()),
}


def _checked(text: str) -> ET.Element:
    root = ET.fromstring(text)  # noqa: S314 - our own file
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, may, children = SCHEMA[element.tag]
        assert set(needed) <= set(element.attrib) <= {*needed, *may}, element.tag
        places = [children.index(child.tag) for child in element]
        assert places == sorted(places), element.tag
    for suite in root:
        ends = [child.tag for test in suite.iter("testcase") for child in test]
        assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
            str(count)
            for count in (
                len(list(suite.iter("testcase"))),
                *(ends.count(tag) for tag in ("failure", "error", "skipped")),
            )
        ]
        assert suite.find("properties") is not None
        assert (suite[-2].tag, suite[-1].tag) == ("system-out", "system-err")
        names = [test.get("name") for test in suite.iter("testcase")]
        assert len(set(names)) == len(names)
    return root


def _ends(report: ValidationReport) -> dict[str, dict[str, str]]:
    """By suite, how each test ended."""
    root = _checked(to_junit(report, AT))
    return {
        str(suite.get("name")): {
            str(test.get("name")): test[0].tag if len(test) else ""
            for test in suite.iter("testcase")
        }
        for suite in root
    }


def test_a_suite_for_each_runner_and_one_for_the_files() -> None:
    rows = (result_of("rten", output="a"), result_of("rten", output="b"), result_of("ort"))
    assert _ends(report_of(*rows)) == {
        "rten": {"a": "", "b": ""},
        "ort": {"output": ""},
        "files": {"net.onnx": ""},
    }


def test_what_failed_is_a_failure_and_who_is_not_here_an_error() -> None:
    data = {
        "pytorch": "labels of 200 pictures, config.yml",
        "rten": "labels of 200 pictures, net.int8.onnx",
    }
    wanted = {
        "pytorch": {"output": "", data["pytorch"]: ""},
        "rten": {"output": "", data["rten"]: "failure"},
        "tract": {"b": "failure"},
        "tch": {"is here": "error"},
        "files": {"net.onnx": "", "net.pt": "failure"},
    }
    assert _ends(full_report()) == wanted
    wanted["tch"] = {"is here": "skipped"}
    assert _ends(full_report(skip_unavailable=True)) == wanted


def test_a_failure_tells_its_reason_and_a_suite_its_time() -> None:
    root = _checked(to_junit(full_report(), AT))
    suite = next(suite for suite in root if suite.get("name") == "tract")
    told = {name: suite.get(name) for name in ("package", "timestamp", "time", "id")}
    assert told == {
        "package": "net",
        "timestamp": "2026-05-04T03:02:01",
        "time": "1.500",
        "id": "2",
    }
    (test,) = suite.iter("testcase")
    assert (test.get("classname"), test.get("time")) == ("net.tract", "1.500")
    assert test[0].get("message") == "random-0: 3 of 9 values are <NaN> & more"
    assert test[0].text == test[0].get("message")


@pytest.mark.parametrize("name", ["a\x00b", "a\x1bb", "a\ud800b", "a\ufffeb", 'a"<&>b', "a\u00e9b"])
def test_any_name_and_any_reason_can_be_written(name: str, tmp_path: Path) -> None:
    report = report_of(
        failed_of("rten", name, output=name), integrity=(IntegrityResult(name, False, name),)
    )
    write_junit(report, tmp_path / "deep" / "junit.xml")
    text = (tmp_path / "deep" / "junit.xml").read_text(encoding="utf-8")
    root = _checked(text)
    (test,) = root[0].iter("testcase")
    shown = str(test.get("name"))
    assert shown.startswith("a")
    assert shown.endswith("b")
    assert (shown == name) is name.isprintable()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OxidizedVisionError):
        write_junit(report_of(), tmp_path / "folder")
