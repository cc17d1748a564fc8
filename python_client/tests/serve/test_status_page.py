"""The status page in a real browser: models, load, and a picture that a person gives."""

from __future__ import annotations

import base64
import io
import math
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import ROOT, Served, serving

from benchmarks.chromium import FLAGS, executable

browsers = pytest.importorskip("playwright.sync_api", reason="the extra `dev` brings playwright")

CHROMIUM = executable()
SHOWN = bool(os.environ.get("OXV_SCREENSHOT"))
SCREENSHOT = ROOT / "docs" / "images" / "status-page.png"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browsers.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, denoiser_server: Served) -> Iterator[Any]:
    """The page of the denoiser's server; nothing may be wrong in its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    opened.goto(denoiser_server.url)
    yield opened
    context.close()
    assert [text for text in wrong if "Failed to load resource" not in text] == []


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy photograph as a file."""
    data = pytest.importorskip("skimage.data", reason="the extra `fixtures` brings it")
    clean = data.chelsea()
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    path = tmp_path_factory.mktemp("pictures") / "chelsea.png"
    Image.fromarray(np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)).save(path)
    return path


def give(page: Any, path: Path) -> None:
    page.locator("#file:not([disabled])").set_input_files(str(path))


def test_the_models_and_the_state_are_shown(page: Any) -> None:
    expect = browsers.expect
    expect(page.locator("#server-state")).to_have_text("ready")
    card = page.locator("#models .model")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("denoiser")
    expect(card).to_contain_text("rten")
    expect(card).to_contain_text("any")
    expect(page.locator("#model option:checked")).to_have_text("denoiser")


def test_a_picture_is_answered_and_can_be_compared(page: Any, noisy: Path) -> None:
    expect = browsers.expect
    give(page, noisy)
    made = page.locator(".compare .over")
    expect(made).to_be_visible(timeout=30_000)
    size = made.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == list(Image.open(noisy).size)
    expect(page.locator(".times")).to_contain_text("in the server")
    expect(page.locator(".times")).to_contain_text("infer")
    slider = page.get_by_role("slider")
    slider.focus()
    before = made.evaluate("image => getComputedStyle(image).clipPath")
    page.keyboard.press("ArrowRight")
    assert made.evaluate("image => getComputedStyle(image).clipPath") != before
    saved = page.get_by_role("link", name=re.compile("Save")).get_attribute("href")
    png = base64.b64decode(saved.partition(",")[2])
    assert Image.open(io.BytesIO(png)).size == Image.open(noisy).size


def test_a_picture_can_be_dropped(page: Any, noisy: Path) -> None:
    text = base64.b64encode(noisy.read_bytes()).decode()
    browsers.expect(page.locator("#file")).to_be_enabled()
    page.evaluate(
        """text => {
            const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "a.png", { type: "image/png" }));
            const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
            document.getElementById("drop").dispatchEvent(drop);
        }""",
        text,
    )
    browsers.expect(page.locator(".compare .over")).to_be_visible(timeout=30_000)


def test_what_is_no_picture_is_told(page: Any, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    give(page, text)
    problem = page.locator("#problem")
    browsers.expect(problem).to_contain_text("not a picture")
    false = tmp_path / "false.png"
    false.write_bytes(b"<html>no picture</html>")
    give(page, false)
    browsers.expect(problem).to_contain_text("JPEG, PNG, WebP and BMP")
    browsers.expect(page.locator("#answer")).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (429, {"Retry-After": "2"}, ["The queue is full", "2 s", "512 wait"]),
        (413, {}, ["more than this server takes", "512 wait"]),
        (504, {}, ["not there in time"]),
    ],
)
def test_refusals_are_told_in_words(
    page: Any, noisy: Path, status: int, headers: dict[str, str], words: list[str]
) -> None:
    answer = {"status": status, "headers": headers, "json": {"error": "512 wait", "error_type": ""}}
    page.route("**/predict*", lambda route: route.fulfill(**answer))
    give(page, noisy)
    for word in words:
        browsers.expect(page.locator("#problem")).to_contain_text(word)


PREDICTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "classification": (
        {"classes": [{"class_id": 3, "label": "cat", "score": 0.75}]},
        ["cat", "75 %"],
    ),
    "detection": (
        {
            "width": 451,
            "height": 300,
            "detections": [{"box": [10, 20, 200, 250], "score": 0.5, "class_id": 1, "label": None}],
        },
        ["class 1", "50 %"],
    ),
    "raw": ({"output": [1.5, None], "shape": [1, 2]}, ["1.5, not finite", "1 × 2"]),
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_every_kind_of_answer_is_drawn(page: Any, noisy: Path, kind: str) -> None:
    """Answers of models that are not served here, in the form that /predict has them."""
    content, words = PREDICTIONS[kind]
    document: dict[str, Any] = {"model": "m", "latency_ms": 1.5}
    document |= content if kind == "raw" else {"prediction": {"kind": kind, **content}}
    page.route("**/predict*", lambda route: route.fulfill(json=document))
    give(page, noisy)
    for word in words:
        browsers.expect(page.locator("#answer")).to_contain_text(word)
    browsers.expect(page.locator(".stage rect")).to_have_count(1 if kind == "detection" else 0)


