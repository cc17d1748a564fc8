"""The exporters of PyTorch, one function each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.convert.export.causes import (
    ExportFailedError,
    exporting,
    line_of_operator,
    places_of,
)
from oxidizedvision.convert.export.first_run import run_once
from oxidizedvision.convert.export.node_paths import annotate
from oxidizedvision.convert.export.request import (
    Cause,
    ExportAnswer,
    ExportRequest,
    Failure,
)
from oxidizedvision.convert.export.script_archive import save_script
from oxidizedvision.onnx_file import opset_of
from oxidizedvision.runners.torch_outputs import leaves
from oxidizedvision.runners.torchscript import DESCRIPTION

if TYPE_CHECKING:
    import torch
    from onnx import ModelProto

OLDEST_TRACED, NEWEST_TRACED = 7, 20
"""Opsets that the TorchScript exporter writes and ONNX Runtime reads."""

OLDEST_DYNAMO, NEWEST_DYNAMO = 18, 24
"""Opsets of the exporter on `torch.export`."""


@dataclass(frozen=True)
class Subject:
    """A network in eval mode, an example of its inputs, and the file that it is written in."""

    network: torch.nn.Module
    example: tuple[torch.Tensor, ...]
    file: Path | None


def export(request: ExportRequest, subject: Subject) -> ExportAnswer:
    """Write the files that are asked for."""
    import torch

    routes: dict[str, Callable[[ExportRequest, Subject], ExportAnswer]] = {
        "dynamo": _dynamo,
        "torchscript": _traced,
        "script": _scripted,
    }
    if request.route != "script":  # which reads the code and does not run it
        run_once(subject.network, subject.example)
    with torch.no_grad():
        return routes[request.route](request, subject)


def _as_exported(request: ExportRequest, subject: Subject) -> torch.nn.Module:
    """The network, behind a module that flattens its outputs where exporters need it."""
    return subject.network if request.flat else _flat(subject.network)


def _flat(network: torch.nn.Module) -> torch.nn.Module:
    import torch

    class Flat(torch.nn.Module):
        """A network whose tensors come out as one tuple."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(value for _, value in leaves(self.network(*inputs)))

    return Flat().eval()


def _dynamo(request: ExportRequest, subject: Subject) -> ExportAnswer:
    import torch

    module = _as_exported(request, subject)
    try:
        with exporting(subject.file):
            program = _program(request, subject, module)
    except ExportFailedError as error:
        no_pt2 = error.failure if request.pt2 else None
        return ExportAnswer(failure=error.failure, pt2_failure=no_pt2)
    answer = ExportAnswer()
    if request.pt2 is not None:
        try:
            with exporting(subject.file):
                torch.export.save(program, request.pt2)
        except ExportFailedError as error:
            answer = ExportAnswer(pt2_failure=error.failure)
    if request.onnx is None or request.opset is None:
        return answer
    try:
        with exporting(subject.file):
            model = _converted(request, program)
    except ExportFailedError as error:
        return answer.model_copy(update={"failure": error.failure})
    return _saved(request, subject, model, answer)


def _converted(request: ExportRequest, program: Any) -> ModelProto:
    import torch

    made = torch.onnx.export(
        program,
        (),
        dynamo=True,
        opset_version=request.opset,
        input_names=request.inputs,
        output_names=request.outputs,
        external_data=False,
        verbose=False,
    )
    if made is None:
        raise RuntimeError("torch.onnx.export gave no program")
    return made.model_proto


def _program(request: ExportRequest, subject: Subject, module: torch.nn.Module) -> Any:
    """Through `torch.export`, with free lengths, then with multiples where these are declared."""
    import torch

    attempts = [_hints(request)]
    if any(axis.multiple_of > 1 for axes in request.axes.values() for axis in axes.values()):
        attempts.append(_derived(request))
    for shapes in attempts[:-1]:
        try:
            return _exported(module, subject.example, shapes, request)
        except torch._dynamo.exc.UserError:
            continue
    return _exported(module, subject.example, attempts[-1], request)


def _exported(
    module: torch.nn.Module, example: tuple[torch.Tensor, ...], shapes: Any, request: ExportRequest
) -> Any:
    import torch

    dynamic = shapes if request.axes else None
    # `*inputs` of the flattening module is one argument, which holds a tuple.
    if dynamic is not None and not request.flat:
        dynamic = (dynamic,)
    return torch.export.export(module, example, dynamic_shapes=dynamic, strict=False)


def _hints(request: ExportRequest) -> tuple[Any, ...]:
    import torch

    return tuple(
        {
            axis: torch.export.Dim.DYNAMIC(min=declared.first, max=declared.max)
            for axis, declared in request.axes.get(name, {}).items()
        }
        for name in request.inputs
    )


