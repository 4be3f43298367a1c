"""The document is true: what the server answers to whatever the document allows, and to what it
does not, fits it.
"""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

OPERATIONS = {
    "/healthz": "GET",
    "/readyz": "GET",
    "/metrics": "GET",
    "/openapi.json": "GET",
    "/v1/search": "GET",
    "/v1/transcriptions": "POST",
    "/v1/monitoring": "GET",
    "/v1/monitoring/review": "GET",
    "/v1/alarms/test": "POST",
    "/v1/alarms/silence": "POST",
    "/v1/alarms/ack": "POST",
}
TRUE = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.fixture(scope="module")
def document(server):
    return schemathesis.openapi.from_url(f"{server.http}/openapi.json")


def test_the_document_is_openapi_3_1_of_every_route_and_names_the_websocket(server):
    document = httpx.get(f"{server.http}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["paths"].keys() == OPERATIONS.keys()
    assert "/v1/stream" in document["info"]["description"]


def check(operation, mode, checks, max_examples):
    @settings(
        max_examples=max_examples,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_fit(case):
        case.call_and_validate(checks=checks, timeout=60)

    answers_fit()


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_answer_to_what_is_allowed_fits_the_document(document, path):
    operation = document[path][OPERATIONS[path]]
    check(operation, schemathesis.GenerationMode.POSITIVE, TRUE, 40)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/transcriptions"])
def test_what_is_not_allowed_is_refused_as_the_document_says(document, path):
    operation = document[path][OPERATIONS[path]]
    checks = [*TRUE, negative_data_rejection]
    check(operation, schemathesis.GenerationMode.NEGATIVE, checks, 60)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_the_answer_to_a_real_recording_fits_the_document(server, document, fixtures, accept):
    answer = httpx.post(
        f"{server.http}/v1/transcriptions",
        files={"file": ("q.flac", fixtures.queries[0].path.read_bytes())},
        headers={"Accept": accept},
        timeout=60,
    )
    answer.request.read()
    document["/v1/transcriptions"]["POST"].validate_response(answer)
    assert "utterance" in answer.text
