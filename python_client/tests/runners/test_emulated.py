"""Programs for another processor: told by their ELF header, started by QEMU where it is."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.emulated import processor_of, starter_of
from oxidizedvision.runners.program import start


def elf(path: Path, machine: int) -> Path:
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + bytes([2, 0, machine, 0]) + bytes(44))
    path.chmod(0o755)
    return path


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A file that says it is a program for RISC-V."""
    return elf(tmp_path / "program", 243)


@pytest.mark.parametrize(
    ("machine", "name"),
    [(62, "x86_64"), (183, "aarch64"), (40, "arm"), (8, "processor 8")],
)
def test_the_header_says_the_processor(machine: int, name: str, tmp_path: Path) -> None:
    assert processor_of(elf(tmp_path / "program", machine)) == name


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01", b"MZ" + bytes(60)])
def test_other_files_are_started_as_they_are(content: bytes, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)
    assert processor_of(program) is None
    assert starter_of(program) == []
    assert starter_of(tmp_path / "absent") == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the header is of this processor")
def test_a_program_of_this_machine_needs_no_starter(tmp_path: Path) -> None:
    assert starter_of(elf(tmp_path / "program", 62)) == []


@pytest.mark.parametrize("name", ["qemu-riscv64-static", "qemu-riscv64"])
def test_qemu_starts_a_foreign_program(
    name: str, foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    qemu = tmp_path / "bin" / name
    qemu.parent.mkdir()
    qemu.write_text('#!/bin/sh\necho "emulated $@"\n')
    qemu.chmod(0o755)
    monkeypatch.setenv("PATH", str(qemu.parent))
    assert start(foreign, ["--check"]) == f"emulated {foreign} --check\n"


def test_without_qemu_the_processor_is_named(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OxidizedVisionError) as caught:
        start(foreign, [])
    assert caught.value.kind is Kind.BACKEND_UNAVAILABLE
    assert "is for riscv64, and this machine is" in caught.value.message
    assert "qemu-riscv64" in caught.value.hint
