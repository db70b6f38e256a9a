"""Strict requests: a body of the declared type without content coding, and an unambiguous query.

By itself the framework converts texts to the types of a route: "30" becomes a number, and "null" nothing.
"""

import re
from collections import Counter
from functools import cache
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from services.api.problems import NotUnderstoodError
from services.api.schemas.own_columns import in_contracts_columns
from services.api.schemas.strict_json import StrictDecoder

OWN_COLUMNS = "own columns"  # key in a route's opt: its body has a deal that may be in the columns of the user's CRM
TAKEN = "taken"  # key in a route's opt: the media types of its body, if not only JSON
_JSON = ("application/json",)
_NUMBER = re.compile(r"[0-9]{1,20}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMED = ("sales_agent", "product", "manager", "region")
_WORDS = {
    "as_of": (_DATE, "a date written YYYY-MM-DD"),
    "horizon": (re.compile(r".*", re.DOTALL), 'days from as_of, or "quarter_end"'),
    "mapping": (re.compile(r"[a-z0-9_]{1,30}"), "the name of a profile, such as hubspot"),
    "opportunity_id": (re.compile(r".{1,500}", re.DOTALL), "a deal's identifier"),
    "group_by": (re.compile(r"[a-z_]{1,20}"), "product, sales_agent, manager or region"),
    "version": (re.compile(r"[1-9][0-9]{0,9}"), "the number of a version"),
    "order": (re.compile(r"[a-z_]{1,20}"), "probability, expected_value or stake"),
    **dict.fromkeys((*_NAMED, "account"), (re.compile(r".{1,500}", re.DOTALL), "a name")),
    **dict.fromkeys(
        ("limit", "offset", "before", "row", "weeks_back", "min_age", "max_age", "min_price", "max_price"),
        (_NUMBER, "a whole number"),
    ),
}
MOST_NAMES = 100  # of one column, in one query
_REPEATED = dict.fromkeys(_NAMED, MOST_NAMES)  # may come so often


class StrictRequest(Request[Any, Any, Any]):
    """Decodes JSON strictly into the route's type, so that the framework has nothing to convert."""

    async def json(self) -> Any:
        """Decode the body. Raises NotUnderstoodError."""
        field = self.route_handler.parsed_data_field
        assert field is not None, "the framework asks on behalf of a route that takes JSON"
        body, decoder = await self.body(), _decoder(field.annotation)
        try:
            return decoder.decode(body)
        except NotUnderstoodError:
            may_be_own = OWN_COLUMNS in self.route_handler.opt
            translated = in_contracts_columns(body, self.app.state.own_columns()) if may_be_own else None
            if translated is None:
                raise
            return decoder.decode(translated)


@cache
def _decoder(kind: type[Any]) -> StrictDecoder[Any]:
    return StrictDecoder(kind)


async def require_strict(request: Request[Any, Any, Any]) -> None:
    """Raise HTTPException (415) for a body of another type, and NotUnderstoodError for an invalid query."""
    handler = request.route_handler
    _require_query(request, handler)
    codings = [value for name, value in request.scope["headers"] if name == b"content-encoding"]
    for coding in codings:
        if coding.strip().lower() not in (b"", b"identity"):
            detail = (
                f"the body is coded as {coding.decode('latin-1')[:50]!r}; send it as it is, without Content-Encoding"
            )
            raise HTTPException(detail, status_code=415, headers={"Accept-Encoding": "identity"})
    taken = handler.opt.get(TAKEN) or (_JSON if handler.parsed_data_field is not None else None)
    if taken is not None:
        _require_type(request, taken)


def _require_type(request: Request[Any, Any, Any], taken: tuple[str, ...]) -> None:
    """Check the body's media type; a body without one counts as JSON."""
    given = [value.decode("latin-1") for name, value in request.scope["headers"] if name == b"content-type"]
    if not given:
        return
    kind, parameters = request.content_type
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    if len(given) > 1 or kind.lower() not in taken or charset not in ("utf-8", "utf8", "us-ascii"):
        expected, said = " or ".join(taken), ", ".join(given)
        detail = f"the body is sent as {said[:100]!r}; expected {expected}, in UTF-8"
        raise HTTPException(detail, status_code=415, headers={"Accept": ", ".join(taken)})


def _require_query(request: Request[Any, Any, Any], handler: BaseRouteHandler) -> None:
    named: Counter[str] = Counter()
    for name, value in request.query_params.multi_items():
        known = handler.parsed_fn_signature.parameters.keys() & _WORDS.keys()
        if name not in known:
            takes = ", ".join(sorted(known)) or "none"
            raise NotUnderstoodError(
                name[:50], None, takes, f"there is no query parameter {name[:50]!r} here; known: {takes}"
            )
        named[name] += 1
        if (most := _REPEATED.get(name, 1)) < named[name]:
            often = "twice" if most == 1 else f"more than {most} times"
            raise NotUnderstoodError(name, value, "each parameter once", f"the query parameter {name} comes {often}")
        pattern, expected = _WORDS[name]
        if not pattern.fullmatch(value):
            raise NotUnderstoodError(
                name, value, expected, f"the query parameter {name} is {value[:50]!r}; expected {expected}"
            )
