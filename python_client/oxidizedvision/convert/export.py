"""PyTorch's two exports: a TorchScript trace, and ONNX."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.convert.network import Network
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.convert.source import describe
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import Spec
from oxidizedvision.core.results import Notify
from oxidizedvision.onnx_file import opset_of, read_onnx
from oxidizedvision.runners.torchscript import DESCRIPTION, Description

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.tensors import Array

TRACE = "torch.jit.trace"
OLDEST_OPSET, NEWEST_OPSET = 7, 20
"""What this exporter writes and ONNX Runtime reads."""


@dataclass(frozen=True)
class Opset:
    """The opset asked for, and whether another one is an answer too."""

    version: int
    demanded: bool


def trace(
    network: Network, signature: Signature, example: Array, path: Path, notify: Notify
) -> None:
    """Write the network as a TorchScript trace that carries its signature in an extra file.

    Raises:
        OxidizedVisionError: `export` when it cannot be traced.
    """
    import torch

    with _told_warnings(TRACE, notify), _export_errors(network, TRACE), torch.no_grad():
        traced = torch.jit.trace(network.module, torch.from_numpy(example))  # type: ignore[no-untyped-call]
        traced.save(str(path), _extra_files={DESCRIPTION: _description(signature)})


def _description(signature: Signature) -> str:
    return Description(
        inputs=[Spec.of(spec) for spec in signature.inputs],
        outputs=[Spec.of(spec) for spec in signature.outputs],
        input_shapes={spec.name: list(signature.shape) for spec in signature.inputs},
    ).model_dump_json()


@dataclass(frozen=True)
class OnnxExport:
    """Everything that decides what the ONNX file holds."""

    network: Network
    signature: Signature
    opset: Opset
    constant_folding: bool

    def run(self, example: Array, path: Path, notify: Notify) -> ModelProto:
        """Write the network as ONNX at the opset asked for; gives the checked model.

        Raises:
            OxidizedVisionError: `export` when that opset cannot be had.
        """
        wanted = self.opset.version
        last = wanted if self.opset.demanded else NEWEST_OPSET
        if not OLDEST_OPSET <= wanted <= NEWEST_OPSET:
            raise OxidizedVisionError(
                Kind.EXPORT,
                f"Opset {wanted} cannot be exported",
                f"Set export.opset_version from {OLDEST_OPSET} to {NEWEST_OPSET}, or leave it out.",
            )
        missing = ""
        for version in range(wanted, last + 1):
            try:
                model = self._export((example, path), version, notify)
            except _MissingOperatorError as error:
                missing = missing or str(error)
                continue
            if version != wanted:
                notify(f"opset {version} instead of {wanted}: {missing}")
            return model
        raise OxidizedVisionError(
            Kind.EXPORT,
            f"{self.network.name} cannot be exported at opset {wanted}: {missing}",
            "Leave export.opset_version out, and it is raised as far as the network needs."
            if self.opset.demanded
            else "Replace that operator in the network's code.",
        )

    def _export(self, files: tuple[Array, Path], version: int, notify: Notify) -> ModelProto:
        import torch

        example, path = files
        with (
            _told_warnings("torch.onnx.export", notify),
            _export_errors(self.network, "torch.onnx.export"),
            _stdout_closed(),
            torch.no_grad(),
        ):
            torch.onnx.export(
                self.network.module,
                (torch.from_numpy(example),),
                path,
                dynamo=False,
                opset_version=version,
                do_constant_folding=self.constant_folding,
                input_names=[spec.name for spec in self.signature.inputs],
                output_names=[spec.name for spec in self.signature.outputs],
                dynamic_axes=self.signature.dynamic_axes(),
            )
        model = read_onnx(path)
        if opset_of(model) != version:
            raise OxidizedVisionError(
                Kind.EXPORT,
                f"torch.onnx.export wrote opset {opset_of(model)} where {version} was asked for",
                "Ask for another export.opset_version.",
            )
        return model


class _MissingOperatorError(Exception):
    pass


@contextmanager
def _export_errors(network: Network, tool: str) -> Iterator[None]:
    import torch

    try:
        yield
    except torch.onnx.errors.UnsupportedOperatorError as error:
        raise _MissingOperatorError(str(error).strip().splitlines()[0]) from error
    except Exception as error:  # tracing runs the user's code, which may raise anything
        raise OxidizedVisionError(
            Kind.EXPORT,
            f"{tool} cannot export {network.name}: {describe(error, network.file)}",
            "Keep to tensors in forward: control flow that depends on values cannot be traced.",
        ) from error


@contextmanager
def _told_warnings(tool: str, notify: Notify) -> Iterator[None]:
    """Drop PyTorch's notices of deprecation, tell what the tracer warns of, pass on the rest."""
    from torch.jit._trace import TracerWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    traced = [item for item in caught if issubclass(item.category, TracerWarning)]
    for item in caught:
        if item not in traced and not _is_deprecation(item):
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    if traced:
        notify(f"{tool} fixed a value that it saw while tracing: {_places(traced)}")
    branches = [item for item in traced if _is_branch(item)]
    # The exporter traces the same code again and finds the same places.
    if branches and tool == TRACE:
        warnings.warn(
            f"forward decides by a value at {_places(branches)}: only the way that the example "
            "input took was recorded; see docs/troubleshooting.md#trace-fails",
            OxidizedVisionWarning,
            stacklevel=2,
        )


def _places(items: Iterable[warnings.WarningMessage]) -> str:
    places = (f"{Path(item.filename).name}, line {item.lineno}" for item in items)
    return "; ".join(dict.fromkeys(places))


def _is_branch(item: warnings.WarningMessage) -> bool:
    """Whether the user's code made a decision; PyTorch's own layers only check shapes."""
    import torch

    library = Path(torch.__file__).parent
    return "Python boolean" in str(item.message) and not Path(item.filename).is_relative_to(library)


def _is_deprecation(item: warnings.WarningMessage) -> bool:
    said = str(item.message)
    ours = ("torch.jit", "TorchScript", "The feature will be removed", "torch.onnx")
    return issubclass(item.category, DeprecationWarning | FutureWarning) and any(
        sign in said for sign in ours
    )


@contextmanager
def _stdout_closed() -> Iterator[None]:
    """Keep the exporter's C++ from printing graphs: stdout belongs to the caller's answer."""
    sys.stdout.flush()
    saved = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)
