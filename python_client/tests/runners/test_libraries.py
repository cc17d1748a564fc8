"""Where engines find their libraries is not told to processes of other engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidizedvision.runners import libraries


def test_what_was_set_here_stays_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = libraries.Library("SOME_DYLIB_PATH", "some", "lib*.so")
    (tmp_path / "libsome.so").touch()
    monkeypatch.setattr(libraries, "LIBRARIES", {"some": library})
    monkeypatch.setattr(libraries, "package_folder", lambda _: tmp_path)
    monkeypatch.setattr(libraries, "_SET_HERE", {})
    monkeypatch.setenv("SOME_DYLIB_PATH", "")
    libraries.prepare("some")
    found = str(tmp_path / "libsome.so")
    assert libraries.without_ours({"A": "b", "SOME_DYLIB_PATH": found}) == {"A": "b"}


def test_what_the_user_set_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_SET_HERE", {})
    monkeypatch.setenv("ORT_DYLIB_PATH", "/own/lib.so")
    libraries.prepare("ort")
    given = {"ORT_DYLIB_PATH": "/own/lib.so"}
    assert libraries.without_ours(given) == given
