"""What the server's benchmark sends, checks, starts and counts."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers.table import PEERS, Request, Setting, typed
from benchmarks.server import ours
from benchmarks.server.answers import AnswerError, check, telling_part
from benchmarks.server.generator import LoadError, refuse_failures, write_plan
from benchmarks.server.process import ServerError, free_port, running, session_members
from benchmarks.server.turns import Contender, in_turns, picked
from oxidizedvision.postprocess import Classification, Picture
from oxidizedvision.postprocess.results import ScoredClass

CLASSES = Classification((ScoredClass(7, None, 0.6), ScoredClass(2, None, 0.3)))


def classes(*pairs: tuple[int, float]) -> bytes:
    rows = [{"class_id": number, "score": score} for number, score in pairs]
    return json.dumps({"classes": rows}).encode()


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_classes_of_the_reference_pass() -> None:
    check("peer", classes((7, 0.601), (2, 0.299)), CLASSES)
    check("peer", classes((2, 0.3), (7, 0.6)), CLASSES)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (classes((7, 0.5), (2, 0.3)), "class 7 0.5000, the reference 0.6000"),
        (classes((9, 0.6), (2, 0.3)), "class 7 0.3000, the reference 0.6000"),
        (classes((7, 0.6)), "gives 1 classes, not 2"),
        (b"{}", "answers b'{}'"),
        (b"no JSON", "answers b'no JSON'"),
    ],
)
def test_other_classes_are_refused(answer: bytes, says: str) -> None:
    with pytest.raises(AnswerError, match=says):
        check("peer", answer, CLASSES)


def test_pixels_may_differ_by_two_of_255() -> None:
    pixels = np.full((4, 5, 3), 100, np.uint8)
    reference = Picture(pixels)
    check("peer", png(pixels + 2), reference)
    with pytest.raises(AnswerError, match="off by 3 of 255"):
        check("peer", png(pixels + 3), reference)
    with pytest.raises(AnswerError, match="gives"):
        check("peer", png(pixels[:2]), reference)
    with pytest.raises(AnswerError, match="cannot identify"):
        check("peer", b"no picture", reference)


def test_a_reply_is_told_from_others_by_its_first_class() -> None:
    assert telling_part(classes((7, 0.6), (2, 0.3))) == 'class_id": 7'
    quoted = json.dumps({"data": [classes((12, 0.6)).decode()]}).encode()
    assert telling_part(quoted) == 'class_id\\": 12'
    assert telling_part(b"\x89PNG") is None


def test_every_peer_gets_the_picture_as_it_wants_it() -> None:
    picture = b"\xff\xd8 picture"
    assert PEERS["FastAPI"].request(picture).body == picture
    assert PEERS["mosec"].request(picture).path == "/inference"
    form = PEERS["LitServe"].request(picture)
    assert picture in form.body
    boundary = form.headers["Content-Type"].partition("boundary=")[2]
    assert form.body.startswith(f"--{boundary}\r\n".encode())
    assert form.body.endswith(f"--{boundary}--\r\n".encode())
    (one,) = json.loads(PEERS["MLServer"].request(picture).body)["inputs"]
    assert one["datatype"] == "BYTES"


def test_the_answer_within_a_reply_is_found() -> None:
    inner = classes((7, 0.6))
    reply = {"outputs": [{"name": "answer", "data": [inner.decode()]}]}
    assert PEERS["MLServer"].answer(json.dumps(reply).encode()) == inner
    wrapped = json.dumps({"prediction": json.loads(inner), "model": "m"}).encode()
    assert json.loads(ours.answer(wrapped)) == json.loads(inner)
    assert ours.answer(b"\x89PNG") == b"\x89PNG"


def test_peers_are_tuned_over_workers_threads_and_batches() -> None:
    plain = [(each.workers, each.threads) for each in PEERS["FastAPI"].settings()]
    assert plain == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert {each.batch for each in PEERS["mosec"].settings()} == {1, 8}
    assert len(PEERS["mosec"].settings(batches=False)) == 4
    words = PEERS["mosec"].command(Path("python"), Path("m.onnx"), 90, Setting(2, 1, 8))
    assert words == [
        "python",
        *("-m", "benchmarks.peers.mosec_server", "--model", "m.onnx", "--port", "90"),
        *("--workers", "2", "--threads", "1", "--batch", "8"),
    ]


def test_a_binary_tensor_follows_its_header() -> None:
    array = np.arange(6, dtype=np.float32).reshape(1, 6)
    request = ours.tensor("net", "input", array)
    assert request.path == "/v2/models/net/infer"
    length = int(request.headers["Inference-Header-Content-Length"])
    (one,) = json.loads(request.body[:length])["inputs"]
    assert (one["shape"], one["parameters"]["binary_data_size"]) == ([1, 6], 24)
    assert np.array_equal(np.frombuffer(request.body[length:], np.float32), array[0])


def test_a_plan_has_its_bodies_beside_it(tmp_path: Path) -> None:
    request = Request("/p", {"A": "b"}, b"12")
    plan = write_plan(tmp_path / "new", [(request, "text"), (typed("/q", "t", b""), None)])
    first, second = json.loads(plan.read_text())["requests"]
    assert first == {
        "path": "/p",
        "headers": {"A": "b"},
        "body": "body0",
        "reply_contains": "text",
    }
    assert "reply_contains" not in second
    assert (plan.parent / "body0").read_bytes() == b"12"


def test_a_load_with_failures_is_no_figure() -> None:
    report = {
        "sent": 9,
        "admitted": 9,
        "refused": 0,
        "wrong": 0,
        "unanswered": 0,
        "by_status": {"200": 9},
        "goodput_per_s": 1.5,
        "errors": {"connect": 0},
    }
    assert refuse_failures("peer", report) is report
    for change in ({"wrong": 1}, {"refused": 1}, {"unanswered": 1}, {"errors": {"connect": 1}}):
        with pytest.raises(LoadError, match="peer: of 9 requests"):
            refuse_failures("peer", report | change)
    with pytest.raises(LoadError):
        refuse_failures("peer", report | {"admitted": 0, "goodput_per_s": 0.0})
    # All answers of a short window may be to requests from before it.
    refuse_failures("peer", report | {"sent": 0, "admitted": 0})


def test_contenders_take_turns_in_fresh_processes_and_warm_up_first() -> None:
    alive: set[str] = set()
    calls: list[str] = []

    @contextmanager
    def start(name: str) -> Iterator[str]:
        alive.add(name)
        yield name
        alive.remove(name)

    def measure(name: str) -> float:
        assert alive == {"a", "b"}
        calls.append(name)
        return float(len(calls))

    contenders = [Contender(name, lambda name=name: start(name), measure) for name in "ab"]  # type: ignore[misc]
    samples = in_turns(contenders, rounds=2, windows=3)
    assert not alive
    assert len(calls) == 2 * 2 * (3 + 1)
    assert [len(windows) for windows in samples["a"]] == [3, 3]
    assert min(min(windows) for windows in samples["a"] + samples["b"]) > 2
    for turn in range(0, len(calls), 2):
        assert set(calls[turn : turn + 2]) == {"a", "b"}
    cold = in_turns(contenders, rounds=1, windows=3, warm=False)
    assert [len(windows) for windows in cold["b"]] == [3]
    assert len(calls) == 2 * 2 * (3 + 1) + 2 * 3
    doubled = picked(samples["a"], lambda found: 2 * found)
    assert doubled[0][0] == 2 * samples["a"][0][0]


_SERVER = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if body else 400)
        self.end_headers()
        self.wfile.write(body + str(sorted(os.sched_getaffinity(0))).encode())
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_a_server_runs_on_its_core_and_ends_with_all_its_processes() -> None:
    import os

    core = max(os.sched_getaffinity(0))
    port = free_port()
    command = (sys.executable, "-c", _SERVER, str(port))
    with running("small", command, port, core, ready="/ready") as server:
        assert server.ask(Request("/", {}, b"asked ")) == f"asked [{core}]".encode()
        with pytest.raises(ServerError, match="small answers 400"):
            server.ask(Request("/", {}, b""))
        members = session_members(server.pid)
        assert len(members) == 2
        memory = server.memory()
        assert memory.resident >= memory.proportional > 5
        assert server.ready_s > 0
        server.pause()
        _wait_until_stopped(members)
        with server.awake():
            assert server.ask(Request("/", {}, b"again ")) == f"again [{core}]".encode()
        _wait_until_stopped(members)
    assert session_members(members[0]) == []
    assert not [pid for pid in members if Path(f"/proc/{pid}").exists() and _lives(pid)]
    assert core in os.sched_getaffinity(0)


def _wait_until_stopped(pids: list[int]) -> None:
    for _ in range(1000):
        if {_state(pid) for pid in pids} == {"T"}:
            return
        time.sleep(0.01)
    pytest.fail("it goes on")


def _lives(pid: int) -> bool:
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def test_a_server_that_ends_at_once_says_why() -> None:
    command = (sys.executable, "-c", "raise SystemExit('no model')")
    with pytest.raises(ServerError, match="no model"), running("s", command, 1, 0, ready="/"):
        threading.Event().wait(0)


def test_our_server_is_started_with_the_settings_that_are_asked_for() -> None:
    words = ours.command(Path("p"), Path("m.oxv.json"), "ort", 9, {"limits.queue.requests": 16})
    assert words[:2] == ["p", "m.oxv.json"]
    assert words[-2:] == ["--set", "limits.queue.requests=16"]
    assert "--set" not in ours.command(Path("p"), Path("m.oxv.json"), "ort", 9, {})
