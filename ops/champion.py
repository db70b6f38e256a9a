"""Sees to it that the registry has a champion trained on the wanted source, and that the API predicts with it."""

import hashlib
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from ops import jobs, paths
from ops.api import Api
from ops.cluster import Cluster
from ops.credentials import Credentials
from ops.errors import OperatorError
from ops.pipeline import DEPLOYMENT, Prefect
from ops.progress import say, step

DEFAULT_SOURCE = "synthetic"


def ensure_champion(cluster: Cluster, source: str | None, as_of: date | None = None) -> None:
    """Run the pipeline when there is no champion yet, when a source or a date is named that the last run did not use, or when
    features or the model's files have changed since: a champion of other features could not be used."""
    used = paths.state() / "source.json"
    before = json.loads(used.read_text()) if used.exists() else {}
    champion = _champion_version(jobs.address(cluster, "mlflow"))
    wanted = source or before.get("source") or DEFAULT_SOURCE
    if source is None and as_of is None and before.get("as_of"):
        as_of = date.fromisoformat(before["as_of"])
    if champion is not None and before == _used(wanted, as_of):
        return
    say(f"training a model on {wanted}" + ("" if champion is None else f" (version {champion} serves meanwhile)"))
    result = train(cluster, wanted, as_of)
    used.write_text(json.dumps(_used(wanted, as_of)))
    if not result["promoted"] and champion is None:
        raise OperatorError(
            f"the model trained on {wanted} was refused: {'; '.join(result['reasons'])}",
            "the API has nothing to serve: look at the data, or train on another source",
        )


def train(cluster: Cluster, source: str, as_of: date | None = None) -> dict[str, Any]:
    """Submit the flow, follow it, and say what became of the model; returns the flow's result."""
    prefect = Prefect(jobs.address(cluster, "prefect"))
    with step(f"pipeline on {source}"):
        run = prefect.submit(DEPLOYMENT, {"source": source, **({"as_of": as_of.isoformat()} if as_of else {})})
        prefect.follow(run)
    result = prefect.result(run)
    verdict = "promoted to champion" if result["promoted"] else "refused"
    say(f"  model version {result['version']} {verdict}: {'; '.join(result['reasons'])}")
    return result


def first_prediction(cluster: Cluster, credentials: Credentials, seconds: float = 60) -> dict[str, Any]:
    """Score the likeliest open deal through the API; returns its row of the ranking and the answer.

    Raises OperatorError when the API has no champion to answer from in time.
    """
    api = Api(jobs.address(cluster, "api"), credentials.api_key)
    deadline = time.monotonic() + seconds
    while True:
        ready, why = api.readiness()
        if ready:
            break
        if time.monotonic() > deadline:
            raise OperatorError(f"the API serves no model: {why}", "see `just logs api`")
        time.sleep(0.2)
    ranking = api.call("GET", "/v1/pipeline", params={"limit": 1})
    if not ranking["deals"]:
        raise OperatorError(
            "the data holds no open deal to predict",
            "name an export with open (Engaging) deals: just up source=file:<path>",
        )
    first: dict[str, Any] = ranking["deals"][0]
    raw = {
        name: first[name]
        for name in ("opportunity_id", "sales_agent", "product", "account", "engage_date")
        if first.get(name)
    }
    body = {"deal": {**raw, "deal_stage": "Engaging"}, "as_of": ranking["as_of"], "horizon": "quarter_end"}
    return {"deal": first, "answer": api.call("POST", "/v1/predictions", json=body)}


def _champion_version(mlflow: str) -> str | None:
    query = {"name": "closecast", "alias": "champion"}
    answer = httpx.get(f"{mlflow}/api/2.0/mlflow/registered-models/alias", params=query, timeout=30)
    if answer.status_code == 200:
        return str(answer.json()["model_version"]["version"])
    if answer.status_code in (400, 404):
        return None
    raise OperatorError(
        f"the model registry answered {answer.status_code}: {answer.text[:200]}", "see `just logs mlflow`"
    )


def _used(source: str, as_of: date | None) -> dict[str, str]:
    """What a model is made of: the source, for a file its size and time of change, the date of the export where it was named,
    and the code of features and files."""
    kind, _, path = source.partition(":")
    facts = Path(path).stat() if kind == "file" and Path(path).exists() else None
    folders = (paths.PROJECT / "closecast" / "features", paths.PROJECT / "closecast" / "models")
    code = b"".join(file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py")))
    return {
        "source": source,
        "as_of": as_of.isoformat() if as_of else "",
        "state": f"{facts.st_size} {facts.st_mtime_ns}" if facts else "",
        "code": hashlib.sha256(code).hexdigest()[:16],
    }
