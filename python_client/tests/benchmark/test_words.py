"""Sentences about a report say what it found, and say when it could not find it."""

from __future__ import annotations

import dataclasses

import pytest
from made_report import INFINITE, MACHINE, report_of, row_of, sweep_rows, three_rows

from oxidizedvision.benchmark import words
from oxidizedvision.benchmark.report import NoiseFloor


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.012"), (3.14159, "3.14"), (99.0, "99.00"), (123.4, "123"), (float("nan"), "–")],
)
def test_milliseconds_keep_about_three_digits(value: float, text: str) -> None:
    assert words.ms_text(value) == text


def test_an_interval_of_one_process_is_not_told() -> None:
    assert words.interval_text((3.1, 3.19)) == "3.10 to 3.19"
    assert words.interval_text(INFINITE) == "–"
    assert words.times_interval_text((0.05, 1.5)) == "0.05 to 1.50"
    assert words.times_interval_text(INFINITE) == "–"


def test_noise_is_told_in_a_sentence() -> None:
    text = words.noise_text(NoiseFloor("tract", 1.004, (0.995, 1.012), 0.02))
    assert "tract measured a second time" in text
    assert "1.004 times its own speed (95 % interval 0.995 to 1.012)" in text
    assert "up to 2.0% are never called significant" in text
    assert "interval" not in words.noise_text(NoiseFloor("tract", 1.0, INFINITE, 0.02))
    assert "not measured" in words.noise_text(None)


def test_the_machine_is_one_line() -> None:
    text = words.machine_text(MACHINE)
    assert text == "Machine: Some CPU, avx2 fma, 4 of 8 processors granted, load average 0.25."
    assert words.machine_text({}) == "Machine: unknown processor."


def test_rows_to_beware_of_are_named_with_what_to_do() -> None:
    calm = report_of(*three_rows(), row_of("tch", disturbed=None), row_of("ort", disturbed=0.05))
    assert words.cautions(calm) == []
    report = report_of(row_of("a", settled=False), row_of("b", disturbed=0.123), row_of("c"))
    unsettled, disturbed = words.cautions(report)
    assert unsettled.startswith("Not settled: a. ")
    assert "--processes" in unsettled
    assert disturbed.startswith("Disturbed: b (12% of the time). ")
    assert "measure again" in disturbed


@pytest.mark.parametrize(("speedup", "told"), [(2.0, False), (2.03, False), (1.2, True)])
def test_medians_that_the_ratio_contradicts_are_explained(speedup: float, told: bool) -> None:
    """The ratio is of windows in turns, the medians are over everything."""
    rows = row_of("a", 10.0), row_of("b", 5.0, versus=(speedup, "faster"))
    found = words.cautions(report_of(*rows))
    assert [text.startswith("Medians and ratios differ: b. ") for text in found] == [True] * told


def test_many_rows_to_beware_of_are_counted() -> None:
    rows = [dataclasses.replace(row, settled=False) for row in sweep_rows()]
    (text,) = words.cautions(report_of(*rows))
    assert "runner0, batch 1; runner0, batch 4" in text
    assert "and 4 more." in text
