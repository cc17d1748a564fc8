"""The browser's claims hold on figures that keep them, and are refuted on figures that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from wasm_figures import MIB, document, model, started, windows

from benchmarks.wasm.claims import broken_claims, claims, figure
from benchmarks.wasm.engines import ORT, RTEN, RTEN_2, TRACT

Change = Callable[[dict[str, Any]], None]


def of_wire(module: str, **values: int) -> Change:
    return lambda found: next(r for r in found["wire"] if r["module"] == module).update(values)


def of_row(engine: str, **values: Any) -> Change:
    return lambda found: next(
        row for row in found["models"][0]["rows"] if row["engine"] == engine
    ).update(values)


@pytest.mark.parametrize("name", ["mobilenet_v2", "denoiser", "unet"])
def test_figures_that_keep_every_claim(name: str) -> None:
    found = document(model(name))
    assert broken_claims(found) == []
    # Bytes of two modules at two qualities; two starts, two times, three memories and answers.
    assert len(claims(found)) == 4 + 2 + 2 + 3 + 3


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("unet", of_wire(RTEN, brotli_9=700_000), "rten, of onnxruntime-web's in brotli 9"),
        ("unet", of_wire(RTEN, brotli_11=650_000), "rten, of onnxruntime-web's in brotli 11"),
        ("unet", of_wire(TRACT, brotli_9=2_100_000), "tract, of onnxruntime-web's in brotli 9"),
        ("denoiser", of_row(RTEN, loaded_ms=started(210)), "the model is loaded"),
        ("mobilenet_v2", of_row(RTEN, first_ms=started(300)), "the first result"),
        ("unet", of_row(RTEN, first_ms=started(900)), "the first result"),
        ("mobilenet_v2", of_row(TRACT, windows_ms=windows(43)), "the better of ours (tract)"),
        ("denoiser", of_row(TRACT, windows_ms=windows(43)), "the better of ours (tract)"),
        ("unet", of_row(TRACT, windows_ms=windows(47)), "the better of ours (tract)"),
        ("unet", of_row(RTEN_2, windows_ms=windows(38)), "with two threads, rten"),
        ("unet", of_row(RTEN, memory_bytes=[30 * MIB, 61 * MIB, 30 * MIB]), "memory, rten"),
        ("unet", of_row(RTEN_2, memory_bytes=[62 * MIB]), "memory, rten, 2 threads"),
        ("unet", of_row(TRACT, error=2e-4), "from PyTorch, tract"),
        ("unet", of_row(RTEN, error=None), "from PyTorch, rten: inf"),
    ],
)
def test_a_figure_beyond_its_bound_breaks_one_claim(name: str, change: Change, words: str) -> None:
    found = document(model(name))
    change(found)
    (broken,) = broken_claims(found)
    assert words in broken


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("unet", of_row(RTEN, first_ms=started(300))),
        ("unet", of_row(TRACT, windows_ms=windows(45))),
        ("mobilenet_v2", of_row(RTEN, windows_ms=windows(400))),
        ("mobilenet_v2", of_row(ORT, error=1.0)),
    ],
)
def test_what_is_not_claimed_breaks_nothing(name: str, change: Change) -> None:
    found = document(model(name))
    change(found)
    assert broken_claims(found) == []


def test_modules_that_are_not_there_are_not_judged() -> None:
    found = document()
    found["wire"] = [row for row in found["wire"] if row["module"] in (ORT, RTEN)]
    for each in found["models"]:
        each["rows"] = [row for row in each["rows"] if row["engine"] in (ORT, RTEN)]
    judged = [claim.what for claim in claims(found)]
    assert len(judged) == 2 + 2 + 1 + 1 + 1
    assert not [words for words in judged if "tract" in words or "two" in words]


def test_intervals_come_from_pages_measured_in_turns() -> None:
    found = document()
    uneven = [[90.0], [110.0], [95.0], [105.0]]
    of_row(RTEN, loaded_ms=uneven)(found)
    (claim,) = [claim for claim in claims(found) if "is loaded" in claim.what]
    assert claim.interval is not None
    low, high = claim.interval
    assert low < claim.found < high
    # The machine was slower for both: their ratio does not say so.
    of_row(ORT, loaded_ms=[[ms * 8] for (ms,) in uneven])(found)
    (claim,) = [claim for claim in claims(found) if "is loaded" in claim.what]
    assert figure(claim) == "8 (8 to 8)"
