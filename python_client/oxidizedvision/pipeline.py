"""The whole pipeline from one config: `run`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.budget import BudgetReport, check_shipped, failing_runners
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.files import file_size, sha256_of, write_text
from oxidizedvision.core.manifest import SUFFIX, load_manifest
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.fingerprint import Fingerprint

if TYPE_CHECKING:
    from oxidizedvision.config import Config

STATE_VERSION = 2
Plain = dict[str, Any]


@dataclass(frozen=True)
class PipelineOptions:
    """What `run` does beyond the config.

    output_dir: in place of `export.output_dir`. engine: what the program is made with; the first
    of the config's runners that can be, where not given. pictures: real pictures for validation
    and for the report. fresh: do every stage again. build: build the program, with Cargo.
    trust_checkpoint: let a pickled checkpoint run its code.
    """

    output_dir: Path | None = None
    crate_dir: Path | None = None
    engine: str | None = None
    pictures: tuple[Path, ...] = ()
    fresh: bool = False
    build: bool = True
    skip_unavailable: bool = False
    trust_checkpoint: bool = False


@dataclass(frozen=True)
class StageOutcome:
    """One stage of a run: `ran` or `skipped` (its inputs did not change), and its seconds."""

    name: str
    status: str
    seconds: float


@dataclass(frozen=True)
class PipelineResult:
    """What a run ended with; the same facts are in `report.json`.

    passed: of the validation. budget: the config's limits against the program, or against its
    engine where no program was measured; None where it has none.
    """

    passed: bool
    name: str
    manifest: Path
    crate: Path
    executable: Path | None
    report_json: Path
    report_html: Path
    stages: tuple[StageOutcome, ...]
    unavailable: tuple[Plain, ...]
    report: Plain = field(repr=False)
    budget: BudgetReport | None = None


def run(
    config: str | Path | Config,
    *,
    options: PipelineOptions | None = None,
    notify: Notify = silent,
) -> PipelineResult:
    """Convert, optimise, package, build, validate, benchmark, profile and report.

    A stage whose inputs (config, sources, checkpoint, versions, earlier results) did not change
    since the last run, and whose files are still what it wrote, is skipped.

    Raises:
        OxidizedVisionError: from the stage that failed; earlier results stay.
    """
    from oxidizedvision.config import Config, load_config
    from oxidizedvision.package import refuse_engine

    loaded = config if isinstance(config, Config) else load_config(config)
    options = options or PipelineOptions()
    # Before anything is converted, which takes a while.
    _refuse_uncalibrated(loaded)
    if options.engine is not None:
        refuse_engine(options.engine)
    if options.output_dir is not None:
        export = loaded.export.model_copy(update={"output_dir": str(options.output_dir)})
        loaded = loaded.model_copy(update={"export": export})
    if options.trust_checkpoint:
        loaded = loaded.replaced("model", trust_checkpoint=True)
    return _Run(loaded, options, notify).whole()


def _refuse_uncalibrated(config: Config) -> None:
    calibration = config.calibration
    if config.optimize.quantize == "int8" and calibration.data is None and not calibration.random:
        raise OxidizedVisionError(
            Kind.CONFIG,
            "optimize.quantize is int8 and calibration.data names no inputs",
            "Set calibration.data to a folder of real pictures, an .npy or .npz file or "
            "file.py:function.",
        )


class _Run:
    """One run: the stages in order, and the record of what each stood on."""

    def __init__(self, config: Config, options: PipelineOptions, notify: Notify) -> None:
        self.config = config
        self.options = options
        self.notify = notify
        self.folder = Path(config.export.output_dir)
        self.name = config.export.model_name
        self.crate = options.crate_dir or self.folder / "crate"
        self.manifest = self.folder / f"{self.name}{SUFFIX}"
        self.state_path = self.folder / f"{self.name}.run.json"
        self.state = {} if options.fresh else _load_state(self.state_path)
        self.outcomes: list[StageOutcome] = []
        # What later stages add to the manifest changes it, so it is no output with a hash.
        self.stale = not _readable(self.manifest)

    def whole(self) -> PipelineResult:
        from oxidizedvision.report import write_report

        prints = Fingerprint(self.config, self.options)
        results = {"convert": self.stage("convert", prints.convert, self.convert)}
        results["optimize"] = self.stage("optimize", prints.optimize, self.optimize)
        self.model = Path(results["optimize"]["output"])
        results["package"] = self.stage("package", prints.package, self.package)
        executable = results["package"].get("executable")
        self.executable = Path(executable) if executable else None
        results["validate"] = self.stage("validate", prints.validate, self.validate)
        results["benchmark"] = self.stage("benchmark", prints.benchmark, self.benchmark)
        budget = self.budget(results)
        results["benchmark"] = {**results["benchmark"], "budget": to_plain(budget)}
        results["profile"] = self.stage("profile", prints.profile, self.profile)
        results["pictures"] = self.stage("pictures", prints.pictures, self.pictures)
        report, report_json, report_html = write_report(
            self.folder, load_manifest(self.manifest), results, to_plain(self.outcomes)
        )
        unavailable = {
            row["name"]: row
            for stage in ("validate", "benchmark")
            for row in results[stage]["unavailable"]
        }
        return PipelineResult(
            passed=results["validate"]["passed"],
            name=self.name,
            manifest=self.manifest,
            crate=self.crate,
            executable=self.executable,
            report_json=report_json,
            report_html=report_html,
            stages=tuple(self.outcomes),
            unavailable=tuple(unavailable.values()),
            report=report,
            budget=budget,
        )

    def stage(
        self,
        name: str,
        inputs: Callable[[], Plain],
        work: Callable[[], tuple[Plain, Sequence[Path]]],
    ) -> Plain:
        """Do a stage, or take its recorded result where nothing that it stands on changed."""
        record = self.state.get(name)
        key = inputs()
        if not self.stale and record and record["inputs"] == key and _whole(record["outputs"]):
            self.outcomes.append(StageOutcome(name, "skipped", 0.0))
            result: Plain = record["result"]
            return result
        self.stale = True
        start = time.monotonic()
        result, outputs = work()
        seconds = round(time.monotonic() - start, 3)
        self.outcomes.append(StageOutcome(name, "ran", seconds))
        hashes = {str(path): sha256_of(path) for path in outputs}
        self.state[name] = {"inputs": key, "outputs": hashes, "result": result}
        document = {"schema_version": STATE_VERSION, "stages": self.state}
        write_text(self.state_path, json.dumps(document, indent=1) + "\n")
        return result

    def convert(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.convert import convert

        result = convert(self.config, notify=self.notify)
        files = [result.torchscript, result.pt2, result.onnx, result.goldens]
        return to_plain(result), [file for file in files if file is not None]

    def optimize(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.optimize import optimize

        result = optimize(self.config, notify=self.notify)
        if result.exit_code is ExitCode.CHECK_FAILED and result.quantization is not None:
            raise OxidizedVisionError(
                Kind.CHECK_FAILED,
                f"{self.config.optimize.quantize} did not come out: {result.quantization.reason}",
                "`oxidizedvision optimize` shows what was tried. Loosen the budget, calibrate on "
                "more pictures, or set optimize.quantize to null.",
            )
        return to_plain(result), [result.output]

    def package(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.package import ALONE, crate_files, package

        named = [runner.name for runner in self.config.runners if runner.name in ALONE]
        engine = self.options.engine or (named[0] if named else None)
        result = package(
            self.model,
            output=self.crate,
            engine=engine,
            build=self.options.build,
            notify=self.notify,
        )
        built = [result.executable] if result.executable else []
        return to_plain(result), [*crate_files(result.path), *built]

    def validate(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.validate import validate

        report = validate(
            self.config,
            pictures=self.options.pictures,
            program=self.executable,
            skip_unavailable=self.options.skip_unavailable,
            notify=self.notify,
        )
        return to_plain(report), []

    def benchmark(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.benchmark import BenchmarkOptions, benchmark

        report = benchmark(
            self.config,
            program=self.executable,
            skip_unavailable=self.options.skip_unavailable,
            options=BenchmarkOptions(processes=3, most_processes=3, levers=False),
            notify=self.notify,
        )
        return to_plain(report), []

    def budget(self, results: dict[str, Plain]) -> BudgetReport | None:
        """What is shipped against the budget; not a stage, since it costs nothing."""
        if not self.config.budget.limits:
            return None
        return check_shipped(
            self.config.budget,
            results["benchmark"],
            runners=("program", results["package"]["engine"]),
            size=file_size(self.executable or self.model),
            failing=failing_runners(results["validate"]),
        )

    def profile(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.profile import profile

        shapes = load_manifest(self.manifest).input_shapes
        return to_plain(profile(self.model, shapes=shapes, notify=self.notify)), []

    def pictures(self) -> tuple[Plain, Sequence[Path]]:
        from oxidizedvision.report.pictures import output_names, through_program

        contract = self.config.postprocess
        maps_pictures = contract is not None and contract.kind == "image"
        if self.executable is None or not maps_pictures:
            return {"pictures": []}, []
        rows = []
        names = output_names(self.options.pictures)
        for picture, name in zip(self.options.pictures, names, strict=True):
            self.notify(f"{picture.name} through the program")
            output = self.folder / "pictures" / name
            rows.append(through_program(self.executable, picture, output))
        return {"pictures": rows}, [Path(row["output"]) for row in rows]


def _load_state(path: Path) -> dict[str, Plain]:
    """The record of the last run; one that cannot be read counts as none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict) or document.get("schema_version") != STATE_VERSION:
        return {}
    stages = document.get("stages")
    if not isinstance(stages, dict):
        return {}
    parts = {"inputs", "outputs", "result"}
    return {
        name: record
        for name, record in stages.items()
        if isinstance(record, dict) and parts <= record.keys()
    }


def _readable(manifest: Path) -> bool:
    try:
        load_manifest(manifest)
    except OxidizedVisionError:
        return False
    return True


def _whole(outputs: dict[str, str]) -> bool:
    """Whether every file is still there with the content that was recorded."""
    try:
        return all(sha256_of(Path(path)) == sha256 for path, sha256 in outputs.items())
    except OxidizedVisionError:
        return False
