"""The OpenAPI document leaves nothing unbounded and nothing unsaid: what spectral's OWASP rules ask of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.api.app import create_app
from tests.unit.services.api.conftest import settings


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(settings(tmp_path_factory.mktemp("models"))).openapi_schema.to_schema()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def schemas(part: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything in the document that has a type, and where it stands."""
    if isinstance(part, dict):
        if isinstance(part.get("type"), str):
            yield where, part
        for name, value in part.items():
            yield from schemas(value, f"{where}/{name}")
    elif isinstance(part, list):
        for at, value in enumerate(part):
            yield from schemas(value, f"{where}/{at}")


def test_every_text_list_and_number_has_bounds(document: dict[str, Any]) -> None:
    found = {"string": 0, "array": 0, "integer": 0}
    for where, schema in schemas(document):
        fixed = "enum" in schema or "const" in schema
        if schema["type"] == "string":
            assert fixed or schema.get("maxLength"), where
        elif schema["type"] == "array":
            assert schema.get("maxItems"), where
        elif schema["type"] == "integer" and not fixed:
            assert {"minimum", "maximum", "format"} <= set(schema), where
        else:
            continue
        found[schema["type"]] += 1
    assert min(found.values()) > 10


def test_what_a_caller_sends_has_bounds_of_its_own(document: dict[str, Any]) -> None:
    people = ("SignIn", "NewPassword", "NewUser", "UserChange")
    for name in ("Deal", "PredictionRequest", "ClosedDeal", "OutcomesRequest", "NewKey", "Rotation", *people):
        for where, schema in schemas(document["components"]["schemas"][name], name):
            if schema["type"] == "string" and "enum" not in schema:
                assert schema["maxLength"] <= 500, where
            if schema["type"] == "array":
                assert schema["maxItems"] <= 10_000, where
    for name, operation in operations(document):
        for where, schema in schemas(operation.get("parameters", []), name):
            if schema["type"] == "string" and "enum" not in schema:
                assert schema["maxLength"] <= 500, where
            if schema["type"] == "array":
                assert schema["maxItems"] <= 100, where


def test_every_route_says_what_it_does_and_what_it_may_answer(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["description"], name
        assert operation["tags"], name
        needed = {"500"} if not name.split()[1].startswith("/v1/") else {"401", "403", "429", "500"}
        assert needed <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
            headers = set(response["headers"])
            assert {"X-Request-ID", "Access-Control-Allow-Origin"} <= headers, (name, status)
            assert status[0] not in "24" or {"RateLimit", "RateLimit-Policy"} <= headers, (name, status)
            assert status not in ("429", "503") or "Retry-After" in headers, (name, status)
            assert status < "400" or "application/problem+json" in response["content"] or name.endswith("/ready"), name
    tags = {tag["name"] for tag in document["tags"]}
    assert {tag for _, operation in operations(document) for tag in operation["tags"]} == tags


def test_the_document_is_answered_as_it_is(tmp_path: Path) -> None:
    from litestar.testing import TestClient

    with TestClient(create_app(settings(tmp_path))) as client:
        answer = client.get("/schema/openapi.json").json()
    assert answer["servers"][0]["x-internal"] is False
    assert "429" in answer["paths"]["/v1/predictions/{id}"]["get"]["responses"]
