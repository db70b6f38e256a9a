"""Ensure that the registry has a champion trained on the wanted source, and that the API serves it."""

import hashlib
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from closecast.platform.sources.folder import files_in
from ops import paths
from ops.api.client import Api
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.model.mapping import own_mapping, set_own_mapping
from ops.model.signing import unsigned
from ops.model.source import is_gone, own_source, set_own_source
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.prefect.pipeline import DEPLOYMENT, Prefect
from ops.setup.credentials import Credentials

DEFAULT_SOURCE = "synthetic"


def ensure_champion(
    cluster: Cluster,
    source: str | None,
    as_of: date | None = None,
    fiscal_year_start: int | None = None,
    mapping: str | None = None,
) -> bool:
    """Run the pipeline if the champion is missing or outdated; returns whether it ran.

    It is outdated when the source, the date of the export or the fiscal year differ from the last run's, when features
    or the model's files have changed, or when no key of this platform has signed it, so that no service would load it.

    `source` defaults to the platform's own; one that the pipeline ran on becomes the platform's own. The date is kept
    while the export is the same, the fiscal year until another is given.
    """
    prefect = Prefect(jobs.address(cluster, "prefect"))
    used = paths.state() / "source.json"
    before = {"mapping": "", **json.loads(used.read_text())} if used.exists() else {}
    credentials = Credentials.load()
    found = _champion(jobs.address(cluster, "mlflow"), credentials)
    champion = None if found is None else str(found["version"])
    refused = None if found is None else unsigned(found, credentials)
    if refused is not None:
        say(f"version {champion} is champion and no service loads it: {refused}; a new model is trained in its place")
        champion = None
    wanted = source or own_source(prefect) or DEFAULT_SOURCE
    month = fiscal_year_start or before.get("fiscal_year_start")
    # Another source has a mapping of its own, or none.
    mapping = mapping or (own_mapping(prefect) if wanted == own_source(prefect) else None)
    export = {**_export(wanted), "mapping": _digest(mapping)}
    if as_of is None and before.get("as_of") and export.items() <= before.items():
        as_of = date.fromisoformat(before["as_of"])
    now = {**export, "as_of": as_of.isoformat() if as_of else None, "fiscal_year_start": month, "code": _code()}
    if (
        champion is not None
        and is_gone(wanted)
        and before == {**now, **{name: before.get(name) for name in ("state", "as_of")}}
    ):
        say(
            f"the platform's source {wanted} is gone: version {champion} serves, and no flow can read it any more; put "
            "it back, or name another by `just up --source …`"
        )
        return False
    if champion is not None and {name: before.get(name) for name in now} == now:
        set_own_source(prefect, wanted)
        set_own_mapping(prefect, mapping)
        return False
    say(f"training a model on {wanted}" + ("" if champion is None else f" (version {champion} serves meanwhile)"))
    result = train(cluster, wanted, as_of, month, mapping, is_platforms_source=True)
    used.write_text(json.dumps(now))
    set_own_source(prefect, wanted)
    set_own_mapping(prefect, mapping)
    baseline = result["baseline"]
    if not result["promoted"] and champion is None and not (baseline and baseline["promoted"]):
        why = [*result["reasons"], *(baseline["reasons"] if baseline else [])]
        raise OperatorError(
            f"the model trained on {wanted} was refused, and so was the baseline: {'; '.join(why)}",
            "the API has nothing to serve: look at the data, or train on another source",
        )
    if result["champion_has_other_deals"] and not (result["promoted"] or (baseline and baseline["promoted"])):
        say(
            f"version {champion}, which serves on, was trained on other deals: what it says of {wanted} is worth nothing"
        )
    return True


