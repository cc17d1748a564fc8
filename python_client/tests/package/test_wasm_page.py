"""A packaged page in a real browser: the model that is inside, and PyTorch's answers in it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_network import Artifact

from benchmarks.chromium import FLAGS, executable
from oxidizedvision import package
from oxidizedvision.core import wasm
from oxidizedvision.package.browser.folder import GOLDENS

browsers = pytest.importorskip("playwright.sync_api", reason="the extra `dev` brings playwright")

CHROMIUM = executable()
BUILT = (wasm.find_parts().page / "index.html").is_file() and wasm.has_module("rten")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.skipif(not BUILT, reason="`make test-web` builds the page and the module"),
    pytest.mark.filterwarnings("ignore:The module rten was built for tests"),
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of every file."""


@pytest.fixture
def site(tiny: Artifact, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a packaged page on a static host, and its folder."""
    result = package(tiny.onnx, kind="wasm", name="Tiny & <mine>", output=tmp_path / "page")
    handler = functools.partial(_Quiet, directory=str(result.path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/", result.path
        server.shutdown()


@pytest.fixture
def page(site: tuple[str, Path]) -> Iterator[Any]:
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        opened = browser.new_page()
        wrong: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.goto(site[0])
        yield opened
        browser.close()
        assert wrong == []


def test_the_page_loads_its_model_and_gives_what_pytorch_gave(
    page: Any, site: tuple[str, Path], tmp_path: Path
) -> None:
    expect = browsers.expect
    expect(page.locator("#main[data-state=loaded]")).to_be_visible(timeout=60_000)
    expect(page.locator("#title")).to_have_text("Tiny & <mine>")
    expect(page.locator("#choose-model")).to_have_count(0)
    picture = tmp_path / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    page.set_input_files("#choose-picture", str(picture))
    expect(page.locator(".compare .after").first).to_be_visible(timeout=60_000)
    told = page.evaluate(_GOLDENS, str(GOLDENS))
    expect(page.locator("#result-body")).to_contain_text("PyTorch", timeout=60_000)
    assert told > 0


_GOLDENS = """async (address) => {
  const bytes = await (await fetch(address)).arrayBuffer();
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "model.golden.safetensors"));
  const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
  document.body.dispatchEvent(new DragEvent("drop", options));
  return bytes.byteLength;
}"""
