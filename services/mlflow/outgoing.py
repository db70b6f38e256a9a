"""Where MLflow's server itself may go: webhooks to instances of the API alone, artifacts to the object store alone.

Whoever may write to MLflow else has it ask any address of this machine and tell the answer, or read any file of its account.
MLflow 3.17.2 has settings for neither, so the functions are replaced in which it checks addresses, connects, and opens stores.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.artifact import artifact_repository_registry as artifacts
from mlflow.store.model_registry import sqlalchemy_store
from mlflow.webhooks import delivery
from mlflow.webhooks.ssrf import SSRFProtectedHTTPAdapter
from requests import PreparedRequest, Response

from closecast.platform.mlflow.webhooks import PATH

VARIABLE = "CLOSECAST_API_URLS"
_STORES = ("s3",)


class Targets:
    """The addresses of the API's instances, which Nomad keeps current in `file`: `CLOSECAST_API_URLS=http://…,http://…`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> list[str]:
        """Where webhooks may lead at the moment."""
        try:
            lines = self._file.read_text().splitlines()
        except FileNotFoundError:
            return []
        listed = [line.partition("=")[2] for line in lines if line.startswith(f"{VARIABLE}=")]
        return [f"{address}{PATH}" for line in listed for address in line.split(",") if address]

    def check(self, url: object) -> None:
        """Raise MlflowException unless `url` is one of them, letter by letter: no other spelling leads there.

        So there is no name to be resolved, no user, no port and no other form of an address to be tried.
        """
        allowed = self.now()
        if url not in allowed:
            known = f"expected one of {', '.join(allowed)}" if allowed else "and Nomad knows no instance of it now"
            raise MlflowException.invalid_parameter_value(
                f"webhooks lead to the prediction API alone, not to {str(url)[:200]!r}: {known}"
            )


class _Checked(SSRFProtectedHTTPAdapter):
    """Sends nothing elsewhere, also where an answer redirects there."""

    def __init__(self, check: Callable[[object], None], **options: Any) -> None:
        super().__init__(**options)
        self._check = check

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        self._check(request.url)
        return super().send(request, *arguments, **options)


def limit(targets: Targets) -> None:
    """Hold MLflow's server, which runs in this process, to `targets` and to the object store."""
    for module in (sqlalchemy_store, delivery):
        _replace(module, "_validate_webhook_url", targets.check)
    session = delivery._create_webhook_session()
    for scheme in ("http://", "https://"):
        retries = session.get_adapter(scheme).max_retries  # type: ignore[attr-defined]
        session.mount(scheme, _Checked(targets.check, max_retries=retries))
    _replace(delivery, "_webhook_session", session)
    registry = artifacts._artifact_repository_registry
    _replace(registry, "_registry", {scheme: registry._registry[scheme] for scheme in _STORES})


def _replace(owner: Any, name: str, value: Any) -> None:
    """Raises AttributeError where another version of MLflow has no such thing: it must not start unlimited."""
    getattr(owner, name)
    setattr(owner, name, value)
