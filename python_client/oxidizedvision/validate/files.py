"""Inputs from files: arrays and pictures, checked against what the network takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES, TensorSpec, dtype_name
from oxidizedvision.predict.pictures import ENDINGS as PICTURES
from oxidizedvision.predict.tensor_files import ENDINGS as TENSORS
from oxidizedvision.predict.tensor_files import read_tensors
from oxidizedvision.preprocess import preprocess, read_picture
from oxidizedvision.runners.pytorch import input_specs

if TYPE_CHECKING:
    from oxidizedvision.config import Config, Preprocess
    from oxidizedvision.core.tensors import Array

Inputs = tuple[str, dict[str, "Array"]]
"""What a case is called, and its arrays by input."""


def inputs_of_config(config: Config) -> Iterator[Inputs]:
    """The files of `validation.inputs`.

    Raises:
        OxidizedVisionError: `not_found` for a file that is nowhere; `input` for one that cannot be
            read or that holds what the network does not take.
    """
    for name in config.validation.inputs:
        path = _found(config, name)
        ending = path.suffix.lower()
        if ending in TENSORS:
            yield f"input/{name}", arrays_of(path, input_specs(config), config)
        elif ending in PICTURES:
            yield f"input/{name}", picture_inputs(config, path)
        else:
            raise OxidizedVisionError(
                Kind.INPUT,
                f"validation.inputs: {path} is neither arrays nor a picture by its ending",
                f"Files end in {', '.join((*TENSORS, *PICTURES))}.",
            )


def _found(config: Config, name: str) -> Path:
    beside = [config.path.absolute().parent] if config.path is not None else []
    places = [folder / Path(name).expanduser() for folder in (*beside, Path.cwd())]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        tried = " and not ".join(dict.fromkeys(map(str, places)))
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"validation.inputs: there is no file {name}: not {tried}",
            "It is looked for beside the config, then in the current folder.",
        )
    return found


def arrays_of(path: Path, specs: tuple[TensorSpec, ...], config: Config) -> dict[str, Array]:
    """The arrays of a file, one for each input.

    Raises:
        OxidizedVisionError: `input`, `dtype_mismatch` or `shape_mismatch` that names the file, the
            array, and the type and shape that the network takes.
    """
    arrays = read_tensors(path, specs)
    names = [spec.name for spec in specs]
    for name in arrays:
        if name not in names:
            raise OxidizedVisionError(
                Kind.INPUT,
                f"{path}: the array {name!r} is no input; the network takes {', '.join(names)}",
                "Name each array as the input that it is for.",
            )
    lengths: dict[str, int] = {}
    for spec in specs:
        wanted = f"the network takes {spec.dtype} {spec.dims_text()}"
        if spec.name not in arrays:
            raise OxidizedVisionError(
                Kind.INPUT,
                f"{path} has no array {spec.name!r}; {wanted}",
                "Write it with numpy.savez and the inputs' names.",
            )
        _check_array(f"{path}: {spec.name!r}", spec, arrays[spec.name], wanted)
        _check_axes(f"{path}: {spec.name!r}", spec, arrays[spec.name], lengths, config)
    return {name: arrays[name] for name in names}


def _check_array(what: str, spec: TensorSpec, array: Array, wanted: str) -> None:
    if dtype_name(array) != spec.dtype:
        raise OxidizedVisionError(
            Kind.DTYPE_MISMATCH,
            f"{what} is {dtype_name(array)} {list(array.shape)}; {wanted}",
            f"Convert it with array.astype({DTYPES[spec.dtype]!r}).",
        )
    if not fits(spec, array):
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"{what} is {list(array.shape)}; {wanted}",
            "Reshape the array, or name the axes in export.dynamic_axes.",
        )


def _check_axes(
    what: str, spec: TensorSpec, array: Array, lengths: dict[str, int], config: Config
) -> None:
    """Refuse lengths outside an axis' range, and two lengths of one name."""
    for dim, length in zip(spec.dims, array.shape, strict=True):
        if not isinstance(dim, str):
            continue
        axis = config.axes.get(dim)
        known = lengths.setdefault(dim, length)
        reason = ""
        if axis is not None and not axis.allows(length):
            reason = f"{dim} cannot be {length}"
        elif known != length:
            reason = f"{dim} is {length} here and {known} in another input"
        if reason:
            raise OxidizedVisionError(
                Kind.SHAPE_MISMATCH,
                f"{what} is {list(array.shape)}, which does not fit {spec.dims_text()}: {reason}",
                "See export.dynamic_axes of the config.",
            )


def picture_inputs(config: Config, path: Path) -> dict[str, Array]:
    """A picture through the config's `preprocess`, as the network's only input.

    Raises:
        OxidizedVisionError: `config` where the network takes no pictures; `not_found` or `input`
            for a file that is no picture or that does not fit.
    """
    if config.preprocess is None:
        raise OxidizedVisionError(
            Kind.CONFIG,
            "The config has no preprocess, so a picture cannot become an input",
            "Add a preprocess block, or validate without pictures.",
        )
    spec = only_input(input_specs(config))
    return {spec.name: picture_tensor(path, config.preprocess, spec)}


def picture_tensor(path: Path, contract: Preprocess, spec: TensorSpec) -> Array:
    """A picture's tensor; repeated where the batch is a fixed number.

    Raises:
        OxidizedVisionError: `not_found`, or `input` for no picture or for one that does not fit.
    """
    return tensor_of(read_picture(path), path, contract, spec)


def tensor_of(pixels: Array, path: Path, contract: Preprocess, spec: TensorSpec) -> Array:
    """As `picture_tensor`, of a picture that was read already."""
    array = preprocess(pixels, contract).astype(DTYPES[spec.dtype], copy=False)
    if spec.dims and isinstance(spec.dims[0], int):
        array = np.repeat(array, spec.dims[0], axis=0)
    if not fits(spec, array):
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{path} becomes an input of {list(array.shape)}, the model takes {spec.dims_text()}",
            "Add preprocess.resize, or name the axes in export.dynamic_axes.",
        )
    return array


def only_input(specs: Sequence[TensorSpec]) -> TensorSpec:
    """The input that a picture goes to.

    Raises:
        OxidizedVisionError: `config` for a network of several.
    """
    if len(specs) != 1:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"The network takes {len(specs)} inputs, a picture is one",
            "Validate without pictures.",
        )
    return specs[0]


def fits(spec: TensorSpec, array: Array) -> bool:
    """Whether an array has the axes of an input; an axis with a name takes any length above 0."""
    return array.ndim == len(spec.dims) and all(
        length > 0 if isinstance(dim, str) else dim == length
        for dim, length in zip(spec.dims, array.shape, strict=True)
    )


def picture_cases(config: Config, pictures: Sequence[Path]) -> Iterator[Inputs]:
    """Pictures that were given by the user."""
    for path in pictures:
        yield f"picture/{path.name}", picture_inputs(config, path)
