"""The notes of PyTorch's exporters on every node, rewritten as ours: see `onnx_notes`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.onnx_notes import MODULE, PASS, ROOT, SOURCE, all_nodes, notes_of, set_notes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

_SCOPES = "pkg.torch.onnx.name_scopes"
_RULE = "pkg.onnxscript.rewriter.rule_name"
_STACK = "pkg.torch.onnx.stack_trace"
_EXPORTER = "torch.onnx"
_REPEATED = re.compile(r"_\d+$")
_DOC_LINE = re.compile(r"^(.+)\((\d+)\): ", re.M)
_STACK_LINE = re.compile(r'File "(.+)", line (\d+), in ')


def annotate(
    model: ModelProto, modules: Sequence[str], wrapped: bool, sources: Sequence[Path]
) -> None:
    """Replace the exporter's own notes, which hold paths of this machine, with ours.

    Args:
        model: As an exporter of PyTorch wrote it.
        modules: Paths of all modules of the network.
        wrapped: Whether the exporter saw the network as the part `network` of another module.
        sources: Folders of the user's code.
    """
    names = _Names(frozenset(modules), wrapped)
    folders = [folder.resolve() for folder in sources]
    for node in all_nodes(model.graph):
        notes = {item.key: item.value for item in node.metadata_props}
        path = names.of_scopes(notes[_SCOPES]) if _SCOPES in notes else names.of_name(node.name)
        made_by = notes.get(_RULE) or ("" if path is not None else _EXPORTER)
        source = _source(node.doc_string, _DOC_LINE, folders) or _source(
            notes.get(_STACK, ""), _STACK_LINE, folders, last=True
        )
        node.ClearField("doc_string")
        set_notes(node, {MODULE: path or "", PASS: made_by, SOURCE: source})
    _adopt(model.graph)
    _clear_notes(model)


def _adopt(graph: GraphProto) -> None:
    """Give nodes without a module, such as the constants of a pass, that of who uses them."""
    users: dict[str, list[str]] = {}
    for node in reversed(graph.node):
        notes = notes_of(node)
        if MODULE not in notes:
            common = _common([path for name in node.output for path in users.get(name, [])])
            if common:
                notes = {MODULE: common, **notes}
                set_notes(node, notes)
        for name in node.input:
            if MODULE in notes:
                users.setdefault(name, []).append(notes[MODULE])


def _common(paths: Sequence[str]) -> str:
    """The innermost module that all of them lie in; empty where there are none."""
    if not paths:
        return ""
    split = [[] if path == ROOT else path.split(".") for path in paths]
    return ".".join(split[0][: _agreeing(split)]) or ROOT


def _agreeing(split: Sequence[Sequence[str]]) -> int:
    """How many leading parts are the same in all."""
    for index, parts in enumerate(zip(*split, strict=False)):
        if len(set(parts)) > 1:
            return index
    return min(map(len, split))


def _clear_notes(model: ModelProto) -> None:
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
            node.ClearField("doc_string")
    graph = model.graph
    del graph.metadata_props[:]
    for value in (*graph.input, *graph.output, *graph.initializer):
        del value.metadata_props[:]
        value.ClearField("doc_string")
    # Shapes of inner values, in the exporter's own symbols; engines work them out themselves.
    del graph.value_info[:]


def _source(
    text: str, pattern: re.Pattern[str], folders: Sequence[Path], *, last: bool = False
) -> str:
    """The innermost frame that lies in the user's code: the first one, or the last."""
    found = pattern.findall(text)
    for file, line in reversed(found) if last else found:
        path = Path(file)
        if any(folder in path.parents for folder in folders) and "site-packages" not in path.parts:
            return f"{path.name}, line {line}"
    return ""


class _Names:
    def __init__(self, modules: frozenset[str], wrapped: bool) -> None:
        self._modules = modules
        self._wrapped = wrapped

    def of_scopes(self, text: str) -> str | None:
        """From the list of scopes of torch.export: the innermost one that is a module."""
        try:
            scopes = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return None
        for scope in reversed(scopes[:-1]):
            path = self._unwrapped(str(scope))
            if path is not None:
                return path
        return ROOT

    def of_name(self, name: str) -> str | None:
        """From a node's name: `/layers/layers.0/conv/Conv`."""
        parts = name.split("/")
        if len(parts) < 2 or parts[0]:
            return None
        path = ""
        segments = parts[1:-1]
        if self._wrapped and segments and _REPEATED.sub("", segments[0]) == "network":
            segments = segments[1:]
        for segment in segments:
            found = self._child(path, segment)
            if found is None:
                return path or ROOT
            path = found
        return path or ROOT

    def _child(self, path: str, segment: str) -> str | None:
        """The module that a scope within a module stands for; None where it is none.

        A scope is a child's name; that of a container's child repeats the container's, and in
        containers within containers those of all: `block.0.1`. A module that is called twice has a
        number after its name the second time.
        """
        names = (segment, _REPEATED.sub("", segment))
        wholes = [_join(above, name) for name in names for above in _and_above(path)]
        known = [whole for whole in wholes if whole in self._modules and whole != path]
        within = [whole for whole in known if whole.startswith(f"{path}." if path else "")]
        beside = [_join(path.rpartition(".")[0], name) for name in names]
        return next(iter([*within, *(whole for whole in beside if whole in known)]), None)

    def _unwrapped(self, scope: str) -> str | None:
        if self._wrapped:
            if scope == "network":
                return ROOT
            if not scope.startswith("network."):
                return None
            scope = scope.removeprefix("network.")
        if scope == "":
            return ROOT
        for name in (scope, _REPEATED.sub("", scope), scope.replace("@", "_")):
            if name in self._modules:
                return name
        return None


def _and_above(path: str) -> Iterator[str]:
    """A path and those of the modules that it is in, from the inside out, to the network itself."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield path


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
