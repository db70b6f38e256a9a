"""Completes the OpenAPI document: what holds for every route alike, and bounds for whatever has none of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI

# No answer is larger: a body has at most 10 MB, and what is said of each deal in it is bounded too.
_MOST_CHARACTERS = 100_000_000
_MOST_ITEMS = 1_000_000
_MOST = 2**62
_CHARACTERS = {"date": 10, "date-time": 40, "uuid": 36}  # by format
_OF_PARAMETERS = {"key_id": 12, "id": 36}  # characters
_PROBLEMS = {
    "401": "No credentials, or some that are not known",
    "403": "A known caller who lacks the role that this needs",
    "429": "The caller's limit is spent; Retry-After tells when to try again",
    "500": "The service failed; its log has the reason under the request's id",
}
_OPEN = ("500",)  # what a route may answer that asks nobody who calls
_HEADERS = {
    "X-Request-ID": ("The caller's, if it was sound, else a new one; the log has it too", 128),
    "Access-Control-Allow-Origin": ("Never sent: a browser lets no page of another origin read an answer", 1),
}
_LIMIT_HEADERS = {
    "RateLimit-Policy": ('The caller\'s limit, as "caller";q=<tokens>;w=<seconds>; of routes that ask who calls', 100),
    "RateLimit": ('What is left of it, as "caller";r=<tokens>;t=<seconds>; of routes that ask who calls', 100),
}


class Contract(OpenAPI):
    """A document that is completed when it is written out."""

    def to_schema(self) -> dict[str, Any]:
        document = super().to_schema()
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(operation, is_open=not path.startswith("/v1/"))
        for server in document.get("servers", ()):
            server["x-internal"] = False
        for schema in _schemas(document):
            _bound(schema)
        return document


@dataclass
class ContractConfig(OpenAPIConfig):
    """Litestar's configuration, for such a document."""

    def to_openapi_schema(self) -> OpenAPI:
        made = super().to_openapi_schema()
        return Contract(**{name: getattr(made, name) for name in made.__dataclass_fields__})


def _complete(operation: dict[str, Any], *, is_open: bool) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, description in _PROBLEMS.items():
        if status in _OPEN or not is_open:
            operation["responses"].setdefault(status, {"description": description, "content": problem})
    for status, response in operation["responses"].items():
        documented = _HEADERS | (_LIMIT_HEADERS if status[0] in "24" else {})
        headers = response.setdefault("headers", {})
        for name, (description, most) in documented.items():
            headers[name] = {"description": description, "schema": {"type": "string", "maxLength": most}}
        if status in ("429", "503"):
            headers["Retry-After"] = {"description": "Seconds after which to try again", "schema": {"type": "integer"}}
    operation["responses"] = dict(sorted(operation["responses"].items()))
    for parameter in operation.get("parameters", ()):
        for schema in _schemas(parameter):
            if schema.get("type") == "string" and parameter["name"] in _OF_PARAMETERS:
                schema["maxLength"] = _OF_PARAMETERS[parameter["name"]]


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    """Everything within that says what type it has."""
    if isinstance(part, dict):
        if isinstance(part.get("type"), str | list):
            yield part
        for value in part.values():
            yield from _schemas(value)
    elif isinstance(part, list):
        for value in part:
            yield from _schemas(value)


def _bound(schema: dict[str, Any]) -> None:
    match schema["type"]:
        case "string" if not {"enum", "const", "maxLength"} & set(schema):
            schema["maxLength"] = _CHARACTERS.get(schema.get("format", ""), _MOST_CHARACTERS)
        case "array":
            schema.setdefault("maxItems", _MOST_ITEMS)
        case "integer" if "enum" not in schema and "const" not in schema:
            schema.setdefault("minimum", 0)
            schema.setdefault("maximum", _MOST)
            schema.setdefault("format", "int32" if schema["maximum"] < 2**31 else "int64")
