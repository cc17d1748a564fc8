"""Every kind of error has its row in docs/troubleshooting.md, and every row's error is provoked."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_models
import numpy as np
import onnx
import pytest
from fake_program import write_program
from onnx import TensorProto, helper
from tiny_network import Artifact, write_project

from oxidizedvision import convert, load, load_config, optimize, package, validate
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.package import build_program
from oxidizedvision.quantize.graphs import store_int8
from oxidizedvision.runners import native

PAGE = Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md"
ROW = re.compile(r'^\| <a id="([\w-]+)"></a>(.*?) \|(.*)\|$', re.MULTILINE)
COMMON_ROWS = {
    "module-not-found",
    "trace-fails",
    "onnx-export",
    "libtorch",
    "tensorrt",
    "onnxruntime-library",
    "engine-died",
    "wasm",
}


def rows() -> list[tuple[str, list[str]]]:
    """Anchor and cells of every row, in the order of the page."""
    text = PAGE.read_text(encoding="utf-8")
    return [(match[1], [match[2], *match[3].split(" | ")]) for match in ROW.finditer(text)]


def test_every_kind_has_one_row_and_every_row_a_kind() -> None:
    anchors = [anchor for anchor, _ in rows()]
    assert sorted(anchors) == sorted({*(kind.value for kind in Kind), *COMMON_ROWS})


@pytest.mark.parametrize("kind", Kind)
def test_a_row_names_its_kind_and_exit_code(kind: Kind) -> None:
    cells = next(cells for anchor, cells in rows() if anchor == kind.value)
    assert cells[0] == f"`{kind.value}`"
    assert int(cells[1]) == OxidizedVisionError(kind, "").exit_code
    assert all(len(cell) > 15 for cell in cells[2:])
    assert OxidizedVisionError(kind, "").docs == f"docs/troubleshooting.md#{kind.value}"


@dataclass(frozen=True)
class Scene:
    """A folder of one's own, converted networks that must stay as they are, and a way to plant."""

    folder: Path
    tiny: Artifact
    pair: Artifact
    patch: pytest.MonkeyPatch

    def network(self, body: str, **keys: object) -> Path:
        """The config of a network `Net` whose file is `body`, with more keys of `model`."""
        lines = [f"  {key}: {json.dumps(value)}" for key, value in keys.items()]
        (self.folder / "model.py").write_text(body)
        config = self.folder / "config.yml"
        start = ["model:", "  path: model.py", "  class_name: Net", "  input_shape: [1, 3, 8, 12]"]
        config.write_text("\n".join([*start, *lines, f"export: {{output_dir: {self.folder}/out}}"]))
        return config


@pytest.fixture
def scene(tmp_path: Path, tiny: Artifact, pair: Artifact, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, tiny, pair, monkeypatch)


NET = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 3, 3)
        self.gain = torch.ones(3, 1, 1, requires_grad=True)
    def forward(self, picture):
        return {returns}
"""


def picture(height: int = 8) -> Any:
    return np.zeros((1, 3, height, 12), np.float32)


def usage(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="trakt")


def config(scene: Scene) -> None:
    path = scene.folder / "config.yml"
    path.write_text("model: {path: model.py, clas_name: Net, input_shape: [1, 3, 8, 8]}\n")
    load_config(path)


def model(scene: Scene) -> None:
    convert(write_project(scene.folder, class_name="Absent").config)


def checkpoint(scene: Scene) -> None:
    """A pickle that would make a file when it is read."""
    mark = scene.folder / "code-was-run"

    class Hostile:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {mark}",)

    weights = scene.folder / "weights.pt"
    weights.write_bytes(pickle.dumps({"first.weight": Hostile()}))
    path = scene.network(NET.format(returns="self.first(picture)"), checkpoint=str(weights))
    try:
        convert(path)
    finally:
        assert not mark.exists()


def export(scene: Scene) -> None:
    convert(scene.tiny.config, output_dir=scene.folder, opset_version=99)


def input_(scene: Scene) -> None:
    path = scene.folder / "picture.png"
    path.write_text("no picture")
    validate(scene.tiny.config, runners=["onnxruntime"], pictures=[path])


def check_failed(scene: Scene) -> None:
    tiny = scene.tiny.copy_to(scene.folder)
    tiny.onnx.write_bytes(tiny.onnx.read_bytes() + b"\x72\x00")
    package(tiny.onnx, engine="rten", output=scene.folder / "crate")


def build_failed(scene: Scene) -> None:
    crate = package(scene.tiny.onnx, engine="rten", output=scene.folder / "crate")
    with (crate.path / "Cargo.toml").open("a") as file:
        file.write("planted =\n")
    build_program(crate.path, crate.name)


def not_found(scene: Scene) -> None:
    load_config(scene.folder / "none.yml")


def unreadable(scene: Scene) -> None:
    folder = scene.folder / "model.onnx"
    folder.mkdir()
    load(folder, runner="onnxruntime")


def corrupt(scene: Scene) -> None:
    path = scene.folder / "model.onnx"
    path.write_bytes(np.random.default_rng(0).bytes(4096))
    load(path, runner="tract")


def unsupported(scene: Scene) -> None:
    model = onnx.load(scene.tiny.onnx)
    store_int8(model)
    onnx.save(model, scene.folder / "int8.onnx")
    optimize(scene.folder / "int8.onnx", quantize="fp16")


def device_unavailable(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="tract", device="cuda")


def backend_unavailable(scene: Scene) -> None:
    libtorch(scene)


def invalid_option(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="rten", options={"colour": "red"})


def missing_input(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="onnxruntime").run_named({})


def unknown_input(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="onnxruntime").run_named({"input": picture(), "mask": picture()})


class Twin(str):
    """A name that a dictionary can hold twice, which plain text cannot be."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def duplicate_input(scene: Scene) -> None:
    """Past the checks in Python, where names are the keys of a dictionary."""
    runner = load(scene.tiny.onnx, runner="tract")
    runner._run({Twin("input"): picture(), Twin("input"): picture()})


