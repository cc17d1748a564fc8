"""Filters and orders of the list, and what it says of files that are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import PackageRecord
from oxidizedvision.registry import ListFilter, list_models, register, tag
from oxidizedvision.registry.listing import moment_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def crate(engine: str) -> PackageRecord:
    return PackageRecord(
        path="crate",
        name="net",
        engine=engine,
        created="2026-11-26T00:00:00+00:00",
        model_sha256="0" * 64,
        sha256="0" * 64,
        bytes=1,
    )


@pytest.fixture(autouse=True)
def three(tmp_path: Path) -> None:
    """Three models of different days, sizes, tags and engines."""
    days = {"denoiser": ("2026-11-20", b"middle"), "unet": ("2026-11-24", b"the largest")}
    for name, (day, content) in days.items():
        register(write_manifest(tmp_path / name, name, content, f"{day}T10:00:00+00:00"))
    packages = (crate("rten"),)
    register(write_manifest(tmp_path / "x", "denoiser-xl", b"s", "2026-11-22T10:00:00", packages))
    tag("unet", "prod")
    tag("denoiser", "prod-old")


def names(**asked: Any) -> list[str]:
    order = {key: asked.pop(key) for key in ("sort", "reverse") if key in asked}
    return [entry.name for entry in list_models(where=ListFilter(**asked), **order)]


def test_the_newest_comes_first_unless_asked_otherwise() -> None:
    assert names() == ["unet", "denoiser-xl", "denoiser"]
    assert names(reverse=True) == ["denoiser", "denoiser-xl", "unet"]
    assert names(sort="name") == ["denoiser", "denoiser-xl", "unet"]
    assert names(sort="size") == ["unet", "denoiser", "denoiser-xl"]
    with pytest.raises(OxidizedVisionError, match="order 'age' is unknown") as caught:
        names(sort="age")
    assert caught.value.kind is Kind.USAGE


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"name": "noise"}, {"denoiser", "denoiser-xl"}),
        ({"name": "denoiser*"}, {"denoiser", "denoiser-xl"}),
        ({"name": "denoise?"}, {"denoiser"}),
        ({"name": "[u-z]*"}, {"unet"}),
        ({"name": "resnet"}, set()),
        ({"tag": "prod"}, {"unet"}),
        ({"tag": "prod*"}, {"unet", "denoiser"}),
        ({"format": "torchscript"}, {"unet", "denoiser", "denoiser-xl"}),
        ({"format": "pt2"}, set()),
        ({"engine": "rten"}, {"denoiser-xl"}),
        ({"engine": "tract"}, set()),
        ({"since": "2026-11-22"}, {"unet", "denoiser-xl"}),
        ({"since": "2026-11-22T10:00:01"}, {"unet"}),
        ({"since": "2026-11-24T11:00:00+01:00"}, {"unet"}),
        ({"name": "denoiser*", "since": "2026-11-21"}, {"denoiser-xl"}),
    ],
)
def test_filters(asked: dict[str, str], found: set[str]) -> None:
    assert set(names(**asked)) == found
    if set(asked) == {"name"}:
        assert {entry.name for entry in list_models(name=asked["name"])} == found


@pytest.mark.parametrize(
    ("since", "ago"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_span_is_counted_from_now(since: str, ago: timedelta) -> None:
    assert moment_of(since, NOW) == NOW - ago


@pytest.mark.parametrize("since", ["yesterday", "7", "d", "-1d", "2026-13-01", "999999w", ""])
def test_what_is_no_time_is_refused(since: str) -> None:
    with pytest.raises(OxidizedVisionError, match="neither a date nor a span") as caught:
        list_models(where=ListFilter(since=since))
    assert caught.value.kind is Kind.USAGE


def test_an_unknown_format_is_answered_with_the_nearest() -> None:
    with pytest.raises(OxidizedVisionError, match="did you mean 'onnx'"):
        names(format="onx")


def test_files_that_are_gone_and_models_that_were_replaced_are_shown(tmp_path: Path) -> None:
    (tmp_path / "unet" / "unet.pt").unlink()
    register(write_manifest(tmp_path / "denoiser", "denoiser", b"new"))
    states = {entry.label: (entry.status, entry.missing) for entry in list_models()}
    assert states == {
        "unet@1": ("missing", ("unet.pt",)),
        "denoiser-xl@1": ("present", ()),
        "denoiser@1": ("replaced", ()),
        "denoiser@2": ("present", ()),
    }
