"""The unmodified `tritonclient[http]`, sync and asyncio, gets PyTorch's answers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from served import Arrays, Served, assert_close, cases

http = pytest.importorskip("tritonclient.http", reason="the extra `dev` brings tritonclient")
aio = pytest.importorskip("tritonclient.http.aio")
utils = pytest.importorskip("tritonclient.utils")

DTYPES = ("f32", "f64", "i8", "u8", "i32", "i64", "bool")
"""Element types that JSON can carry; FP16 goes in binary only."""
BINARY = (*DTYPES, "f16")
NETWORKS = ("residual", "dynamic", "pair", "bare", "external")


@pytest.fixture
def client(testdata_server: Served) -> Iterator[Any]:
    with http.InferenceServerClient(testdata_server.authority, concurrency=8) as made:
        yield made


def inputs_of(arrays: Arrays, *, binary: bool = True) -> list[Any]:
    made = []
    for name, array in arrays.items():
        kind = utils.np_to_triton_dtype(array.dtype)
        tensor = http.InferInput(name, list(array.shape), kind)
        tensor.set_data_from_numpy(array, binary_data=binary)
        made.append(tensor)
    return made


def wanted(names: Sequence[str], *, binary: bool = True) -> list[Any]:
    return [http.InferRequestedOutput(name, binary_data=binary) for name in names]


def arrays_of(result: Any, names: Sequence[str]) -> dict[str, NDArray[Any] | None]:
    return {name: result.as_numpy(name) for name in names}


def is_served(client: Any, model: str) -> bool:
    return bool(client.is_model_ready(model))


def test_health(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("residual")
    assert client.is_model_ready("residual", "1")
    assert not client.is_model_ready("nobody")
    assert not client.is_model_ready("residual", "99")


def test_metadata_and_configuration(client: Any) -> None:
    server = client.get_server_metadata()
    assert "binary_tensor_data" in server["extensions"]
    metadata = client.get_model_metadata("dynamic")
    assert (metadata["name"], metadata["versions"]) == ("dynamic", ["1"])
    [tensor] = metadata["inputs"]
    assert tensor == {"name": "x", "datatype": "FP32", "shape": [-1, 3, -1, -1]}
    config = client.get_model_config("dynamic", "1")
    assert config["max_batch_size"] > 0
    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert client.get_model_config("residual")["max_batch_size"] == 0


def test_the_index_names_every_model(client: Any, testdata_server: Served) -> None:
    index = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert index == {model["name"]: "READY" for model in testdata_server.document["models"]}


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("model", NETWORKS)
def test_the_answers_are_pytorchs(client: Any, model: str, binary: bool) -> None:
    for inputs, outputs in cases(model):
        tensors = inputs_of(inputs, binary=binary)
        asked = wanted(list(outputs), binary=binary)
        assert_close(arrays_of(client.infer(model, tensors, outputs=asked), list(outputs)), outputs)
        assert_close(arrays_of(client.infer(model, tensors), list(outputs)), outputs)


@pytest.mark.parametrize("dtype", BINARY)
def test_every_element_type_goes_in_and_comes_out(client: Any, dtype: str) -> None:
    model = f"dtype_{dtype}"
    if not is_served(client, model):
        pytest.skip(f"the engine does not load {model}")
    for inputs, outputs in cases(model):
        assert_close(arrays_of(client.infer(model, inputs_of(inputs)), list(outputs)), outputs)
        if dtype in DTYPES:
            tensors = inputs_of(inputs, binary=False)
            result = client.infer(model, tensors, outputs=wanted(list(outputs), binary=False))
            assert_close(arrays_of(result, list(outputs)), outputs)


def test_json_and_binary_may_mix(client: Any) -> None:
    for inputs, outputs in cases("pair"):
        (first, second), (one, other) = list(inputs), list(outputs)
        tensors = inputs_of({first: inputs[first]})
        tensors += inputs_of({second: inputs[second]}, binary=False)
        asked = wanted([one]) + wanted([other], binary=False)
        assert_close(
            arrays_of(client.infer("pair", tensors, outputs=asked), list(outputs)), outputs
        )


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_bodies(client: Any, algorithm: str) -> None:
    for inputs, outputs in cases("residual"):
        result = client.infer(
            "residual",
            inputs_of(inputs),
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
        )
        assert_close(arrays_of(result, list(outputs)), outputs)


def test_the_id_comes_back_and_one_output_can_be_asked_for(client: Any) -> None:
    inputs, outputs = cases("pair")[0]
    name = list(outputs)[1]
    asked = wanted([name])
    result = client.infer("pair", inputs_of(inputs), outputs=asked, request_id="mine", priority=1)
    document = result.get_response()
    assert (document["id"], document["model_name"]) == ("mine", "pair")
    assert [output["name"] for output in document["outputs"]] == [name]


def test_many_at_once_get_their_own_answers(client: Any) -> None:
    """Pictures of two sizes, each unlike the others: no reply may be another's."""
    random = np.random.default_rng(8)
    arrays = [random.random((1, 3, 8 + 4 * (i % 2), 12), np.float32) for i in range(40)]
    alone = [client.infer("dynamic", inputs_of({"x": a})).as_numpy("y") for a in arrays]
    pending = [client.async_infer("dynamic", inputs_of({"x": array})) for array in arrays]
    for reply, expected in zip(pending, alone, strict=True):
        np.testing.assert_allclose(reply.get_result().as_numpy("y"), expected, atol=1e-6)