def dtype_mismatch(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="onnxruntime").run(picture().astype(np.float64))


def shape_mismatch(scene: Scene) -> None:
    load(scene.tiny.onnx, runner="onnxruntime").run(picture()[0])


def not_single(scene: Scene) -> None:
    load(scene.pair.onnx, runner="onnxruntime").run(picture())


def engine_failed(scene: Scene) -> None:
    """A length that the declared axes allow and an addition inside does not."""
    axes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in ("input", "output")]
    four = helper.make_tensor("four", TensorProto.FLOAT, [4], [0.0] * 4)
    node = helper.make_node("Add", ["input", "four"], ["output"])
    graph = helper.make_graph([node], "add", axes[:1], axes[1:], [four])
    opset = helper.make_opsetid("", 14)
    path = scene.folder / "add.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    load(path, runner="onnxruntime").run(np.zeros(5, np.float32))


def panicked(scene: Scene) -> None:
    """Our engines are not known to panic: an executable of our own kills itself."""
    program = write_program(scene.folder / "program", fault="dies")
    load(program, runner="program").run(picture())


def dependency_missing(scene: Scene) -> None:
    scene.patch.setenv("PATH", str(scene.folder))
    build_program(scene.folder, "program")


def file_system(scene: Scene) -> None:
    """A file where a folder is needed: permissions would not stop an administrator."""
    (scene.folder / "taken").write_text("")
    convert(scene.tiny.config, output_dir=scene.folder / "taken")


PROVOKED: dict[Kind, Callable[[Scene], None]] = {
    Kind.USAGE: usage,
    Kind.CONFIG: config,
    Kind.MODEL: model,
    Kind.CHECKPOINT: checkpoint,
    Kind.EXPORT: export,
    Kind.INPUT: input_,
    Kind.CHECK_FAILED: check_failed,
    Kind.BUILD_FAILED: build_failed,
    Kind.NOT_FOUND: not_found,
    Kind.UNREADABLE: unreadable,
    Kind.CORRUPT: corrupt,
    Kind.UNSUPPORTED: unsupported,
    Kind.DEVICE_UNAVAILABLE: device_unavailable,
    Kind.BACKEND_UNAVAILABLE: backend_unavailable,
    Kind.INVALID_OPTION: invalid_option,
    Kind.MISSING_INPUT: missing_input,
    Kind.UNKNOWN_INPUT: unknown_input,
    Kind.DUPLICATE_INPUT: duplicate_input,
    Kind.DTYPE_MISMATCH: dtype_mismatch,
    Kind.SHAPE_MISMATCH: shape_mismatch,
    Kind.NOT_SINGLE: not_single,
    Kind.ENGINE_FAILED: engine_failed,
    Kind.PANICKED: panicked,
    Kind.DEPENDENCY_MISSING: dependency_missing,
    Kind.FILE_SYSTEM: file_system,
}
ONLY_ON_THE_COMMAND_LINE = {Kind.INTERRUPTED, Kind.INTERNAL}


def test_every_kind_is_provoked() -> None:
    assert set(PROVOKED) | ONLY_ON_THE_COMMAND_LINE == set(Kind)


@pytest.mark.parametrize("kind", PROVOKED)
def test_the_error_is_of_its_kind_and_says_what_to_do(kind: Kind, scene: Scene) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        PROVOKED[kind](scene)
    assert caught.value.kind is kind, caught.value.message
    assert len(caught.value.message) > 15
    assert caught.value.hint


