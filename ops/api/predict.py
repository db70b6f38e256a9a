"""The command `predict <file>`: score the open deals of a CRM export through the API and print them ranked."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from closecast.deals.mapping.document import Mapping
from closecast.platform.printable import printable
from closecast.platform.request_limits import MOST_DEALS
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.mapped import DETECTED, check_size, mapped, read_table
from ops.api.client import Api
from ops.cli.arguments import Arguments, day
from ops.cli.cells import cell
from ops.cli.json_file import write_json
from ops.errors import OperatorError
from ops.model.mapping import chosen_mapping
from ops.nomad import jobs
from ops.nomad.session import Session, connect
from ops.paths import named_by_user

_CONSOLE = Console(soft_wrap=True)


def client(session: Session) -> Api:
    """A client of the running platform's API."""
    return Api(jobs.address(session.cluster, "api"), session.credentials.api_key)


def predict(arguments: list[str]) -> int:
    """Score the open deals of an export, CSV, Excel or Parquet, and print them ranked."""
    wanted = Arguments("predict", predict.__doc__).place("file", "an export of the CRM").mapping()
    wanted.option("as-of", day, "the as-of date, YYYY-MM-DD (default: the last date of the model's data)", value="date")
    wanted.option("horizon", str, "days, or quarter_end (default)", value="days")
    given = wanted.option("out", str, "a JSON file to keep the answers in", value="file").given(arguments)
    path = named_by_user(given.file)
    if not path.is_file():
        raise OperatorError(
            f"there is no file {path}", "check the path; a relative one counts from the folder you are in"
        )
    named = {"as_of": None if given.as_of is None else given.as_of.isoformat(), "horizon": given.horizon}
    query = {name: value for name, value in named.items() if value is not None}
    deals = _deals(path, chosen_mapping(given, f"file:{path}"))
    answers = score(client(connect()), deals, query)
    if given.out is not None:
        write_json(given.out, answers, "out", indent=2)
    scored = sorted((one for one in answers if "probability" in one), key=lambda one: -one["probability"])
    print_table(scored[:50])
    refused = [one for one in answers if "error" in one]
    print(f"\n{len(scored)} deals scored, {len(refused)} not" + (", the first 50 shown" if len(scored) > 50 else ""))
    for reason, count in sorted(_reasons(refused).items(), key=lambda entry: -entry[1]):
        print(f"  {count} of them: {printable(reason)}")
    return 0 if scored else 1


def _deals(path: Path, mapping: Mapping | None) -> pd.DataFrame:
    """The deals of the file in the contract's columns, text; a file that has some of them itself is taken as it is."""
    try:
        check_size(path.stat().st_size, str(path))
        table = read_table(path.read_bytes(), str(path), mapping.file if mapping else DETECTED)
        if mapping is None and "engage_date" in table.frame:
            deals = table.frame
        else:
            deals = mapped(table, str(path), mapping).frame
    except (SourceError, OSError) as error:
        raise OperatorError(str(error), "mend what it names; `just map` helps with columns and stages") from error
    if deals.empty:
        raise OperatorError(f"{path} has a header and no deals", "export at least one open deal")
    return deals


def score(api: Api, deals: pd.DataFrame, query: dict[str, str]) -> list[dict[str, Any]]:
    """All deals, in requests of as many as the API takes at once."""
    answers: list[dict[str, Any]] = []
    for begin in range(0, len(deals), MOST_DEALS):
        body = deals.iloc[begin : begin + MOST_DEALS].to_csv(index=False)
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        answer = api.call("POST", "/v1/predictions/batch", params=query, content=body.encode(), headers=headers)
        answers += answer["predictions"]
    return answers


def _reasons(refused: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in refused:
        reason = str(one["error"].get("detail") or one["error"].get("title"))
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def print_table(deals: list[dict[str, Any]]) -> None:
    """Print ranked deals, most likely first."""
    table = Table("deal", "chance", "agent", "product", "account", "open since", box=None, pad_edge=False)
    for deal in deals:
        names = ("sales_agent", "product", "account", "engage_date")
        table.add_row(
            cell(deal.get("opportunity_id") or ""),
            f"{deal['probability']:.1%}",
            *[cell(deal.get(name) or "") for name in names],
        )
    _CONSOLE.print(table)


def as_curl(address: str, prediction: dict[str, Any]) -> str:
    """The curl command that reproduces `prediction`."""
    deal = {name: prediction["deal"][name] for name in ("sales_agent", "product", "engage_date")}
    body = {
        "deal": {**deal, "deal_stage": "Engaging"},
        "as_of": prediction["answer"]["as_of"],
        "horizon": "quarter_end",
    }
    return f"curl -s {address}/v1/predictions -H \"X-API-Key: $(just api-key)\" \\\n  -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
