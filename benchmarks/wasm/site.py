"""The pages, the engines in brotli and the models, to a page that is cross-origin isolated."""

from __future__ import annotations

import mimetypes
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGES = Path(__file__).with_name("pages")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Every visit is the first: nothing is kept, neither bytes nor compiled code.
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Served:
    """A file, and how it is encoded."""

    path: Path
    encoding: str | None = None


def pages() -> dict[str, Served]:
    """What the page itself is made of, by address."""
    found = {f"/{path.name}": Served(path) for path in PAGES.iterdir()}
    return {**found, "/": found["/index.html"]}


@contextmanager
def serving(files: Mapping[str, Served]) -> Iterator[str]:
    """Serve files by their address until the block ends; gives the address of all."""

    class Handler(_Handler):
        served = files

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Mapping[str, Served] = {}
    protocol_version = "HTTP/1.1"
    # The body would wait for the browser to acknowledge the headers.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        found = self.served.get(self.path)
        if found is None:
            self.send_error(404)
            return
        kind = _TYPES.get(found.path.suffix) or mimetypes.guess_type(found.path.name)[0]
        self.send_response(200)
        self.send_header("Content-Type", kind or "application/octet-stream")
        self.send_header("Content-Length", str(found.path.stat().st_size))
        if found.encoding is not None:
            self.send_header("Content-Encoding", found.encoding)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        with found.path.open("rb") as file:
            shutil.copyfileobj(file, self.wfile, 1 << 20)

    def log_message(self, *_: object) -> None:
        """Nothing: what goes wrong is told by the page."""
