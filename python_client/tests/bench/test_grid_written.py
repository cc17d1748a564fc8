"""What is committed of the grid tells the same claims, table and chart as the run."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_grid import network

from benchmarks.grid import report

MACHINE = {
    "cpu": "EPYC",
    "flags": ["avx2"],
    "threads_granted": 2,
    "cores": 4,
    "os": "Linux 6.1-name",
    "versions": {"torch": "2"},
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(report, "CHART", tmp_path / "speed.svg")
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(f"before\n{report.START}\nold\n{report.END}\nafter\n")
    document = {"machine": MACHINE, "seconds": 90, "networks": [network(pytorch=45.0)]}
    report.write(document)
    return tmp_path


def test_the_page_has_the_machine_the_chart_and_the_table(written: Path) -> None:
    page = (written / "README.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert "2 minutes on EPYC (avx2), 2 of 4 processors granted, Linux 6.1; torch 2." in page
    assert "(grid/speed.svg)" in page
    assert "| net | 30.00 |" in page


def test_the_committed_results_tell_the_same(written: Path) -> None:
    again = json.loads((written / "results.json").read_text())
    assert report.markdown(again) in (written / "README.md").read_text()
    assert report.broken_claims(again) == []
    again["networks"][0]["grid"]["results"][1]["windows_ms"] = [[40.0] * 5] * 3
    assert report.broken_claims(again)


def test_the_chart_is_a_file_of_its_own(written: Path) -> None:
    text = (written / "speed.svg").read_text()
    root = ElementTree.fromstring(text)  # noqa: S314 - written a moment ago
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    # auto is 45 / 10 times as fast as eager.
    assert "4.5 x" in text
    assert "torch.compile" in text
