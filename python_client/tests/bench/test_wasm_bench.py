"""What the browser's benchmark writes, what it refuses, and how it serves and counts."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from wasm_figures import document, model

from benchmarks.wasm import engines, report, run
from benchmarks.wasm.engines import BuildError, Engine, Part, parts, present
from benchmarks.wasm.site import PAGES, Served, pages, serving
from benchmarks.wasm.wire import compressed

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results" / "wasm.json")
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(
        f"before\n{report.START}\nof last year\n{report.END}\nafter\n"
    )
    report.write(document(model("unet"), model("denoiser")))
    return tmp_path


def test_the_page_has_the_machine_the_tables_and_the_claims(written: Path) -> None:
    page = (written / "README.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "last year" not in page
    assert "Measured in 2 minutes on EPYC (avx2), 2 of 2 processors granted" in page
    assert page.index("**denoiser**") < page.index("**unet**")
    assert "| rten (1.0) | a.js, a.wasm | 3.25 | 0.650 | 0.585 | 0.241, 0.241 |" in page
    assert "| rten | 100 | 8.00 (8.00 to 8.00) | 150 | 5.60 (5.60 to 5.60) | 50.00 |" in page
    assert "| at most 0.25 | holds |" in page
    assert "**broken**" not in page


def test_the_committed_results_tell_the_same(written: Path) -> None:
    again = json.loads((written / "results" / "wasm.json").read_text())
    assert report.markdown(again) in (written / "README.md").read_text()


def test_what_another_run_left_out_is_kept(written: Path) -> None:
    known = report.committed(document())
    assert known is not None
    assert sorted(known) == ["denoiser", "unet"]


def test_a_broken_claim_is_told_as_such(written: Path) -> None:
    found = document()
    found["models"][0]["rows"][1]["error"] = None
    report.write(found)
    page = (written / "README.md").read_text()
    assert "no number" in page
    assert "| inf | at most 0.0001 | **broken** |" in page


@pytest.mark.parametrize("what", ["machine", "module"])
def test_figures_of_other_machines_and_builds_are_not_mixed(written: Path, what: str) -> None:
    found = document()
    if what == "machine":
        found["machine"] = {**found["machine"], "cpu": "another"}
    else:
        found["wire"][1]["sha256"] = "of another build"
    assert report.committed(found) is None


def module(folder: Path, name: str, profile: str) -> None:
    (folder / name).mkdir(parents=True)
    for file in ("oxidizedvision.js", "oxidizedvision_bg.wasm"):
        (folder / name / file).write_bytes(b"bytes " * 100)
    build = {"version": "0.27.0", "profile": profile, "sha256": "sum", "dtypes": ["f32"]}
    (folder / name / "build.json").write_text(json.dumps(build))


@pytest.fixture
def without_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Part("onnxruntime-web", "onnxruntime", PAGES, ("page.js",), {"version": "1"})
    monkeypatch.setattr(engines, "_peer", lambda: peer)


def test_figures_that_count_want_every_module_built_for_shipping(
    tmp_path: Path, without_npm: None
) -> None:
    with pytest.raises(BuildError, match="no module rten, tract, rten-threads: `make wasm`"):
        parts(tmp_path, every=False)
    module(tmp_path, "rten", "everyday")
    with pytest.raises(BuildError, match="no module tract, rten-threads"):
        parts(tmp_path, every=True)
    module(tmp_path, "tract", "shipping")
    module(tmp_path, "rten-threads", "shipping")
    with pytest.raises(BuildError, match="rten is not built for shipping"):
        parts(tmp_path, every=True)
    shutil.rmtree(tmp_path / "rten")
    module(tmp_path, "rten", "shipping")
    found = parts(tmp_path, every=True)
    assert [part.name for part in found] == ["onnxruntime-web", "rten", "tract", "rten-threads"]
    assert [engine.threads for engine in present(found)] == [1, 1, 1, 2, 2]


def test_a_try_takes_what_there_is(tmp_path: Path, without_npm: None) -> None:
    module(tmp_path, "rten", "everyday")
    found = present(parts(tmp_path, every=False))
    assert found == [Engine("onnxruntime-web", "onnxruntime-web"), Engine("rten", "rten")]


def test_a_missing_module_ends_with_an_error(
    tmp_path: Path, without_npm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--modules", str(tmp_path)]) == 1
    assert "error: " in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        run.main(["--write", "--quick"])
    assert caught.value.code == 2


@needs_node
def test_bytes_are_of_every_file_and_are_served_as_brotli(tmp_path: Path) -> None:
    module(tmp_path, "rten", "shipping")
    files = ("oxidizedvision.js", "oxidizedvision_bg.wasm")
    part = Part("rten", "ours", tmp_path / "rten", files, {"version": "1"})
    (wire,) = compressed([part], tmp_path / "small", beforehand=True)
    assert wire.row["raw"] == 2 * 600
    assert 0 < wire.row["brotli_11"] < 100
    assert wire.row["brotli_9"] == sum(path.stat().st_size for path in wire.folder.iterdir())
    served = {**pages(), "/a.wasm": Served(wire.folder / files[1], "br")}
    with serving(served) as url:
        with urllib.request.urlopen(f"{url}/a.wasm") as answer:  # noqa: S310 - our own server
            assert answer.headers["Content-Encoding"] == "br"
            assert answer.headers["Content-Type"] == "application/wasm"
            assert answer.read() == (wire.folder / files[1]).read_bytes()
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert answer.headers["Cache-Control"] == "no-store"


@needs_node
def test_every_memory_is_counted_however_it_comes_to_be() -> None:
    # A module with nothing but an exported memory of two pages.
    script = f"""
      import {{ memoryBytes }} from "{(PAGES / "memories.js").as_uri()}";
      const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 2,
                                    7, 10, 1, 6, 109, 101, 109, 111, 114, 121, 2, 0]);
      new WebAssembly.Memory({{ initial: 1 }}).grow(3);
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
      await WebAssembly.instantiate(bytes);
      await WebAssembly.instantiate(new WebAssembly.Module(bytes));
      console.log(memoryBytes() / 65536, instance instanceof WebAssembly.Instance);
    """
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(4 + 2 + 2 + 2), "true"]
