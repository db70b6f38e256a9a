"""The flow `monitor`: judge what matured, look at the served model, say whether it is harmful, and act on that."""

import json
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from pydantic import AwareDatetime

from closecast.models.manifest import ModelError
from closecast.monitoring.reference import Reference
from closecast.monitoring.verdict import HARMFUL, Finding, Verdict
from closecast.platform.journal.store import Connection
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.mlflow.identity import Served
from closecast.platform.mlflow.registry import LostError, NoChampionError
from closecast.platform.mlflow.tracking import Run
from closecast.platform.monitoring import alerting, exported, journal, judging, look, reports, retraining, verdicts
from closecast.platform.shadow.decision import decide
from flows import steps

RESULT_KEY = "monitor-result"
_WAIT = "10min"  # for another monitor to end
_LOCK = 0x6D6F6E69  # any number that no other user of this database locks


class MonitorError(RuntimeError):
    """The look was finished without something that it needs; the message says what."""


@steps.retried(timeout_seconds=1800)
def imported(source: str | None, seed: int, mapping: str | None) -> Ingested:
    """Import the CRM's export."""
    return steps.ingest.fn(steps.read.fn(source, seed, mapping))


@steps.retried(timeout_seconds=3600)
def looked(day: date | None, data: Ingested | None, notes: list[str], at: datetime) -> dict[str, Any]:
    """Judge and look under the lock of monitoring, store reports and verdict, and return the verdict as plain data.

    `notes` are things that this look lacks; they become reasons.
    """
    log = get_run_logger()
    with closing(steps.monitoring()) as connection, tempfile.TemporaryDirectory() as scratch:
        _acquire(connection)
        deals = None if data is None else data.deals
        judged = judging.judge(connection, exported.NOTHING if deals is None else exported.reports(deals))
        log.info("judged: %s", judged)
        try:
            served = steps.registry().champion(Path(scratch))
        except NoChampionError as error:
            return _unsaid(f"no model serves yet: {error}")
        except (LostError, ModelError) as error:
            return _unsaid(f"the champion cannot be read: {error}")
        run_id = served.identity.run_id
        last = day or journal.last_day(connection, run_id, at.date())
        if last is None:
            return _unsaid(f"{served.identity} has answered nothing yet")
        reference, missing = _reference(served, Path(scratch))
        known_until = date.fromisoformat(served.model.card.data_as_of)
        seen = look.look(connection, reference, run_id, known_until, last, deals)
        finding = Finding(seen.finding.verdict, (*seen.finding.reasons, *missing, *notes))
        run = _reports(Path(scratch), reference, seen, served, last, finding)
        figures = {**seen.figures, "judged": look.plain(vars(judged.reports) | {"predictions": judged.judged})}
        identity = (served.identity.version, run_id)
        before = verdicts.reports_of(connection, run_id, last)
        number = verdicts.store(connection, last, *identity, finding, figures, run.run_id, flow_run.get_id(), at)
    if before is not None:
        steps.registry().delete_run(before, reports.FOLDER)
    return {
        "number": number,
        "day": str(last),
        "verdict": str(finding.verdict),
        "reasons": list(finding.reasons),
        "model_version": served.identity.version,
        "model_run_id": run_id,
        "reports_run_id": run.run_id,
        "reports": f"{steps.tracking_uri()}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts",
        "quality": None if data is None else data.quality.score,
        "quality_learnt": served.model.card.quality,
        "figures": figures,
    }


@steps.retried(timeout_seconds=300)
def acted(said: dict[str, Any], at: datetime) -> list[str]:
    """Alert, ask for a retraining if the verdict is harmful, see to an open one, and say what was done."""
    done = []
    rules, links = steps.alert_rules(), _links(said)
    model = {"version": said["model_version"], "run_id": said["model_run_id"]}
    with closing(steps.monitoring()) as connection:
        new = alerting.tell_verdict(connection, rules, said["verdict"], said["reasons"], model, links)
        done += [f"alert {rule}" for rule in new]
        if said["quality"] is not None and alerting.tell_quality(
            connection, rules, said["quality"], said["quality_learnt"], links
        ):
            done.append(f"alert {alerting.QUALITY}")
        if said["verdict"] in HARMFUL:
            reason = f"verdict {said['number']} of {said['day']}: {said['verdict']}: {said['reasons'][0]}"
            shadow = steps.registry().shadow_identity()
            version = None if shadow is None else shadow.version
            done.append(retraining.request(connection, said["model_run_id"], reason, at, version).reason)
        if followed := retraining.follow(connection, steps.trainings(), at):
            done.append(followed.sentence)
            if followed.failed:
                alerting.tell_retraining(connection, rules, followed.number, followed.sentence)
    return done


@steps.retried(timeout_seconds=900)
def compared(at: datetime, promote: bool) -> dict[str, Any]:
    """Compare the version in shadow with the champion by outcomes, and promote or roll back where that is proved.

    With `promote` also under the policy `manual`.
    """
    with closing(steps.monitoring()) as connection:
        return decide(
            connection,
            steps.registry(),
            steps.promotion_lock().url,
            policy="auto" if promote else steps.promotion_policy(),
            at=at,
            by=f"flow {flow_run.flow_name}/{flow_run.name}",
            watch_days=steps.watch_days(),
        ).as_dict()


