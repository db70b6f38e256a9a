"""The platform's secrets: random, stored in one file that only the user can read, and given to Nomad as Variables."""

import hashlib
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from closecast.platform.runtime.files import write_whole
from ops import paths
from ops.errors import OperatorError

if TYPE_CHECKING:
    from closecast.platform.settings import Login

REGION = "us-east-1"
LAKE_BUCKET, ARTIFACTS_BUCKET = "closecast-local-lake", "closecast-local-artifacts"
ALERTS_TOPIC = f"arn:aws:sns:{REGION}:000000000000:closecast-local-alerts"
# Until the operator names others: `just alert-sinks`.
_SINKS = json.dumps([{"kind": "sns", "name": "sns", "topic": ALERTS_TOPIC}])
# Secrets that earlier installations lack, and that `up` adds to their files.
_JOINED_LATER = (
    "closecast_database_password",
    "promoter_database_password",
    "monitor_database_password",
    "shadow_database_password",
    "webhook_secret",
    "webhook_encryption_key",
    "prefect_password",
    "ui_password",
    "model_signing_key",
    "model_former_keys",
    "pseudonym_key",
    "mlflow_password",
    "mlflow_api_password",
    "mlflow_reader_password",
    "api_object_store_secret_key",
    "journal_object_store_secret_key",
    "mlflow_object_store_secret_key",
    "prefect_worker_object_store_secret_key",
    "score_object_store_secret_key",
    "trial_object_store_secret_key",
    "alerts_object_store_secret_key",
    "alerts_database_password",
    "alertmanager_token",
    "prometheus_password",
    "alertmanager_password",
    "alert_sinks",
    "sign_in_provider",
    # Not new, but like those above it may be deleted from the file to get a new one.
    "object_store_secret_key",
)

