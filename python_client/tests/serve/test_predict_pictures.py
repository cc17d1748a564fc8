"""Pictures in all four forms, and tensors, give what PyTorch gives."""

from __future__ import annotations

import base64
import io
import uuid
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from served import ROOT, Reply, Served, cases, cases_of

from oxidizedvision import load

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def photograph() -> Pixels:
    """A noisy photograph of an odd size."""
    data = pytest.importorskip("skimage.data", reason="the extra `fixtures` brings it")
    clean = data.chelsea()[40:171, 60:213]
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def by_pytorch(photograph: Pixels) -> Pixels:
    """What the network itself makes of it, without our preprocess code."""
    batch = np.ascontiguousarray((photograph.astype(np.float32) / 255).transpose(2, 0, 1)[None])
    with load(ROOT / "examples" / "denoiser" / "config.yml", runner="pytorch") as network:
        output = network.run(batch)
    return np.rint(np.clip(output[0].transpose(1, 2, 0) * 255, 0, 255)).astype(np.uint8)


def encoded(pixels: Pixels, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def picture_of(prediction: dict[str, object]) -> Pixels:
    assert prediction["kind"] == "image"
    png = base64.b64decode(str(prediction["png"]), validate=True)
    return np.asarray(Image.open(io.BytesIO(png)))


def assert_same(reply: Reply, expected: Pixels) -> None:
    assert reply.status == 200, reply.body
    got = picture_of(reply.json["prediction"])
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("form", "kind"), [("PNG", "image/png"), ("WebP", "image/webp"), ("BMP", "image/bmp")]
)
def test_a_body_that_is_a_picture(
    denoiser_server: Served, photograph: Pixels, by_pytorch: Pixels, form: str, kind: str
) -> None:
    options = {"lossless": True} if form == "WebP" else {}
    body = encoded(photograph, form, **options)
    reply = denoiser_server.ask("/predict", body, headers={"Content-Type": kind})
    assert_same(reply, by_pytorch)
    assert reply.json["model"] == "denoiser"
    assert reply.json["latency_ms"] > 0
    phases = [
        entry.partition(";")[0].strip() for entry in reply.headers["Server-Timing"].split(",")
    ]
    assert {"decode", "queue", "infer", "encode"} <= set(phases)


def test_a_jpeg(denoiser_server: Served, photograph: Pixels) -> None:
    """The network's answer to what Pillow reads from the same file; decoders differ by little."""
    body = encoded(photograph, "JPEG", quality=95)
    reply = denoiser_server.ask("/predict", body, headers={"Content-Type": "image/jpeg"})
    assert reply.status == 200, reply.body
    decoded = np.asarray(Image.open(io.BytesIO(body)))
    same = denoiser_server.ask("/predict", encoded(decoded), headers={"Content-Type": "image/png"})
    got, expected = (picture_of(each.json["prediction"]).astype(int) for each in (reply, same))
    assert np.abs(got - expected).mean() < 1


def test_a_multipart_field(denoiser_server: Served, photograph: Pixels, by_pytorch: Pixels) -> None:
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    body = head.encode() + b"Content-Type: image/png\r\n\r\n" + encoded(photograph)
    body += f"\r\n--{mark}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
    assert_same(denoiser_server.ask("/predict", body, headers=headers), by_pytorch)


def test_base64_in_json(denoiser_server: Served, photograph: Pixels, by_pytorch: Pixels) -> None:
    text = base64.b64encode(encoded(photograph)).decode()
    assert_same(denoiser_server.send({"image": text}), by_pytorch)
    assert_same(denoiser_server.send({"image": text, "model": "denoiser"}), by_pytorch)
    reply = denoiser_server.send({"instances": [{"b64": text}, {"b64": text}]})
    assert reply.status == 200, reply.body
    assert len(reply.json["predictions"]) == 2
    for prediction in reply.json["predictions"]:
        got = picture_of(prediction)
        assert np.abs(got.astype(int) - by_pytorch).max() <= 1


def test_a_tensor_in_json(denoiser_server: Served, denoiser: Path) -> None:
    for inputs, outputs in cases_of(denoiser.parent / "denoiser.golden.safetensors"):
        reply = denoiser_server.send({"input": inputs["input"].tolist()})
        assert reply.status == 200, reply.body
        document = reply.json
        got = np.array(document["output"], np.float32).reshape(document["shape"])
        np.testing.assert_allclose(got, outputs["output"], atol=1e-5)


def test_several_inputs_by_name(testdata_server: Served) -> None:
    for inputs, outputs in cases("pair"):
        named = {name: array.tolist() for name, array in inputs.items()}
        reply = testdata_server.send({"model": "pair", "inputs": named})
        assert reply.status == 200, reply.body
        for name, expected in outputs.items():
            output = reply.json["outputs"][name]
            got = np.array(output["output"], np.float32).reshape(output["shape"])
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_the_model_can_stand_in_the_query(
    denoiser_server: Served, photograph: Pixels, by_pytorch: Pixels
) -> None:
    headers = {"Content-Type": "image/png"}
    body = encoded(photograph)
    reply = denoiser_server.ask("/predict?model=denoiser", body, headers=headers)
    assert_same(reply, by_pytorch)
    assert denoiser_server.ask("/predict?model=nobody", body, headers=headers).status == 404


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/jpeg", 415),
        (b"II*\0\x08\0\0\0", "image/jpeg", 415),
        (b"<html></html>", "image/png", 415),
        (b"", "image/png", 415),
        (b"\x89PNG\r\n\x1a\n", "image/png", 400),
    ],
)
def test_what_is_no_picture(denoiser_server: Served, body: bytes, kind: str, status: int) -> None:
    reply = denoiser_server.ask("/predict", body, headers={"Content-Type": kind})
    assert reply.status == status, reply.body
    assert set(reply.json) == {"error", "error_type"}


def test_a_model_of_tensors_takes_no_picture(testdata_server: Served, photograph: Pixels) -> None:
    headers = {"Content-Type": "image/png"}
    reply = testdata_server.ask("/predict?model=residual", encoded(photograph), headers=headers)
    assert (reply.status, "residual" in reply.json["error"]) == (400, True)
