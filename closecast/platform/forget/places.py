"""The places that may hold personal data. docs/personal-data.md describes each; a new one belongs into both."""

OTHERS = "lake: other files"
OLDER = "older versions of objects"
ARTIFACTS = "artifacts of models and reports"

# By the first part of an object's key in the lake's bucket.
LAKE = {
    "bronze": "lake: bronze/",
    "silver": "lake: silver/",
    "quarantine": "lake: quarantine/",
    "gold": "lake: gold/",
    "predictions": "lake: predictions/",
    "steps": "lake: steps/",
    "newest": "lake: newest/",
    "leases": "lake: leases/",
    "forgotten": "lake: forgotten/",
}

# Tables of the database `closecast`. Those of MLflow, Prefect and Optuna are theirs: all their columns are searched.
TABLES = {
    "predictions": "database closecast: predictions",
    "archive_batches": "database closecast: archive_batches",
    "outcomes": "database closecast: outcomes",
    "known_deals": "database closecast: known_deals",
    "matured_predictions": "database closecast: matured_predictions",
    "judgements": "database closecast: judgements",
    "verdicts": "database closecast: verdicts",
    "retrainings": "database closecast: retrainings",
    "shadow_predictions": "database closecast: shadow_predictions",
    "shadow_positions": "database closecast: shadow_positions",
    "shadow_comparisons": "database closecast: shadow_comparisons",
    "champion_changes": "database closecast: champion_changes",
    "alerts": "database closecast: alerts",
    "alert_deliveries": "database closecast: alert_deliveries",
    "alert_silences": "database closecast: alert_silences",
    "opinions": "database closecast: opinions",
    "flow_runs": "database closecast: flow_runs",
    "forecasts": "database closecast: forecasts",
    "api_keys": "database closecast: api_keys",
    "api_key_secrets": "database closecast: api_key_secrets",
    "users": "database closecast: users",
    "sessions": "database closecast: sessions",
    "failed_sign_ins": "database closecast: failed_sign_ins",
    "audit_log": "database closecast: audit_log",
    "migrations": "database closecast: migrations",
}
APPEND_ONLY = frozenset({"audit_log"})  # a trigger keeps its rows from being changed: what is found there is left
DATABASES = ("mlflow", "prefect", "optuna")

STREAM_PLACE = "cache: stream of predictions"
DEAD_PLACE = "cache: messages set aside"
KEYS_PLACE = "cache: other keys"

# Folders of the state, each with what is done about a value in it.
FOLDERS = {
    "mirror": "follows",  # the bucket mirror copies what the buckets hold, and deletes what they no longer hold
    "models": "copies",  # of the API: fetched again from the registry and the lake
    "batch": "copies",  # of the job score
    "replay": "copies",  # of `just replay`
    "exports": "rewritten",  # exports that only root can read, copied for the flows
    "worker": "rewritten",
    "prefect": "rewritten",
    "nomad": "masked",  # logs of tasks, which stay open
    "gateway": "masked",
    "alertmanager": "searched",
    "prometheus": "searched",
    "localstack": "searched",
    "terraform": "searched",
    "cache": "searched",  # its log holds the stream in compressed form: the stream's own place counts
    "postgres": "asked",  # its tables are searched by its server, its files are not
    "runtime": "program",
}
OTHER_FILES = "files: others"
SPOOL_PLACE = "files: models/spool"
TEMPORARY_PLACE = "files: temporary"


def folder_place(name: str) -> str:
    """What a folder of the state is called in the report."""
    return f"files: {name}"


def database_place(name: str) -> str:
    """What a database that is not ours is called in the report."""
    return f"database {name}"


EVERY = (
    *LAKE.values(),
    OTHERS,
    ARTIFACTS,
    OLDER,
    *TABLES.values(),
    *map(database_place, DATABASES),
    STREAM_PLACE,
    DEAD_PLACE,
    KEYS_PLACE,
    *(folder_place(name) for name, how in FOLDERS.items() if how not in ("asked", "program")),
    OTHER_FILES,
    SPOOL_PLACE,
    TEMPORARY_PLACE,
)
