"""Convert `name=text` arguments to a flow's parameters, by the schema of its deployment."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from jsonschema import Draft202012Validator

from ops.errors import OperatorError

_Schema = Mapping[str, Any]
_WHOLE = re.compile(r"[+-]?\d+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# The narrower type first: a text matches everything.
_ORDER = ("const", "null", "boolean", "integer", "number", "array", "object", "date", "date-time", "any", "string")


def typed(deployment: str, texts: Mapping[str, str], found: _Schema) -> dict[str, Any]:
    """Convert `texts` to values for the deployment `found`, as returned by Prefect's API.

    Raises OperatorError for an unknown name, an invalid value, and a missing one.
    """
    schema: _Schema = found.get("parameter_openapi_schema") or {}
    properties: _Schema = schema.get("properties") or {}
    known = dict(sorted(properties.items(), key=lambda one: one[1].get("position", 0)))  # as the flow declares them
    takes = ", ".join(known) or "none"
    if unknown := [name for name in texts if name not in known]:
        raise OperatorError(f"{deployment} has no parameter {unknown[0]!r}", f"its parameters are {takes}")
    values = {name: _value(name, text, known[name], schema) for name, text in texts.items()}
    given = {*values, *(found.get("parameters") or {})}
    if missing := [name for name in schema.get("required") or [] if name not in given]:
        expected = _expected(known.get(missing[0], {}), schema)
        raise OperatorError(
            f"{deployment} needs the parameter {missing[0]!r}", f"write {missing[0]}=<…>, {expected}; it takes {takes}"
        )
    return values


def _value(name: str, text: str, schema: _Schema, root: _Schema) -> Any:
    for one in _variants(schema, root):
        for value in _readings(text, one, root):
            if Draft202012Validator({**one, "definitions": root.get("definitions") or {}}).is_valid(value):
                return value
    raise OperatorError(f"{name}={text} is not understood", f"{name} is {_expected(schema, root)}")


def _variants(schema: _Schema, root: _Schema) -> list[_Schema]:
    """The alternative plain schemas, the narrower first."""
    return sorted(_flat(schema, root), key=lambda one: _ORDER.index(_kind(one)))


def _flat(schema: _Schema, root: _Schema) -> Iterator[_Schema]:
    if "$ref" in schema:
        yield from _flat((root.get("definitions") or {}).get(schema["$ref"].rpartition("/")[2], {}), root)
        return
    choices = schema.get("anyOf") or schema.get("oneOf") or (schema.get("allOf") if "type" not in schema else None)
    if choices:
        for choice in choices:
            yield from _flat(choice, root)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {**schema, "type": kind}
    else:
        yield schema


def _kind(schema: _Schema) -> str:
    if "const" in schema or "enum" in schema:
        return "const"
    kind = str(schema.get("type", "any"))
    form = schema.get("format")
    return str(form) if kind == "string" and form in ("date", "date-time") else kind if kind in _ORDER else "any"


def _readings(text: str, schema: _Schema, root: _Schema) -> Iterator[Any]:
    """The possible values of `text` by `schema`, none if it is invalid."""
    word, kind = text.strip(), _kind(schema)
    if kind == "const":
        yield from (one for one in _values(schema) if _says(word, one))
    elif kind == "null" and word.lower() in ("", "null", "none"):
        yield None
    elif kind == "boolean" and word.lower() in ("true", "false"):
        yield word.lower() == "true"
    elif kind == "integer" and _WHOLE.fullmatch(word):
        yield int(word)
    elif kind == "number":
        yield from _numbers(word)
    elif kind == "date" and _DATE.fullmatch(word):
        yield from _iso(word, date.fromisoformat)
    elif kind == "date-time":
        yield from _iso(word, datetime.fromisoformat)
    elif kind == "array":
        yield from _lists(word, schema, root)
    elif kind == "object":
        yield from (one for one in _json(word) if isinstance(one, dict))
    elif kind == "any":
        yield from [*_json(word), text][:1]
    elif kind == "string":
        yield text


def _values(schema: _Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema["enum"])


def _says(word: str, value: Any) -> bool:
    return word == (value if isinstance(value, str) else json.dumps(value))


def _numbers(word: str) -> Iterator[float]:
    try:
        value = float(word)
    except ValueError:
        return
    if math.isfinite(value):
        yield value


def _iso(word: str, read: Any) -> Iterator[str]:
    try:
        read(word)
    except ValueError:
        return
    yield word


def _lists(word: str, schema: _Schema, root: _Schema) -> Iterator[list[Any]]:
    """Parse a JSON list, or members separated by commas."""
    found = next(_json(word), None)
    if isinstance(found, list):
        members = [one if isinstance(one, str) else json.dumps(one) for one in found]
    else:
        members = [one.strip() for one in word.split(",") if one.strip()]
    items: _Schema = schema.get("items") or {}
    try:
        yield [_value("", one, items, root) for one in members]
    except OperatorError:
        return


def _json(word: str) -> Iterator[Any]:
    try:
        yield json.loads(word)
    except ValueError:
        return


def _expected(schema: _Schema, root: _Schema) -> str:
    return ", or ".join(dict.fromkeys(_described(one, root) for one in reversed(_variants(schema, root))))


def _described(schema: _Schema, root: _Schema) -> str:
    kind = _kind(schema)
    if kind == "const":
        return " or ".join(one if isinstance(one, str) else json.dumps(one) for one in _values(schema))
    if kind in ("integer", "number"):
        return f"a {'whole ' if kind == 'integer' else ''}number{_range(schema)}"
    if kind == "array":
        return f"one or more with commas between, each {_expected(schema.get('items') or {}, root)}"
    words = {
        "null": "null",
        "boolean": "true or false",
        "date": "a date as 2017-12-31",
        "any": "anything",
        "date-time": "a time as 2017-12-31T08:00:00",
        "object": "a JSON object",
        "string": "a text",
    }
    return words[kind]


def _range(schema: _Schema) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return "".join(f" {word} {schema[name]:g}" for name, word in words.items() if name in schema)