# Jobs with their own key to the object store.
_WITH_OBJECT_STORE = ("alerts", "api", "journal", "mlflow", "prefect-worker", "score", "trial")


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
    promoter_database_password: str
    monitor_database_password: str
    shadow_database_password: str
    alerts_database_password: str
    cache_password: str
    object_store_access_key: str  # this pair has all rights, those of jobs are limited by localstack/rights.py
    object_store_secret_key: str
    alerts_object_store_secret_key: str
    api_object_store_secret_key: str
    journal_object_store_secret_key: str
    mlflow_object_store_secret_key: str
    prefect_worker_object_store_secret_key: str
    score_object_store_secret_key: str
    trial_object_store_secret_key: str
    api_key: str
    webhook_secret: str
    webhook_encryption_key: str
    prefect_password: str
    ui_password: str  # of the first user
    model_signing_key: str  # Ed25519's private key: 32 bytes
    mlflow_password: str
    mlflow_api_password: str
    mlflow_reader_password: str
    alertmanager_token: str  # with which Alertmanager posts to the service `alerts`
    prometheus_password: str
    alertmanager_password: str
    alert_sinks: str  # where messages about alerts go, as JSON: closecast/platform/alerts/sinks/settings.py
    sign_in_provider: str  # of people without a password, as JSON: closecast/platform/callers/provider.py; or empty
    pseudonym_key: (
        str  # of pseudonyms and of the list of forgotten values; with another one, names get other pseudonyms
    )
    model_former_keys: str  # public keys of earlier signing keys, separated by commas

    @staticmethod
    def file() -> Path:
        return paths.state() / "credentials.json"

    @classmethod
    def load(cls) -> "Credentials":
        """Read the file. Raises OperatorError when there is none yet, it is of an earlier version, or it is damaged."""
        if not cls.file().exists():
            raise OperatorError("the platform has never been up here: there are no credentials", "run `just up` first")
        kept = cls._read()
        if kept and not set(_JOINED_LATER) <= set(kept):
            raise OperatorError(
                f"{cls.file()} is of an earlier version of Closecast", "run `just up`, which adds what is new"
            )
        return cls._of(kept)

    @classmethod
    def load_or_create(cls) -> "Credentials":
        """Read the file, or create it with mode 0600 in a private folder; new kinds of secrets are added."""
        if not cls.file().exists():
            made = cls._of({"nomad_management_token": str(uuid.uuid4()), "nomad_operator_token": "", **cls._random()})
            made.save()
            return made
        kept = cls._read()
        joining = {name: value for name, value in cls._random().items() if name in _JOINED_LATER and name not in kept}
        whole = cls._of(kept | joining)
        if joining:
            whole.save()
        return whole

    @classmethod
    def completed(cls, kept: Mapping[str, str]) -> "Credentials":
        """`kept`, with random values for the secrets that it lacks."""
        return cls._of({"nomad_management_token": "", "nomad_operator_token": "", **cls._random(), **kept})

    def items(self) -> dict[str, str]:
        """Every secret by name."""
        return asdict(self)

    @classmethod
    def _read(cls) -> dict[str, str]:
        try:
            return dict(json.loads(cls.file().read_text()))
        except (ValueError, TypeError) as error:
            raise cls._damaged(error) from error

    @classmethod
    def _of(cls, kept: dict[str, str]) -> "Credentials":
        try:
            return cls(**{field.name: kept[field.name] for field in fields(cls)})
        except KeyError as error:
            raise cls._damaged(error) from error

    @classmethod
    def _damaged(cls, error: Exception) -> OperatorError:
        return OperatorError(
            f"{cls.file()} is damaged ({error!r})", "restore it from a copy, or start over with `just down --purge`"
        )

    @classmethod
    def _random(cls) -> dict[str, str]:
        """Random values for all secrets except Nomad's tokens."""
        names = [field.name for field in fields(cls) if not field.name.startswith("nomad")]
        made = {name: secrets.token_urlsafe(32) for name in names}
        return {
            **made,
            "object_store_access_key": f"LK{secrets.token_hex(9).upper()}",
            "model_former_keys": "",
            "alert_sinks": _SINKS,
            "sign_in_provider": "",
        }

    @property
    def prefect_auth_string(self) -> str:
        """User and password of Prefect's server, as one string."""
        return f"closecast:{self.prefect_password}"

    @property
    def mlflow_login(self) -> "Login":
        """The login to MLflow's server with all rights: for people, commands and flows."""
        # Imported here: other commands don't need it.
        from closecast.platform.settings import Login

        return Login("closecast", self.mlflow_password)

    def save(self) -> None:
        """Write the file atomically, readable by its owner only."""
        write_whole(self.file(), json.dumps(self.items(), indent=2))

    def model_public_keys(self) -> str:
        """The public keys of the current and the former signing keys."""
        # Imported here: other commands don't need it.
        from closecast.platform.signatures import Signer

        return ",".join(filter(None, (Signer.from_text(self.model_signing_key).public, self.model_former_keys)))

    def variables(self) -> dict[str, dict[str, str]]:
        """The items of the Nomad Variables `nomad/jobs/<job>`, by job: each job gets only what its tasks need."""
        keys = {job: self._object_store_key(job) for job in _WITH_OBJECT_STORE}
        loads_models = {"model_public_keys": self.model_public_keys()}
        return {
            "postgres": {
                "superuser_password": self.postgres_password,
                "mlflow_password": self.mlflow_database_password,
                "prefect_password": self.prefect_database_password,
                "optuna_password": self.optuna_database_password,
                "closecast_password": self.closecast_database_password,
                "promoter_password": self.promoter_database_password,
                "monitor_password": self.monitor_database_password,
                "shadow_password": self.shadow_database_password,
                "alerts_password": self.alerts_database_password,
            },
            "cache": {"password": self.cache_password},
            "localstack": {
                "object_store_access_key": self.object_store_access_key,
                "object_store_secret_key": self.object_store_secret_key,
                "object_store_job_keys": ",".join(":".join((job, *key.values())) for job, key in keys.items()),
            },
            "mlflow": {
                **keys["mlflow"],
                "database_password": self.mlflow_database_password,
                "password": self.mlflow_password,
                "api_password": self.mlflow_api_password,
                "reader_password": self.mlflow_reader_password,
                # A Fernet key: 32 bytes in padded base64.
                "webhook_encryption_key": f"{self.webhook_encryption_key}=",
            },
            "prefect": {
                "database_password": self.prefect_database_password,
                "auth_string": self.prefect_auth_string,
            },
            "prefect-worker": {
                **keys["prefect-worker"],
                **loads_models,
                "model_signing_key": self.model_signing_key,
                "pseudonym_key": self.pseudonym_key,
                "optuna_password": self.optuna_database_password,
                "promoter_password": self.promoter_database_password,
                "monitor_password": self.monitor_database_password,
                "mlflow_password": self.mlflow_password,
                "prefect_auth_string": self.prefect_auth_string,
            },
            "trial": {**keys["trial"], "database_password": self.optuna_database_password},
            "score": {
                **keys["score"],
                **loads_models,
                "mlflow_password": self.mlflow_reader_password,
                "pseudonym_key": self.pseudonym_key,
            },
            "journal": {
                **keys["journal"],
                "cache_password": self.cache_password,
                "database_password": self.closecast_database_password,
            },
            "shadow": {
                **loads_models,
                "database_password": self.shadow_database_password,
                "mlflow_password": self.mlflow_reader_password,
            },
            "api": {
                **keys["api"],
                **loads_models,
                "api_key_sha256": hashlib.sha256(self.api_key.encode()).hexdigest(),
                "database_password": self.closecast_database_password,
                "cache_password": self.cache_password,
                "webhook_secret": self.webhook_secret,
                "mlflow_password": self.mlflow_api_password,
                "pseudonym_key": self.pseudonym_key,
                "sign_in_provider": self.sign_in_provider,
            },
            "alerts": {
                **keys["alerts"],
                "database_password": self.alerts_database_password,
                "alertmanager_token": self.alertmanager_token,
                "sinks": self.alert_sinks,
            },
            "prometheus": {
                "password": self.prometheus_password,
                "alertmanager_password": self.alertmanager_password,
            },
            "alertmanager": {"password": self.alertmanager_password, "token": self.alertmanager_token},
            # They need no secret; what an earlier version has written is deleted.
            "ui": {},
            "gateway": {},
        }

    def _object_store_key(self, job: str) -> dict[str, str]:
        """The key pair of a job; the access key, which is not secret, contains the job's name."""
        return {
            "object_store_access_key": f"LKCLOSECAST{job.replace('-', '').upper()}",
            "object_store_secret_key": getattr(self, f"{job.replace('-', '_')}_object_store_secret_key"),
        }
