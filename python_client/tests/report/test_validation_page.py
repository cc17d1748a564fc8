"""The page of a validation shows every row, every reason and every picture that is missing."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from made_validation import full_report, report_of, result_of

from oxidizedvision.report.validation import render_validation, write_html


class _Cells(HTMLParser):
    """The text of every cell, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def rows_of(page: str) -> list[list[str]]:
    cells = _Cells()
    cells.feed(page)
    return cells.rows


def test_every_row_and_every_reason_is_there(tmp_path: Path) -> None:
    write_html(full_report(), tmp_path / "deep" / "page.html")
    page = (tmp_path / "deep" / "page.html").read_text(encoding="utf-8")
    rows = rows_of(page)
    head = rows[0]
    rten = dict(zip(head, rows[2], strict=True))
    assert (rten["runner"], rten["precision"], rten["result"]) == ("rten", "int8", "pass")
    assert (rten["SQNR dB"], rten["top-1"]) == ("130.0", "0.9999")
    assert rten["largest difference at"] == "[0, 2, 5]: 1.5, expected 1.5"
    assert [row[:3] for row in rows if "config.yml" in row] == [["pytorch", "config.yml", "fp32"]]
    assert ["net.pt", "SHA-256 is other"] in rows
    for text in (
        '<strong class="bad">Failed.</strong>',
        "int8 cosine at least 0.99",
        "tract, b: random-0: 3 of 9 values are &lt;NaN&gt; &amp; more",
        "rten, net.int8.onnx: top-1 accuracy 0.9000 is 0.0250 below",
        "tch did not run (not built): Build it.",
        "not counted: cat/broken.png: not a picture",
        "Top-1 accuracy of each file",
        "<svg",
    ):
        assert text in page, text
    assert "<NaN>" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_plain_validation_has_one_table() -> None:
    page = render_validation(report_of(result_of("rten", output="<b>o</b>")))
    assert "Passed." in page
    assert "&lt;b&gt;o&lt;/b&gt;" in page
    assert "<b>o" not in page
    assert len([row for row in rows_of(page) if row[0] == "runner"]) == 1


def test_nothing_compared_is_no_pass() -> None:
    page = render_validation(report_of(passed=False))
    assert "Nothing was compared." in page
    assert "Passed." not in page