def train(
    cluster: Cluster,
    source: str | None,
    as_of: date | None = None,
    fiscal_year_start: int | None = None,
    mapping: str | None = None,
    is_platforms_source: bool = False,
) -> dict[str, Any]:
    """Submit the training flow, follow it, print the gate's decision, and return the flow's result.

    None stands for the deployment's value: usually the platform's own source, the end of the data, and the fiscal year
    of the present champion. `is_platforms_source` says that the source is, or becomes, the platform's own.
    """
    prefect = Prefect(jobs.address(cluster, "prefect"))
    asked = {"source": source, "as_of": as_of.isoformat() if as_of else None, "fiscal_year_start": fiscal_year_start}
    asked |= {"mapping": mapping, "is_platforms_source": is_platforms_source or None}
    with step(f"pipeline on {source or 'the source of its deployment'}"):
        run = prefect.follow(
            prefect.submit(DEPLOYMENT, {name: value for name, value in asked.items() if value is not None})
        )
    result = prefect.result(run["id"])
    verdict = "promoted to champion" if result["promoted"] else "in shadow" if result["in_shadow"] else "refused"
    say(f"  model version {result['version']} {verdict}: {'; '.join(result['reasons'])}")
    if baseline := result["baseline"]:
        verdict = "serves until a model beats it" if baseline["promoted"] else "is refused too"
        say(f"  baseline version {baseline['version']} {verdict}: {'; '.join(baseline['reasons'])}")
    return result


def first_prediction(cluster: Cluster, credentials: Credentials, seconds: float = 60) -> dict[str, Any]:
    """Score the most likely open deal through the API; returns its row of the ranking and the answer.

    Raises OperatorError when the API does not serve a champion in time.
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
    _wait_for_champion(api, jobs.address(cluster, "mlflow"), credentials)
    ranking = api.call("GET", "/v1/pipeline", params={"limit": 1})
    if not ranking["deals"]:
        raise OperatorError(
            "the data holds no open deal to predict",
            "name an export with open (Engaging) deals: just up --source file:<path>",
        )
    first: dict[str, Any] = ranking["deals"][0]
    raw = {
        name: first[name]
        for name in ("opportunity_id", "sales_agent", "product", "account", "engage_date")
        if first.get(name)
    }
    body = {"deal": {**raw, "deal_stage": "Engaging"}, "as_of": ranking["as_of"], "horizon": "quarter_end"}
    return {"deal": first, "answer": api.call("POST", "/v1/predictions", json=body)}


def _wait_for_champion(api: Api, mlflow: str, credentials: Credentials, seconds: float = 20) -> None:
    """Wait until the API serves the champion, which takes about two seconds; if it cannot load it, say so: the last one serves."""
    champion = _champion(mlflow, credentials)
    deadline = time.monotonic() + seconds
    while champion is not None and (served := api.call("GET", "/v1/model"))["run_id"] != champion["run_id"]:
        if time.monotonic() > deadline:
            say(
                f"the API still serves version {served['version']}, not the champion, version {champion['version']}: see `just status`"
            )
            return
        time.sleep(0.2)


def _champion(mlflow: str, credentials: Credentials) -> dict[str, Any] | None:
    """The champion's version as MLflow describes it."""
    query = {"name": "closecast", "alias": "champion"}
    login = (credentials.mlflow_login.user, credentials.mlflow_login.password)
    answer = httpx.get(f"{mlflow}/api/2.0/mlflow/registered-models/alias", params=query, auth=login, timeout=30)
    if answer.status_code == 200:
        return dict(answer.json()["model_version"])
    if answer.status_code in (400, 404):
        return None
    raise OperatorError(
        f"the model registry answered {answer.status_code}: {answer.text[:200]}", "see `just logs mlflow`"
    )


def _export(source: str) -> dict[str, Any]:
    """The source, and for a file its size and modification time, for a folder those of its files."""
    kind, _, named = source.partition(":")
    path = Path(named)
    if kind != "file" or not path.exists():
        return {"source": source, "state": ""}
    facts = [one.stat() for one in (files_in(path) if path.is_dir() else [path])]
    return {"source": source, "state": ", ".join(f"{one.st_size} {one.st_mtime_ns}" for one in facts)}


def _digest(mapping: str | None) -> str:
    """Of the mapping, empty for none: a platform from before mappings had none."""
    return hashlib.sha256(mapping.encode()).hexdigest()[:16] if mapping else ""


def _code() -> str:
    """A hash of the features' and the model's code, sixteen hexadecimal digits."""
    folders = (paths.PROJECT / "closecast" / "features", paths.PROJECT / "closecast" / "models")
    code = b"".join(file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py")))
    return hashlib.sha256(code).hexdigest()[:16]
