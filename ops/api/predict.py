"""The command `predict <file>`: score the open deals of a CRM export through the API and print them ranked."""

import json
from typing import Any

import pandas as pd

from closecast.cli.predict import deals_of, options, show
from closecast.platform.request_limits import MOST_DEALS
from ops.api.client import Api
from ops.nomad import jobs
from ops.nomad.session import Session, connect


def client(session: Session) -> Api:
    """A client of the running platform's API."""
    return Api(jobs.address(session.cluster, "api"), session.credentials.api_key)


def predict(arguments: list[str]) -> int:
    """Score the open deals of an export, CSV, Excel or Parquet, and print them ranked."""
    given = options("just", predict.__doc__).given(arguments)
    named = {"as_of": None if given.as_of is None else given.as_of.isoformat(), "horizon": given.horizon}
    query = {name: value for name, value in named.items() if value is not None}
    deals = deals_of(given)
    return show(score(client(connect()), deals, query), given.out)


def score(api: Api, deals: pd.DataFrame, query: dict[str, str]) -> list[dict[str, Any]]:
    """All deals, in requests of as many as the API takes at once."""
    answers: list[dict[str, Any]] = []
    for begin in range(0, len(deals), MOST_DEALS):
        body = deals.iloc[begin : begin + MOST_DEALS].to_csv(index=False)
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        answer = api.call("POST", "/v1/predictions/batch", params=query, content=body.encode(), headers=headers)
        answers += answer["predictions"]
    return answers


def as_curl(address: str, prediction: dict[str, Any]) -> str:
    """The curl command that reproduces `prediction`."""
    deal = {name: prediction["deal"][name] for name in ("sales_agent", "product", "engage_date")}
    body = {
        "deal": {**deal, "deal_stage": "Engaging"},
        "as_of": prediction["answer"]["as_of"],
        "horizon": "quarter_end",
    }
    return f"curl -s {address}/v1/predictions -H \"X-API-Key: $(just api-key)\" \\\n  -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
