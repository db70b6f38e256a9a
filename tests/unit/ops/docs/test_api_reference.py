"""The pages of the API reference: every route and field of the service's own description, and how each is shown."""

import re
from typing import Any

import pytest

from ops.docs import api_reference


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return api_reference.document()


@pytest.fixture(scope="module")
def pages(described: dict[str, Any]) -> dict[str, str]:
    return api_reference.pages(described)


def test_every_route_has_a_section_and_a_row_in_the_overview(described: dict[str, Any], pages: dict[str, str]) -> None:
    routes = {f"{method.upper()} {path}" for path, one in described["paths"].items() for method in one}
    assert len(routes) > 30
    sections = re.findall(r"^## ((?:GET|POST|PUT|PATCH|DELETE) \S+) \{", "\n".join(pages.values()), re.MULTILINE)
    assert sorted(sections) == sorted(routes)
    assert set(re.findall(r"^\| \[`(.+?)`\]", pages["index.md"], re.MULTILINE)) == routes


def test_every_schema_is_shown_with_every_field(described: dict[str, Any], pages: dict[str, str]) -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", pages["schemas.md"], re.MULTILINE | re.DOTALL))
    assert sections.keys() == described["components"]["schemas"].keys()
    for name, schema in described["components"]["schemas"].items():
        shown = re.findall(r"^\| (?:\*\*)?`(.+?)`", sections[name], re.MULTILINE)
        assert shown == list(schema.get("properties", {}))


def test_links_lead_to_sections(pages: dict[str, str]) -> None:
    headings = {name.lower() for name in re.findall(r"^## (\S+)$", pages["schemas.md"], re.MULTILINE)}
    linked = set(re.findall(r"schemas\.md#([a-z0-9]+)", "\n".join(pages.values())))
    assert linked
    assert linked <= headings


def _document(operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    whole = {"tags": ["predictions", "deals"], "summary": "One", "responses": {"200": {"description": "Here"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "tags": [{"name": "predictions", "description": "P"}, {"name": "deals", "description": "D"}],
        "paths": {"/v1/one": {"get": whole | operation}, "/v1/two": {"post": {**whole, "tags": ["predictions"]}}},
        "components": {"schemas": schemas},
    }


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 366, "default": 30}, "| whole number (1 to 366) | `30` |  |"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "| date or null | none |  |"),
        ({"enum": ["a", "b"], "description": "A <b> | c."}, "| `a` or `b` | none | A &lt;b> \\| c |"),
        (
            {"type": "array", "maxItems": 5, "items": {"$ref": "#/components/schemas/Deal"}},
            "| list of [Deal](schemas.md#deal) (at most 5) | none |  |",
        ),
        (
            {"type": "string", "maxLength": 10, "examples": ["GTX"]},
            "| text (characters: at most 10) | none | for example `GTX` |",
        ),
        ({"type": ["boolean", "null"]}, "| true or false or null | none |  |"),
    ],
)
def test_a_parameter_is_shown_with_its_type_and_bounds(schema: dict[str, Any], shown: str) -> None:
    parameter = {"name": "x", "in": "query", "required": False, "schema": schema}
    page = api_reference.pages(_document({"parameters": [parameter]}, {"Deal": {}}))["deals.md"]
    assert f"| `x` | query {shown}" in page


def test_refusals_that_all_routes_share_are_told_once() -> None:
    # given
    problem = {
        "description": "No.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    operation = {"tags": ["predictions"], "responses": {"200": {"description": "Here"}, "401": problem, "422": problem}}
    document = _document(operation, {"Problem": {}})
    document["paths"]["/v1/two"]["post"]["responses"] = {"204": {"description": "Gone"}, "401": problem}
    # when
    page = api_reference.pages(document)["predictions.md"]
    # then
    assert page.count("**401** No") == 1
    assert "Refused: **422** No." in page
    assert "| 204 | Gone | nothing |" in page
