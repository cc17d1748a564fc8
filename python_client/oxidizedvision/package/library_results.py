"""What a model that takes pictures gives, in Rust and in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oxidizedvision.core.manifest import Manifest


@dataclass(frozen=True)
class Result:
    """A kind of result.

    rust: its type. python: its type in Python. words: for comments. imports, usage, show: of the
    example.
    """

    rust: str
    python: str
    words: str
    imports: str
    usage: str
    show: str


_OUT = "photo.png result.png"
_WRITE = '    fs::write(out, {0})?;\n    println!("{{out}}: {{}} x {{}}", {1});'
_SHOW = """\
    for found in made.{0} {{
        let label = found.label.unwrap_or_else(|| found.class_id.to_string());
        println!("{{label}}: {1}", {2});
    }}"""

RESULTS: Mapping[str, Result] = {
    "image": Result(
        "Picture",
        "np.ndarray",
        "the picture that it makes of it",
        "Model, OutputFormat, encode",
        _OUT,
        _WRITE.format("encode(&made, OutputFormat::Png)?", "made.width(), made.height()"),
    ),
    "segmentation": Result(
        "Mask",
        "np.ndarray",
        "the class of every pixel",
        "Model, encode_mask",
        _OUT,
        _WRITE.format("encode_mask(&made)?", "made.width, made.height"),
    ),
    "classification": Result(
        "Classification",
        "list[dict[str, Any]]",
        "the best classes, best first",
        "Model",
        "photo.png",
        _SHOW.format("classes", "{:.3}", "found.score"),
    ),
    "detection": Result(
        "Detections",
        "list[dict[str, Any]]",
        "what is found in it, best first",
        "Model",
        "photo.png",
        _SHOW.format("detections", "{:.3} at {:.0?}", "found.score, found.bounds"),
    ),
}


def result_of(manifest: Manifest) -> Result | None:
    """What a picture gives; None where the contract has no pictures, or more than one goes in."""
    kind = (manifest.postprocess or {}).get("kind")
    if manifest.preprocess is None or len(manifest.inputs) != 1:
        return None
    return RESULTS.get(kind) if kind else None
