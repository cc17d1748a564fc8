"""The page for one's own model shows the columns that `validate` prints."""

from __future__ import annotations

from pathlib import Path

from made_validation import report_of, result_of

from oxidizedvision.validate.tables import parity_table

PAGE = Path(__file__).parents[3] / "docs" / "your-own-model.md"


def test_the_columns_are_those_of_the_command() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    (heading,) = [line for line in lines if line.startswith("runner ") and "cosine" in line]
    columns = list(parity_table(report_of(result_of("rten"))).columns)
    assert heading.split() == " ".join(columns).split()
    rows = [line.split() for line in lines if "output   pass" in line]
    assert len(rows) == 9
    figures = columns[columns.index("cases") :]
    for row in rows:
        assert len(row[row.index("pass") + 1 :]) == len(figures), row
