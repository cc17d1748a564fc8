"""Shapes of the inputs that the user gives in place of the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import Dim, TensorSpec, is_shared


def checked_shapes(
    model: str, inputs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], *, fixed: bool
) -> dict[str, tuple[Dim, ...]]:
    """The shape of every input: the given one, else its own.

    A length that is given for a name also stands where the name stands in another input. With
    `fixed`, a length that the model fixes cannot be changed.

    Raises:
        OxidizedVisionError: `unknown_input`, or `shape_mismatch` for another number of axes, a
            length below one, a length that is fixed, or two lengths for one name.
    """
    known = {spec.name: spec for spec in inputs}
    lengths: dict[str, int] = {}
    for name, shape in given.items():
        if name not in known:
            raise OxidizedVisionError(
                Kind.UNKNOWN_INPUT,
                f"{model} has no input {name!r}",
                f"Its inputs are: {', '.join(spec.name for spec in inputs) or 'none'}.",
            )
        _check(model, known[name], shape, lengths, fixed=fixed)
    return {
        name: tuple(given[name])
        if name in given
        else tuple(lengths.get(dim, dim) if isinstance(dim, str) else dim for dim in spec.dims)
        for name, spec in known.items()
    }


def _check(
    model: str, spec: TensorSpec, shape: Sequence[int], lengths: dict[str, int], *, fixed: bool
) -> None:
    def refused(reason: str) -> OxidizedVisionError:
        return OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"{model}: input {spec.name!r} is {spec.dims_text()}, {list(shape)} {reason}",
            f"Give {len(spec.dims)} lengths that fit, such as {spec.name}={_example(spec)}.",
        )

    if len(shape) != len(spec.dims):
        raise refused(f"has {len(shape)} axes")
    for dim, length in zip(spec.dims, shape, strict=True):
        if length < 1:
            raise refused("has a length below 1")
        if isinstance(dim, int):
            if fixed and dim != length:
                raise refused(f"has {length} where {dim} is fixed")
        elif is_shared(dim) and lengths.setdefault(dim, length) != length:
            raise refused(f"makes {dim} both {lengths[dim]} and {length}")


def _example(spec: TensorSpec) -> str:
    return ",".join(str(dim) if isinstance(dim, int) else "1" for dim in spec.dims)
