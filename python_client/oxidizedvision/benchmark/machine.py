"""The machine that a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from oxidizedvision.core.manifest import tool_versions
from oxidizedvision.runners.request import granted_threads

_CPUINFO = Path("/proc/cpuinfo")
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
    model, flags = parse_cpuinfo(_cpuinfo())
    return {
        "cpu": model or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "threads_granted": granted_threads(),
        "flags": flags,
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


def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""
