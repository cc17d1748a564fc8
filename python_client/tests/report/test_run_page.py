"""The page of `run` shows its benchmark as the page of `benchmark` does."""

from __future__ import annotations

from typing import Any

from made_report import report_of, row_of, three_rows

from oxidizedvision.core.results import to_plain
from oxidizedvision.report import render_html


def document(benchmark: Any) -> dict[str, Any]:
    return {
        "oxidizedvision": "1",
        "created": "now",
        "model": {"name": "net", "source": {"class_name": "Net"}, "opset_version": 17},
        "passed": True,
        "validation": {
            "results": [],
            "integrity": [],
            "unavailable": [],
            "tolerance_mae": 1e-5,
            "tolerance_cos_sim": 0.999,
        },
        "benchmark": to_plain(benchmark),
        "profile": {
            "model": "net",
            "input_shape": [1],
            "layers": [],
            "time": None,
            "notes": [],
        },
        "optimize": {"reason": "smaller"},
        "package": {},
        "files": [{"name": "ONNX", "file": "net.onnx", "bytes": 2_000_000}],
        "pictures": [],
        "stages": [],
        "tools": {},
    }


def test_rows_have_their_names_verdicts_and_noise() -> None:
    rows = (*three_rows(), row_of("ort", name="<b>ort</b>, batch 2", settled=False))
    page = render_html(document(report_of(*rows)))
    for text in (
        "no significant difference",
        "Noise floor: pytorch measured a second time",
        "&lt;b&gt;ort&lt;/b&gt;, batch 2",
        "Not settled:",
        "2 MB",
        "A box holds the middle half",
    ):
        assert text in page, text
    assert "<b>ort" not in page
