"""A measured process that dies, hangs or babbles is a typed error, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from oxidizedvision.benchmark.session import Session, pinned, waited_s
from oxidizedvision.core.errors import Kind, OxidizedVisionError

READY = '{"backend": "tract", "backend_version": "1", "threads": 1, "load_ms": 2, "first_ms": 3}'
ANSWERS = f"""
import json, os, sys
print('{READY}', flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    times = [1.0] * asked.get("runs", asked.get("least", 0))
    print(json.dumps({{"latency_ms": times, "peak_rss_mib": None}}), flush=True)
"""


def _open(code: str, timeout_s: float = 30.0) -> Session:
    command = (sys.executable, "-S", "-c", code)
    return Session("tract", command, processors=(), timeout_s=timeout_s)


def _after_start(code: str) -> str:
    return f"import os, sys, time\nprint('{READY}', flush=True)\nsys.stdin.readline()\n{code}"


def test_windows_are_asked_for_and_answered() -> None:
    session = _open(ANSWERS)
    try:
        assert (session.start.engine_version, session.start.first_ms) == ("tract 1", 3)
        assert session.window(runs=3).latency_ms == [1.0] * 3
        window = session.window(seconds=0.01)
        assert window.latency_ms == [1.0]
        assert window.waited_s is None or window.waited_s >= 0
        assert 0 < window.took_s < 30
    finally:
        session.close()


_SPINS = f"""
import json, sys, threading, time
print('{READY}', flush=True)
def spin():
    end = time.perf_counter() + SPIN_S
    while time.perf_counter() < end:
        pass
for line in sys.stdin:
    threading.Thread(target=spin, daemon=True).start()
    print(json.dumps({{"latency_ms": [1.0], "peak_rss_mib": None}}), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no thread states here")
@pytest.mark.parametrize("spin_s", [0.05, 600.0])
def test_the_next_window_waits_for_threads_that_spin_but_not_for_ever(spin_s: float) -> None:
    session = _open(_SPINS.replace("SPIN_S", str(spin_s)))
    try:
        start = time.monotonic()
        session.window(runs=1)
        assert min(spin_s, 0.1) * 0.8 <= time.monotonic() - start < 30
    finally:
        session.close()


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("sys.stderr.write('last words'); os.abort()", Kind.PANICKED, "signal 6.*\nlast words"),
        ("sys.exit('last words')", Kind.PANICKED, "with 1:\nlast words"),
        ("print('no answer')", Kind.INTERNAL, "not understood"),
        ("print('[]')", Kind.INTERNAL, "not understood"),
        ("print('{}')", Kind.INTERNAL, "not understood"),
        ("time.sleep(60)", Kind.ENGINE_FAILED, "did not end within 1 s"),
        (
            'print(\'{"error": {"kind": "shape_mismatch", "message": "m", "hint": "h"}}\')',
            Kind.SHAPE_MISMATCH,
            "m",
        ),
    ],
)
def test_what_goes_wrong_in_a_window_is_a_typed_error(code: str, kind: Kind, says: str) -> None:
    session = _open(_after_start(code), timeout_s=1.0 if "sleep" in code else 30.0)
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        session.window(runs=1)
    assert caught.value.kind is kind
    session.close()


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("import os; os.abort()", Kind.PANICKED, "signal 6"),
        ("import sys; sys.exit(0)", Kind.PANICKED, "with 0"),
        ("print('{}')", Kind.CORRUPT, "not understood"),
        ("import time; time.sleep(60)", Kind.ENGINE_FAILED, "did not end within 1 s"),
    ],
)
def test_what_goes_wrong_at_the_start_leaves_no_process(code: str, kind: Kind, says: str) -> None:
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        _open(code, timeout_s=1.0 if "sleep" in code else 30.0)
    assert caught.value.kind is kind


def test_a_program_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        Session("program", ("/nowhere/program",), processors=(), timeout_s=1)
    assert caught.value.kind is Kind.BACKEND_UNAVAILABLE


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processor affinity here")
def test_a_process_gets_the_processors_it_is_given_and_this_one_keeps_its_own() -> None:
    before = os.sched_getaffinity(0)
    one = min(before)
    script = "import os; print(sorted(os.sched_getaffinity(0)))"
    with pinned((one,)):
        said = subprocess.check_output((sys.executable, "-S", "-c", script), text=True)
    assert said.strip() == f"[{one}]"
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not Path("/proc/self/schedstat").is_file(), reason="no schedstat here")
def test_two_on_one_processor_wait_for_it() -> None:
    burn = "while True: pass"
    with pinned((min(os.sched_getaffinity(0)),)):
        both = [subprocess.Popen((sys.executable, "-S", "-c", burn)) for _ in range(2)]
    try:
        deadline = time.monotonic() + 30
        while (waited_s(both[0].pid) or 0) < 0.05:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for process in both:
            process.kill()
            process.wait()
    assert waited_s(both[0].pid) is None


def test_no_package_imports_the_module_that_its_process_runs() -> None:
    """Else Python warns in the process, and the message about its death begins with that."""
    script = (
        "import sys, oxidizedvision.benchmark.engine_profile; "
        "print([name for name in sys.modules if name.endswith('benchmark.worker')"
        " or name.endswith('engine_profile.worker')])"
    )
    assert subprocess.check_output((sys.executable, "-c", script), text=True).strip() == "[]"


_INTERRUPTED = """
    import sys
    from oxidizedvision.benchmark.session import Session
    child = "import os, time; print(os.getpid(), file=open({pid!r}, 'w')); time.sleep(60)"
    Session("tract", (sys.executable, "-S", "-c", child), processors=(), timeout_s=60)
"""


def test_an_interrupt_leaves_no_process_behind(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = textwrap.dedent(_INTERRUPTED).format(pid=str(pid_file))
    parent = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (pid_file.is_file() and pid_file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(pid_file.read_text())
    parent.send_signal(signal.SIGINT)
    parent.wait(20)
    # Whoever takes its place may need a moment to clear away the process that was killed.
    while is_there(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
