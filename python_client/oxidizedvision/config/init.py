"""Write a first config for a network: every key, with its default and what it means."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from oxidizedvision.config.check import check_config
from oxidizedvision.config.classes import read_definitions, require_name
from oxidizedvision.config.models import Config
from oxidizedvision.config.pictures import ImagePostprocess, Preprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, write_text

USUAL_SHAPE = (1, 3, 256, 256)

_WIDTH = 92
_PLAIN_TEXT = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "."}
_PREFERENCES = {"opset_version"}
"""Keys whose default is a preference and becomes a demand when it is written."""
_EXAMPLES: Mapping[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "preprocess": (
        Preprocess,
        {"resize": {"width": 256, "height": 256, "mode": "stretch", "filter": "bilinear"}},
    ),
    "postprocess": (ImagePostprocess, {"kind": "image"}),
}


@dataclass(frozen=True)
class InitResult:
    """A config that was written and passes its own check.

    shape_given: whether the caller named the input shape; otherwise it is the usual one.
    """

    config: Path
    class_name: str
    input_shape: tuple[int, ...]
    shape_given: bool


def init_config(
    model: str | Path,
    *,
    class_name: str | None = None,
    output: str | Path = "config.yml",
    input_shape: tuple[int, ...] | None = None,
    checkpoint: str | Path | None = None,
    force: bool = False,
) -> InitResult:
    """Write a commented config for the network in a Python file.

    Args:
        model: The file; it is read, not imported.
        class_name: The network's class; may be left out where the file defines one network.
        output: The config; paths in it are relative to its folder.
        input_shape: Shape of the input, `USUAL_SHAPE` where not given.
        checkpoint: File with the weights.
        force: Replace an existing config.

    Raises:
        OxidizedVisionError: `usage` when the class must be named or the config exists,
            `not_found`, `model` or `file_system`.
    """
    model, output = Path(model), Path(output)
    if input_shape is not None and (not input_shape or min(input_shape) < 1):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"An input shape of {list(input_shape)}: every length must be at least 1",
            "Write it as 1,3,256,256.",
        )
    chosen = _choose_class(model, class_name)
    if output.exists() and not force:
        raise OxidizedVisionError(
            Kind.USAGE, f"{output} exists", "Name another --output, or replace it with --force."
        )
    values: dict[str, Any] = {
        "path": _relative(model, output),
        "class_name": chosen,
        "input_shape": list(input_shape or USUAL_SHAPE),
    }
    if checkpoint is not None:
        with file_errors(Path(checkpoint)):
            Path(checkpoint).stat()
        values["checkpoint"] = _relative(Path(checkpoint), output)
    write_text(output, config_text({"model": values}))
    check_config(output)
    return InitResult(output, chosen, tuple(values["input_shape"]), input_shape is not None)


def config_text(values: Mapping[str, Any]) -> str:
    """A whole config with the given values, and the defaults for everything else."""
    head = [
        "# Configuration of OxidizedVision. Every key is here, with its default where it has one.",
        "# `oxidizedvision config check FILE` checks this file.",
        "",
    ]
    return "\n".join([*head, *_lines(Config, values, 0)]).rstrip() + "\n"


def _choose_class(model: Path, class_name: str | None) -> str:
    if class_name is not None:
        require_name(model, class_name)
        return class_name
    networks = read_definitions(model).networks
    if len(networks) == 1:
        return networks[0]
    if not networks:
        raise OxidizedVisionError(
            Kind.MODEL,
            f"{model} defines no class that derives from torch.nn.Module",
            "Name the file that defines the network, or the class with --class.",
        )
    raise OxidizedVisionError(
        Kind.USAGE,
        f"{model} defines {len(networks)} networks: {', '.join(networks)}",
        "Choose one with --class.",
    )


def _relative(path: Path, output: Path) -> str:
    folder = output.absolute().parent
    return Path(os.path.relpath(path.absolute(), folder)).as_posix()


def _lines(model: type[BaseModel], values: Mapping[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    indent = "  " * depth
    for name, field in model.model_fields.items():
        value = values[name] if name in values else _default(field)
        section = _section(field)
        about = field.description or (section.__doc__ if section else None) or ""
        lines += [f"{indent}# {line}" for line in textwrap.wrap(about, _WIDTH)]
        if section is not None:
            lines += [f"{indent}{name}:", *_lines(section, value or {}, depth + 1), ""]
        else:
            mark = "# " if name in _PREFERENCES else ""
            lines += [f"{indent}{mark}{name}: {_flow(value)}"]
        if name in _EXAMPLES and value is None:
            lines += [*_example(name, indent), ""]
        elif depth == 0 and section is None:
            lines.append("")
    return lines


def _example(name: str, indent: str) -> list[str]:
    """A block that may be used in place of null, commented out."""
    model, values = _EXAMPLES[name]
    block = [line for line in _lines(model, values, 1) if not line.lstrip().startswith("#")]
    return [f"{indent}# {line}".rstrip() for line in [f"{name}:", *block]]


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _section(field: FieldInfo) -> type[BaseModel] | None:
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _flow(value: Any) -> str:
    """A value on one line, the same in YAML 1.1 and 1.2."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str):
        plain = _PLAIN_TEXT.fullmatch(value) and value.lower() not in _YAML_WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return json.dumps(value)
