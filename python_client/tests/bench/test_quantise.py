"""The claims about smaller models hold on figures that keep them, and are refuted on others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.quantise import avx2_only, measure, report
from benchmarks.quantise.models import NAMES
from benchmarks.quantise.peers import CONTROLLED, PLAIN
from benchmarks.wheels import FetchError
from oxidizedvision.benchmark.machine import fingerprint

GOOD = {
    "engine": "ort",
    "form": "static",
    "kept": True,
    "keeps": True,
    "drop": 0.001,
    "bytes": 300_000,
    "file_ratio": 0.28,
    "weight_ratio": 0.25,
    "latency_ratio": 0.5,
    "latency_interval": [0.48, 0.52],
    "verdict": "faster",
    "ours_over": 0.98,
    "ours_over_interval": [0.9, 1.05],
}


def row(by: str = "ours", precision: str = "int8", **values: Any) -> dict[str, Any]:
    return {"by": by, "precision": precision, **GOOD, **values}


def model(*rows: dict[str, Any], macs: int = 60_000_000, name: str = "net") -> dict[str, Any]:
    return {"name": name, "macs": macs, "metric": "psnr", "max_drop": 0.2, "rows": list(rows)}


def broken(*models: dict[str, Any], flags: tuple[str, ...] = ("avx512_vnni",)) -> list[str]:
    return report.broken_claims({"machine": {"flags": flags}, "models": models})


def test_claims_hold() -> None:
    half = row(precision="fp16", weight_ratio=0.5, file_ratio=0.52, latency_ratio=1.0)
    assert broken(model(row(), half, row(PLAIN), row(CONTROLLED, latency_ratio=0.6))) == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"keeps": False, "drop": 0.3}, "the budget is broken by 0.3"),
        ({"verdict": "slower", "latency_ratio": 1.2}, "slower than FP32, 1.20"),
        ({"latency_ratio": 1.01, "latency_interval": [1.006, 1.02]}, "slower than FP32, 1.01"),
        ({"weight_ratio": 0.28}, "weights are 0.280 of FP32's"),
        ({"file_ratio": 0.33, "bytes": 660_000}, "the file is 0.330 of FP32's"),
        ({"latency_ratio": 0.7}, "INT8 takes 0.70 of FP32's time in the mean, wanted 0.65"),
        ({"precision": "fp16", "weight_ratio": 0.6}, "weights are 0.600 of FP32's"),
    ],
)
def test_each_claim_can_be_refuted(values: dict[str, Any], says: str) -> None:
    assert any(says in claim for claim in broken(model(row(**values))))


def test_what_is_small_need_not_be_fast_nor_its_file_a_quarter() -> None:
    small = row(file_ratio=0.45, bytes=40_000, latency_ratio=0.95)
    assert broken(model(small, macs=1_000_000)) == []


def test_a_model_whose_macs_are_not_known_is_none_of_the_small_ones() -> None:
    unknown = {**model(row(latency_ratio=0.95)), "macs": None}
    assert broken(unknown) == ["INT8 takes 0.95 of FP32's time in the mean, wanted 0.65"]
    small = model(row(latency_ratio=0.95), macs=1_000_000)
    assert broken(small) == []


def test_without_8_bit_products_less_is_wanted() -> None:
    slow = model(row(latency_ratio=0.75))
    assert broken(slow, flags=("avx2",)) == []
    assert broken(slow)


def test_refusals_break_nothing_but_count_against_peers() -> None:
    refused = row(kept=False, reason="it takes 1.2 times as long")
    assert broken(model(refused)) == []
    assert broken(model(refused, row(PLAIN))) == [
        "ours keeps the budget 0 times, quantize_static 1 times"
    ]
    assert broken(model(refused, row(PLAIN, keeps=False))) == []


def test_a_peer_that_has_nothing_over_fp32_does_not_count() -> None:
    refused = row(kept=False, reason="it takes 1.2 times as long")
    nothing = row(CONTROLLED, weight_ratio=0.999)
    slower = row(PLAIN, latency_ratio=1.4, verdict="slower")
    assert broken(model(refused, nothing, slower)) == []
    assert "| nothing is quantised |" in report.markdown({"models": [model(nothing)]})


def test_a_peer_that_is_faster_within_the_budget() -> None:
    slower = row(PLAIN, ours_over=1.25, ours_over_interval=[1.2, 1.3])
    same = row(PLAIN, ours_over=1.02, ours_over_interval=[0.97, 1.08])
    assert broken(model(row(), slower)) == [
        "ours takes 1.25 of the time of quantize_static in the mean"
    ]
    assert broken(model(row(), same)) == []
    assert broken(model(row(), same), model(row(), slower, name="other")) == [
        "ours takes 1.13 of the time of quantize_static in the mean"
    ]


def test_the_table_tells_refusals_and_broken_budgets() -> None:
    refused = row(PLAIN, kept=False, reason="it | failed")
    text = report.markdown({"models": [model(row(), refused, row(CONTROLLED, keeps=False))]})
    assert "| net | 60 | ours | int8 | ort | static | 0.001 (psnr 0.2) | 0.250 |" in text
    assert "it / failed" in text
    assert "BROKEN" in text
    assert "Ours over NNCF" not in text
    assert "geometric mean, from 50 million MACs on: 0.50." in text


def test_what_of_ours_looks_slower_is_timed_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """In twice as many processes, by itself; what a peer makes is not, nor what is no slower."""
    asked: list[tuple[set[str], int]] = []
    figures = {"ours int8": [1.01, 0.99], "ours fp16": [0.98], f"{PLAIN} int8": [1.3]}

    def together(
        self: measure.Bench, engine: str, forms: dict[str, bytes], processes: int
    ) -> tuple[str, dict[str, float]]:
        asked.append((set(forms), processes))
        return "FP32", {name: figures[name].pop(0) for name in forms}

    def latency(row: dict[str, Any], before: str, results: dict[str, float]) -> dict[str, Any]:
        found = results[f"{row['by']} {row['precision']}"]
        return {"latency_ratio": found, "latency_interval": [found, found], "verdict": ""}

    monkeypatch.setattr(measure.Bench, "_together", together)
    monkeypatch.setattr(measure, "_latency", latency)
    bench = object.__new__(measure.Bench)
    bench.model = cast("Any", SimpleNamespace(name="net"))
    bench._say = lambda _: None
    made = [row(), row(precision="fp16"), row(PLAIN)]
    rows = bench._timed("ort", [(it, b"model") for it in made])
    assert [it["latency_ratio"] for it in rows] == [0.99, 0.98, 1.3]
    assert asked == [(set(figures), 5), ({"ours int8"}, 10)]


def test_the_models_are_those_that_were_promised() -> None:
    assert NAMES == ("denoiser", "ppocr_det", "ppocr_rec", "pnet", "rnet", "onet", "digits")


def test_models_measured_anew_take_the_place_of_their_old_rows() -> None:
    machine = {"cpu": "a", "versions": {"torch": "2"}}
    old = {"machine": machine, "seconds": 9, "models": [{"name": "digits"}, {"name": "pnet"}]}
    new = {"machine": machine, "seconds": 1, "models": [{"name": "pnet", "macs": 5}]}
    both = report.merged(new, old)
    assert both["models"] == [{"name": "pnet", "macs": 5}, {"name": "digits"}]
    assert both["seconds"] == 10
    assert report.merged(new, None) is new


def test_figures_of_two_machines_never_stand_in_one_table() -> None:
    old = {"machine": {"cpu": "a"}, "seconds": 9, "models": []}
    with pytest.raises(SystemExit, match="another machine"):
        report.merged({**old, "machine": {"cpu": "b"}}, old)


ASKS = """
from onnxruntime import get_available_providers  # what asks CPUID when it is loaded
from oxidizedvision.benchmark.machine import fingerprint
print(*fingerprint()["flags"], "end")
"""


def test_nothing_beyond_avx2_is_left_where_it_is_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    if sys.platform != "linux" or "avx2" not in fingerprint()["flags"]:
        pytest.skip("AVX2 can be all that is left on x86-64 with Linux only")
    code = avx2_only.hiding([sys.executable, "-c", ASKS])
    said = capfd.readouterr()
    if code == 4:
        assert "CPUID cannot be made to trap" in said.err
        pytest.skip("CPUID cannot be made to trap here")
    assert code == 0
    assert said.out.split()[-1] == "end"
    assert "avx2" in said.out.split()
    assert not {"avx512f", "avx512_vnni", "avx_vnni", "amx_int8"} & set(said.out.split())


def test_what_cannot_be_hidden_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", f"/somewhere/{avx2_only.LIBRARY}")
    with pytest.raises(FetchError, match="could not be hidden"):
        avx2_only.hiding(["true"])


def test_each_table_has_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [f"<!-- {mark}:start -->\nold\n<!-- {mark}:end -->" for mark in ("one", "one-avx2")]
    page = tmp_path / "README.md"
    page.write_text("before\n" + "\n".join(marks) + "\nafter\n", encoding="utf-8")
    monkeypatch.setattr(report, "README", page)
    place = report.Place(tmp_path / "results.json", "one-avx2")
    machine = {"cpu": "A", "flags": ["avx2"], "threads_granted": 2, "cores": 2, "versions": {}}
    document = {"machine": {**machine, "os": "Linux"}, "seconds": 60, "models": [model(row())]}
    place.write(document)
    assert place.committed() == document
    first, second = page.read_text(encoding="utf-8").split("<!-- one:end -->")
    assert first == f"before\n{marks[0]}".removesuffix("<!-- one:end -->")
    assert "| net | 60 | ours | int8 | ort | static |" in second
    assert "old" not in second
