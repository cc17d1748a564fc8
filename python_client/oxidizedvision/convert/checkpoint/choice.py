"""Which of the state dicts in a file are the network's weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.config.nearest import meant
from oxidizedvision.convert.checkpoint.fit import Fit, Needs, fits
from oxidizedvision.convert.checkpoint.kinds import refused
from oxidizedvision.convert.checkpoint.process import StateDict

_PLAIN = (
    *("", "state_dict", "model_state_dict", "model_state", "model"),
    *("module", "network", "net", "params", "weights"),
)
"""Names of the trained weights, the more telling first; nothing is the file itself."""

_AVERAGED = re.compile(r"(^|_)(ema|teacher|swa|averaged?|shadow)(_|$)")
"""In names of weights that were averaged while the others were trained."""

_SHOWN = 4


@dataclass(frozen=True)
class Option:
    """A state dict, and one way to read its names."""

    state: StateDict
    fit: Fit

    @property
    def key(self) -> str:
        """What `model.checkpoint_key` says to choose this one."""
        return f"{self.state.path}.{self.fit.removed}".strip(".")

    @property
    def averaged(self) -> bool:
        """Whether its name says that the weights are averages."""
        return any(_AVERAGED.search(part) for part in self.key.lower().split("."))

    @property
    def plain(self) -> bool:
        """Whether every part of its name is one that trained weights have."""
        return all(part in _PLAIN for part in self.key.split("."))

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Trained before averaged, known names before others."""
        first = self.key.partition(".")[0]
        return self.averaged, not self.plain, _PLAIN.index(first) if self.plain else 0


@dataclass(frozen=True)
class Choice:
    """The state dict to load, with what there is to say about it.

    fitting: whether every tensor has its place; otherwise it is the one that comes nearest.
    """

    option: Option
    fitting: bool
    notes: tuple[str, ...] = ()
    suggestion: str = ""


def choose(path: Path, states: Sequence[StateDict], needs: Needs, key: str | None) -> Choice:
    """The state dict that fits; the trained weights where averages fit too.

    Args:
        path: The file, for messages.
        states: What it holds.
        needs: What the network takes.
        key: `model.checkpoint_key`.

    Raises:
        OxidizedVisionError: `checkpoint` when the file has nothing under `key`, or several that
            fit and that no name tells apart.
    """
    options = [option for state in states for option in _options(state, needs)]
    if key is not None:
        options = _under(path, options, key)
    fitting = [option for option in options if option.fit.whole or (key and option.fit.complete)]
    fitting.sort(key=lambda option: option.rank)
    if not fitting:
        return _nearest(options)
    chosen, others = fitting[0], _different(fitting)
    if others and key is None and _as_likely(chosen, others[0]):
        raise refused(
            path,
            f"holds several state dicts that fit: {_listed([chosen, *others])}",
            f"Choose one with model.checkpoint_key, such as checkpoint_key: {chosen.key}.",
        )
    return Choice(chosen, fitting=True, notes=tuple(_notes(chosen, others, key)))


def _options(state: StateDict, needs: Needs) -> list[Option]:
    shapes = {name: tuple(tensor.shape) for name, tensor in state.tensors.items()}
    return [Option(state, fit) for fit in fits(shapes, needs)]


def _under(path: Path, options: list[Option], key: str) -> list[Option]:
    """Options of the state dict with this key, of those below it, or with it as their prefix."""
    same = [option for option in options if option.state.path == key]
    below = [option for option in options if option.state.path.startswith(f"{key}.")]
    prefixed = [option for option in options if option.key == key]
    found = same or below or prefixed
    if found:
        return found
    known = list(dict.fromkeys(option.state.path for option in options if option.state.path))
    has = f"; it has {', '.join(known[:_SHOWN])}" if known else "; it is a single state dict"
    raise refused(
        path,
        f"has no weights under {key!r}{meant(key, known)}{has}",
        "Correct model.checkpoint_key, or leave it out.",
    )


def _different(fitting: list[Option]) -> list[Option]:
    """The other options, one for each state dict or prefix."""
    keys = {option.key: option for option in reversed(fitting)}
    return [option for option in keys.values() if option.key != fitting[0].key][::-1]


def _as_likely(chosen: Option, other: Option) -> bool:
    if chosen.averaged or chosen.averaged != other.averaged or chosen.plain != other.plain:
        return False
    return not chosen.plain or chosen.state.path == other.state.path


def _nearest(options: list[Option]) -> Choice:
    def nearness(option: Option) -> tuple[int, int, int]:
        fit = option.fit
        return fit.agreeing, len(fit.names), -len(fit.missing) - len(fit.unexpected)

    suggested = next((option for option in options if option.fit.complete), None)
    return Choice(
        max(options, key=nearness), fitting=False, suggestion=suggested.key if suggested else ""
    )


def _listed(options: Sequence[Option]) -> str:
    names = [option.key or "the file itself" for option in options]
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def _notes(chosen: Option, others: list[Option], key: str | None) -> list[str]:
    fit, notes = chosen.fit, []
    if chosen.state.path and (others or not chosen.plain) and key is None:
        notes.append(f"the weights are those under {chosen.state.path!r}")
    if fit.removed:
        notes.append(f"the prefix {fit.removed!r} was taken off")
    if fit.added:
        notes.append(f"the prefix {fit.added!r} was put before")
    if others and key is None:
        notes.append(f"it also holds {_listed(others)}, which model.checkpoint_key chooses instead")
    for what, left in (("tensors beside them", fit.outside), ("buffers of its own", fit.ignored)):
        if left:
            shown = ", ".join(left[:2]) + (" …" if len(left) > 2 else "")
            notes.append(f"{len(left)} {what} were left out: {shown}")
    return notes
