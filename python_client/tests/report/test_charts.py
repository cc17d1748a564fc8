"""Charts say the number that they draw, escape what they are given, and survive nothing to draw."""

import re

from oxidizedvision.report.charts import bar_chart


def test_lengths_are_in_proportion() -> None:
    svg = str(bar_chart([("a", 10.0, None), ("b", 5.0, 8.0)], "ms"))
    first, second = (float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', svg))
    assert first == 2 * second
    assert "10 ms" in svg
    assert "5 ms" in svg
    assert svg.count("<path") == 1


def test_labels_are_escaped() -> None:
    svg = str(bar_chart([("<script>", 1.0, None)], "ms"))
    assert "<script>" not in svg


def test_no_bars_and_zeros_are_drawn() -> None:
    assert str(bar_chart([], "ms")).startswith("<svg")
    assert "0 ms" in str(bar_chart([("a", 0.0, None)], "ms"))
