"""The platform's secrets: made once at random, kept in one file that only the user can read, handed to Nomad as Variables."""

import hashlib
import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ops import paths
from ops.errors import OperatorError

REGION = "us-east-1"
# Secrets that installations made before them lack, and that `up` adds to their files.
_JOINED_LATER = ("closecast_database_password",)


@dataclass(frozen=True)
class Credentials:
    """Random secrets of one installation (each at least 128 bits), and the Nomad tokens."""

    nomad_management_token: str
    nomad_operator_token: str
    postgres_password: str
    mlflow_database_password: str
    prefect_database_password: str
    optuna_database_password: str
    closecast_database_password: str
    cache_password: str
    object_store_access_key: str
    object_store_secret_key: str
    api_key: str

    @staticmethod
    def file() -> Path:
        return paths.state() / "credentials.json"

    @classmethod
    def load(cls) -> "Credentials":
        """Read the file. Raises OperatorError when there is none yet or it is damaged."""
        file = cls.file()
        if not file.exists():
            raise OperatorError("the platform has never been up here: there are no credentials", "run `just up` first")
        try:
            kept = json.loads(file.read_text())
            if kept and not set(_JOINED_LATER) <= set(kept):
                raise OperatorError(
                    f"{file} is of an earlier version of Closecast", "run `just up`, which adds what is new"
                )
            return cls(**{field.name: kept[field.name] for field in fields(cls)})
        except (ValueError, KeyError) as error:
            raise OperatorError(
                f"{file} is damaged ({error!r})", "restore it from a copy, or start over with `just down --purge`"
            ) from error

    @classmethod
    def load_or_create(cls) -> "Credentials":
        """Read the file, or make one of mode 0600 in a folder closed to others' listing; secrets that joined later are added."""
        if cls.file().exists():
            cls._complete()
            return cls.load()
        made = cls(
            nomad_management_token=str(uuid.uuid4()),
            nomad_operator_token="",
            **{
                field.name: secrets.token_urlsafe(32)
                for field in fields(cls)
                if not field.name.startswith(("nomad", "object_store_access"))
            },
            object_store_access_key=f"LK{secrets.token_hex(9).upper()}",
        )
        made.save()
        return made

    @classmethod
    def _complete(cls) -> None:
        """Add the secrets that a file of an earlier version lacks; a file that lacks more is left for `load` to complain of."""
        try:
            kept = json.loads(cls.file().read_text())
        except ValueError:
            return
        missing = {field.name for field in fields(cls)} - set(kept)
        if missing and missing <= set(_JOINED_LATER):
            cls(**kept, **{name: secrets.token_urlsafe(32) for name in missing}).save()

    def save(self) -> None:
        """Write whole or not at all, never readable by others even for a moment."""
        file = self.file()
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(asdict(self), out, indent=2)
        partial.replace(file)

    def variables(self) -> dict[str, dict[str, str]]:
        """Items of the Nomad Variable `nomad/jobs/<job>`, by job: each job sees what its tasks need and no more."""
        object_store = {
            "object_store_access_key": self.object_store_access_key,
            "object_store_secret_key": self.object_store_secret_key,
        }
        return {
            "postgres": {
                "superuser_password": self.postgres_password,
                "mlflow_password": self.mlflow_database_password,
                "prefect_password": self.prefect_database_password,
                "optuna_password": self.optuna_database_password,
                "closecast_password": self.closecast_database_password,
            },
            "cache": {"password": self.cache_password},
            "localstack": {**object_store, "secret_values": json.dumps(self.cloud_secrets())},
            "mlflow": {**object_store, "database_password": self.mlflow_database_password},
            "prefect": {"database_password": self.prefect_database_password},
            "prefect-worker": {**object_store, "optuna_password": self.optuna_database_password},
            "trial": {**object_store, "database_password": self.optuna_database_password},
            "score": object_store,
            "journal": {
                **object_store,
                "cache_password": self.cache_password,
                "database_password": self.closecast_database_password,
            },
            "api": {
                "api_key_sha256": hashlib.sha256(self.api_key.encode()).hexdigest(),
                "database_password": self.closecast_database_password,
                "cache_password": self.cache_password,
            },
            "ui": {},  # its tasks show who they are by their workload identity
        }

    def cloud_secrets(self) -> dict[str, str]:
        """What Secrets Manager holds, by name: the same entries that production reads there."""
        return {
            "mlflow-database": self.mlflow_database_password,
            "prefect-database": self.prefect_database_password,
            "optuna-database": self.optuna_database_password,
            "closecast-database": self.closecast_database_password,
            "cache": self.cache_password,
            "api-key": self.api_key,
        }
