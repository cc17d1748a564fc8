"""What the server says of itself in /openapi.json holds for whatever is sent.

A small sample here; `OXV_API_CASES` sets the cases of each operation that takes anything, and
`make test-faults` asks for many and prints what was answered how often.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import ROOT, Served, serving

hypothesis = pytest.importorskip("hypothesis")
schemathesis = pytest.importorskip("schemathesis", reason="the extra `dev` brings schemathesis")
requests = pytest.importorskip("requests")
strategies = hypothesis.strategies

MANY = os.environ.get("OXV_API_CASES")
CASES = int(MANY or "6")
DESCRIPTION = ROOT / "rust_runtime" / "crates" / "inference_server" / "assets" / "openapi.json"
PATHS = json.loads(DESCRIPTION.read_text("utf-8"))["paths"]
OPERATIONS = [
    (verb, path) for path in PATHS for verb in PATHS[path] if verb not in ("parameters", "summary")
]
REAL = {"model": "denoiser", "version": "1"}

EXPECTED_5XX = {503, 504}
"""For a model that was unloaded, and for a deadline that the request itself names."""


@pytest.fixture(scope="module")
def open_server(
    tmp_path_factory: pytest.TempPathFactory, native_server: None, denoiser: Path
) -> Iterator[Served]:
    """A server that lets whoever asks load and unload."""
    folder = tmp_path_factory.mktemp("open-server")
    settings = folder / "server.yml"
    settings.write_text("control: {loopback: true}\n")
    arguments = (denoiser, "--runner", "rten", "--config", settings)
    with serving(*arguments, log=folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def answered() -> Iterator[Counter[str]]:
    """How often which status was answered, printed where many cases were asked for."""
    counted: Counter[str] = Counter()
    yield counted
    if MANY:
        print(f"\n{sum(counted.values())} cases: {dict(sorted(counted.items()))}")


def cases_of(schema: Any, verb: str, path: str) -> Any:
    """Requests as the description has them and others, for the model that is there and others."""
    operation = schema[path][verb.upper()]
    named = {key: value for key, value in REAL.items() if f"{{{key}}}" in path}
    right = [{"path_parameters": named}] if named else []
    right += [{"query": {"model": REAL["model"]}}] if path == "/predict" else []
    takes = operation.path_parameters or operation.query or operation.headers or operation.body
    modes = list(schemathesis.GenerationMode) if takes else [schemathesis.GenerationMode.POSITIVE]
    any_of = [operation.as_strategy(mode, **fixed) for mode in modes for fixed in [*right, {}]]
    if path == "/predict" or path.endswith("/infer"):
        any_of += [nearly_right(operation.as_strategy(**right[0]), path)] * len(any_of)
    return strategies.one_of(any_of)


def nearly_right(cases: Any, path: str) -> Any:
    """Tensors as the model takes them, but for one member at most that is anything."""
    length = strategies.integers(1, 9)
    shape = strategies.tuples(strategies.integers(1, 3), strategies.just(3), length, length)
    number = strategies.floats(-2, 2, width=32)
    anything = strategies.one_of(
        strategies.none(),
        strategies.integers(),
        strategies.floats(allow_nan=False, allow_infinity=False),
        strategies.text(max_size=9),
        strategies.lists(strategies.integers(-(2**63), 2**63), max_size=6),
        strategies.sampled_from(["FP64", "FP16", "BYTES", "output", [[0.5]], {"a": []}]),
    )

    def complete(case: Any, lengths: Any, value: float, member: str | None, other: Any) -> Any:
        tensor: dict[str, Any] = {"shape": list(lengths), "data": [value] * math.prod(lengths)}
        tensor |= {"name": "input", "datatype": "FP32"}
        if path == "/predict":
            tensor = {"input": tensor["data"], "shape": tensor["shape"]}
        if member in tensor:
            tensor[member] = other
        case.body = tensor if path == "/predict" else {"inputs": [tensor]}
        case.media_type = "application/json"
        case.query = {"model": REAL["model"]} if path == "/predict" else case.query
        return case

    members = strategies.sampled_from([None, "shape", "data", "name", "datatype", "input"])
    return strategies.builds(complete, cases, shape, number, members, anything)


@pytest.mark.parametrize(("verb", "path"), OPERATIONS)
def test_no_request_is_a_fault_of_ours(
    denoiser_server: Served, open_server: Served, answered: Counter[str], verb: str, path: str
) -> None:
    """Statuses, content types and bodies are those that the description has; never a 500."""
    server = open_server if path.endswith("load") else denoiser_server
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    checks = schemathesis.checks
    wanted = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]

    # Each of these really loads a model.
    most = max(1, CASES // 10) if path.endswith("/load") else CASES

    @hypothesis.settings(
        max_examples=most,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases_of(schema, verb, path))
    def holds(case: Any) -> None:
        response = case.call(session=session)
        answered[str(response.status_code)] += 1
        status = response.status_code
        assert status < 500 or status in EXPECTED_5XX, response.text
        case.validate_response(response, checks=wanted)

    with requests.Session() as session:
        holds()


def test_the_servers_live_on(denoiser_server: Served, open_server: Served) -> None:
    for server in (denoiser_server, open_server):
        assert server.ask("/v2/health/live").status == 200
        # Requests are logged with their paths, and Hypothesis takes words of this file for those.
        lines = [line for line in server.log.read_text().splitlines() if " request: " not in line]
        assert not [line for line in lines if "panick" in line]
    assert denoiser_server.ask("/v2/health/ready").status == 200


def test_every_path_is_described(denoiser_server: Served) -> None:
    described = set(denoiser_server.ask("/openapi.json").json["paths"])
    served = {
        "/predict",
        "/health",
        "/models",
        "/metrics",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/stats",
        "/v2/repository/index",
        "/v2/models/{model}",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/infer",
        "/v2/models/{model}/config",
        "/v2/models/{model}/stats",
        "/v2/models/{model}/versions/{version}/infer",
        "/v2/repository/models/{model}/load",
        "/v2/repository/models/{model}/unload",
    }
    names = {path.replace("{model_name}", "{model}") for path in described}
    assert served <= names
