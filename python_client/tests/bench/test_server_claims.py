"""The server's claims hold on figures that keep them, and are refuted on figures that do not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.server import claims, parts, report, run
from benchmarks.server.claims import AUTO, OURS
from benchmarks.server.generator import LoadError

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
        "seconds": {"jpeg": 400, "p99": 200},
        "auto": {"engine": "openvino", "precision": "int8"},
        "tuning": [
            {
                "server": peer,
                "setting": {"workers": workers, "threads": 1, "batch": 1},
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
            "deadline_s": 30.0,
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
        "idle": [
            idle("ours, rten", [0.2, 0.3], [60.0, 62.0], [58.0, 59.0]),
            idle("FastAPI", [2.0], [200.0], [180.0]),
        ],
    }


def idle(server: str, ready: list[float], resident: list[float], own: list[float]) -> Document:
    return {
        "server": server,
        "ready_s": ready,
        "resident_mib": resident,
        "proportional_mib": own,
    }


def document(*models: Document) -> Document:
    return {"schema_version": 1, "machine": MACHINE, "models": list(models) or [model()]}


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
    assert claims.broken_claims(document(model(), model("denoiser"))) == []


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
    (claim, *others) = claims.broken_claims(document(figures))
    assert claim.startswith("mobilenet_v2: ")
    assert says in claim
    # A peer that is too good for one of ours is so for the other, and several may be alike.
    assert all(AUTO in other for other in others)


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
    figures = model()
    figures["idle"][0][key] = values
    assert claims.broken_claims(document(figures)) == [f"mobilenet_v2: {says}"]


def test_the_denoiser_must_not_serve_fewer_than_a_peer_and_with_auto_twice_as_many() -> None:
    even = model("denoiser")
    for server in ("FastAPI", "LitServe", "mosec", "MLServer"):
        slow(server, 10.0)(even)
    found = claims.broken_claims(document(even))
    assert found
    assert all(claim.startswith(f"denoiser: {AUTO} serves") for claim in found)
    slow("mosec", 9.0)(even)
    (claim,) = (claim for claim in claims.broken_claims(document(even)) if AUTO not in claim)
    assert claim.startswith("denoiser: ours, ort serves 0.90 times as many pictures as mosec")


def test_a_peer_that_does_not_install_may_be_left_out() -> None:
    figures = model()
    for rows in (figures["throughput"], figures["steady"]["rows"]):
        rows[:] = [each for each in rows if each["server"] != "MLServer"]
    figures["missing"] = [{"server": "MLServer", "reason": "no such wheel"}]
    assert claims.broken_claims(document(figures)) == []
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
    assert f"| {AUTO} | openvino, INT8 | 142.9 |" in text
    assert "| at 30 pictures a second | p50, ms | p99, ms |" in text
    assert "| mosec | 25.0 | 50.0 |" in text
    assert "| goodput, of the peak | 0.95 |" in text
    assert "| ours, rten | 0.25 | 61 | 58 |" in text


@pytest.mark.parametrize(
    "keys",
    [
        ("auto", "tuning", "missing", "throughput"),
        ("steady",),
        ("tensors", "single"),
        ("overload",),
        ("idle",),
    ],
)
def test_a_part_alone_is_shown_and_judged(keys: tuple[str, ...]) -> None:
    alone = {key: value for key, value in model().items() if key in ("model", "seconds", *keys)}
    assert claims.broken_claims(document(alone)) == []
    everything = report.markdown(document()).splitlines()
    shown = report.markdown(document(alone)).splitlines()
    assert set(shown) < set(everything)
    assert len([line for line in shown if line.startswith("| --- |")]) == 1


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that tables are written into; what is committed stands beside it."""
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    monkeypatch.setattr(report, "fingerprint", lambda: MACHINE)
    (tmp_path / "README.md").write_text(f"before\n{report.START}\nold\n{report.END}\nafter\n")
    return tmp_path / "README.md"


def test_a_part_that_is_measured_again_leaves_the_others_as_they_were(page: Path) -> None:
    assert report.committed() == {}
    report.write(document(model(), model("denoiser")))
    known = report.committed()
    assert known is not None
    again = {"model": "mobilenet_v2", "seconds": {"idle": 7}, "idle": model()["idle"][:1]}
    first, second = run.merged(known, [again])
    assert (first["idle"], first["steady"]) == (again["idle"], known["mobilenet_v2"]["steady"])
    assert first["seconds"] == {"jpeg": 400, "p99": 200, "idle": 7}
    assert second == known["denoiser"]


def test_what_went_by_figures_that_were_found_anew_is_left_out() -> None:
    again = {"model": "denoiser", "seconds": {"jpeg": 9}, "throughput": [], "tuning": []}
    (found,) = run.merged({"denoiser": model("denoiser")}, [again])
    assert "steady" not in found
    assert found["overload"] == model()["overload"]


def test_a_part_that_fails_takes_only_those_that_go_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> dict[str, object]:
        raise LoadError("ours, ort: refused")

    made = {
        "jpeg": parts.Part(refused, ("auto",)),
        "p99": parts.Part(lambda *_: {"steady": 1}, ("steady",), needs=("auto",)),
        "idle": parts.Part(lambda *_: {"idle": 2}, ("idle",)),
    }
    monkeypatch.setattr(run, "PARTS", made)
    bench = SimpleNamespace(case=SimpleNamespace(subject=SimpleNamespace(name="denoiser")))
    failed: list[Exception] = []
    found = run.measured(cast(parts.Bench, bench), list(made), {}, failed)
    assert found == {"model": "denoiser", "seconds": {"idle": 0}, "idle": 2}
    assert [str(error) for error in failed] == ["ours, ort: refused"]
    assert "error: denoiser, jpeg: ours, ort: refused" in capsys.readouterr().err


def test_figures_of_another_machine_are_not_mixed_in(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report.write(document())
    monkeypatch.setattr(report, "fingerprint", lambda: {**MACHINE, "cpu": "another"})
    assert report.committed() is None
    assert run.main(["--part", "idle", "--write"]) == 2
    assert "another machine's" in capsys.readouterr().err


def test_a_part_that_goes_by_another_needs_its_figures() -> None:
    parts.check_needs(["p99"], "denoiser", model())
    parts.check_needs(["jpeg", "p99"], "denoiser", {})
    with pytest.raises(parts.PartError, match="p99 of denoiser goes by what the part jpeg found"):
        parts.check_needs(["p99", "idle"], "denoiser", {})


def test_what_is_written_tells_the_same_claims(page: Path) -> None:
    report.write(document())
    text, results = page.read_text(), page.with_name("results.json")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "10 minutes on EPYC" in text
    again = json.loads(results.read_text())
    assert report.markdown(again) in text
    assert claims.broken_claims(again) == []
    worse = copy.deepcopy(again)
    worse["models"][0]["overload"]["goodput_per_s"] = 10.0
    assert claims.broken_claims(worse)
