"""The order in which exporters are tried, and what a demand leaves of it."""

from __future__ import annotations

import pytest

from oxidizedvision.convert.ladder import Candidate, Wish, first_candidates
from oxidizedvision.core.errors import Kind, OxidizedVisionError


def test_the_default_opset_comes_first_and_script_last() -> None:
    assert first_candidates(Wish("auto", 14, demanded=False)) == [
        Candidate("torchscript", 14),
        Candidate("dynamo", 18),
        Candidate("script", 14),
    ]


def test_at_an_opset_that_both_write_torch_export_comes_first() -> None:
    assert first_candidates(Wish("auto", 19, demanded=True)) == [
        Candidate("dynamo", 19),
        Candidate("torchscript", 19),
        Candidate("script", 19),
    ]


def test_a_demanded_opset_is_the_only_one() -> None:
    found = first_candidates(Wish("auto", 11, demanded=True, thorough=True))
    assert found == [Candidate("torchscript", 11), Candidate("script", 11)]


def test_a_demanded_exporter_is_the_only_one() -> None:
    found = first_candidates(Wish("dynamo", 14, demanded=False))
    assert found == [Candidate("dynamo", 18)]


def test_thorough_tries_several_opsets_of_each() -> None:
    found = first_candidates(Wish("auto", 14, demanded=False, thorough=True))
    assert len(set(found)) == len(found)
    assert {c.opset for c in found if c.route == "dynamo"} == {18, 20}
    assert {c.opset for c in found if c.route == "torchscript"} == {14, 17, 18, 20}


@pytest.mark.parametrize(("exporter", "opset"), [("dynamo", 17), ("torchscript", 21), ("auto", 3)])
def test_what_nothing_can_write_is_refused_with_the_ranges(exporter: str, opset: int) -> None:
    with pytest.raises(OxidizedVisionError, match=f"Opset {opset} cannot be exported") as caught:
        first_candidates(Wish(exporter, opset, demanded=True))
    assert caught.value.kind is Kind.EXPORT
    assert "dynamo 18 to 24" in caught.value.hint
