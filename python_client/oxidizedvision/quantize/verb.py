"""The smallest and fastest form of a model that keeps the budget on its engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.meaning import meaning_of
from oxidizedvision.onnx_file import decode_onnx
from oxidizedvision.onnx_graph import constants_to_initializers
from oxidizedvision.quantize import graphs
from oxidizedvision.quantize.choice import chosen
from oxidizedvision.quantize.gains import Gains, gaining
from oxidizedvision.quantize.half import LARGEST
from oxidizedvision.quantize.judge import Judge, Standing
from oxidizedvision.quantize.quantizer import Layer, Quantizer, Ranges
from oxidizedvision.quantize.report import LayerSensitivity, QuantizationReport, Timing
from oxidizedvision.quantize.request import Inputs, QuantizeRequest, find_inputs
from oxidizedvision.quantize.search import Form, Tried, search

_SEARCHED = (
    Ranges("minmax"),
    Ranges("percentile", 99.99),
    Ranges("percentile", 99.999),
    Ranges("entropy"),
)
_DOT_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})
"""Features of processors that add up products of 8-bit numbers without overflow."""

_ONNX_RUNTIME = frozenset({"ort", "onnxruntime"})

_MARGIN = 0.5
"""A node whose largest value is beyond this share of FP16's range stays in float."""

Shapes = Mapping[str, tuple[int, ...]]


def quantized(
    request: QuantizeRequest, notify: Notify = silent
) -> tuple[bytes | None, QuantizationReport]:
    """Make the smaller model, or tell why there is none.

    Raises:
        OxidizedVisionError: where nothing can be tried: no inputs to calibrate on, an engine that
            is not here, a model that is quantised already or whose weights are not finite.
    """
    return _Quantization(request, notify).done()


