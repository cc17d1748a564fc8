"""A data set through PyTorch and every file and runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from oxidizedvision.config import SegmentationPostprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import ONNX_STAGES, Manifest, Precision
from oxidizedvision.core.results import Notify
from oxidizedvision.core.tensors import DTYPES
from oxidizedvision.preprocess.tensor import preprocess_contract
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.pytorch import input_specs
from oxidizedvision.runners.table import engine_named, load_runner
from oxidizedvision.runners.target import Target
from oxidizedvision.validate.checks import LIVE, must_be
from oxidizedvision.validate.data.classes import ClassIndex, class_index
from oxidizedvision.validate.data.pictures import Pictures
from oxidizedvision.validate.data.report import DataReport, DataResult
from oxidizedvision.validate.data.source import DataSet, find_samples
from oxidizedvision.validate.data.tally import ClassTally, Figures, MaskTally, Tally
from oxidizedvision.validate.files import only_input
from oxidizedvision.validate.limits import precision_for

_PREFERRED = "onnxruntime"
"""The engine of files that are not the model's newest."""

_STEP = 20
_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Job:
    """A file in a runner."""

    runner: str
    config: RunnerConfig
    precision: Precision


class DataCheck:
    """A data set, read and ready to be run.

    Args:
        where: The model.
        manifest: Its manifest.
        data: The pictures and what is known of them.

    Raises:
        OxidizedVisionError: `usage`, `config`, `not_found` or `input` for a data set that does not
            fit the model.
    """

    def __init__(self, where: Target, manifest: Manifest, data: DataSet) -> None:
        data.check()
        if data.max_drop is not None and where.config is None:
            raise OxidizedVisionError(
                Kind.USAGE,
                "max_drop is counted from PyTorch's accuracy, which needs the network",
                "Give the config.yml in place of the model.",
            )
        self._where = where
        self._manifest = manifest
        self._data = data
        self._contract = _postprocess_of(where, manifest)
        samples = find_samples(data)
        self._output, self._classes = _scored(manifest, data, self._contract)
        self._index = ClassIndex({}, "the values of the masks")
        if data.masks is None:
            labels, listed = self._contract.get("labels"), data.labels is not None
            self._index = class_index(samples.classes, labels, self._classes, listed=listed)
        self._pictures = _pictures_for(where, manifest, self._classes)
        self._pictures.read(samples.pictures)

    def run(self, ready: Mapping[str, RunnerConfig], notify: Notify) -> DataReport:
        """Every picture through PyTorch, where there is a config, and every runner.

        The model's newest file goes through all runners, its other ONNX files through one.
        """
        reference: Tally | None = None
        rows = []
        for job in self._jobs(ready):
            found = self._run(job, notify)
            rows.append(self._row(job, found, reference))
            if job.runner == LIVE and isinstance(found, Tally):
                reference = found
        return DataReport(
            folder=str(self._data.folder),
            truth="labels" if self._data.masks is None else "masks",
            classes_by=self._index.by,
            pictures=len(self._pictures.usable),
            unread=tuple(self._pictures.unread),
            max_drop=self._data.max_drop,
            results=tuple(rows),
        )

    def _jobs(self, ready: Mapping[str, RunnerConfig]) -> list[_Job]:
        where, manifest = self._where, self._manifest
        jobs = []
        if where.config is not None:
            jobs.append(_Job(LIVE, where.runner_config(LIVE), "fp32"))
        engines = {name: config for name, config in ready.items() if name != LIVE}
        for name, config in engines.items():
            jobs.append(_Job(name, config, precision_for(where, manifest, name)))
        readers = [name for name in engines if "onnx" in engine_named(name).formats]
        if not readers or where.model.name != manifest.head("onnx").file:
            return jobs
        engine = _PREFERRED if _PREFERRED in readers else readers[0]
        others = [s.output.file for s in manifest.stages if s.name in ONNX_STAGES]
        for file in dict.fromkeys(others):
            if file != where.model.name:
                config = replace(engines[engine], model=where.folder / file)
                jobs.append(_Job(engine, config, manifest.precision_of(file)))
        return jobs

    def _run(self, job: _Job, notify: Notify) -> Tally | str:
        """What was counted, or why it could not be."""
        tally = self._tally()
        try:
            runner = load_runner(job.runner, job.config, config=self._where.config, apart=True)
        except OxidizedVisionError as error:
            return f"cannot load: {error.kind}: {error.message}"
        with runner:
            return self._count(runner, job, tally, notify)

    def _count(self, runner: Runner, job: _Job, tally: Tally, notify: Notify) -> Tally | str:
        total, name = len(self._pictures.usable), ""
        try:
            must_be(job.runner, runner)
            spec = only_input(runner.input_specs)
            for done, (known, array) in enumerate(self._pictures):
                name = known.sample.name
                if done % _STEP == 0:
                    notify(f"{job.runner}, {job.config.model_name}: picture {done + 1} of {total}")
                inputs = {spec.name: array.astype(DTYPES[spec.dtype], copy=False)}
                tally.add(known, runner.run_named(inputs))
        except OxidizedVisionError as error:
            return f"{name}: {error.kind}: {error.message}"
        return tally

    def _tally(self) -> Tally:
        if self._data.masks is None:
            return ClassTally(self._output, self._index.of, self._classes)
        contract = None
        if self._contract.get("kind") == "segmentation":
            contract = _segmentation(self._contract)
        return MaskTally(self._output, contract, self._classes)

    def _row(self, job: _Job, found: Tally | str, reference: Tally | None) -> DataResult:
        if isinstance(found, str):
            figures, drop, reason = Figures(0), None, found
        else:
            figures = found.figures(reference)
            drop = None
            if reference is not None:
                drop = reference.figures(None).accuracy - figures.accuracy
            reason = self._fallen(figures, drop)
        return DataResult(
            runner=job.runner,
            file=job.config.model_name,
            precision=job.precision,
            pictures=figures.pictures,
            top1=figures.top1,
            top5=figures.top5,
            iou=figures.iou,
            agreement=figures.agreement,
            drop=drop,
            passed=not reason,
            reason=reason,
        )

    def _fallen(self, figures: Figures, drop: float | None) -> str:
        limit = self._data.max_drop
        if limit is None or drop is None or drop <= limit + _ROUNDING:
            return ""
        name = "mean IoU" if figures.top1 is None else "top-1 accuracy"
        return (
            f"{name} {figures.accuracy:.4f} is {drop:.4f} below PyTorch's "
            f"{figures.accuracy + drop:.4f}, more than {limit:g}"
        )