def test_a_mask_covers_the_picture(page: Any, noisy: Path) -> None:
    ids = np.zeros((300, 451), np.uint8)
    ids[:150] = 2
    file = io.BytesIO()
    Image.fromarray(ids).save(file, "PNG")
    prediction = {
        "kind": "segmentation",
        "width": 451,
        "height": 300,
        "classes": [
            {"class_id": 0, "label": None, "pixels": 150 * 451},
            {"class_id": 2, "label": "sky", "pixels": 150 * 451},
        ],
        "png": base64.b64encode(file.getvalue()).decode(),
    }
    document = {"prediction": prediction, "model": "m", "latency_ms": 1.5}
    page.route("**/predict*", lambda route: route.fulfill(json=document))
    give(page, noisy)
    browsers.expect(page.locator("#answer")).to_contain_text("sky 50 %")
    pixels = page.locator("canvas.overlay").evaluate(
        """canvas => {
            const at = (x, y) => [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
            return [at(5, 5), at(5, 290)];
        }"""
    )
    assert pixels[0][3] == 255
    assert pixels[1][3] == 0


def test_percentiles_are_read_from_the_histogram(page: Any) -> None:
    """Ten runs of up to 10 ms and ten of up to 20 ms."""
    p50, p95 = page.evaluate(
        """async () => {
            const { quantile } = await import("/series.js");
            const buckets = [[0.01, 10], [0.02, 20], [Infinity, 20]];
            return [quantile(buckets, 0.5), quantile(buckets, 0.95)];
        }"""
    )
    assert (p50, round(p95, 6)) == (0.01, 0.019)


def test_only_what_is_about_a_model_is_load(page: Any) -> None:
    sums = page.evaluate(
        """async () => {
            const { samples, totals } = await import("/series.js");
            const line = (model, code, value) =>
                `oxidizedvision_requests_total{model="${model}",code="${code}"} ${value}`;
            const all = [line("", 200, 9), line("m", 200, 3), line("m", 429, 2), line("n", 200, 1)];
            const list = samples(all.join("\\n"));
            return [totals(list, ""), totals(list, "m")];
        }"""
    )
    assert [(each["answered"], each["refused"]) for each in sums] == [(4, 2), (3, 2)]


def test_a_narrow_screen_and_the_dark_are_fit(browser: Any, denoiser_server: Served) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = context.new_page()
    page.goto(denoiser_server.url)
    browsers.expect(page.locator("#models .model")).to_have_count(1)
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)) < 60
    context.close()


def test_the_keyboard_reaches_everything(page: Any) -> None:
    browsers.expect(page.locator("#file")).to_be_enabled()
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.href"))
    assert {"model", "file", "shown"} <= reached


def test_a_server_that_left_is_told(
    browser: Any, native_server: None, denoiser: Path, noisy: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "server.yml"
    settings.write_text("limits: {drain: {delay: 0 s}}\n")
    arguments = (denoiser, "--runner", "rten", "--config", settings)
    with serving(*arguments, log=tmp_path / "log") as server:
        page = browser.new_page()
        page.goto(server.url)
        browsers.expect(page.locator("#server-state")).to_have_text("ready")
        assert server.end(signal.SIGTERM) == 0
        browsers.expect(page.locator("#server-state")).to_have_text("server away")
        give(page, noisy)
        browsers.expect(page.locator("#problem")).to_contain_text("does not answer")
        page.close()


def ask_for_some_time(server: Served, picture: Path) -> list[int]:
    """Pictures one after the other, now more and now less often; their statuses."""
    statuses, start = [], time.monotonic()
    while not statuses or time.monotonic() - start < (45 if SHOWN else 2):
        reply = server.ask("/predict", picture.read_bytes(), headers={"Content-Type": "image/png"})
        statuses.append(reply.status)
        time.sleep(0.4 * (1 + math.sin((time.monotonic() - start) / 8)))
    return statuses


def test_the_page_as_people_see_it(page: Any, denoiser_server: Served, noisy: Path) -> None:
    """Under some load; with OXV_SCREENSHOT it becomes the picture of docs/serving.md."""
    give(page, noisy)
    browsers.expect(page.locator(".compare .over")).to_be_visible(timeout=30_000)
    with ThreadPoolExecutor(4) as clients:
        replies = list(clients.map(lambda _: ask_for_some_time(denoiser_server, noisy), range(4)))
    assert {status for each in replies for status in each} == {200}
    lines = page.locator(".chart path.line-0")
    browsers.expect(lines.first).to_have_attribute("d", re.compile("L"), timeout=15_000)
    shot = page.screenshot(full_page=True)
    assert Image.open(io.BytesIO(shot)).size[0] == 1280
    if SHOWN:
        SCREENSHOT.write_bytes(shot)