def test_batches_of_clients_are_counted(client: Any) -> None:
    before = client.get_inference_statistics("dynamic")["model_stats"][0]["inference_count"]
    client.infer("dynamic", inputs_of({"x": np.zeros((5, 3, 8, 12), np.float32)}))
    after = client.get_inference_statistics("dynamic", "1")["model_stats"][0]
    assert after["inference_count"] == before + 5
    assert after["inference_stats"]["success"]["count"] >= 1
    everything = client.get_inference_statistics()["model_stats"]
    assert {"residual", "dynamic"} <= {entry["name"] for entry in everything}


def refusal(client: Any, model: str, tensors: list[Any], **options: Any) -> tuple[str, str]:
    with pytest.raises(utils.InferenceServerException) as caught:
        client.infer(model, tensors, **options)
    return str(caught.value.status()), str(caught.value.message())


def test_errors_say_what_is_wrong(client: Any) -> None:
    array = np.zeros((1, 3, 8, 12), np.float32)
    status, message = refusal(client, "nobody", inputs_of({"x": array}))
    assert (status, "nobody" in message) == ("404", True)
    status, message = refusal(client, "residual", inputs_of({"y": array}))
    assert (status, '"y"' in message) == ("400", True)
    status, message = refusal(client, "residual", inputs_of({"x": array[:, :2]}))
    assert (status, '"x"' in message) == ("400", True)
    status, message = refusal(client, "residual", inputs_of({"x": array.astype(np.float64)}))
    assert (status, '"x"' in message) == ("400", True)
    array[0, 0, 0, 0] = np.nan
    status, _ = refusal(client, "residual", inputs_of({"x": array}, binary=False))
    assert status == "400"


def test_non_finite_values_come_through_in_binary(client: Any) -> None:
    inputs, _ = cases("residual")[0]
    array = inputs["x"].copy()
    array[..., 0] = np.inf
    answer = client.infer("residual", inputs_of({"x": array})).as_numpy("y")
    assert not np.isfinite(answer).all()


def test_a_picture_goes_in_as_bytes(denoiser_server: Served) -> None:
    """Encoded PNG in, the network's own tensor out."""
    pixels = np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    with http.InferenceServerClient(denoiser_server.authority) as client:
        picture = http.InferInput("input", [1], "BYTES")
        picture.set_data_from_numpy(np.array([file.getvalue()], np.object_))
        got = client.infer("denoiser", [picture]).as_numpy("output")
        tensor = np.ascontiguousarray((pixels.astype(np.float32) / 255).transpose(2, 0, 1)[None])
        expected = client.infer("denoiser", inputs_of({"input": tensor})).as_numpy("output")
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_asyncio(testdata_server: Served) -> None:
    async def talk() -> None:
        async with aio.InferenceServerClient(testdata_server.authority) as client:
            assert await client.is_server_ready()
            assert await client.is_model_ready("residual")
            assert (await client.get_model_metadata("pair"))["name"] == "pair"
            for model in NETWORKS:
                for inputs, outputs in cases(model):
                    result = await client.infer(model, inputs_of(inputs))
                    assert_close(arrays_of(result, list(outputs)), outputs)
            calls = [client.infer(model, inputs_of(cases(model)[0][0])) for model in NETWORKS * 4]
            for model, result in zip(NETWORKS * 4, await asyncio.gather(*calls), strict=True):
                outputs = cases(model)[0][1]
                assert_close(arrays_of(result, list(outputs)), outputs)
            with pytest.raises(utils.InferenceServerException):
                await client.get_model_metadata("nobody")

    asyncio.run(talk())


def test_threads_with_a_client_each(testdata_server: Served) -> None:
    inputs, outputs = cases("residual")[0]

    def call(_: int) -> None:
        with http.InferenceServerClient(testdata_server.authority) as client:
            assert_close(arrays_of(client.infer("residual", inputs_of(inputs)), ["y"]), outputs)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(24)))


def test_load_and_unload_by_the_client(tmp_path: Path, native_server: None) -> None:
    """With the token that the server's owner gave it; without, it is told no."""
    from served import MODELS, serving

    token = tmp_path / "token"
    token.write_text("a-secret-of-32-characters-or-more\n")
    settings = tmp_path / "server.yml"
    settings.write_text(f"control: {{token_file: {token}}}\n")
    arguments = (MODELS / "residual.onnx", "--runner", "rten", "--config", settings)
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    with (
        serving(*arguments, log=tmp_path / "log") as server,
        http.InferenceServerClient(server.authority) as client,
    ):
        with pytest.raises(utils.InferenceServerException):
            client.unload_model("residual")
        client.unload_model("residual", headers=headers)
        assert not client.is_model_ready("residual")
        client.load_model("residual", headers=headers)
        assert client.is_model_ready("residual")
        inputs, outputs = cases("residual")[0]
        assert_close(arrays_of(client.infer("residual", inputs_of(inputs)), ["y"]), outputs)
        with pytest.raises(utils.InferenceServerException):
            client.load_model("residual", headers=headers, files={"file:1/model.onnx": b"x"})