class _Quantization:
    def __init__(self, request: QuantizeRequest, notify: Notify) -> None:
        self._request = request
        self._notify = notify
        self._notes: list[str] = []
        self._sensitivity: tuple[LayerSensitivity, ...] = ()
        self._timing: Timing | None = None
        self._layers: tuple[Layer, ...] = ()
        self._ranges = "none"
        self._gains = Gains()
        self._beyond: dict[str, float] = {}

    def done(self) -> tuple[bytes | None, QuantizationReport]:
        request = self._request
        inputs = find_inputs(request)
        base = self._base()
        manifest = request.where.manifest
        judge = Judge(
            request.engine,
            metric=request.budget.metric,
            samples=inputs.judged,
            folder=request.source.folder,
            threads=request.threads,
            meaning=meaning_of(manifest.postprocess if manifest else None),
        )
        self._notify(f"running FP32 in {request.engine}")
        reference = judge.reference(request.base)
        tried = Tried(judge, request.budget.drop, graphs.weight_bytes)
        with Quantizer(
            base,
            per_channel=request.calibration.per_channel,
            reduce_range=_overflows(),
            stored="cast" if request.engine in _ONNX_RUNTIME else "dequantized",
        ) as quantizer:
            self._layers = quantizer.layers()
            forms = self._forms(quantizer, tried, inputs)
            form, kept, reason = self._chosen(forms, tried, inputs.shapes)
            nodes = quantizer.computed_as(form.content, request.engine) if form else None
        if nodes == 0 and kept and form and _form_of(form) in {"static", "dynamic"}:
            self._notes.append(f"{request.engine} runs it in float: no node computes in INT8")
        self._notes += self._too_large(form if kept else None)
        report = self._report(inputs, reference, tried, form, kept, reason, nodes)
        return (form.content if form and kept else None), report

    def _base(self) -> bytes:
        """The model that is quantised, at an opset that allows it."""
        request = self._request
        model = decode_onnx(request.base, Path(request.where.model))
        constants_to_initializers(model.graph)
        graphs.refuse(model)
        if not request.precision.startswith("int8") or not request.calibration.per_channel:
            return request.base
        raised, note = graphs.raised_opset(model)
        if not note:
            return request.base
        self._notes.append(note)
        return bytes(raised.SerializeToString())

    def _forms(self, quantizer: Quantizer, tried: Tried, inputs: Inputs) -> Iterator[Form | None]:
        """Forms to be timed, the most wanted first."""
        if self._request.precision == "fp16":
            yield self._fp16(quantizer, tried, inputs)
            yield tried.attempt("weights in FP16", lambda: quantizer.weights("fp16"))
            return
        if self._request.precision == "int8-dynamic":
            yield tried.attempt("dynamic INT8", lambda: quantizer.dynamic(graphs.OPERATORS_CORE))
        else:
            yield from self._static(quantizer, tried, inputs)
        yield tried.attempt("weights in INT8", lambda: self._weights(quantizer, inputs))
        products = any(layer.op_type in graphs.PRODUCTS for layer in self._layers)
        if products and self._request.engine == "openvino":
            yield tried.attempt(
                "weights in INT8, float once loaded",
                lambda: self._weights(quantizer, inputs, "turned"),
            )

    def _weights(
        self, quantizer: Quantizer, inputs: Inputs, stored: graphs.Stored | None = None
    ) -> bytes:
        self._notify("rounding weights by the calibration inputs")
        quantizer.observe(inputs.calibration)
        return quantizer.weights("int8", stored=stored)

    def _static(self, quantizer: Quantizer, tried: Tried, inputs: Inputs) -> Iterator[Form | None]:
        """Those that keep the budget with all that gains in INT8, else the one with most of it."""
        self._find_gains(quantizer, inputs)
        slow = self._gains.slow
        ranges, both = self._best_ranges(quantizer, tried, inputs)
        self._ranges = ranges.name
        keeping = [form for form in both.values() if form.trial.keeps]
        if keeping:
            # Which is faster is not for one rough time to tell.
            yield from keeping
            return
        operators, whole = min(both.items(), key=lambda it: _drop(it[1]))

        def build(exclude: Sequence[str], small_weights: bool) -> bytes:
            if small_weights and exclude:
                quantizer.observe(inputs.calibration)
            return quantizer.static(ranges, operators, exclude, small_weights=small_weights)

        found = search(
            tried,
            [layer for layer in self._layers if layer.name not in slow],
            build,
            whole,
            name=f"{self._name()}, {ranges.name}",
            always=slow,
            notify=self._notify,
        )
        self._sensitivity = found.sensitivity
        yield found.best

    def _find_gains(self, quantizer: Quantizer, inputs: Inputs) -> None:
        """Which layers are worth computing in INT8 on the engine."""
        ranges = self._wanted_ranges()[0]

        def build(exclude: Sequence[str], between: bool) -> bytes:
            quantizer.calibrate(ranges, inputs.calibration)
            operators = graphs.OPERATORS_WIDE if between else graphs.OPERATORS_CORE
            return quantizer.static(ranges, operators, exclude, small_weights=False)

        self._gains = gaining(self._request, self._layers, build, inputs.shapes, self._notify)
        if self._gains.note:
            self._notes.append(self._gains.note)

    def _name(self) -> str:
        """What computes in INT8, as trials are called."""
        return f"INT8 ({', '.join(self._gains.sorts)})" if self._gains.sorts else "INT8"

    def _best_ranges(
        self, quantizer: Quantizer, tried: Tried, inputs: Inputs
    ) -> tuple[Ranges, dict[tuple[str, ...], Form]]:
        """How ranges are taken, by the metric, and by what is quantised all of it in INT8."""

        def attempt(ranges: Ranges, operators: tuple[str, ...], words: str = "") -> Form:
            def build() -> bytes:
                quantizer.calibrate(ranges, inputs.calibration)
                if slow:
                    quantizer.observe(inputs.calibration)
                return quantizer.static(ranges, operators, slow)

            self._notify(f"calibrating by {ranges.name}")
            return tried.attempt(f"{self._name()}, {ranges.name}{words}", build, slow)

        slow = self._gains.slow
        core, wide = graphs.OPERATORS_CORE, graphs.OPERATORS_WIDE
        forms = [(ranges, attempt(ranges, core)) for ranges in self._wanted_ranges()]
        ranges, best = min(forms, key=lambda it: _drop(it[1]))
        if slow:  # what lies beside layers in float is float
            return ranges, {core: best}
        return ranges, {core: best, wide: attempt(ranges, wide, ", between layers too")}

    def _wanted_ranges(self) -> tuple[Ranges, ...]:
        wanted = self._request.calibration
        if wanted.method == "search":
            return _SEARCHED
        percentile = wanted.percentile if wanted.method == "percentile" else None
        return (Ranges(wanted.method, percentile),)

    def _fp16(self, quantizer: Quantizer, tried: Tried, inputs: Inputs) -> Form:
        """FP16 with those layers in float whose values do not fit into it."""
        largest: dict[str, float] = {}
        for sample in inputs.judged:
            for node, value in quantizer.largest(sample).items():
                largest[node] = max(largest.get(node, 0.0), value)
        beyond = [node for node, value in largest.items() if value > _MARGIN * LARGEST]
        self._beyond = {node: largest[node] for node in beyond}
        return tried.attempt("FP16", lambda: quantizer.fp16(beyond), beyond)

    def _too_large(self, form: Form | None) -> Iterator[str]:
        """What of the model does not fit into FP16, and what that means for what came out."""
        in_half = form is not None and _form_of(form) == "compute"
        then = "it stays in float" if in_half else "in FP16 it would have to stay in float"
        for node, value in self._beyond.items():
            yield f"{node} takes or gives {value:.4g}, near or beyond FP16's {LARGEST:g}: {then}"

    def _chosen(
        self, forms: Iterator[Form | None], tried: Tried, shapes: Shapes
    ) -> tuple[Form | None, bool, str]:
        """The fastest, then smallest, that keeps the budget and is no worse than FP32."""
        keeping = [form for form in forms if form is not None and form.trial.keeps]
        if not keeping:
            return None, False, self._why_none(tried)
        found = chosen(self._request, keeping, shapes, self._notify)
        self._timing = found.timing
        return found.form, found.form is not None, found.reason

    def _why_none(self, tried: Tried) -> str:
        failed = [form.trial for form in tried.forms if form.trial.failed]
        scored = [form.trial for form in tried.forms if form.trial.drop is not None]
        if not scored and failed:
            return failed[0].failed
        nearest = min(scored, key=lambda trial: trial.drop or 0.0)
        return (
            f"no form keeps {self._request.budget.metric} within {tried.max_drop:g} of FP32: "
            f"{nearest.name} is nearest, {nearest.drop:.4g} below"
        )

    def _report(
        self,
        inputs: Inputs,
        reference: Standing,
        tried: Tried,
        form: Form | None,
        kept: bool,
        reason: str,
        nodes: int | None,
    ) -> QuantizationReport:
        request = self._request
        return QuantizationReport(
            precision=request.precision.partition("-")[0],
            form=_form_of(form) if form else "",
            engine=request.engine,
            kept=kept,
            reason=reason,
            metric=request.budget.metric,
            max_drop=request.budget.drop,
            fp32_metric=reference.metric,
            drop=form.trial.drop if form else None,
            calibration=f"{inputs.origin}, {self._ranges}",
            samples=len(inputs.calibration),
            bytes_before=len(request.base),
            bytes_after=len(form.content) if form else len(request.base),
            weight_bytes_before=graphs.weight_bytes(request.base),
            weight_bytes_after=graphs.weight_bytes(form.content if form else request.base),
            int8_nodes=nodes,
            layers=len(self._layers),
            float_layers=form.exclude if form else (),
            trials=tried.table(),
            sensitivity=self._sensitivity,
            timing=self._timing,
            notes=tuple(self._notes),
            judged=len(inputs.judged),
        )


def _overflows() -> bool:
    """Whether this processor's 8-bit products overflow unless weights have 7 bits."""
    machine = fingerprint()
    return machine["architecture"] in {"x86_64", "AMD64"} and not (
        _DOT_PRODUCTS & set(machine["flags"])
    )


def _form_of(form: Form) -> str:
    name = form.trial.name
    if name.startswith("weights"):
        return "weights"
    if name.startswith("dynamic"):
        return "dynamic"
    return "compute" if name.startswith("FP16") else "static"


def _drop(form: Form) -> float:
    return float("inf") if form.trial.drop is None else form.trial.drop
