"""What the pictures of a data set gave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataResult:
    """One file of the model in one runner, over all pictures.

    top1, top5: shares of pictures whose class is the best, or among the best five; None without
    labels, and top5 with five classes or fewer. iou: the mean intersection over union; None
    without masks. agreement: with PyTorch, the share of pictures of the same best class, or of
    pixels of the same class; drop: by how much top1 or iou is below PyTorch's. Both are None where
    PyTorch did not run, and for PyTorch itself.
    """

    runner: str
    file: str
    precision: str
    pictures: int
    top1: float | None
    top5: float | None
    iou: float | None
    agreement: float | None
    drop: float | None
    passed: bool
    reason: str

    @property
    def name(self) -> str:
        """The runner with its file."""
        return f"{self.runner}, {self.file}"


@dataclass(frozen=True)
class UnreadPicture:
    """A picture that is not counted, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class DataReport:
    """Accuracy of PyTorch and of every file and runner on the same pictures.

    truth: `labels` or `masks`. classes_by: how a class became an index of the output, in words.
    pictures: those that count; `unread` names the others. max_drop: the most by which a runner may
    fall below PyTorch; None where nothing was asked.
    """

    folder: str
    truth: str
    classes_by: str
    pictures: int
    unread: tuple[UnreadPicture, ...]
    max_drop: float | None
    results: tuple[DataResult, ...]
