"""A choice is measured once, and again when what it stands on changed."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_choice import ENGINES, Stub, row, validated
from tiny_network import Artifact

from oxidizedvision.auto import ChooseOptions, choose, grid, keep, proof, verb
from oxidizedvision.auto.forms import Form
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import FileRecord, load_manifest, update_manifest
from oxidizedvision.core.results import silent
from oxidizedvision.runners.base import Availability
from oxidizedvision.runners.target import resolve

ONE = ChooseOptions(engines=ENGINES, threads=1)


def test_a_kept_choice_is_given_without_measuring(net: Path, stub: Stub) -> None:
    first = choose(net, options=ONE)
    measured = len(stub.calls)
    again = choose(net, options=ONE)
    assert len(stub.calls) == measured
    assert replace(again, kept=False) == first
    assert "(kept, measured on 2" in again.line
    stored = load_manifest(net).choices["latency of rten, tract"]
    assert stored["rows"][0]["name"] == first.rows[0].name
    assert stored["machine"]["cpu"]
    assert stored["files"] == {"net.onnx": sha256_of(net.with_name("net.onnx"))}
    choose(net, options=ONE, remeasure=True)
    assert len(stub.calls) == 2 * measured


def test_goals_are_kept_beside_each_other(net: Path, stub: Stub) -> None:
    for goal in ("latency", "memory"):
        choose(net, goal=goal, options=ONE)
    count = len(stub.calls)
    for goal in ("latency", "memory"):
        assert choose(net, goal=goal, options=ONE).kept
    assert len(stub.calls) == count


def another_machine(_: Path, patch: pytest.MonkeyPatch) -> str:
    found = verb.fingerprint()
    patch.setattr(verb, "fingerprint", lambda: {**found, "cpu": "Another CPU", "flags": ["sve"]})
    return "the processor changed from .* to Another CPU; the processor's features .* sve"


def another_model(path: Path, _: pytest.MonkeyPatch) -> str:
    onnx = path.with_name("net.onnx")
    onnx.write_bytes(b"another network")
    record = FileRecord.of(onnx)

    def change(manifest: Any) -> Any:
        stages = [
            stage.model_copy(update={"output": record}) if stage.name == "onnx" else stage
            for stage in manifest.stages
        ]
        return manifest.model_copy(update={"stages": stages})

    update_manifest(path, change)
    validated(path, *(row(name) for name in ENGINES))
    return "net.onnx has another content"


def another_version(path: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setattr(grid, "availability", lambda _: Availability("ready", "99.0"))
    validated(path, *({**row(name), "engine_version": "99.0"} for name in ENGINES))
    return r"tract was \S+, it is 99\.0 now"


def another_tolerance(path: Path, _: pytest.MonkeyPatch) -> str:
    def change(manifest: Any) -> Any:
        tolerance = manifest.tolerance.model_copy(update={"mae": 1e-4})
        return manifest.model_copy(update={"tolerance": tolerance})

    update_manifest(path, change)
    return "tolerance changed from 1e-05, 0.999 to 0.0001, 0.999"


def a_failed_validation(path: Path, _: pytest.MonkeyPatch) -> str:
    first = next(iter(load_manifest(path).choices.values()))["runner"]
    validated(path, *(row(name, passed=name != first) for name in ENGINES))
    return f"{first} does not pass any more: validation failed"


@pytest.mark.parametrize(
    "change",
    [another_machine, another_model, another_version, another_tolerance, a_failed_validation],
)
def test_what_changed_is_told_and_measured(
    net: Path,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], str],
) -> None:
    choose(net, options=ONE)
    measured = len(stub.calls)
    told = change(net, monkeypatch)
    choice = choose(net, options=ONE)
    assert len(stub.calls) > measured
    assert not choice.kept
    assert re.match(f"measured again: .*(?:{told})", choice.notes[0])
    assert choose(net, options=ONE).kept


@pytest.mark.parametrize("asked", [{"threads": (1, 2)}, {"batch_size": 4}, {"device": "cpu"}])
def test_another_question_is_measured(net: Path, stub: Stub, asked: dict[str, Any]) -> None:
    choose(net, options=ONE)
    measured = len(stub.calls)
    choice = choose(net, options=replace(ONE, **asked))
    assert len(stub.calls) > measured
    assert f"{next(iter(asked)).split('_')[0]}" in choice.notes[0]


def test_how_long_was_measured_is_no_other_question(net: Path, stub: Stub) -> None:
    choose(net, options=ONE)
    assert choose(net, options=replace(ONE, processes=2, iters=9)).kept


def test_a_changed_file_is_not_answered_from_memory(net: Path, stub: Stub) -> None:
    choose(net, options=ONE)
    net.with_name("net.golden.safetensors").write_bytes(b"another")
    with pytest.raises(OxidizedVisionError, match="golden"):
        choose(net, options=ONE)


@pytest.mark.parametrize("spoil", [{"schema_version": 99}, {"rows": [{"name": 1}]}])
def test_what_another_version_kept_is_measured_again(
    net: Path, stub: Stub, spoil: dict[str, Any]
) -> None:
    choose(net, options=ONE)
    update_manifest(
        net,
        lambda m: m.model_copy(
            update={"choices": {key: {**value, **spoil} for key, value in m.choices.items()}}
        ),
    )
    assert not choose(net, options=ONE).kept


def test_an_older_manifest_is_read(net: Path, stub: Stub) -> None:
    document = json.loads(net.read_text())
    del document["choices"]
    net.write_text(json.dumps(document))
    assert not choose(net, options=ONE).kept
    assert choose(net, options=ONE).kept


def test_without_a_manifest_it_is_measured_every_time(net: Path, stub: Stub) -> None:
    net.unlink()
    onnx = net.with_name("net.onnx")
    options = replace(ONE, batch_size=1)
    for _ in range(2):
        before = len(stub.calls)
        choice = choose(onnx, options=options)
        assert len(stub.calls) > before
        assert "no manifest lists the model" in choice.notes[0]


def test_a_manifest_that_cannot_be_written_is_told(
    net: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OxidizedVisionError(Kind.FILE_SYSTEM, "net.oxv.json: Read-only file system", "Wait.")

    monkeypatch.setattr(keep, "update_manifest", refused)
    with pytest.warns(OxidizedVisionWarning, match="not in the manifest: .*Read-only"):
        assert choose(net, options=ONE).runner


def test_a_looser_validation_does_not_cover_the_row_of_fp32(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {name: row(name)["engine_version"] for name in ENGINES}
    file, files = tiny.onnx, {tiny.onnx.name: sha256_of(tiny.onnx)}
    validated(tiny.manifest, *(row(name) for name in ENGINES))
    asked: list[str] = []

    def validate(*_: object, **__: object) -> None:
        asked.append("validate")
        raise KeyboardInterrupt

    monkeypatch.setattr(proof, "validate", validate)

    def prove(rows: str) -> bool:
        config = tiny.config.with_name("other.yml")
        config.write_text(f"{tiny.config.read_text()}validation: {rows}\n")
        where, forms = resolve(config), (Form("fp32", file),)
        asked.clear()
        with contextlib.suppress(KeyboardInterrupt):
            proof.prove(config, where, forms, versions, files, None, silent)
        return bool(asked)

    assert not prove("{num_tests: 1}")
    assert not prove("{tolerances: {fp32: {mae: 1e-4}}}")
    assert prove("{tolerances: {fp32: {mae: 1e-6}}}")
    assert prove("{tolerances: {fp32: {cos_sim: 0.9999}}}")
    assert not prove("{tolerance_mae: 1e-7, tolerances: {fp32: {mae: 1e-5}}}")
