"""Read `config.yml`, and say where and why when it cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from oxidizedvision.config.explain import explain
from oxidizedvision.config.labels import FOLDERS
from oxidizedvision.config.models import Config
from oxidizedvision.config.source import Source, read_source
from oxidizedvision.core.errors import Kind, OxidizedVisionError


def load_config(path: str | Path | Config) -> Config:
    """Read a config file; a `Config` is given back as it is.

    Raises:
        OxidizedVisionError: `not_found`, or `config` with every problem of the file, each with
            its line.
    """
    if isinstance(path, Config):
        return path
    source = read_source(Path(path))
    config = _validated(source)
    config._path = source.path
    return config


def _validated(source: Source) -> Config:
    try:
        return Config.model_validate(source.data, context={FOLDERS: _places(source.path)})
    except ValidationError as error:
        problems = sorted(explain(problem, source) for problem in error.errors())
        raise config_error(source.path, problems) from error


def config_error(path: Path, problems: list[tuple[int, str]]) -> OxidizedVisionError:
    """One error for all problems of a file, in the order of its lines."""
    lines = [f"{path}, line {line}: {text}" for line, text in problems]
    return OxidizedVisionError(
        Kind.CONFIG,
        "\n".join(lines),
        "`oxidizedvision config schema` describes every key.",
    )


def resolve_model_path(config: Config) -> Path:
    """The Python file that `model.path` names.

    Looked for beside the config, then in the current folder.

    Raises:
        OxidizedVisionError: `not_found` with every place that was tried, or `config` when
            `model.path` names an installed module instead of a file.
    """
    if config.model.module_reference is not None:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"model.path is {config.model.path}, a module and not a file",
            "Import it by config.model.module_reference.",
        )
    return _resolve(config, config.model.path, "model.path")


def resolve_checkpoint(config: Config) -> Path | None:
    """The file that `model.checkpoint` names, looked for as the model is; None for null.

    Raises:
        OxidizedVisionError: `not_found` with every place that was tried.
    """
    if config.model.checkpoint is None:
        return None
    return _resolve(config, config.model.checkpoint, "model.checkpoint")


def _resolve(config: Config, name: str, key: str) -> Path:
    wanted = Path(name).expanduser()
    places = [folder / wanted for folder in _places(config.path)]
    for place in places:
        if place.is_file():
            return place
    for place in places:
        if place.exists():
            what = "a folder" if place.is_dir() else "a pipe or a device"
            raise OxidizedVisionError(
                Kind.NOT_FOUND,
                f"{key}: {place} is {what} and not a file",
                "Name the file itself.",
            )
    tried = " and not ".join(str(place) for place in places)
    raise OxidizedVisionError(
        Kind.NOT_FOUND,
        f"{key}: there is no file {name}: not {tried}",
        "It is looked for beside the config, then in the current folder.",
    )


def _places(config: Path | None) -> list[Path]:
    """The folders that files named in a config are looked for in."""
    beside = [config.absolute().parent] if config is not None else []
    return list(dict.fromkeys([*beside, Path.cwd()]))


def config_schema() -> dict[str, Any]:
    """The JSON schema of a config file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
