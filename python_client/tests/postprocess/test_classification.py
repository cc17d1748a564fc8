"""The best classes, against PyTorch's activations and top-k."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from oxidizedvision.core.errors import Kind
from oxidizedvision.postprocess import Classification, placement_of_input, postprocess


def classified(values: Any, **contract: Any) -> Classification:
    array = np.asarray(values, np.float32)
    kind = {"kind": "classification", **contract}
    made = postprocess({"output": array}, kind, placement_of_input((1, 3, 8, 8)))
    assert isinstance(made, Classification)
    return made


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=40, unique=True),
    st.integers(1, 50),
    st.sampled_from(["none", "sigmoid", "softmax"]),
)
def test_it_is_pytorchs_topk(values: list[float], top_k: int, activation: str) -> None:
    made = classified([values], top_k=top_k, activation=activation)
    logits = torch.tensor(values, dtype=torch.float64)
    scores = {"none": logits, "sigmoid": logits.sigmoid(), "softmax": logits.softmax(0)}[activation]
    wanted = logits.topk(min(top_k, len(values))).indices
    np.testing.assert_allclose([row.score for row in made.classes], scores[wanted], rtol=1e-9)
    # Far from zero sigmoids of different numbers may be equal; then the lower id comes first.
    if len(set(scores.tolist())) == len(values):
        assert [row.class_id for row in made.classes] == wanted.tolist()


def test_labels_and_ties() -> None:
    made = classified([[1.0, 3.0, 3.0, 2.0]], labels=["a", "b", "c", "d"], top_k=3)
    assert [(row.class_id, row.label) for row in made.classes] == [(1, "b"), (2, "c"), (3, "d")]
    assert classified([[1.0, 2.0]]).classes[0].label is None
    many = classified(np.arange(64)[np.newaxis] % 2, top_k=64).classes
    assert [row.class_id for row in many] == [*range(1, 64, 2), *range(0, 64, 2)]


def test_the_document() -> None:
    document = classified([[0.25, 0.5]], labels=["cat", "dog"], activation="none").document()
    assert document == {
        "schema_version": 1,
        "kind": "classification",
        "classes": [
            {"class_id": 1, "label": "dog", "score": 0.5},
            {"class_id": 0, "label": "cat", "score": 0.25},
        ],
    }


@pytest.mark.parametrize("shape", [(2, 5), (5,), (1, 5, 1, 1), (1, 0)])
def test_other_axes_are_refused(shape: tuple[int, ...]) -> None:
    refused(Kind.SHAPE_MISMATCH, lambda: classified(np.zeros(shape)))


def test_what_is_no_score_is_refused() -> None:
    for value in (np.nan, np.inf):
        refused(Kind.ENGINE_FAILED, lambda value=value: classified([[0.0, value]]))
    error = refused(Kind.SHAPE_MISMATCH, lambda: classified([[0.0, 1.0]], labels=["one"]))
    assert "2 classes" in error.message
