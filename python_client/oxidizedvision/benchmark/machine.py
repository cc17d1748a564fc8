"""The machine that a figure was measured on."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import Any

from oxidizedvision.core.manifest import tool_versions
from oxidizedvision.runners.request import granted_threads

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
# What decides which kernels the engines choose.
_FLAGS = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "sve",
)


def fingerprint() -> dict[str, Any]:
    """Processor, its flags of interest, system and versions; nothing that names the machine."""
    model, flags = parse_cpuinfo(_text(_CPUINFO))
    return {
        "cpu": model or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "threads_granted": granted_threads(),
        "flags": flags,
        "governor": _text(_GOVERNOR).strip() or None,
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "memory_mib": _meminfo("MemTotal"),
        "os": f"{platform.system()} {platform.release()}",
        "versions": tool_versions("torch", "onnxruntime", "oxidizedvision-native", "numpy"),
    }


def parse_cpuinfo(text: str) -> tuple[str, list[str]]:
    """The model's name and the flags of interest, from the text of /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    found = (fields.get("flags") or fields.get("Features") or "").split()
    return fields.get("model name", ""), [flag for flag in _FLAGS if flag in found]


def available_mib() -> float:
    """Memory that may still be taken, by the system and by the control group; inf if unknown."""
    free = _meminfo("MemAvailable")
    limit, used = _text(_CGROUP / "memory.max"), _text(_CGROUP / "memory.current")
    group = (int(limit) - int(used)) / 2**20 if limit.strip().isdigit() else math.inf
    return min(math.inf if free is None else float(free), group)


def _meminfo(name: str) -> int | None:
    """A field of /proc/meminfo, in MiB."""
    for line in _text(_MEMINFO).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) // 1024
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux, or not there
        return ""