def command(*arguments: str, planted: str = "") -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON document and standard error of a command line, with planted code before."""
    code = f"{planted}\nfrom oxidizedvision.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_the_command_line_names_the_row(scene: Scene) -> None:
    code, document, said = command("info", str(scene.folder / "none.onnx"))
    error = document["error"]
    assert code == ExitCode.BAD_INPUT
    assert error["kind"] == Kind.NOT_FOUND
    assert error["message"] in said
    assert error["hint"] in said
    assert "docs/troubleshooting.md#not_found" in said


def test_an_interrupted_command_leaves_nothing_half_done(scene: Scene) -> None:
    """The network presses Ctrl-C while it is imported."""
    body = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nNet = None\n"
    code, document, _ = command("convert", str(scene.network(body)))
    assert code == ExitCode.INTERRUPTED
    assert document["error"]["kind"] == Kind.INTERRUPTED
    assert not list(scene.folder.glob("out/*"))


def test_a_fault_of_ours_is_called_that() -> None:
    """Planted: the table of engines raises what nobody expects."""
    planted = (
        "import oxidizedvision.runners as runners\n"
        "def fault(): raise KeyError('planted')\n"
        "runners.backends = fault"
    )
    code, document, said = command("backends", planted=planted)
    assert code == ExitCode.OUR_FAULT
    assert document["error"]["kind"] == Kind.INTERNAL
    assert document["error"]["hint"]
    assert "planted" in said


def module_not_found(scene: Scene) -> None:
    convert(scene.network("import a_package_that_is_not_here\n"))


def trace_fails(scene: Scene) -> None:
    """`forward` decides by a value, in Python that `torch.jit.script` does not compile."""
    choice = "eval('-picture') if picture.mean() < 1 else picture"
    convert(scene.network(NET.format(returns=choice)))


def onnx_export(scene: Scene) -> None:
    """An operator that ONNX does not have."""
    convert(scene.network(NET.format(returns="torch.special.bessel_j0(picture)")))


def libtorch(scene: Scene) -> None:
    """Without torch."""
    scene.patch.setattr(native, "package_folder", lambda _: None)
    load(scene.tiny.torchscript, runner="tch")


def tensorrt(scene: Scene) -> None:
    """The program that is named is not there."""
    scene.patch.setenv("TRTEXEC", str(scene.folder / "trtexec"))
    load(scene.tiny.onnx, runner="tensorrt")


def onnxruntime_library(scene: Scene) -> None:
    """In a process of its own: a library that was loaded once stays."""
    scene.patch.setenv("ORT_DYLIB_PATH", str(scene.folder / "libonnxruntime.so"))
    np.save(scene.folder / "x.npy", picture())
    arguments = [str(scene.tiny.onnx), str(scene.folder / "x.npy"), "--runner", "ort"]
    code, document, _ = command("predict", *arguments)
    assert code == ExitCode.MISSING_PART
    error = document["error"]
    raise OxidizedVisionError(Kind(error["kind"]), error["message"], error["hint"])


def engine_died(scene: Scene) -> None:
    model = hostile_models.save(scene.folder / "m.onnx", hostile_models.resize)
    with load(model, runner="tract", apart=True) as runner:
        runner.run(np.ones((1, 3), np.float32))


def wasm(scene: Scene) -> None:
    """A page where nothing was built."""
    scene.patch.setenv("OXIDIZEDVISION_WASM", str(scene.folder))
    package(scene.tiny.onnx, kind="wasm", engine="rten", output=scene.folder / "page")


COMMON: dict[str, tuple[Callable[[Scene], None], Kind, str]] = {
    "module-not-found": (module_not_found, Kind.MODEL, "a_package_that_is_not_here"),
    "trace-fails": (trace_fails, Kind.EXPORT, "decides by a value"),
    "onnx-export": (onnx_export, Kind.EXPORT, "bessel"),
    "libtorch": (libtorch, Kind.BACKEND_UNAVAILABLE, "tch"),
    "tensorrt": (tensorrt, Kind.BACKEND_UNAVAILABLE, "tensorrt"),
    "onnxruntime-library": (onnxruntime_library, Kind.BACKEND_UNAVAILABLE, "ort"),
    "engine-died": (engine_died, Kind.UNSUPPORTED, "tract ended its process by signal 6"),
    "wasm": (wasm, Kind.DEPENDENCY_MISSING, "is not built: there is no"),
}


@pytest.mark.parametrize("row", sorted(COMMON_ROWS))
def test_a_common_problem_is_told(row: str, scene: Scene) -> None:
    provoke, kind, said = COMMON[row]
    with pytest.raises(OxidizedVisionError, match=said) as caught:
        provoke(scene)
    assert caught.value.kind is kind, caught.value.message
    assert caught.value.hint
