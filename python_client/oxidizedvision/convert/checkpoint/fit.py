"""Which keys of a file stand for which keys of a network: names, prefixes and shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Shape = tuple[int, ...] | None
"""The lengths of a tensor's axes; None where the network takes them from the checkpoint."""

CONTAINERS = frozenset(
    (
        *("module", "model", "net", "network", "backbone"),
        *("student", "teacher", "ema", "ema_model", "model_ema", "online_model"),
    )
)
"""Names under which training code keeps a network, beside what else it trains."""

_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Parts of names that PyTorch's wrappers add, anywhere in a name."""

_COUNTER = "num_batches_tracked"

_TRIED = 24
"""Prefixes that are looked at closely, of those that give any name a place."""


@dataclass(frozen=True)
class Needs:
    """What a network takes.

    shapes: of every tensor of its state dict. ties: names that share one tensor, each with the
    names of the others. own: buffers that are no part of the state dict.
    """

    shapes: Mapping[str, Shape]
    ties: Mapping[str, frozenset[str]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()

    def may_lack(self, key: str, there: Iterable[str]) -> bool:
        """Whether a file that has the names `there` needs not have this one."""
        counts = key.rpartition(".")[2] == _COUNTER  # of no use outside training
        return counts or not self.ties.get(key, frozenset()).isdisjoint(there)


@dataclass(frozen=True)
class Fit:
    """One way to read a file's names.

    removed, added: prefix taken off the file's names and put before them, with their dots.
    names: the network's key for each of the file's keys that has one. missing, unexpected: the
    network's keys and the file's that have none. outside: the file's keys without the prefix.
    shapes: for each of the file's keys of another shape, the file's and the network's.
    """

    removed: str
    added: str
    names: dict[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    outside: tuple[str, ...]
    ignored: tuple[str, ...]
    shapes: dict[str, tuple[Shape, Shape]]

    @property
    def whole(self) -> bool:
        """Whether every tensor has its place, and what was left out belongs elsewhere."""
        parts = self.removed.rstrip(".").split(".")
        return self.complete and (not self.outside or CONTAINERS.issuperset(parts))

    @property
    def complete(self) -> bool:
        """Whether the network gets every tensor, and nothing under the prefix is left over."""
        return not (self.missing or self.unexpected or self.shapes)

    @property
    def agreeing(self) -> int:
        """How many tensors have both name and shape right."""
        return len(self.names) - len(self.shapes)


def fits(file: Mapping[str, Shape], needs: Needs) -> list[Fit]:
    """Every way to read a file's names that gives some of them a place, the plainest first."""
    known, unwrapped = _without_wrappers(needs.shapes), _without_wrappers(file)
    found: list[Fit] = []
    for added in _common_prefixes(known):
        wanted = {key.removeprefix(added): original for key, original in known.items()}
        for removed in _prefixes_onto(unwrapped, wanted):
            fit = _fit((removed, added), (unwrapped, file), (wanted, needs))
            if all(fit.names != other.names for other in found):
                found.append(fit)
    return found


def plain_fit(file: Mapping[str, Shape], needs: Needs) -> Fit:
    """The file's names as they are."""
    same = ({key: key for key in file}, file)
    return _fit(("", ""), same, ({key: key for key in needs.shapes}, needs))


def _without_wrappers(keys: Iterable[str]) -> dict[str, str]:
    """Each key by its name without the parts that wrappers add; all as they are where two meet."""
    listed = list(keys)
    short = {
        ".".join(part for part in key.split(".") if part not in _WRAPPERS): key for key in listed
    }
    return short if len(short) == len(listed) else {key: key for key in listed}


def _common_prefixes(keys: Mapping[str, str]) -> list[str]:
    """Nothing, and every prefix that all keys have, shortest first."""
    if not keys:
        return [""]
    first = min(keys, key=lambda key: key.count("."))
    parts = first.split(".")[:-1]
    prefixes = ["".join(f"{part}." for part in parts[:count]) for count in range(len(parts) + 1)]
    return [prefix for prefix in prefixes if all(key.startswith(prefix) for key in keys)]


def _prefixes_onto(file: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Prefixes without which keys of a file are wanted ones: nothing first, then most first."""
    counts: Counter[str] = Counter()
    for key in file:
        parts = key.split(".")
        for count in range(len(parts)):
            if ".".join(parts[count:]) in wanted:
                counts["".join(f"{part}." for part in parts[:count])] += 1
    counts.pop("", None)
    return ["", *sorted(counts, key=lambda prefix: (-counts[prefix], len(prefix), prefix))[:_TRIED]]


def _fit(
    prefixes: tuple[str, str],
    file: tuple[Mapping[str, str], Mapping[str, Shape]],
    wanted: tuple[Mapping[str, str], Needs],
) -> Fit:
    (removed, added), (keys, file_shapes), (places, needs) = prefixes, file, wanted
    inside = {
        key.removeprefix(removed): original
        for key, original in keys.items()
        if key.startswith(removed)
    }
    names = {original: places[key] for key, original in inside.items() if key in places}
    there = frozenset(names.values())
    left = [(key, original) for key, original in inside.items() if key not in places]
    ignored = tuple(original for key, original in left if added + key in needs.own)
    return Fit(
        removed=removed,
        added=added,
        names=names,
        missing=tuple(
            key for key in needs.shapes if key not in there and not needs.may_lack(key, there)
        ),
        unexpected=tuple(original for _, original in left if original not in ignored),
        outside=tuple(original for key, original in keys.items() if not key.startswith(removed)),
        ignored=ignored,
        shapes={
            key: (file_shapes[key], needs.shapes[name])
            for key, name in names.items()
            if not _same(file_shapes[key], needs.shapes[name])
        },
    )


def _same(file: Shape, network: Shape) -> bool:
    # PyTorch puts a tensor of one value in the place of a number.
    return network is None or file == network or (file == (1,) and network == ())
