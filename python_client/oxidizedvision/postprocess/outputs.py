"""A model's outputs, looked up and checked before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.text import counted

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def only_output(outputs: Mapping[str, Array]) -> Array:
    """The output of a model that has one.

    Raises:
        OxidizedVisionError: `not_single`.
    """
    if len(outputs) != 1:
        raise OxidizedVisionError(
            Kind.NOT_SINGLE,
            f"The model gives {len(outputs)} outputs: {', '.join(outputs)}; this kind of "
            "postprocess reads one",
            "Name outputs as in {kind: detection}, or take the numbers as .npz.",
        )
    (array,) = outputs.values()
    return array


def named_output(outputs: Mapping[str, Array], name: str, key: str) -> Array:
    """The output that `postprocess.<key>` names.

    Raises:
        OxidizedVisionError: `config` when the model has no such output.
    """
    if name not in outputs:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"postprocess.{key} is {name}; the model gives {', '.join(outputs)}",
            "Name one of these outputs.",
        )
    return outputs[name]


def check_finite(array: Array, reason: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        OxidizedVisionError: `engine_failed`.
    """
    if not np.isfinite(array).all():
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"The output holds NaN or infinity, {reason}",
            "Run `oxidizedvision validate` to see which engine gives it.",
        )


def shape_mismatch(wanted: str, array: Array, hint: str) -> OxidizedVisionError:
    """The error for an output of other axes than `wanted`."""
    return OxidizedVisionError(
        Kind.SHAPE_MISMATCH, f"{wanted}, the output is {list(array.shape)}", hint
    )


def check_labels(labels: list[str] | None, classes: int) -> None:
    """Refuse a list of labels of another length than the output has classes.

    Raises:
        OxidizedVisionError: `shape_mismatch`.
    """
    if labels is not None and len(labels) != classes:
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"The output scores {counted(classes, 'class')}, postprocess.labels names "
            f"{len(labels)}",
            "Give one label for each class, in the order of the output.",
        )
