"""The flow `retrain`: one attempt of a training that a harmful verdict asked for."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger

from closecast.platform.monitoring import alerting, retraining
from flows import steps
from flows.train import train


@steps.retried(timeout_seconds=300)
def begun(number: int) -> int | None:
    """Begin an attempt; returns which one it is, None when the retraining is over."""
    with closing(steps.monitoring()) as connection:
        return retraining.begin(connection, number)


@steps.retried(timeout_seconds=300)
def ended(number: int, result: dict[str, Any], failed: bool = False) -> None:
    """Close the retraining."""
    with closing(steps.monitoring()) as connection:
        retraining.end(connection, number, datetime.now(UTC), result, failed)
        alerting.tell_retraining(connection, steps.alert_rules(), number, result["error"] if failed else None)


@steps.retried(timeout_seconds=300)
def postponed(number: int, attempt: int) -> str:
    """Have the next attempt run later; returns what was done."""
    at = datetime.now(UTC) + retraining.DELAYS[attempt - 1]
    steps.trainings().start(number, attempt + 1, at)
    return f"attempt {attempt + 1} of {retraining.ATTEMPTS} begins at {at:%Y-%m-%d %H:%M} UTC"


@flow(name="retrain", timeout_seconds=7200, validate_parameters=True)
def retrain(number: int) -> dict[str, Any]:
    """Train on the platform's own source, for retraining `number` (table `retrainings`); `monitor` starts it.

    A model that the gate accepts goes to shadow first, where there is a champion to compare it with.

    A failed attempt is tried again after an hour, and then after six; then the retraining has failed. A retraining that
    is over is left alone, so that this may be started any number of times.
    """
    attempt = begun(number)
    if attempt is None:
        get_run_logger().info("retraining %s is over, or there is none", number)
        return {"number": number, "skipped": True}
    try:
        result = train(shadow_first=True)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if attempt < retraining.ATTEMPTS:
            get_run_logger().warning("%s", postponed(number, attempt))
        else:
            ended(number, {"error": reason[:2_000]}, failed=True)
        raise
    kept = {name: result[name] for name in ("version", "promoted", "in_shadow", "reasons")}
    ended(number, kept)
    return {"number": number, **kept}


if __name__ == "__main__":
    retrain(1)
