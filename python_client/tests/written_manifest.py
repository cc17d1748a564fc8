"""A manifest to register, without converting anything."""

from __future__ import annotations

from pathlib import Path

from oxidizedvision.core.manifest import (
    FileRecord,
    Manifest,
    PackageRecord,
    Source,
    Spec,
    Stage,
    Tolerance,
)


def record(folder: Path, file: str, content: bytes) -> FileRecord:
    (folder / file).write_bytes(content)
    return FileRecord.of(folder / file)


def write_manifest(
    folder: Path,
    name: str = "net",
    content: bytes = b"onnx",
    created: str | None = None,
    packages: tuple[PackageRecord, ...] = (),
) -> Path:
    """A manifest whose files are there, though what is in them is no model."""
    folder.mkdir(parents=True, exist_ok=True)
    stages = [
        Stage(
            name="torchscript",
            tool="torch.jit.trace",
            output=record(folder, f"{name}.pt", b"pt"),
            seconds=0.1,
        ),
        Stage(
            name="onnx",
            tool="torch.onnx.export",
            parameters={"opset_version": 14},
            output=record(folder, f"{name}.onnx", content),
            seconds=0.2,
        ),
    ]
    spec = Spec(name="input", dtype="f32", dims=["batch", 3, 8, 8])
    manifest = Manifest(
        name=name,
        source=Source(path="net.py", class_name="Net"),
        tools={"torch": "2"},
        inputs=[spec],
        outputs=[spec.model_copy(update={"name": "output"})],
        input_shapes={"input": [1, 3, 8, 8]},
        goldens=record(folder, f"{name}.golden.safetensors", b"golden"),
        tolerance=Tolerance(mae=1e-5, cosine_similarity=0.999),
        stages=stages,
        packages=list(packages),
    )
    if created is not None:
        manifest.created = created
    path = folder / f"{name}.oxv.json"
    manifest.save(path)
    return path
