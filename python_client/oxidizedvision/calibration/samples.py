"""Inputs from a folder of pictures, from arrays in files, or from a function of the user's."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.calibration.functions import FUNCTION_HINT, call, is_function
from oxidizedvision.convert.user_code import user_code
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.tensors import DTYPES, TensorSpec
from oxidizedvision.core.text import counted
from oxidizedvision.preprocess import preprocess, read_picture

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_ARRAYS = frozenset({".npy", ".npz"})
_NAMED = 3
"""Pictures that a warning names before it only counts."""


@dataclass(frozen=True)
class Sample:
    """One input of the model: arrays by input name.

    expected: what the outputs should be, by output name, where the source tells.
    """

    name: str
    inputs: dict[str, Array]
    expected: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleSource:
    """What a model takes, and how pictures become that.

    Args:
        inputs: Specs of the model's inputs.
        outputs: Specs of its outputs, for sources that tell what these should be.
        contract: The `preprocess` block; None where the model has none.
        folder: What relative paths start from.
        shapes: Lengths for axes that have only a name, by input, such as the example's.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()
    contract: Mapping[str, Any] | None = None
    folder: Path = Path()
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def only_input(self, path: str | Path) -> TensorSpec:
        """The input that a source without names is for."""
        if len(self.inputs) != 1:
            names = ", ".join(spec.name for spec in self.inputs)
            raise OxidizedVisionError(
                Kind.INPUT,
                f"{path} holds one input, the model takes {len(self.inputs)}: {names}",
                "Give an .npz file with an array for each, or a function that yields dictionaries.",
            )
        return self.inputs[0]


def load_samples(
    data: str | Path, source: SampleSource, *, most: int | None = None
) -> list[Sample]:
    """The inputs that `data` names, spread evenly over it where there are more than `most`.

    Args:
        data: A folder of pictures; an .npy file, whose first axis counts the inputs; an .npz file
            with such an array for each input; or `file.py:function`, which yields arrays, dicts of
            arrays by input name, or pairs of these and the outputs that are expected.
        source: What the model takes.
        most: So many at most; None takes all.

    Raises:
        OxidizedVisionError: `not_found`, `input` for what does not fit the model, for a folder in
            which no picture can be decoded and for values that are not finite.
    """
    if is_function(str(data)):
        made = _from_function(str(data), source)
        found = list(itertools.islice(made, most))
    else:
        path = source.folder / data
        found = _from_path(path, source, most)
    if not found:
        raise OxidizedVisionError(
            Kind.INPUT, f"{data} holds no input", "Give some that the model will meet."
        )
    return found


def random_samples(source: SampleSource, count: int, seed: int = 0) -> list[Sample]:
    """Standard normal numbers, for those who ask for them: no real picture looks like that."""
    generator = np.random.default_rng(seed)
    return [
        Sample(
            f"random-{index}",
            {spec.name: _random(spec, source, generator) for spec in source.inputs},
        )
        for index in range(count)
    ]


def _random(spec: TensorSpec, source: SampleSource, generator: np.random.Generator) -> Array:
    example = source.shapes.get(spec.name, ())
    shape = [
        dim if isinstance(dim, int) else (example[axis] if axis < len(example) else 1)
        for axis, dim in enumerate(spec.dims)
    ]
    return generator.standard_normal(shape).astype(DTYPES[spec.dtype])


def _from_path(path: Path, source: SampleSource, most: int | None) -> list[Sample]:
    if path.is_dir():
        return _from_folder(path, source, most)
    if path.suffix.lower() in _ARRAYS:
        return _spread(_from_arrays(path, source), most)
    if not path.exists():
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no {path} to take inputs from", "Check the path."
        )
    raise OxidizedVisionError(
        Kind.INPUT,
        f"{path} is neither a folder of pictures nor an .npy or .npz file",
        FUNCTION_HINT,
    )


