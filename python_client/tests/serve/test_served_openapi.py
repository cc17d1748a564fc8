"""What the server says of itself in /openapi.json holds for whatever is sent.

A small sample here; `OXV_API_CASES` sets the cases of each operation, and `make test-faults` asks
for many.
"""

from __future__ import annotations

import os

import pytest
from served import Served

hypothesis = pytest.importorskip("hypothesis")
schemathesis = pytest.importorskip("schemathesis", reason="the extra `dev` brings schemathesis")

CASES = int(os.environ.get("OXV_API_CASES", "8"))

EXPECTED_5XX = {501, 503, 504}
"""What the protocol has for parts that are not there, for what is not ready, for a deadline."""


@pytest.fixture
def api_schema(denoiser_server: Served) -> object:
    return schemathesis.openapi.from_url(f"{denoiser_server.url}/openapi.json")


api = schemathesis.pytest.from_fixture("api_schema")


@api.parametrize()
@hypothesis.settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_no_request_is_a_fault_of_ours(case: object) -> None:
    """Statuses, content types and bodies are those that the description has; never a 500."""
    response = case.call()  # type: ignore[attr-defined]
    assert response.status_code < 500 or response.status_code in EXPECTED_5XX, response.text
    checks = schemathesis.checks
    case.validate_response(  # type: ignore[attr-defined]
        response,
        checks=[
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ],
    )


def test_the_server_lives_on(denoiser_server: Served) -> None:
    assert denoiser_server.ask("/v2/health/ready").status == 200
    assert "panick" not in denoiser_server.log.read_text()


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
