"""The block `budget` takes four positive numbers, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidizedvision.config import BudgetConfig, load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError

MODEL = "model: {path: model.py, class_name: Net, input_shape: [1, 3, 8, 8]}\n"


def budget_in(folder: Path, block: str) -> BudgetConfig:
    path = folder / "config.yml"
    path.write_text(f"{MODEL}{block}\n")
    return load_config(path).budget


@pytest.mark.parametrize(
    ("block", "limits"),
    [
        ("", {}),
        ("budget: {}", {}),
        ("budget: {latency_ms: null}", {}),
        ("budget: {latency_ms: 5}", {"latency_ms": 5.0}),
        (
            "budget: {peak_mib: 100, size_mb: 0.5, first_result_ms: 1e2, latency_ms: 2.5}",
            {"latency_ms": 2.5, "first_result_ms": 100.0, "size_mb": 0.5, "peak_mib": 100.0},
        ),
    ],
)
def test_limits(tmp_path: Path, block: str, limits: dict[str, float]) -> None:
    assert budget_in(tmp_path, block).limits == limits


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("budget: {latency: 5}", "budget.latency: unknown key; did you mean 'latency_ms'?"),
        ("budget: {latency_ms: 0}", "budget.latency_ms: expected more than 0.0, got 0"),
        ("budget: {size_mb: -1}", "budget.size_mb: expected more than 0.0, got -1"),
        ("budget: {size_mb: '1'}", "expected a number, got the text '1'"),
        ("budget: {peak_mib: .inf}", "expected a finite number"),
        ("budget: {peak_mib: .nan}", "budget.peak_mib: expected"),
        ("budget: {first_result_ms: true}", "expected a number, got true"),
        ("budget: 5", "budget: expected keys and values"),
    ],
)
def test_refused(tmp_path: Path, block: str, words: str) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        budget_in(tmp_path, block)
    assert caught.value.kind is Kind.CONFIG
    assert words in caught.value.message
    assert "line 2" in caught.value.message