def _spread(items: Sequence[Any], most: int | None) -> list[Any]:
    if most is None or len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def _from_folder(path: Path, source: SampleSource, most: int | None) -> list[Sample]:
    spec = source.only_input(path)
    if source.contract is None:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"The model has no preprocess, so the pictures of {path} cannot become inputs",
            "Add a preprocess block and convert again, or give arrays in an .npz file.",
        )
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _PICTURES)
    samples, unread = [], []
    for file in _spread(files, most):
        try:
            pixels = read_picture(file)
        except OxidizedVisionError as error:
            unread.append((file, error))
            continue
        array = preprocess(pixels, dict(source.contract))
        samples.append(Sample(file.name, {spec.name: _batched(spec, array, file)}))
    _tell_unread(path, unread, len(samples))
    return samples


def _batched(spec: TensorSpec, array: Array, path: Path) -> Array:
    if spec.dims and isinstance(spec.dims[0], int):
        array = np.repeat(array, spec.dims[0], axis=0)
    return _checked(spec, array, path.name)


def _tell_unread(
    path: Path, unread: Sequence[tuple[Path, OxidizedVisionError]], decoded: int
) -> None:
    if not unread:
        return
    names = ", ".join(file.name for file, _ in unread[:_NAMED])
    more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
    if not decoded:
        file, error = unread[0]
        raise OxidizedVisionError(
            Kind.INPUT,
            f"No picture of {path} can be read: {names}{more}; {file.name}: {error.message}",
            error.hint,
        )
    warnings.warn(
        f"{counted(len(unread), 'picture')} of {path} cannot be read, left out: {names}{more}",
        OxidizedVisionWarning,
        stacklevel=2,
    )


def _from_arrays(path: Path, source: SampleSource) -> list[Sample]:
    arrays = _read_arrays(path, source)
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(lengths.values())) != 1 or len(lengths) != len(arrays):
        told = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise OxidizedVisionError(
            Kind.INPUT,
            f"The arrays of {path} do not hold the same number of inputs: {told}",
            "The first axis counts the inputs.",
        )
    known = {spec.name: spec for spec in (*source.inputs, *source.outputs)}
    step = _batch(source)
    samples = []
    for start in range(0, next(iter(lengths.values())) - step + 1, step):
        part = {
            name: _checked(known[name], array[start : start + step], f"{path.name}: {name}")
            for name, array in arrays.items()
        }
        samples.append(_sample(f"{path.stem}-{start}", part, source))
    return samples


def _batch(source: SampleSource) -> int:
    """How many inputs one run takes where the model says, else 1."""
    leading = [spec.dims[0] for spec in source.inputs if spec.dims]
    return next((dim for dim in leading if isinstance(dim, int)), 1)


def _sample(name: str, part: Mapping[str, Array], source: SampleSource) -> Sample:
    outputs = {spec.name for spec in source.outputs}
    inputs = {key: array for key, array in part.items() if key not in outputs}
    return Sample(name, inputs, {key: part[key] for key in part if key in outputs})


def _read_arrays(path: Path, source: SampleSource) -> dict[str, Array]:
    with file_errors(path):
        try:
            content = np.load(path, allow_pickle=False)
            found = dict(content) if path.suffix.lower() == ".npz" else {"": content}
        except (ValueError, EOFError, OSError, KeyError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise OxidizedVisionError(
                Kind.CORRUPT,
                f"{path} holds no arrays: {error}",
                "Write it with numpy.save or savez.",
            ) from error
    if path.suffix.lower() == ".npy":
        return {source.only_input(path).name: found[""]}
    wanted = {spec.name for spec in source.inputs}
    known = wanted | {spec.name for spec in source.outputs}
    if not wanted <= set(found) <= known:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{path} holds {', '.join(sorted(found)) or 'nothing'}; the model takes "
            f"{', '.join(sorted(wanted))}",
            "Name each array as its input; outputs that are expected may be there too.",
        )
    return found


