"""Pictures in the report: each keeps its own result."""

from __future__ import annotations

from pathlib import Path

from oxidizedvision.report.pictures import output_names


def test_pictures_of_one_name_do_not_replace_each_other() -> None:
    names = output_names([Path("a/x.png"), Path("b/x.png"), Path("x.jpg"), Path("x-2.png")])
    assert names == ["x.png", "x-2.png", "x-3.png", "x-2-2.png"]
