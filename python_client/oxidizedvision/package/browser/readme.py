"""The README of a page: how to host it."""

from __future__ import annotations

from oxidizedvision.package.kind import Job

_TEXT = """\
# {name}

A page with the model `{model}` inside, run by {engine} in the visitor's browser. Made by
OxidizedVision {version}. No picture leaves the visitor's device, and after the first visit the page
works without a network.

Try it here, then put the whole folder on any static host, at any address:

```
python3 -m http.server --directory . 8000     # then open http://localhost:8000
```

## What the host should do
- **HTTPS.** Browsers give the camera, offline use and threads to `https://` and `localhost` only.
- **MIME type** `application/wasm` for `.wasm` and `text/javascript` for `.js`; most hosts do.
- **Compression** of `.wasm`, `.js` and `.onnx`, with Brotli where the host can: the modules shrink
  to a third or less.
- **Caching**: `assets/` for ever (names have a hash), the rest with `Cache-Control: no-cache`, so
  that a new package is seen.
{threads}
With nginx:

```
location / {{
    types {{ application/wasm wasm; text/javascript js; text/html html; text/css css; }}
    add_header Cache-Control no-cache;{headers}
    gzip on;  gzip_types application/wasm text/javascript application/octet-stream;
}}
```

## What is in the folder
- `index.html`, `assets/` and what else stands beside them: the page.
- `modules/`: the engine as WebAssembly.
- `model/`: the model, its recorded inputs with PyTorch's outputs, and what the page reads of it.
- `model.oxv.json`: the manifest, where the model comes from and by which steps. `package.oxv.json`:
  the SHA-256 of every file. `sbom.cdx.json`: what all of it is made of, with licences.
  The page needs none of the three; leave them out where nobody is to know.

Before this folder was written, its module gave PyTorch's answers for the recorded inputs, in Node.
"""

_THREADS = """\
- **Threads** need two headers on every answer; without them the page's service worker adds them
  from the second load on, and where that is not allowed the model runs on one thread:
  `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`.
"""

_HEADERS = """
    add_header Cross-Origin-Opener-Policy same-origin;
    add_header Cross-Origin-Embedder-Policy require-corp;"""


def readme_text(job: Job, engine: str, *, threads: bool) -> str:
    """The README of a page. threads: whether it has a module that can use them."""
    return _TEXT.format(
        name=job.name,
        model=job.subject.model.name.replace("`", ""),
        engine=engine,
        version=job.subject.manifest.tools.get("oxidizedvision", ""),
        threads=_THREADS if threads else "",
        headers=_HEADERS if threads else "",
    )
