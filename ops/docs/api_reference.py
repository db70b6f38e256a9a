"""The API reference: Markdown pages, one for each tag, made from the service's OpenAPI document."""

import json
import tempfile
from collections.abc import Iterator
from typing import Any

from services.api.app import create_app
from services.api.settings import Settings

_COMMON = "predictions"  # the tag that every route under /v1 has; another one says more
_PROBLEM = "application/problem+json"
_SCHEMA = "#/components/schemas/"
_ENDLESS = 10**8  # bounds from here on only say that there is one
_SHAPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}

Json = dict[str, Any]


def document() -> Json:
    """The OpenAPI document of the service, as `GET /schema/openapi.json` answers it. Nothing is started."""
    with tempfile.TemporaryDirectory() as folder:
        nothing = {
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "CLOSECAST_MODEL_CACHE": folder,
            "CLOSECAST_API_KEY_SHA256": "0" * 64,
        }
        return create_app(Settings.from_environment(nothing)).openapi_schema.to_schema()


def pages(described: Json) -> dict[str, str]:
    """The pages by file name: the overview, one for each tag, and the schemas."""
    by_tag: dict[str, list[tuple[str, str, Json]]] = {tag["name"]: [] for tag in described["tags"]}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            by_tag[_tag(operation)].append((method.upper(), path, operation))
    by_tag = {tag: operations for tag, operations in by_tag.items() if operations}
    meanings = {tag["name"]: tag["description"] for tag in described["tags"]}
    made = {"index.md": _overview(described, by_tag, meanings)}
    for tag, operations in by_tag.items():
        made[f"{tag}.md"] = "\n".join(_page_of_tag(tag, meanings[tag], operations))
    made["schemas.md"] = "\n".join(_schemas(described["components"]["schemas"]))
    return made


def _tag(operation: Json) -> str:
    return next((tag for tag in operation["tags"] if tag != _COMMON), _COMMON)


def _overview(described: Json, by_tag: dict[str, list[tuple[str, str, Json]]], meanings: dict[str, str]) -> str:
    lines = [
        "# API reference",
        "",
        f"{described['info']['title']} {described['info']['version']}. Made from the OpenAPI {described['openapi']} "
        "document of the service, which a running one answers at `/schema/openapi.json` and shows at `/schema`.",
        "",
        "Routes under `/v1` ask for a key in `X-API-Key`, or a key, a session's token or a JWT as a bearer token. Every "
        "refusal is a [Problem](schemas.md#problem), and every answer has an `X-Request-ID`.",
    ]
    for tag, operations in by_tag.items():
        lines += ["", f"## {tag.capitalize()}", "", f"{meanings[tag]}.", "", "| route | does |", "|---|---|"]
        lines += [
            f"| [`{method} {path}`]({tag}.md#{_anchor(method, path)}) | {_cell(operation['summary'])} |"
            for method, path, operation in operations
        ]
    return "\n".join([*lines, ""])


def _page_of_tag(tag: str, meaning: str, operations: list[tuple[str, str, Json]]) -> Iterator[str]:
    answers = [_refusals(operation["responses"]) for _, _, operation in operations]
    common = [one for one in answers[0] if all(one in others for others in answers)]
    yield from (f"# API: {tag}", "", f"{meaning}.", "")
    if common:
        yield from (f"Each route may refuse, as a [Problem](schemas.md#problem): {'; '.join(common)}.", "")
    for method, path, operation in operations:
        yield from (f"## {method} {path} {{ #{_anchor(method, path)} }}", "")
        yield from (f"**{operation['summary']}.** {_text(operation.get('description', ''))}".rstrip(), "")
        if parameters := operation.get("parameters"):
            yield from ("| parameter | in | type | default | meaning |", "|---|---|---|---|---|")
            for one in parameters:
                required = "required" if one.get("required") else _default(one["schema"])
                meaning = _meaning({**one["schema"], **one})
                yield f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {required} | {meaning} |"
            yield ""
        if body := operation.get("requestBody"):
            yield from ("| body | type |", "|---|---|")
            yield from _contents(body["content"])
            yield ""
        yield from ("| answer | means | type |", "|---|---|---|")
        yield from _answers(operation["responses"])
        yield ""
        if own := [one for one in _refusals(operation["responses"]) if one not in common]:
            yield from (f"Refused: {'; '.join(own)}.", "")


