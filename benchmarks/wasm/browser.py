"""Chromium, and in it a page of its own for each engine that holds a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.chromium import FLAGS, executable
from benchmarks.wheels import FetchError

PATIENCE_MS = 120_000


class BrowserError(Exception):
    """A page, or the engine in it, failed."""


class Page:
    """A page in a process of its own, with one worker.

    Raises:
        BrowserError: from `ask`, with what the worker said.
    """

    def __init__(self, name: str, page: Any) -> None:
        self._name = name
        self._page = page

    def ask(self, call: str, **more: Any) -> Any:
        """The worker's answer to one of its calls."""
        from playwright.sync_api import Error

        request = {"call": call, **more}
        try:
            return self._page.evaluate(
                "([request, patience]) => ask(request, patience)", [request, PATIENCE_MS]
            )
        except Error as error:
            raise BrowserError(f"{self._name}: {call} failed: {error}") from error


class Chromium:
    """A browser that runs."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser = browser
        self._url = url
        self.version: str = browser.version

    @contextmanager
    def page(self, name: str) -> Iterator[Page]:
        """A page that shares nothing with others, no process either."""
        context = self._browser.new_context()
        try:
            page = context.new_page()
            page.goto(self._url)
            page.wait_for_function("globalThis.ask !== undefined && crossOriginIsolated")
            yield Page(name, page)
        finally:
            context.close()


@contextmanager
def chromium(url: str) -> Iterator[Chromium]:
    """Start the browser.

    Raises:
        FetchError: Chromium, or the extra `dev` that drives it, is not here.
    """
    program = executable()
    if program is None:
        raise FetchError("Chromium is not here: `apt-get install chromium`, or set CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise FetchError("the extra `dev` brings Playwright, which is not here") from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield Chromium(browser, url)
        finally:
            browser.close()
