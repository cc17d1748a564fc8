"""Which pictures there are, and what is known of each."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.predict.pictures import ENDINGS

COLUMNS = ("file", "label")
_HINT = "docs/validation.md shows how a data set is laid out."


@dataclass(frozen=True)
class DataSet:
    """Pictures whose classes or masks are known.

    Args:
        folder: A folder for each class with its pictures; with `labels` or `masks` the folder that
            holds the pictures.
        labels: A CSV file with the columns `file`, relative to `folder`, and `label`.
        masks: A folder with a PNG of the same stem for each picture.
        max_drop: The most that top-1 accuracy, or the mean IoU, may fall below PyTorch's, of 0
            to 1; None reports and refuses nothing.
    """

    folder: str | Path
    labels: str | Path | None = None
    masks: str | Path | None = None
    max_drop: float | None = None

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            OxidizedVisionError: `usage`.
        """
        if self.labels is not None and self.masks is not None:
            raise OxidizedVisionError(
                Kind.USAGE,
                "A data set has either labels or masks",
                "Validate once with --labels and once with --masks.",
            )
        if self.max_drop is not None and not 0 <= self.max_drop <= 1:
            raise OxidizedVisionError(
                Kind.USAGE, f"max_drop cannot be {self.max_drop:g}", "Give a share of 0 to 1."
            )


@dataclass(frozen=True)
class Sample:
    """A picture, and its class by name or its mask's file. name: relative to the data set."""

    path: Path
    name: str
    label: str = ""
    mask: Path | None = None


@dataclass(frozen=True)
class Samples:
    """All pictures, and the names of all classes: of folders without pictures too."""

    pictures: tuple[Sample, ...]
    classes: tuple[str, ...] = ()


def find_samples(data: DataSet) -> Samples:
    """The pictures of a data set in the order of their names, or of the lines of the CSV.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, or `input` for a folder or a CSV file that
            holds nothing of use.
    """
    folder = Path(data.folder)
    _entries(folder)
    if data.labels is not None:
        return _listed(folder, Path(data.labels))
    if data.masks is not None:
        return _with_masks(folder, Path(data.masks))
    return _by_folder(folder)


def _by_folder(folder: Path) -> Samples:
    classes = [path for path in _entries(folder) if path.is_dir()]
    if not classes:
        raise _useless(folder, "holds no folder for each class")
    pictures = tuple(
        Sample(path, str(path.relative_to(folder)), label=group.name)
        for group in classes
        for path in _pictures(group)
    )
    if not pictures:
        raise _useless(folder, "holds no picture in its folders")
    return Samples(pictures, tuple(path.name for path in classes))


def _with_masks(folder: Path, masks: Path) -> Samples:
    _entries(masks)
    pictures = tuple(
        Sample(path, str(path.relative_to(folder)), mask=_mask_of(path, folder, masks))
        for path in _pictures(folder)
        if masks.resolve() not in path.resolve().parents
    )
    if not pictures:
        raise _useless(folder, "holds no picture")
    return Samples(pictures)


def _mask_of(picture: Path, folder: Path, masks: Path) -> Path:
    return masks / picture.relative_to(folder).with_suffix(".png")


def _listed(folder: Path, table: Path) -> Samples:
    pictures: dict[str, Sample] = {}
    for number, row in enumerate(_rows(table), start=2):
        name, label = ((row[column] or "").strip() for column in COLUMNS)
        if not name or not label:
            raise _bad_table(table, f"line {number} lacks a file or a label")
        if name in pictures:
            raise _bad_table(table, f"line {number}: {name} is there twice")
        pictures[name] = Sample(folder / name, name, label=label)
    if not pictures:
        raise _bad_table(table, "it lists no picture")
    classes = sorted({sample.label for sample in pictures.values()})
    return Samples(tuple(pictures.values()), tuple(classes))


def _rows(table: Path) -> Sequence[dict[str, str | None]]:
    with file_errors(table):
        content = table.read_bytes()
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        head = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = head
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad_table(table, f"it cannot be read as CSV: {error}") from error
    if not set(COLUMNS) <= set(head):
        raise _bad_table(table, f"its columns are {', '.join(head) or 'none'}")
    return rows


def _entries(folder: Path) -> list[Path]:
    if folder.exists() and not folder.is_dir():
        raise _useless(folder, "is a file and no folder")
    with file_errors(folder):
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    with file_errors(folder):
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def _useless(folder: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(Kind.INPUT, f"{folder} {reason}", _HINT)


def _bad_table(table: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.INPUT,
        f"{table} is no table of labels: {reason}",
        f"Its first line is {','.join(COLUMNS)}; each other line a picture with its class.",
    )
