"""Choices that were made before: found in the manifest, and given up when the world changed."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from oxidizedvision.auto.proof import failed_since
from oxidizedvision.auto.report import SCHEMA_VERSION, Choice, Question
from oxidizedvision.core.errors import OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import Manifest, update_manifest
from oxidizedvision.core.results import to_plain
from oxidizedvision.runners.target import Target

_CHOICE = TypeAdapter(Choice)
_MACHINE = {
    "cpu": "the processor",
    "architecture": "the architecture",
    "flags": "the processor's features",
    "threads_granted": "the number of processors granted",
}
"""What of the fingerprint decides who is fastest."""


def kept_choice(where: Target, question: Question) -> Choice | None:
    """The choice that the manifest has for a question of this name."""
    found = where.manifest.choices.get(question.key) if where.manifest else None
    if found is None or found.get("schema_version") != SCHEMA_VERSION:
        return None
    try:
        return dataclasses.replace(_CHOICE.validate_python(found), kept=True, notes=())
    except ValidationError:  # written by a version that kept other things
        return None


def changes(
    choice: Choice,
    question: Question,
    *,
    files: Mapping[str, str],
    versions: Mapping[str, str],
    machine: Mapping[str, Any],
    validation: Mapping[str, Any] | None,
) -> list[str]:
    """In words, what is not as it was when the choice was made; empty when it still holds."""
    found = [
        f"{word} changed from {_text(choice.machine.get(name))} to {_text(machine.get(name))}"
        for name, word in _MACHINE.items()
        if choice.machine.get(name) != machine.get(name)
    ]
    found += [f"{name} has another content" for name in _different(choice.files, files)]
    found += [
        f"{name} was {_version(choice.versions, name)}, it is {_version(versions, name)} now"
        for name in _different(choice.versions, versions)
    ]
    found += list(_questions(choice.question, question))
    if reason := failed_since(validation, files).get(choice.runner):
        found.append(f"{choice.runner} does not pass any more: {reason}")
    return found


def keep(where: Target, choice: Choice) -> None:
    """Write a choice into the manifest; where that cannot be, a warning says so."""
    if where.manifest_path is None:
        return

    def change(manifest: Manifest) -> Manifest:
        return manifest.model_copy(update={"choices": {**manifest.choices, **stored(choice)}})

    try:
        update_manifest(where.manifest_path, change)
    except OxidizedVisionError as error:
        warnings.warn(
            f"The choice is not in the manifest: {error.message}",
            OxidizedVisionWarning,
            stacklevel=3,
        )


def stored(choice: Choice) -> dict[str, dict[str, Any]]:
    """A choice as manifests hold it, under its question's name."""
    plain = {name: value for name, value in to_plain(choice).items() if name not in _FLEETING}
    return {choice.question.key: plain}


_FLEETING = {"kept", "notes"}


def _questions(before: Question, now: Question) -> Iterator[str]:
    for field in dataclasses.fields(Question):
        old, new = getattr(before, field.name), getattr(now, field.name)
        # Which engines are ready is told by their versions.
        if old != new and field.name not in {"key", "engines"}:
            yield f"{field.name.replace('_', ' ')} changed from {_text(old)} to {_text(new)}"


def _different(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]


def _version(versions: Mapping[str, str], name: str) -> str:
    return versions.get(name, "not here")


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
