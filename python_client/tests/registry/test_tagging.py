"""A tag names exactly one model, moves in one step, and goes with its model."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.registry import find, list_models, register, remove, tag, tags, untag


@pytest.fixture(autouse=True)
def two(tmp_path: Path) -> None:
    """Two versions of one model."""
    register(write_manifest(tmp_path / "1", content=b"1", created="2026-01-01T00:00:00+00:00"))
    register(write_manifest(tmp_path / "2", content=b"2", created="2026-01-02T00:00:00+00:00"))


def test_a_tag_names_the_newest_or_the_version_asked_for() -> None:
    assert (tag("net", "prod").version, tag("net@1", "old").version) == (2, 1)
    assert find("prod").label == "net@2"
    assert find("old").label == "net@1"
    assert [entry.tags for entry in list_models()] == [("prod",), ("old",)]
    assert [(row.tag, row.version) for row in tags()] == [("old", 1), ("prod", 2)]
    assert [row.tag for row in tags("net")] == ["old", "prod"]
    assert [row.tag for row in tags("net@1")] == ["old"]


def test_a_tag_moves_and_says_from_where() -> None:
    assert tag("net@1", "prod").moved_from is None
    assert tag("net@1", "prod").moved_from is None
    assert tag("net@2", "prod").moved_from == "net@1"
    assert [row.version for row in tags()] == [2]


def test_a_tag_can_be_given_by_a_tag() -> None:
    tag("net@1", "candidate")
    tag("candidate", "prod")
    assert find("prod").version == 1


def test_a_tag_is_taken_away() -> None:
    tag("net", "prod")
    assert untag("prod").version == 2
    assert tags() == []
    assert len(list_models()) == 2
    tag("net", "prod")
    with pytest.raises(OxidizedVisionError, match="did you mean 'prod'") as caught:
        untag("prd")
    assert caught.value.kind is Kind.NOT_FOUND


def test_tags_go_with_their_model() -> None:
    tag("net@1", "old")
    tag("net@2", "prod")
    assert remove("old").tags == ("old",)
    assert [row.tag for row in tags()] == ["prod"]


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "a@1", "ä", "x" * 65, "a\n"])
def test_what_cannot_be_a_tag(name: str) -> None:
    with pytest.raises(OxidizedVisionError, match="cannot be a tag") as caught:
        tag("net", name)
    assert caught.value.kind is Kind.USAGE


def test_the_name_of_a_model_is_no_tag_and_unknown_models_have_none() -> None:
    with pytest.raises(OxidizedVisionError, match="is the name of a model"):
        tag("net@1", "net")
    for verb in (lambda: tag("nett", "prod"), lambda: tags("nett")):
        with pytest.raises(OxidizedVisionError, match="did you mean 'net'"):
            verb()
    assert tags() == []


def test_a_tag_goes_before_a_model_that_is_called_so_later(tmp_path: Path) -> None:
    tag("net@1", "later")
    register(write_manifest(tmp_path / "3", "later", b"3"))
    assert find("later").label == "net@1"
    assert find("later@1").label == "later@1"
