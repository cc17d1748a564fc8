"""How a model takes pictures and gives them: from its metadata, its manifest or its config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from oxidizedvision.config import Config, Postprocess, Preprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import find_manifest, load_manifest
from oxidizedvision.runners.base import Runner
from oxidizedvision.runners.prepared import declared_metadata, is_prepared
from oxidizedvision.runners.program import ProgramRunner

_PREPROCESS: TypeAdapter[Any] = TypeAdapter(Preprocess | None)
_POSTPROCESS: TypeAdapter[Any] = TypeAdapter(Postprocess | None)


@dataclass(frozen=True)
class Contract:
    """The JSON forms of `preprocess` and `postprocess`, every key given; None where unknown."""

    preprocess: dict[str, Any] | None
    postprocess: dict[str, Any] | None

    @property
    def kind(self) -> str:
        """What the outputs are; `raw` where nothing says it."""
        return str(self.postprocess["kind"]) if self.postprocess is not None else "raw"

    @property
    def gives_pictures(self) -> bool:
        """Whether the output is meant to be seen."""
        return self.kind == "image"


def contract_of_model(model: Path, runner: Runner, config: Config | None) -> Contract:
    """The contract of what was loaded.

    Args:
        model: The file that the runner loaded.
        runner: The loaded runner; a packaged program tells its contract itself.
        config: The config of the live network; None where a converted file was loaded.

    Raises:
        OxidizedVisionError: `corrupt` when what is written there is no contract.
    """
    if config is not None:
        return _contract(config.model_dump(mode="json"), str(config.path or "the config"))
    if isinstance(runner, ProgramRunner):
        return _contract(json.loads(runner.start(["--info"])).get("contract") or {}, str(model))
    written = _metadata(model) if model.suffix == ".onnx" or is_prepared(model) else {}
    if written:
        return _contract(written, str(model))
    path = find_manifest(model)
    if path is None:
        return Contract(None, None)
    return _contract(load_manifest(path).model_dump(mode="json"), str(path))


def _metadata(model: Path) -> dict[str, Any]:
    """The `oxv.*` metadata that describes pictures, decoded; empty where there is no such data."""
    pairs = declared_metadata(model) if is_prepared(model) else _metadata_of_onnx(model)
    texts = {key.removeprefix("oxv."): value for key, value in pairs.items()}
    try:
        return {
            key: json.loads(texts[key]) for key in ("preprocess", "postprocess") if key in texts
        }
    except ValueError as error:
        raise _corrupt(str(model), str(error)) from error


def _metadata_of_onnx(model: Path) -> dict[str, str]:
    onnx = require("onnx", "reading how the model takes pictures")
    decoding = require("google.protobuf.message", "reading ONNX")
    with file_errors(model):
        content = model.read_bytes()
    try:
        properties = onnx.load_model_from_string(content).metadata_props
    except decoding.DecodeError as error:
        raise _corrupt(str(model), str(error)) from error
    return {item.key: item.value for item in properties}


def _contract(values: Mapping[str, Any], source: str) -> Contract:
    try:
        preprocess = _PREPROCESS.validate_python(values.get("preprocess"))
        postprocess = _POSTPROCESS.validate_python(values.get("postprocess"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _corrupt(source, f"{where}: {first['msg']}") from error
    return Contract(_plain(preprocess), _plain(postprocess))


def _plain(part: Any) -> dict[str, Any] | None:
    if part is None:
        return None
    plain: dict[str, Any] = part.model_dump(mode="json")
    return plain


def _corrupt(source: str, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CORRUPT,
        f"{source} has a picture contract that is not understood: {reason}",
        "Run `oxidizedvision convert` again, or give tensors.",
    )
