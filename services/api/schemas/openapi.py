"""Complete the OpenAPI document: problems and headers of every route, and bounds for schemas without any."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI

# No answer is larger: a body has at most 10 MB, and the answer to each deal is bounded too.
_MOST_CHARACTERS = 100_000_000
_MOST_ITEMS = 1_000_000
_MOST = 2**62
_CHARACTERS = {"date": 10, "date-time": 40, "uuid": 36}  # by format
_OF_PARAMETERS = {"key_id": 12, "id": 36}  # characters
_PROBLEMS = {
    "401": "Missing or unknown credentials",
    "403": "The caller lacks the required role",
    "429": "The caller's limit is used up; Retry-After says when to try again",
    "500": "The service failed; its log has the reason under the request's id",
}
_OPEN = ("500",)  # answers of routes without authentication
_HEADERS = {
    "X-Request-ID": ("The caller's, if it was valid, else a new one; it is also in the log", 128),
    "Access-Control-Allow-Origin": ("Never sent: browsers don't let pages of other origins read answers", 1),
}
_LIMIT_HEADERS = {
    "RateLimit-Policy": ('The caller\'s limit, as "caller";q=<tokens>;w=<seconds>; on routes with authentication', 100),
    "RateLimit": ('What is left of the limit, as "caller";r=<tokens>;t=<seconds>; on routes with authentication', 100),
}


class Contract(OpenAPI):
    """An OpenAPI document that is completed when it is serialised."""

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
    """Litestar's configuration for a Contract."""

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
    """All typed schemas inside `part`."""
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
