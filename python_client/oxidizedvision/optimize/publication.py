"""New files and their place in the manifest, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.files import file_errors, sha256_of, write_bytes
from oxidizedvision.core.manifest import (
    FileRecord,
    Manifest,
    Stage,
    Tolerance,
    load_manifest,
    tool_versions,
)
from oxidizedvision.core.publish import publish, working_folder

_OWN = ("optimize", "fp16", "int8")


@dataclass(frozen=True)
class Made:
    """A file that a stage of `optimize` makes."""

    stage: Literal["optimize", "fp16", "int8"]
    tool: str
    target: Path
    content: bytes
    parameters: dict[str, Any]
    checks: dict[str, Any]
    seconds: float
    tolerance: Tolerance | None = None


def put(manifest: Path | None, model: Path, made: Sequence[Made], *, refused: bool = False) -> None:
    """Put new files in place, and their stages into the manifest with them.

    Stages of an earlier optimisation and their files go, and what was prepared from those files;
    only a smaller precision that was made from the same FP32 file stays, before the new one or
    where that was refused. Without a manifest that lists the model, or for an output elsewhere,
    there are only files.

    Args:
        manifest: That of the model, if any.
        model: The file that was optimised.
        made: In the order in which one came from the other; empty where nothing was gained.
        refused: Whether a smaller precision was wanted and there is none.
    """
    from oxidizedvision.registry import refresh

    if manifest is None or not _is_of(manifest, model, made):
        for one in made:
            write_bytes(one.target, one.content)
        return
    with working_folder(manifest.parent, "optimize") as folder, folder_lock(manifest.parent):
        before = load_manifest(manifest)
        stages = _stages(before, model, folder, made, refused=refused)
        listed = {stage.output.file for stage in stages}
        names = [one.target.name for one in made] + [manifest.name]
        tools = {**before.tools, **tool_versions("onnxslim", "onnxruntime")}
        after = before.model_copy(update={"stages": stages, "tools": tools})
        after.save(folder / manifest.name)
        old = [stage.output for stage in before.stages if stage.name in (*_OWN, "prepare")]
        drop = {record.file: record.sha256 for record in old if record.file not in listed}
        publish(folder, names, manifest, drop)
    refresh(manifest)


def _is_of(manifest: Path, model: Path, made: Sequence[Made]) -> bool:
    """Whether a manifest is the one that lists the model, and the results stand beside it."""
    stages = load_manifest(manifest).stages
    source = next((stage for stage in stages if stage.name == "onnx"), None)
    folder = manifest.resolve().parent
    beside = all(one.target.resolve().parent == folder for one in made)
    return source is not None and source.output.file == model.name and beside


def _stages(
    manifest: Manifest, model: Path, folder: Path, made: Sequence[Made], *, refused: bool
) -> list[Stage]:
    """Those that stay, then the new ones, whose files are written into a folder."""
    source = sha256_of(model)
    new: list[Stage] = []
    for one in made:
        path = folder / one.target.name
        with file_errors(path):
            path.write_bytes(one.content)
        record = FileRecord.of(path)
        new.append(
            Stage(
                name=one.stage,
                tool=one.tool,
                parameters=one.parameters,
                input_sha256=source,
                output=record,
                seconds=one.seconds,
                checks=one.checks,
                tolerance=one.tolerance,
            )
        )
        source = record.sha256
    base = next((s.output.sha256 for s in new if s.name == "optimize"), sha256_of(model))
    names = {stage.name for stage in new}
    others = [stage for stage in manifest.stages if stage.name not in _OWN]
    smaller = [stage for stage in manifest.stages if stage.name in {"fp16", "int8"} - names]
    beside = [stage for stage in smaller if new and stage.input_sha256 == base]
    simplified = [stage for stage in new if stage.name == "optimize"]
    rest = [stage for stage in new if stage.name != "optimize"]
    return _without_orphans([*others, *simplified, *(beside if rest or refused else []), *rest])


def _without_orphans(stages: Sequence[Stage]) -> list[Stage]:
    """Without prepared files whose source none of the stages makes any more."""
    made = {stage.output.sha256 for stage in stages if stage.name != "prepare"}
    return [stage for stage in stages if stage.name != "prepare" or stage.input_sha256 in made]
