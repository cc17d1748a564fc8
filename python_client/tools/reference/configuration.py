"""Every key of `config.yml`, from the JSON schema that `config schema` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from oxidizedvision.config.loader import config_schema

Schema = dict[str, Any]

_SIMPLE = {
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}


def text() -> str:
    """All tables, one a block of the file."""
    schema = config_schema()
    return "\n\n".join(_Writer(schema["$defs"]).blocks("", schema))


class _Writer:
    """Walks a schema whose references are all in `definitions`."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def blocks(self, path: str, schema: Schema) -> Iterator[str]:
        """A table of the plain keys, then a block for each key that holds keys."""
        about = schema.get("description", "") if path else ""
        rows = [self._row(key, value, schema) for key, value in schema["properties"].items()]
        title = f"## `{path}`" if path else "## The file's own keys"
        head = "| key | type | default | meaning |\n| --- | --- | --- | --- |"
        yield "\n\n".join(part for part in (title, about, "\n".join([head, *rows])) if part)
        for key, value in schema["properties"].items():
            for suffix, model in self._models(value):
                yield from self.blocks(f"{path}.{key}{suffix}".removeprefix("."), model)

    def _row(self, key: str, value: Schema, parent: Schema) -> str:
        default = "required" if key in parent.get("required", []) else _default(value)
        models = list(self._models(value))
        about = value.get("description") or (models[0][1].get("description", "") if models else "")
        return f"| `{key}` | {self._type(value)} | {default} | {_cell(about)} |"

    def _models(self, value: Schema) -> Iterator[tuple[str, Schema]]:
        """The models inside a key, with what tells them apart in a heading."""
        if "$ref" in value:
            yield "", self._definitions[value["$ref"].rpartition("/")[2]]
        elif "items" in value:
            for _, model in self._models(value["items"]):
                yield "[]", model
        options = [option for option in self._options(value) if "$ref" in option]
        for option in options:
            for _, model in self._models(option):
                kind = model["properties"].get("kind", {}).get("const")
                yield (f" (kind: {kind})" if kind and len(options) > 1 else ""), model

    def _options(self, value: Schema) -> list[Schema]:
        """The alternatives of a key; an alternative of alternatives is flattened."""
        found: list[Schema] = []
        for option in value.get("anyOf", []) + value.get("oneOf", []):
            found.extend(self._options(option) or [option])
        return found

    def _type(self, value: Schema) -> str:
        options = self._options(value)
        if options:
            return " or ".join(dict.fromkeys(self._type(option) for option in options))
        if "$ref" in value:
            return "keys, see below"
        if "const" in value:
            return f"`{value['const']}`"
        if "enum" in value:
            return _alternatives([f"`{item}`" for item in value["enum"]])
        return self._plain_type(value)

    def _plain_type(self, value: Schema) -> str:
        kind = str(value.get("type", "any value"))
        if kind in ("integer", "number"):
            name = "whole number" if kind == "integer" else "number"
            limits = [words.format(value[key]) for key, words in _LIMITS.items() if key in value]
            return " ".join([name, *limits])
        if kind == "array":
            items = self._type(value["items"])
            return f"list of {items if 'numbers' in items else items.replace('number', 'numbers')}"
        if kind == "object":
            inner = value.get("additionalProperties")
            return f"name → {self._type(inner)}" if isinstance(inner, dict) else "names and values"
        return _SIMPLE.get(kind, kind)


def _alternatives(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"


def _default(value: Schema) -> str:
    """The default as it would be written in YAML; keys that hold keys have their own defaults."""
    if "default" in value:
        return f"`{json.dumps(value['default'])}`".replace('"', "")
    if "$ref" in value:
        return "see below"
    return "`[]`" if value.get("type") == "array" else "`{}`"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