def _postprocess_of(where: Target, manifest: Manifest) -> Mapping[str, Any]:
    if where.config is None:
        return manifest.postprocess or {}
    told = where.config.postprocess
    return {} if told is None else told.model_dump(mode="json")


def _segmentation(told: Mapping[str, Any]) -> SegmentationPostprocess:
    try:
        return SegmentationPostprocess.model_validate(dict(told))
    except ValidationError as error:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"The manifest's postprocess is none: {error.errors()[0]['msg']}",
            "Run `oxidizedvision convert` again.",
        ) from error


def _pictures_for(where: Target, manifest: Manifest, classes: int) -> Pictures:
    """No pictures yet, and how they become inputs."""
    config = where.config
    contract = manifest.preprocess if config is None else config.preprocess
    if contract is None:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"{where.name} has no preprocess, so a picture cannot become an input",
            "Add a preprocess block to the config, and convert.",
        )
    specs = [spec.spec() for spec in manifest.inputs] if config is None else input_specs(config)
    return Pictures(preprocess_contract(contract), only_input(specs), classes)


def _scored(manifest: Manifest, data: DataSet, contract: Mapping[str, Any]) -> tuple[str, int]:
    """The output that scores classes, and how many they are.

    Raises:
        OxidizedVisionError: `input` when there is none, or several.
    """
    rank, axis, axes = 2, 1, "[batch, classes]"
    if data.masks is not None:
        axis = 3 if contract.get("layout") == "nhwc" else 1
        rank, axes = 4, "[batch, classes, height, width]"
    found = [
        (spec.name, spec.dims[axis])
        for spec in manifest.outputs
        if len(spec.dims) == rank and isinstance(spec.dims[axis], int)
    ]
    kind = contract.get("kind", "raw")
    fits = kind in ("raw", "classification" if data.masks is None else "segmentation")
    usable = [(name, int(count)) for name, count in found if data.masks or int(count) > 1]
    if len(usable) == 1 and fits:
        return usable[0]
    shapes = ", ".join(f"{spec.name} {spec.spec().dims_text()}" for spec in manifest.outputs)
    told = "" if fits else f", and postprocess says {kind}"
    raise OxidizedVisionError(
        Kind.INPUT,
        f"Exactly one output must be {axes} with a fixed number of classes; the model gives "
        f"{shapes}{told}",
        "A data set needs a model that tells classes; without --data any model is validated.",
    )