@steps.retried(timeout_seconds=900)
def tidied(at: datetime) -> int:
    """Delete old reports and verdicts; returns how many runs of reports were deleted."""
    with closing(steps.monitoring()) as connection:
        old = verdicts.with_older_reports(connection, at - timedelta(days=reports.KEPT_DAYS))
        for number, run_id in old:
            steps.registry().delete_run(run_id, reports.FOLDER)
            verdicts.drop_reports(connection, number)
        verdicts.delete_older(connection, at - timedelta(days=verdicts.KEPT_DAYS))
    return len(old)


@flow(name="monitor", timeout_seconds=7200, validate_parameters=True)
def monitor(
    day: date | None = None,
    source: str | None = None,
    seed: int = 7,
    mapping: str | None = None,
    at: AwareDatetime | None = None,
    promote: bool = False,
) -> dict[str, Any]:
    """Look at the served model as of `day`, and say that it is steady, shifted, harmful or cannot be judged.

    First the export `source` (by default the platform's own) is imported, and predictions whose horizon has passed are
    judged by it and by posted outcomes. `day` is by default the latest as-of date that the model has answered about.
    A harmful verdict has a training started, once. The version in shadow is compared with the champion, and takes its
    place, or leaves, where outcomes prove it; under the policy `manual` it takes its place only with `promote`. `at` is
    taken for the time (docs/drift.md); by default it is the clock's. If the import fails, the rest is done without it,
    and the run fails at its end.
    """
    now = at or datetime.now(UTC)
    notes: list[str] = []
    data = imported(source, seed, mapping, return_state=True)
    if data.is_failed():
        notes.append(f"the export could not be imported, so only posted outcomes are known: {data.message}")
    said = looked(day, None if data.is_failed() else data.result(), notes, now)
    done = acted(said, now) if said["number"] is not None else []
    shadow = compared(now, promote)
    if shadow["shadow"] is not None:
        done.append(f"in shadow: {shadow['sentence']}")
    tidied(now)
    result = {**{name: value for name, value in said.items() if name != "figures"}, "done": done, "shadow": shadow}
    _artifacts(said, result)
    get_run_logger().info("%s", json.dumps(result))
    if notes:
        raise MonitorError("; ".join(notes))
    return result


def _acquire(connection: Connection) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [_WAIT])
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.errors.LockNotAvailable as error:
        raise MonitorError(f"another monitor did not end within {_WAIT}: end that one if it hangs") from error
    connection.execute("SELECT set_config('lock_timeout', '0', false)")


def _links(said: dict[str, Any]) -> dict[str, str]:
    """Where the reports of a look and its flow run are."""
    run = flow_run.get_id()
    page = {} if run is None else {"run": f"{steps.prefect_pages()}/runs/flow-run/{run}"}
    return {"report": said["reports"], **page}


def _unsaid(reason: str) -> dict[str, Any]:
    """The result of a look without a model, which is not stored."""
    return {"number": None, "verdict": str(Verdict.NOT_JUDGED), "reasons": [reason], "reports_run_id": None}


def _reference(served: Served, scratch: Path) -> tuple[Reference | None, list[str]]:
    """The reference of the model, or None and the reason why there is none."""
    try:
        return Reference.load(steps.registry().reference(served, scratch / "reference")), []
    except (LostError, ModelError) as error:
        return None, [f"nothing can be compared: {error}"]


def _reports(
    scratch: Path, reference: Reference | None, seen: look.Seen, served: Served, day: date, finding: Finding
) -> Run:
    folder = scratch / "reports"
    folder.mkdir()
    missing = reports.write(folder, reference, seen, served.model.card.fiscal)
    for name, why in missing.items():
        get_run_logger().info("no report %s: %s", name, why)
    tags = {
        "verdict": str(finding.verdict),
        "model_run_id": served.identity.run_id,
        "model_version": served.identity.version,
        "day": str(day),
    }
    expected = seen.figures["expected"]
    figures = {name: value for name, value in expected.items() if value is not None}
    return reports.log(folder, steps.tracking_uri(), f"version {served.identity.version} on {day}", tags, figures)


def _artifacts(said: dict[str, Any], result: dict[str, Any]) -> None:
    lines = [
        f"# {said['verdict'].capitalize()}",
        "",
        *(f"- {reason}" for reason in [*said["reasons"], *result["done"]]),
    ]
    create_markdown_artifact(markdown="\n".join(lines), key="monitor-verdict")
    create_table_artifact(table=[result], key=RESULT_KEY, description="The verdict, as data.")
    if said["number"] is None:
        return
    columns = [
        {"deals": kind, **column}
        for kind, one in said["figures"]["looks"].items()
        for column in one["columns"]
        if column["state"] != "not judged"
    ]
    create_table_artifact(table=columns, key="monitor-columns", description="Distances from the reference.")
    create_link_artifact(link=said["reports"], link_text="Evidently's reports, in MLflow", key="monitor-reports")


if __name__ == "__main__":
    monitor()