def _answers(responses: Json) -> Iterator[str]:
    """The rows of the answers that are no refusals."""
    for status, answer in responses.items():
        content = answer.get("content", {})
        if _PROBLEM in content:
            continue
        types = " or ".join(dict.fromkeys(_type(one["schema"]) for one in content.values()))
        kinds = ", ".join(f"`{kind}`" for kind in content)
        yield f"| {status} | {_phrase(answer['description'])} | {f'{types} ({kinds})' if content else 'nothing'} |"


def _refusals(responses: Json) -> list[str]:
    """The answers that are problem documents, each with its meaning."""
    return [
        f"**{status}** {_phrase(answer['description'])}"
        for status, answer in responses.items()
        if _PROBLEM in answer.get("content", {})
    ]


def _contents(content: Json) -> Iterator[str]:
    for kind, one in content.items():
        yield f"| `{kind}` | {_type(one['schema'])} |"


def _schemas(schemas: Json) -> Iterator[str]:
    yield from ("# API: schemas", "", "What bodies and answers consist of. Fields in **bold** are always there.", "")
    for name, schema in sorted(schemas.items()):
        yield from (f"## {name}", "")
        if text := _text(schema.get("description", "")):
            yield from (text, "")
        required = schema.get("required", ())
        yield from ("| field | type | meaning |", "|---|---|---|")
        for field, one in schema.get("properties", {}).items():
            shown = f"**`{field}`**" if field in required else f"`{field}`"
            default = f"default: {_default(one)}. " if "default" in one else ""
            yield f"| {shown} | {_type(one)} | {default}{_meaning(one)} |"
        others = schema.get("additionalProperties")
        if others:
            yield f"| any other | {_type(others) if isinstance(others, dict) else 'anything'} | |"
        yield ""


def _type(schema: Json) -> str:
    """The type in words, with links to the schemas."""
    if reference := schema.get("$ref"):
        name = reference.removeprefix(_SCHEMA)
        return f"[{name}](schemas.md#{name.lower()})"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[several]))
    if "enum" in schema:
        return " or ".join(f"`{_literal(one)}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{_literal(schema['const'])}`"
    kind: str | list[str] = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}{_bounds(schema, 'Items', 'at most')}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {_type(values)}" if isinstance(values, dict) and values else "object"
    if kind == "string":
        shape = {"date": "date", "date-time": "time", "uuid": "UUID", "binary": "bytes"}.get(schema.get("format", ""))
        return shape or f"text{_bounds(schema, 'Length', 'characters: at most')}"
    return _SHAPES.get(kind, kind) + _range(schema)


def _bounds(schema: Json, what: str, words: str) -> str:
    most = schema.get(f"max{what}", _ENDLESS)
    return f" ({words} {most:,})" if most < 10**6 else ""


def _range(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None and most < _ENDLESS:
        return f" ({least or 0:,.10g} to {most:,.10g})"
    return f" (from {least:,.10g})" if least else ""


def _default(schema: Json) -> str:
    if schema.get("default") in (None, ""):
        return "none"
    return f"`{_literal(schema['default'])}`"


def _literal(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _meaning(schema: Json) -> str:
    examples = schema.get("examples") or ()
    values = examples.values() if isinstance(examples, dict) else examples
    shown = ", ".join(f"`{_literal(one)}`" for one in values if not isinstance(one, dict | list))
    parts = [_text(schema.get("description", "")).removesuffix("."), f"for example {shown}" if shown else ""]
    return _cell("; ".join(part for part in parts if part))


def _phrase(text: str) -> str:
    return _cell(_text(text).removesuffix("."))


def _text(text: str) -> str:
    """One line, in which angle brackets are no tags."""
    return " ".join(text.split()).replace("<", "&lt;")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(method: str, path: str) -> str:
    return "-".join([method.lower(), *path.strip("/").replace("{", "").replace("}", "").split("/")])
