"""The grid's claims hold on figures that keep them, and are refuted on figures that do not."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.grid import report
from benchmarks.grid.networks import NETWORKS

PROCESSES, WINDOWS = 3, 5


def row(name: str, ms: float) -> dict[str, Any]:
    """A row of the grid whose windows all take so long."""
    runner, *_ = name.split(", ")
    threads = 2 if "2 threads" in name else 1
    windows = [[ms] * WINDOWS] * PROCESSES
    return {"name": name, "runner": runner, "threads": threads, "p50_ms": ms, "windows_ms": windows}


def network(**times: float) -> dict[str, Any]:
    """A network on which auto chose openvino with two threads."""
    times.setdefault("single", 18.0)
    bare = {
        "pytorch": 20.0,
        "torch.compile": 15.0,
        "torchscript": 18.0,
        "onnxruntime": 12.0,
        "openvino": 10.0,
    } | times
    results = [row("rten, 1 thread", 30.0), row("openvino, 2 threads", 10.0)]
    results += [row("openvino, 1 thread", times["single"])]
    results += [
        row(f"{name}, bare, 2 threads", ms) for name, ms in bare.items() if name != "single"
    ]
    results += [row("onnxruntime, bare, 1 thread", 40.0)]
    return {
        "network": "net",
        "auto": {"runner": "openvino", "threads": 2},
        "grid": {"results": results, "noise": {"floor": 0.01}},
    }


def broken(**times: float) -> list[str]:
    """The claims that these figures break."""
    return report.broken_claims({"networks": [network(**times)]})


def test_claims_hold() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ({"single": 9.0}, "auto is at 0.900 of the best of the grid"),
        ({"openvino": 9.0}, "auto is at 0.900 of openvino, bare, 2 threads"),
        ({"torchscript": 9.0}, "auto is at 0.900 of torchscript"),
        ({"onnxruntime": 9.0}, "auto is at 0.900 of onnxruntime, bare, 2 threads"),
        ({"onnxruntime": 10.2}, "auto is 1.02 times as fast as onnxruntime, wanted 1.03"),
        ({"pytorch": 14.0}, "auto is 1.40 times as fast as pytorch, wanted 1.5"),
    ],
)
def test_each_claim_can_be_refuted(times: dict[str, float], says: str) -> None:
    assert any(claim.removeprefix("net: ").startswith(says) for claim in broken(**times))


def test_a_difference_within_three_percent_or_within_noise_breaks_nothing() -> None:
    assert broken(openvino=9.8) == []
    noisy = network(openvino=9.0)
    for result in noisy["grid"]["results"]:
        if result["name"] == "openvino, bare, 2 threads":
            result["windows_ms"] = [[6.0] * WINDOWS, [9.0] * WINDOWS, [14.0] * WINDOWS]
    assert report.broken_claims({"networks": [noisy]}) == []


def test_what_auto_chose_must_be_in_the_grid() -> None:
    elsewhere = network() | {"auto": {"runner": "tract", "threads": 4}}
    with pytest.raises(ValueError, match="which the grid does not have"):
        report.broken_claims({"networks": [elsewhere]})


def test_the_table_has_every_engine_and_the_means() -> None:
    slower = network(pytorch=45.0) | {"network": "other"}
    text = report.markdown({"networks": [network(), slower]})
    header, _, first, *_ = text.splitlines()
    assert "onnxruntime, bare, 1 thread" in header
    assert first.startswith("| net | 30.00 | 10.00 | 18.00 | 20.00 |")
    assert first.endswith("| openvino, 2 threads |")
    # The geometric mean of 2 and 4.5.
    assert "| **geometric mean** |  | 3.00 |" in text


def test_the_grid_is_the_one_that_was_promised() -> None:
    assert [architecture.name for architecture in NETWORKS] == [
        *("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0"),
        *("convnext_tiny", "vit_small_patch16_224", "unet"),
    ]
