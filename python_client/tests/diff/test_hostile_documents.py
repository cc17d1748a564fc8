"""Whatever a file holds, it is compared or refused in words, with exit code 2."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import benchmark_of, check_of, report_document, written
from made_report import row_of

from oxidizedvision import DiffReport, ExitCode, diff
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.diff import reading


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))


def good() -> dict[str, Any]:
    return report_document(benchmark_of(row_of("tract"), row_of("rten")), [check_of("tract")])


def refused(path: Path | str, other: Path) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        diff(path, other)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert caught.value.hint
    return caught.value


CONTENTS: list[tuple[bytes, str]] = [
    (b"", "no JSON"),
    (b"{", "no JSON"),
    (b"\xff\xfe\x00", "no JSON"),
    (b"\x80\x81", "no JSON"),
    (b"[" * 100_000, "no JSON"),
    (b"1" * 5000, "no JSON"),
    (b"[]", "no JSON object"),
    (b"null", "no JSON object"),
    (b"{}", "neither a report.json nor"),
    (b'{"schema_version": 1, "error": {"kind": "usage", "message": "no such"}}', "no such"),
    (b'{"results": [], "machine": 3}', "machine"),
    (b'{"results": {}, "machine": {}}', "results"),
    (b'{"benchmark": 1, "validation": 2}', "model"),
]


@pytest.mark.parametrize(("content", "words"), CONTENTS, ids=range(len(CONTENTS)))
def test_what_is_no_document_of_ours(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    error = refused(path, written(tmp_path / "b.json", good()))
    assert error.kind is Kind.CORRUPT
    assert words in error.message
    assert "a.json" in error.message


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    whole = json.dumps(good())
    other = written(tmp_path / "b.json", good())
    for length in range(1, len(whole), 97):
        path = tmp_path / "a.json"
        path.write_text(whole[:length])
        assert refused(path, other).kind is Kind.CORRUPT


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from leaves(value[key])


NONSENSE = [
    None, "x", -1, 0, 10**400, 1e308, 5e-324, float("nan"), float("inf"), [], {}, [[]], True,
    "\x1b[31m\x00", "x" * 5000,
]  # fmt: skip


def test_any_value_replaced_by_nonsense(tmp_path: Path) -> None:
    """A thousand documents with one wrong value each: compared, or refused in words."""
    choose = np.random.default_rng(0)
    other = written(tmp_path / "b.json", good())
    outcomes = set()
    places = len(list(leaves(good())))
    for _ in range(1000):
        document = copy.deepcopy(good())
        container, key = list(leaves(document))[choose.integers(places)]
        container[key] = NONSENSE[choose.integers(len(NONSENSE))]
        path = written(tmp_path / "a.json", document)
        for pair in ((path, other), (other, path)):
            try:
                outcome: Any = type(diff(*pair))
            except OxidizedVisionError as error:
                outcome = error.exit_code
            outcomes.add(outcome)
    assert outcomes == {DiffReport, ExitCode.BAD_INPUT}


HUGE: list[Callable[[dict[str, Any]], None]] = [
    lambda row: row.update(windows_ms=[[1.0]] * 1001),
    lambda row: row.update(windows_ms=[[1.0] * 10_001]),
    lambda row: row.update(loads_ms=[1.0] * 1001),
    lambda row: row.update(p50_ms=1e300),
]


@pytest.mark.parametrize("change", HUGE, ids=range(len(HUGE)))
def test_samples_that_would_take_all_memory(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    document = good()
    change(document["benchmark"]["results"][0])
    refused(written(tmp_path / "a.json", document), written(tmp_path / "b.json", good()))


def test_times_of_all_sizes_have_a_finite_verdict(tmp_path: Path) -> None:
    tiny = benchmark_of(row_of("tract", 10.0, windows_ms=((1e-9,), (1e12,)), loads_ms=(0.0, 1.0)))
    huge = benchmark_of(row_of("tract", 10.0, windows_ms=((1e12,), (1e12,)), loads_ms=(0.0, 0.0)))
    paths = [written(tmp_path / name, document) for name, document in (("a", tiny), ("b", huge))]
    assert diff(*paths).compared


@pytest.mark.parametrize("place", ["report", "benchmark"])
def test_a_newer_version_is_refused_as_such(tmp_path: Path, place: str) -> None:
    document = good() if place == "report" else good()["benchmark"]
    document["schema_version"] = 99
    path = written(tmp_path / "a.json", document)
    assert refused(path, written(tmp_path / "b.json", good())).kind is Kind.UNSUPPORTED


def test_a_file_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_FILE", 2**20)
    error = refused("/dev/zero", written(tmp_path / "b.json", good()))
    assert "larger than 1 MiB" in error.message


def test_what_is_not_there(tmp_path: Path) -> None:
    other = written(tmp_path / "b.json", good())
    for target in (tmp_path / "none.json", "no-such-model", tmp_path):
        assert refused(target, other).kind is Kind.NOT_FOUND
    manifest = tmp_path / "x.oxv.json"
    manifest.write_text("{")
    assert refused(manifest, other).kind is Kind.CORRUPT


def test_a_manifest_whose_figures_were_changed_by_hand(tmp_path: Path) -> None:
    from written_manifest import write_manifest

    from oxidizedvision.core.manifest import update_manifest

    manifest = write_manifest(tmp_path / "out")
    change = {"benchmark": {"results": "many"}}
    update_manifest(manifest, lambda m: m.model_copy(update=change))
    error = refused(manifest, written(tmp_path / "b.json", good()))
    assert error.kind is Kind.CORRUPT
    assert "results" in error.message
