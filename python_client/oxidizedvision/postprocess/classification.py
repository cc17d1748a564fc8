"""The best classes of `[1, classes]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxidizedvision.config import ClassificationPostprocess
from oxidizedvision.postprocess.outputs import check_finite, check_labels, shape_mismatch
from oxidizedvision.postprocess.results import Classification, ScoredClass
from oxidizedvision.postprocess.scores import activated, best_first

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def classes_of(tensor: Array, contract: ClassificationPostprocess) -> Classification:
    """The `top_k` best classes, fewer where the network has fewer.

    Raises:
        OxidizedVisionError: `shape_mismatch` when the tensor is not `[1, classes]` or the labels
            are another number, `engine_failed` when it holds NaN or infinity.
    """
    if tensor.ndim != 2 or tensor.shape[0] != 1 or tensor.shape[1] == 0:
        raise shape_mismatch(
            "A classification is [1, classes]",
            tensor,
            "Give the network an output of that shape, one picture at a time.",
        )
    labels = contract.labels
    check_labels(labels, tensor.shape[1])
    check_finite(tensor, "which is no score of a class")
    scores = activated(tensor[0], contract.activation)
    best = best_first(scores)[: contract.top_k]
    return Classification(
        tuple(
            ScoredClass(int(index), labels[index] if labels else None, float(scores[index]))
            for index in best
        )
    )