def _derived(request: ExportRequest) -> tuple[Any, ...]:
    import torch

    dims: dict[str, Any] = {}
    for axes in request.axes.values():
        for declared in axes.values():
            step = declared.multiple_of
            last = None if declared.max is None else declared.last // step
            base = torch.export.Dim(f"_{declared.name}", min=declared.first // step, max=last)
            dims.setdefault(declared.name, base if step == 1 else step * base)
    return tuple(
        {axis: dims[item.name] for axis, item in request.axes.get(name, {}).items()}
        for name in request.inputs
    )


def _traced(request: ExportRequest, subject: Subject) -> ExportAnswer:
    import torch

    module = _as_exported(request, subject)
    _compute_in_single_precision()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer, graph = ExportAnswer(), None
        if request.torchscript is not None:
            try:
                with exporting(subject.file):
                    traced = torch.jit.trace(module, subject.example)  # type: ignore[no-untyped-call]
                    graph = traced.inlined_graph
                    _save_torchscript(request, traced)
            except ExportFailedError as error:
                failure = _as(Cause.NOT_TRACEABLE, error.failure)
                answer = ExportAnswer(torchscript_failure=failure)
        if request.onnx is not None:
            answer = _legacy(request, subject, module, answer)
    if answer.failure is not None and answer.failure.operator:
        line = line_of_operator(graph, answer.failure.operator, subject.file)
        found = answer.failure.model_copy(update={"source": answer.failure.source or line})
        answer = answer.model_copy(update={"failure": found})
    return answer.model_copy(update={"places": places_of(caught)})


def _compute_in_single_precision() -> None:
    """Forbid TF32 in this process: a trace keeps in each convolution whether it was allowed."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch has a newer name for it, and still both
        torch.backends.cudnn.allow_tf32 = False


def _save_torchscript(request: ExportRequest, module: Any) -> None:
    assert request.torchscript is not None  # noqa: S101 - the callers have looked
    save_script(module, Path(request.torchscript), {DESCRIPTION: request.description})


def _scripted(request: ExportRequest, subject: Subject) -> ExportAnswer:
    import torch

    warnings.simplefilter("ignore")
    try:
        with exporting(subject.file):
            scripted = torch.jit.script(subject.network)
            if request.torchscript is not None:
                _save_torchscript(request, scripted)
    except ExportFailedError as error:
        failure = _as(Cause.NOT_SCRIPTABLE, error.failure)
        if error.__cause__ is not None:
            failure = failure.model_copy(update={"message": _first_line(error.__cause__)})
        return ExportAnswer(failure=failure, torchscript_failure=failure)
    if request.onnx is None:
        return ExportAnswer()
    if not request.flat:
        failure = Failure(
            cause=Cause.OUTPUT,
            message="a scripted network's dict or nested outputs have no ONNX form",
            hint="Return a tensor or a tuple of tensors.",
        )
        return ExportAnswer(failure=failure)
    return _legacy(request, subject, scripted, ExportAnswer())


def _first_line(error: BaseException) -> str:
    """TorchScript puts its reason first and the code that it is about after it.

    Where the first line names a function that does not fit, the second tells why.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    goes_on = lines[0].endswith(":") and len(lines) > 1 and not lines[1].startswith("File ")
    said = " ".join(lines[:2]) if goes_on else lines[0]
    return said[:300].rstrip(":.")


def _as(cause: Cause, failure: Failure) -> Failure:
    return failure.model_copy(update={"cause": cause}) if failure.cause is Cause.OTHER else failure


def _legacy(
    request: ExportRequest, subject: Subject, module: Any, answer: ExportAnswer
) -> ExportAnswer:
    """ONNX by the exporter on TorchScript."""
    import onnx
    import torch

    path = request.onnx or ""
    inputs = {
        name: {axis: item.name for axis, item in axes.items()}
        for name, axes in request.axes.items()
    }
    try:
        with exporting(subject.file):
            torch.onnx.export(
                module,
                subject.example,
                path,
                dynamo=False,
                opset_version=request.opset,
                do_constant_folding=request.constant_folding,
                input_names=request.inputs,
                output_names=request.outputs,
                dynamic_axes=inputs | request.output_axes,
                verbose=True,  # it then tells the line of code of every node
            )
    except ExportFailedError as error:
        return answer.model_copy(update={"failure": error.failure})
    return _saved(request, subject, onnx.load_model(path), answer)


def _saved(
    request: ExportRequest, subject: Subject, model: ModelProto, answer: ExportAnswer
) -> ExportAnswer:
    if opset_of(model) != request.opset:
        failure = Failure(
            cause=Cause.OPSET_OUT_OF_RANGE,
            message=f"it wrote opset {opset_of(model)} where {request.opset} was asked for",
            hint="Ask for another export.opset_version.",
        )
        return answer.model_copy(update={"failure": failure})
    modules = [name for name, _ in subject.network.named_modules() if name]
    folders = [subject.file.parent] if subject.file else []
    annotate(model, modules, not request.flat, folders)
    Path(request.onnx or "").write_bytes(model.SerializeToString())
    return answer.model_copy(update={"opset": opset_of(model)})
