"""Calls of kserve's v2 REST client: prints, as one line of JSON, what came back."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from served import cases

KINDS = {"float32": "FP32", "int64": "INT64"}


def request_of(model: str, inputs: dict[str, Any], *, binary: bool) -> InferRequest:
    """A request with every input, in binary or in JSON."""
    tensors = []
    for name, array in inputs.items():
        tensor = InferInput(name, list(array.shape), KINDS[str(array.dtype)])
        tensor.set_data_from_numpy(array, binary_data=binary)
        tensors.append(tensor)
    return InferRequest(model_name=model, infer_inputs=tensors)


async def compared(client: InferenceRESTClient, url: str, model: str) -> list[float]:
    """The largest error of each output of each case, in JSON and in binary."""
    errors = []
    for inputs, outputs in cases(model):
        for binary in (False, True):
            request = request_of(model, inputs, binary=binary)
            reply = await client.infer(url, request, model_name=model)
            got = {output.name: output.as_numpy() for output in reply.outputs}
            errors += [float(np.abs(got[name] - outputs[name]).max()) for name in outputs]
    return errors


async def talk(url: str) -> dict[str, Any]:
    """Every call that the client has."""
    client = InferenceRESTClient(RESTConfig(protocol="v2", verbose=False))
    errors = [e for model in ("residual", "pair") for e in await compared(client, url, model)]
    refused = False
    try:
        await client.infer(
            url, request_of("nobody", cases("residual")[0][0], binary=False), model_name="nobody"
        )
    except Exception:  # noqa: BLE001 - the client raises its HTTP library's own
        refused = True
    return {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model_ready": await client.is_model_ready(url, "residual"),
        "unknown_model_refused": refused,
        "largest_error": max(errors),
        "compared": len(errors),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(talk(sys.argv[1]))))
