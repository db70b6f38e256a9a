"""Three-way merge of a deployment's settings: this version's, the user's, and those set last."""

import json
from collections.abc import Mapping
from typing import Any

from prefect.utilities.schema_tools.validation import ValidationError, validate

Settings = Mapping[str, Any]
_ABSENT = object()


def merged(
    base: Settings, ours: Settings, theirs: Settings, schema: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Merge the settings; returns them, and a line for each notable change.

    `base` is what we set last, `ours` what this version wants, `theirs` what the server has: "parameters" by name,
    "tags" as a list, and whatever else as plain values. `schema` is that of the flow's parameters.
    """
    notes: list[str] = []
    found: dict[str, Any] = {}
    for name, wanted in ours.items():
        if name == "parameters":
            found[name] = _parameters(base[name], wanted, theirs[name], schema, notes)
        elif name == "tags":
            found[name] = _tags(base[name], wanted, theirs[name], notes)
        else:
            users = theirs[name] != base.get(name) and theirs[name] != wanted
            found[name] = theirs[name] if users else wanted
            if users:
                notes.append(f"kept: {_words(name)} {_text(theirs[name])}, where the inventory has {_text(wanted)}")
    return found, notes


def _parameters(
    base: Settings, ours: Settings, theirs: Settings, schema: Mapping[str, Any], notes: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in dict.fromkeys([*theirs, *ours, *base]):
        was, wanted, there = (one.get(name, _ABSENT) for one in (base, ours, theirs))
        if there == was:  # unchanged since the last deployment
            if wanted is not _ABSENT:
                found[name] = wanted
            if was is not _ABSENT and wanted is _ABSENT:
                notes.append(f"removed: parameter {name}={_text(was)}, which the inventory no longer sets")
            elif was is not _ABSENT and wanted != was:
                notes.append(f"changed: parameter {name}={_text(wanted)}, before {_text(was)}")
            elif was is _ABSENT:
                notes.append(f"new: parameter {name}={_text(wanted)}")
        elif there is _ABSENT:
            if wanted is not _ABSENT:
                notes.append(f"kept: parameter {name} is not set, where the inventory has {_text(wanted)}")
        elif problem := _problem(name, there, schema):
            notes.append(f"removed: parameter {name}={_text(there)}, which was set by hand: {problem}")
            if wanted is not _ABSENT:
                found[name] = wanted
        else:
            found[name] = there
            if there != wanted:
                inventory = "does not set it" if wanted is _ABSENT else f"has {_text(wanted)}"
                notes.append(f"kept: parameter {name}={_text(there)}, where the inventory {inventory}")
    return found


def _problem(name: str, value: Any, schema: Mapping[str, Any]) -> str | None:
    """Why the flow no longer accepts the value, so that Prefect would refuse the whole deployment; None if it does."""
    known = schema.get("properties") or {}
    if name not in known:
        return f"the flow has no such parameter, it has {', '.join(known) or 'none'}"
    try:
        validate({name: value}, dict(schema), raise_on_error=True, ignore_required=True)
    except ValidationError as error:
        return " ".join(str(error).split())
    return None


def _tags(base: list[str], ours: list[str], theirs: list[str], notes: list[str]) -> list[str]:
    added = [tag for tag in ours if tag not in base and tag not in theirs]
    dropped = [tag for tag in theirs if tag in base and tag not in ours]
    if own := [tag for tag in theirs if tag not in base and tag not in ours]:
        notes.append(f"kept: tags {', '.join(own)}")
    if taken := [tag for tag in ours if tag in base and tag not in theirs]:
        notes.append(f"kept: without tags {', '.join(taken)}")
    return [*(tag for tag in theirs if tag not in dropped), *added]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