def _from_function(reference: str, source: SampleSource) -> Iterator[Sample]:
    for index, given in enumerate(_iterated(reference, source)):
        inputs, expected = given if isinstance(given, tuple) and len(given) == 2 else (given, {})
        label = f"{reference}, input {index}"
        yield Sample(
            f"{reference.rpartition(':')[2]}-{index}",
            _named(inputs, source.inputs, label),
            _named(expected, source.outputs, label) if len(expected) else {},
        )


def _iterated(reference: str, source: SampleSource) -> Iterator[Any]:
    found = call(reference, source.folder)
    if not isinstance(found, Iterable):
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{reference} gives {type(found).__name__}, which cannot be iterated over",
            "Write a generator: `yield {'input': array}` for every input.",
        )
    iterator = iter(found)
    while True:
        with user_code(reference, None):
            try:
                given = next(iterator)
            except StopIteration:
                return
        yield given


def _named(given: Any, specs: Sequence[TensorSpec], label: str) -> dict[str, Array]:
    if not isinstance(given, Mapping):
        if len(specs) != 1:
            names = ", ".join(spec.name for spec in specs)
            raise OxidizedVisionError(
                Kind.INPUT, f"{label} has no names", f"Yield a dictionary with {names}."
            )
        given = {specs[0].name: given}
    wanted = {spec.name: spec for spec in specs}
    if set(given) != set(wanted):
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{label} has {', '.join(map(str, given)) or 'nothing'}; the model has "
            f"{', '.join(wanted)}",
            "Name each array as the model does.",
        )
    return {name: _checked(spec, given[name], label) for name, spec in wanted.items()}


def _checked(spec: TensorSpec, value: Any, label: str) -> Array:
    """An array as the model takes it."""
    array: Array = np.asarray(value)
    if array.ndim == len(spec.dims) - 1:
        array = array[None]
    fits = array.ndim == len(spec.dims) and all(
        isinstance(dim, str) or dim == length
        for dim, length in zip(spec.dims, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiub":
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{label} has the shape {list(array.shape)} of {array.dtype}; {spec.name} is "
            f"{spec.dims_text()} of {spec.dtype}",
            "Give arrays that the model takes, without anything left to be done to them.",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise OxidizedVisionError(
            Kind.INPUT, f"{label} holds NaN or infinity", "Leave such inputs out."
        )
    return np.ascontiguousarray(array, np.dtype(DTYPES[spec.dtype]))


def with_expected(samples: Sequence[Sample], path: Path, source: SampleSource) -> list[Sample]:
    """Samples with what their output should be: a picture of the same name, or an array's row.

    Args:
        samples: From a folder of pictures, or in the order of the array's rows.
        path: A folder, or an .npy or .npz file with arrays by output name.
        source: What the model takes and gives.

    Raises:
        OxidizedVisionError: `input` where a sample has none, or does not fit.
    """
    if path.is_dir():
        return [dataclasses.replace(one, expected=_pictured(one, path, source)) for one in samples]
    outputs = dataclasses.replace(source, inputs=source.outputs, outputs=())
    rows = _from_path(path, outputs, None)
    if len(rows) != len(samples):
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{path} holds {counted(len(rows), 'output')} for {counted(len(samples), 'input')}",
            "Give one for each, in the same order.",
        )
    pairs = zip(samples, rows, strict=True)
    return [dataclasses.replace(one, expected=row.inputs) for one, row in pairs]


def _pictured(sample: Sample, folder: Path, source: SampleSource) -> dict[str, Array]:
    outputs = dataclasses.replace(source, inputs=source.outputs, outputs=())
    spec = outputs.only_input(folder)
    stem = Path(sample.name).stem
    file = next((file for file in sorted(folder.glob(f"{stem}.*")) if file.is_file()), None)
    if file is None or source.contract is None:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{folder} has no picture for {sample.name}",
            "Give one of the same name for each.",
        )
    return {spec.name: _batched(spec, preprocess(read_picture(file), dict(source.contract)), file)}
