"""The fingerprint tells what decides speed, and nothing about whose machine it is."""

from __future__ import annotations

import os
import platform

from oxidizedvision.benchmark.machine import fingerprint, parse_cpuinfo
from oxidizedvision.runners import request


def test_the_flags_that_decide_kernels_are_kept() -> None:
    text = (
        "processor\t: 0\nmodel name\t: Fast CPU\n"
        "flags\t\t: fpu avx2 avx512f avx512_vnni amx_tile sse\n"
        "processor\t: 1\nmodel name\t: Other\nflags\t\t: fpu\n"
    )
    assert parse_cpuinfo(text) == ("Fast CPU", ["avx2", "avx512f", "avx512_vnni", "amx_tile"])
    assert parse_cpuinfo("Features\t: fp asimd sve\n") == ("", ["asimd", "sve"])
    assert parse_cpuinfo("") == ("", [])


def test_the_fingerprint_names_no_machine() -> None:
    found = fingerprint()
    assert found["cpu"]
    assert 1 <= found["threads_granted"] <= found["cores"]
    assert "python" in found["versions"]
    assert platform.node() not in [str(value) for value in found.values()]


def test_threads_follow_affinity_and_control_group(tmp_path, monkeypatch) -> None:
    limit = tmp_path / "cpu.max"
    monkeypatch.setattr(request, "_CGROUP_LIMIT", limit)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert request.granted_threads() == 6
    for text, threads in [("max 100000", 6), ("250000 100000", 3), ("50000 100000", 1)]:
        limit.write_text(text)
        assert request.granted_threads() == threads
