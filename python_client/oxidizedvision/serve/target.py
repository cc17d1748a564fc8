"""Which file a MODEL means."""

from __future__ import annotations

from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import SUFFIX, find_manifest
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.target import Target, resolve

_FILES = (".onnx", ".pt")
_CONFIGS = (".yml", ".yaml")


def find_model(given: str | Path) -> Path:
    """The manifest or the model's file that a path or the name of a registered model means.

    A config means the manifest of what `convert` made of it.

    Raises:
        OxidizedVisionError: `not_found`, with the nearest name; `usage` for what is no model.
    """
    path = Path(given)
    if path.is_dir():
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{path} is a folder, not a model",
            "Give a manifest or a model's file; `folder` in server.yml serves a whole one.",
        )
    if not path.exists():
        return _registered(str(given), path)
    if path.suffix in _CONFIGS:
        # The config's own target has a manifest: `resolve` says so where it has none.
        return resolve(path).manifest_path or path
    if path.name.endswith(SUFFIX) or path.suffix in _FILES or is_prepared(path):
        return path
    raise OxidizedVisionError(
        Kind.USAGE,
        f"{path} is no model that can be served",
        f"Give a manifest (*{SUFFIX}), an .onnx, a .pt or the name of a registered model.",
    )


def split_name(given: str | Path) -> tuple[str | None, str | Path]:
    """NAME and MODEL of `NAME=MODEL`; what is a path as it stands has no name of its own."""
    name, _, model = str(given).partition("=")
    if isinstance(given, Path) or not (name and model) or {*name} & {"/", "\\"}:
        return None, given
    return (None, given) if Path(given).exists() else (name, model)


def target_of(model: Path) -> Target | None:
    """The converted model of a file; None for a TorchScript file that no manifest lists.

    Raises:
        OxidizedVisionError: as `resolve`.
    """
    if model.suffix != ".pt":
        return resolve(model)
    manifest = find_manifest(model)
    return resolve(manifest) if manifest else None


def _registered(name: str, path: Path) -> Path:
    if path.suffix in (*_FILES, *_CONFIGS, ".json") or len(path.parts) > 1 or is_prepared(path):
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no file {path}", "Check the path and the current folder."
        )
    from oxidizedvision.registry import describe

    details = describe(name)
    if details.manifest is None or details.status != "present":
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"The registered model {name!r} is not there any more: {details.manifest} is "
            f"{details.status}",
            "`oxidizedvision list` shows which models are still there.",
        )
    return details.manifest
