"""A runner that answers wrongly in any way fails, and is told why."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import ModelInfo, TensorSpec
from oxidizedvision.meaning import Meaning
from oxidizedvision.runners import Availability, Runner, RunnerConfig, table
from oxidizedvision.runners.target import Unavailable
from oxidizedvision.validate import ValidationResult
from oxidizedvision.validate.cases import Case
from oxidizedvision.validate.checks import check_runner
from oxidizedvision.validate.limits import Rules

Outputs = dict[str, np.ndarray]
SPEC = TensorSpec("input", "f32", (2, 3))
DEFAULT = {"mae": 1e-5, "cos_sim": 0.999}


def _right(array: np.ndarray) -> Outputs:
    return {"sum": array + 1, "product": array * 2}


class _Planted(Runner):
    """Answers as a function says; its info calls it `engine`."""

    def __init__(self, answer: Callable[[np.ndarray], Outputs], engine: str) -> None:
        self._answer = answer
        self._engine = engine
        self.closed = False

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("planted", self._engine, "1.0", (SPEC,), (), 1, "cpu")

    def _run(self, inputs: Outputs) -> Outputs:
        return self._answer(inputs["input"])

    def close(self) -> None:
        self.closed = True


def _cases(count: int = 2) -> list[Case]:
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal((2, 3)).astype(np.float32) for _ in range(count)]
    return [
        Case(f"case-{index}", {"input": array}, _right(array)) for index, array in enumerate(arrays)
    ]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[..., _Planted]:
    """Put a runner in the place of tract."""

    def put(answer: Callable[[np.ndarray], Outputs], engine: str = "tract") -> _Planted:
        runner = _Planted(answer, engine)
        row = table.Engine(
            "tract", ("onnx",), None, lambda: Availability("ready", "1.0"), tuple, lambda *_: runner
        )
        monkeypatch.setattr(table, "ENGINES", (row,))
        return runner

    return put


def _rows(
    base: dict[str, float] = DEFAULT, outputs: dict[str, dict[str, float]] | None = None
) -> list[ValidationResult]:
    rules = Rules("fp32", base, outputs or {}, {}, Meaning())
    rows = check_runner("tract", RunnerConfig(b""), None, _cases(), rules)
    assert not isinstance(rows, Unavailable)
    return rows


def _check() -> dict[str, str]:
    rows = _rows()
    assert all(row.passed == (not row.reason) for row in rows)
    return {row.output: row.reason for row in rows}


def test_the_right_answer_passes_and_the_runner_is_closed(plant: Callable[..., _Planted]) -> None:
    runner = plant(_right)
    assert _check() == {"sum": "", "product": ""}
    assert runner.closed


def _nan(array: np.ndarray) -> Outputs:
    outputs = _right(array)
    outputs["sum"][0, 0] = math.nan
    return outputs


def _swapped(array: np.ndarray) -> Outputs:
    right = _right(array)
    return {"sum": right["product"], "product": right["sum"]}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (_nan, {"sum": "NaN"}),
        (_swapped, {"sum": "MAE", "product": "MAE"}),
        (lambda a: {**_right(a), "sum": (a + 1).T}, {"sum": "shape is [3, 2], expected [2, 3]"}),
        (lambda a: {**_right(a), "sum": a[None] + 1}, {"sum": "shape"}),
        (lambda a: {**_right(a), "sum": (a + 1).astype(np.float64)}, {"sum": "type is f64"}),
        (lambda a: {"sum": a + 1}, {"product": "missing"}),
        (lambda a: {**_right(a), "extra": a}, {"extra": "no such output"}),
        (lambda a: {**_right(a), "sum": a + 1.001}, {"sum": "MAE 0.001 is above 1e-05"}),
        (lambda a: {**_right(a), "sum": np.zeros_like(a)}, {"sum": "cosine similarity 0 is below"}),
    ],
)
def test_a_wrong_answer_fails_with_its_reason(
    plant: Callable[..., _Planted], answer: Callable[[np.ndarray], Outputs], failed: dict[str, str]
) -> None:
    plant(answer)
    found = {output: reason for output, reason in _check().items() if reason}
    assert found.keys() == failed.keys()
    for output, says in failed.items():
        assert says in found[output]


def test_one_bad_case_among_good_ones_fails(plant: Callable[..., _Planted]) -> None:
    bad = _cases()[1].inputs["input"]
    plant(lambda a: _nan(a) if np.array_equal(a, bad) else _right(a))
    assert _check() == {"sum": "case-1: 1 of 6 values are NaN", "product": ""}


def test_a_run_that_fails_is_a_failed_row(plant: Callable[..., _Planted]) -> None:
    def fail(array: np.ndarray) -> Outputs:
        raise OxidizedVisionError(Kind.PANICKED, "the engine panicked")

    plant(fail)
    reason = "case-0: panicked: the engine panicked"
    assert _check() == {"sum": reason, "product": reason}


def test_an_engine_that_is_another_one_fails(plant: Callable[..., _Planted]) -> None:
    plant(_right, engine="onnxruntime")
    assert all("it is onnxruntime that ran, not tract" in reason for reason in _check().values())


def test_a_row_tells_where_the_largest_difference_is_and_what_it_was_held_to(
    plant: Callable[..., _Planted],
) -> None:
    wrong = _cases()[1].inputs["input"]

    def answer(array: np.ndarray) -> Outputs:
        outputs = _right(array)
        if np.array_equal(array, wrong):
            outputs["sum"][1, 2] += 0.5
        return outputs

    plant(answer)
    row, other = _rows()
    place, expected = row.worst_value, float(wrong[1, 2]) + 1
    assert place is not None
    assert (place.index, place.case) == ((1, 2), "case-1")
    assert (place.expected, place.got) == pytest.approx((expected, expected + 0.5), abs=1e-6)
    said = f"the largest difference is at [1, 2]: {place.got:.6g}, expected {place.expected:.6g}"
    assert row.reason.startswith("case-1: MAE 0.0833 is above 1e-05")
    assert row.reason.endswith(said)
    assert (row.limits, row.precision) == (DEFAULT, "fp32")
    assert (other.worst_value, other.sqnr_db, other.psnr_db) == (None, math.inf, math.inf)
    assert (row.iou, row.top5) == (None, None)


def _shifted(array: np.ndarray) -> Outputs:
    """Half a unit more everywhere but for the best class of each row, which is another one."""
    outputs = _right(array)
    outputs["sum"] = np.flip(outputs["sum"], axis=1) + np.float32(0.5)
    return outputs


@pytest.mark.parametrize(
    ("key", "held", "broken", "says"),
    [
        ("mae", 9.0, 0.01, "MAE"),
        ("cos_sim", -1.0, 1.0, "cosine similarity"),
        ("max_error", 9.0, 0.01, "maximum error"),
        ("sqnr_db", -90.0, 60.0, "SQNR"),
        ("psnr_db", -90.0, 60.0, "PSNR"),
        ("top1", 0.0, 0.9, "top-1 agreement"),
    ],
)
def test_each_limit_can_be_kept_and_broken(
    plant: Callable[..., _Planted], key: str, held: float, broken: float, says: str
) -> None:
    plant(_shifted)
    assert [row.reason for row in _rows({key: held})] == ["", ""]
    row, other = _rows({key: broken})
    assert not other.reason
    assert f": {says} " in row.reason
    assert f"{broken:g}" in row.reason
    assert [row.passed for row in _rows({}, {"sum": {key: broken}})] == [False, True]
    assert [row.passed for row in _rows({key: broken}, {"sum": {key: held}})] == [True, True]


def _wide(array: np.ndarray) -> Outputs:
    """Scores of seven classes, and a mask of two classes on a row of three pixels."""
    scores = np.concatenate([array, array * 0.5, array[:, :1] * 0.25], axis=1)
    return {"scores": scores, "mask": array.reshape(1, 2, 1, 3)}


@pytest.mark.parametrize(
    ("output", "key", "says"),
    [
        ("scores", "top1", "top-1 agreement 0 is below 0.5"),
        ("scores", "top5", "top-5 agreement 0 is below 0.5"),
        ("mask", "iou", "mask IoU 0 is below 0.5"),
    ],
)
def test_limits_of_classes_and_masks_can_be_broken(
    plant: Callable[..., _Planted], output: str, key: str, says: str
) -> None:
    cases = [Case(case.name, case.inputs, _wide(case.inputs["input"])) for case in _cases()]
    rules = Rules("int8", {key: 0.5}, {}, {}, Meaning())
    for sign, passes in ((1, True), (-1, False)):
        plant(lambda array, sign=sign: {n: sign * part for n, part in _wide(array).items()})
        rows = check_runner("tract", RunnerConfig(b""), None, cases, rules)
        assert not isinstance(rows, Unavailable)
        row = next(row for row in rows if row.output == output)
        assert row.passed is passes
        assert (says in row.reason) is not passes
