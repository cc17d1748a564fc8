"""The server's claims hold on figures that keep them, and are refuted on figures that do not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.server import claims, report
from benchmarks.server.claims import AUTO, OURS

ROUNDS, WINDOWS = 3, 4
MACHINE = {
    "cpu": "EPYC",
    "flags": ["avx2"],
    "threads_granted": 2,
    "cores": 2,
    "os": "Linux 6.1-name",
    "versions": {"onnxruntime": "1"},
}

Document = dict[str, Any]


def windows(ms: float) -> list[list[float]]:
    return [[ms] * WINDOWS for _ in range(ROUNDS)]


def served(server: str, ms: float) -> dict[str, Any]:
    return {"server": server, "per_s": 1000 / ms, "windows_ms": windows(ms)}


def late(server: str, p99_ms: float) -> dict[str, Any]:
    return {
        "server": server,
        "p50_ms": p99_ms / 2,
        "p99_ms": p99_ms,
        "windows_ms": windows(p99_ms),
        "send_lag_p99_ms": 0.1,
    }


def latency(p99: float) -> dict[str, float]:
    return {"count": 100, "p50": p99 / 2, "p99": p99}


def model(name: str = "mobilenet_v2") -> Document:
    """Figures that keep every claim."""
    peers = {"FastAPI": 20.0, "LitServe": 24.0, "mosec": 16.0, "MLServer": 26.0}
    return {
        "model": name,
        "auto": "openvino, net.onnx",
        "tuning": [
            {
                "server": peer,
                "setting": f"workers {workers}, threads 1",
                "per_s": 1000 / ms - workers,
            }
            for peer, ms in peers.items()
            for workers in (1, 2)
        ],
        "missing": [],
        "throughput": [
            served(OURS, 10.0),
            served(AUTO, 7.0),
            *(served(peer, ms) for peer, ms in peers.items()),
        ],
        "steady": {
            "rate": 30.0,
            "rows": [late(OURS, 20.0), late(AUTO, 18.0), *(late(peer, 50.0) for peer in peers)],
        },
        "tensors": {"served_ms": windows(7.2), "bare": "bare, batch 1", "bare_ms": windows(7.0)},
        "single": {
            "reply_bytes": 4000,
            "served_ms": windows(7.6),
            "engine_ms": windows(7.0),
            "echo_ms": windows(0.4),
            "full_echo_ms": windows(0.5),
        },
        "overload": {
            "peak_per_s": 100.0,
            "rate": 300.0,
            "goodput_per_s": 95.0,
            "sent": 18000,
            "by_status": {"200": 5700, "429": 12300},
            "errors": {"connect": 0, "broken": 0, "timeout": 0},
            "wrong": 0,
            "unanswered": 0,
            "admitted_ms": latency(5000.0),
            "refused_ms": latency(20.0),
            "memory_mib": [90.0, 150.0, 150.0, 152.0],
        },
    }


def document(*models: Document) -> Document:
    own = {"ready_s": [0.2, 0.3], "resident_mib": [60.0, 62.0], "proportional_mib": [58.0, 59.0]}
    peer = {"ready_s": [2.0], "resident_mib": [200.0], "proportional_mib": [180.0]}
    return {
        "machine": MACHINE,
        "seconds": 600,
        "deadline_s": 30.0,
        "models": list(models) or [model()],
        "idle": [{"server": "ours, rten", **own}, {"server": "FastAPI", **peer}],
    }


def row(found: Document, table: str, server: str) -> dict[str, Any]:
    rows = found[table]["rows"] if table == "steady" else found[table]
    return next(each for each in rows if each["server"] == server)


def slow(server: str, ms: float) -> Callable[[Document], None]:
    return lambda found: row(found, "throughput", server).update(served(server, ms))


def tardy(server: str, ms: float) -> Callable[[Document], None]:
    return lambda found: row(found, "steady", server).update(late(server, ms))


def part(table: str, **values: Any) -> Callable[[Document], None]:
    return lambda found: found[table].update(values)


def lost(found: Document) -> None:
    found["overload"]["errors"]["broken"] = 3


def without_mosec(found: Document) -> None:
    found["throughput"].remove(row(found, "throughput", "mosec"))


def test_claims_hold() -> None:
    assert report.broken_claims(document(model(), model("denoiser"))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (slow("FastAPI", 14.0), f"{OURS} serves 1.40 times as many pictures as FastAPI, wanted"),
        (slow("mosec", 12.0), f"{OURS} serves 1.20 times as many pictures as mosec, wanted 1.3"),
        (slow("LitServe", 12.9), f"{OURS} serves 1.29 times as many pictures as LitServe"),
        (slow("MLServer", 9.0), f"{OURS} serves 0.90 times as many pictures as MLServer"),
        (slow(AUTO, 8.5), f"{AUTO} serves 1.88 times as many pictures as mosec, wanted 2.0"),
        (without_mosec, "mosec was not measured"),
        (tardy("mosec", 19.0), f"p99 of {OURS} is 20.0 ms, of mosec 19.0 ms"),
        (tardy(AUTO, 50.0), f"p99 of {AUTO} is 50.0 ms, of FastAPI 50.0 ms"),
        (part("tensors", served_ms=windows(7.5)), "binary tensors are at 0.933 of the bare"),
        (part("single", served_ms=windows(7.7)), "a call takes 300 µs above engine and echo"),
        (part("overload", goodput_per_s=89.0), "goodput under overload is 0.89 of the peak"),
        (part("overload", refused_ms=latency(51.0)), "p99 of refusals is 51.0 ms, wanted 50"),
        (part("overload", refused_ms=None), "nothing was refused under overload"),
        (part("overload", wrong=2), "2 of 18000 requests had no right answer under overload"),
        (part("overload", unanswered=4), "4 of 18000 requests had no right answer"),
        (lost, "3 of 18000 requests had no right answer"),
        (part("overload", admitted_ms=latency(30_500.0)), "beyond the deadline of 30 s"),
        (
            part("overload", memory_mib=[90.0, 150.0, 160.0, 190.0]),
            "memory grows under overload, from 150 to 190 MiB",
        ),
    ],
)
def test_each_claim_about_a_model_can_be_refuted(
    change: Callable[[Document], None], says: str
) -> None:
    figures = model()
    change(figures)
    (claim, *others) = report.broken_claims(document(figures))
    assert claim.startswith("mobilenet_v2: ")
    assert says in claim
    # FastAPI stands for all peers whose p99 is the same.
    assert all("p99 of ours, auto" in other for other in others)


@pytest.mark.parametrize(
    ("key", "values", "says"),
    [
        ("resident_mib", [60.0, 81.0, 82.0], "idle memory is 81 MiB, wanted at most 80"),
        ("ready_s", [0.4, 0.51, 0.5], "it is ready after 0.50 s, wanted below 0.5"),
    ],
)
def test_each_claim_about_the_idle_server_can_be_refuted(
    key: str, values: list[float], says: str
) -> None:
    figures = document()
    figures["idle"][0][key] = values
    assert report.broken_claims(figures) == [says]


def test_the_denoiser_must_not_serve_fewer_than_a_peer() -> None:
    even = model("denoiser")
    for server in ("FastAPI", "LitServe", "mosec", "MLServer"):
        slow(server, 10.0)(even)
    assert report.broken_claims(document(even)) == []
    slow("mosec", 9.0)(even)
    (claim,) = report.broken_claims(document(even))
    assert claim.startswith("denoiser: ours, ort serves 0.90 times as many pictures as mosec")


def test_a_peer_that_does_not_install_may_be_left_out() -> None:
    figures = model()
    for rows in (figures["throughput"], figures["steady"]["rows"]):
        rows[:] = [each for each in rows if each["server"] != "MLServer"]
    figures["missing"] = [{"server": "MLServer", "reason": "no such wheel"}]
    assert report.broken_claims(document(figures)) == []
    assert "MLServer was left out: no such wheel" in report.markdown(document(figures))


def test_what_a_call_costs_is_told_with_its_interval() -> None:
    figures = model()["single"]
    figures["served_ms"] = [[7.5] * WINDOWS, [7.6] * WINDOWS, [7.7] * WINDOWS]
    extra, (low, high) = claims.extra_us(figures)
    assert extra == pytest.approx(200, abs=2)
    assert low < 100
    assert high > 300


def test_the_tables_have_every_server_at_its_best() -> None:
    text = report.markdown(document())
    assert "| FastAPI | workers 1, threads 1 | 50.0 | 2.00 (2.00 to 2.00) |" in text
    assert f"| {AUTO} | openvino, net.onnx | 142.9 |" in text
    assert "| goodput, of the peak | 0.95 |" in text
    assert "| ours, rten | 0.25 | 61 | 58 |" in text


def test_what_is_written_tells_the_same_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(f"before\n{report.START}\nold\n{report.END}\nafter\n")
    figures = document()
    report.write(figures)
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert "10 minutes on EPYC" in page
    again = json.loads((tmp_path / "results.json").read_text())
    assert report.markdown(again) in page
    assert report.broken_claims(again) == []
    worse = copy.deepcopy(again)
    worse["models"][0]["overload"]["goodput_per_s"] = 10.0
    assert report.broken_claims(worse)
