"""The error for weights that do not fit a network: which, of what shape, and what is near."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.convert.checkpoint.choice import Choice
from oxidizedvision.convert.checkpoint.fit import Fit, Needs, Shape
from oxidizedvision.convert.checkpoint.kinds import refused
from oxidizedvision.core.errors import OxidizedVisionError

if TYPE_CHECKING:
    import torch

_SHOWN = 6
_CHECK = "Check model.class_name and model.init_args: they decide names and shapes."
_COUNTS_OUT = (
    *("num_classes", "n_classes", "nb_classes", "num_class", "n_class", "classes", "num_labels"),
    *("num_outputs", "n_outputs", "out_features", "out_channels", "output_dim", "out_dim"),
)
_COUNTS_IN = (
    *("in_channels", "in_chans", "input_channels", "num_channels"),
    *("n_channels", "in_ch", "channels"),
)
"""What constructors call the number of their classes and of their input's channels."""


def misfit(
    path: Path, network: torch.nn.Module, needs: Needs, choice: Choice
) -> OxidizedVisionError:
    """What keeps the nearest state dict of a file from fitting, as far as fits on a screen."""
    state, fit = choice.option.state, choice.option.fit
    file = {name: tuple(tensor.shape) for name, tensor in state.tensors.items()}
    counts = [
        (len(fit.shapes), "of another shape"),
        (len(fit.missing), "missing"),
        (len(fit.unexpected), "unexpected"),
    ]
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    where = f" with the prefix {fit.removed!r} taken off" if fit.removed else ""
    what = f", the weights under {state.path!r}" if state.path else ""
    lines = [
        f"does not fit {type(network).__name__}{what}{where}: {told or 'names differ'}",
        *_shape_lines(fit, needs),
        *_key_lines("missing", "the file has", fit.missing, needs.shapes, _some(file, fit)),
        *_key_lines(
            "unexpected",
            "the network has",
            sorted(fit.unexpected),
            file,
            {key: needs.shapes[key] for key in fit.missing},
        ),
    ]
    return refused(path, "\n  ".join(lines), _hint(network, choice))


def _some(file: Mapping[str, Shape], fit: Fit) -> dict[str, Shape]:
    return {key: file[key] for key in (*fit.unexpected, *fit.outside)}


def _shape_lines(fit: Fit, needs: Needs) -> list[str]:
    """In the network's order."""
    found = {fit.names[key]: shapes for key, shapes in fit.shapes.items()}
    lines = [
        f"{name}: file {_text(found[name][0])}, network {_text(found[name][1])}"
        for name in needs.shapes
        if name in found
    ]
    return _cut(lines)


def _key_lines(
    word: str,
    owner: str,
    keys: Sequence[str],
    shapes: Mapping[str, Shape],
    others: Mapping[str, Shape],
) -> list[str]:
    shown = []
    for key in keys[:_SHOWN]:
        near = _near(key, shapes[key], others)
        more = f"; {owner} {near} {_text(others[near])}" if near else ""
        shown.append(f"{word} {key} {_text(shapes[key])}{more}")
    return [*shown, *([f"and {len(keys) - _SHOWN} more"] if len(keys) > _SHOWN else [])]


def _near(key: str, shape: Shape, others: Mapping[str, Shape]) -> str | None:
    """A name much like this one, of the same shape where there is one."""
    alike = [other for other, found in others.items() if found == shape]
    for candidates in (alike, list(others)):
        found = difflib.get_close_matches(key, candidates, n=1, cutoff=0.6)
        if found:
            return found[0]
    return None


def _cut(lines: list[str]) -> list[str]:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]


def _text(shape: Shape) -> str:
    return "of any shape" if shape is None else str(list(shape))


def _hint(network: torch.nn.Module, choice: Choice) -> str:
    fit = choice.option.fit
    if choice.suggestion:
        return (
            f"Everything under {choice.suggestion!r} fits: choose it with model.checkpoint_key: "
            f"{choice.suggestion}."
        )
    if fit.shapes and not fit.missing and not fit.unexpected:
        argument = _argument(network, list(fit.shapes.values()))
        if argument:
            name, value = argument
            return f"For these weights it is perhaps model.init_args: {{{name}: {value}}}."
    return _CHECK


def _argument(
    network: torch.nn.Module, shapes: Sequence[tuple[Shape, Shape]]
) -> tuple[str, int] | None:
    """The argument of the constructor that seems to decide the shapes, and the file's value.

    Told only where all shapes differ by one and the same pair of lengths.
    """
    changes = {change for file, own in shapes for change in _changes(file, own)}
    if len({(file, own) for _, file, own in changes}) != 1:
        return None
    _, value, current = next(iter(changes))
    axes = {axis for axis, _, _ in changes}
    names = _COUNTS_OUT if axes == {0} else _COUNTS_IN if axes == {1} else ()
    defaults = _defaults(type(network))
    named = [name for name in names if name in defaults]
    equal = [name for name, default in defaults.items() if default == current]
    found = named[:1] or (equal if len(equal) == 1 else [])
    return (found[0], value) if found else None


def _changes(file: Shape, network: Shape) -> list[tuple[int, int, int]]:
    """Axis, the file's length and the network's, where they differ; (-1, …) for other ranks."""
    if file is None or network is None or len(file) != len(network):
        return [(-1, -1, -1), (-1, -2, -2)]
    pairs = enumerate(zip(file, network, strict=True))
    return [(axis, ours, theirs) for axis, (ours, theirs) in pairs if ours != theirs]


def _defaults(constructor: Callable[..., object]) -> dict[str, object]:
    try:
        parameters = inspect.signature(constructor).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    }
