"""Limit the MLflow server's outgoing connections: webhooks only to API instances, artifacts only to the object store.

Otherwise a user with write access could make it request any address of this machine, or read any file of its account.
MLflow 3.17.2 has no settings for this, so the functions are replaced that check addresses, connect, and open stores.
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
    """The addresses of the API's instances, which Nomad keeps current in `file`:

    `CLOSECAST_API_URLS=http://…,http://…`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> list[str]:
        """The currently allowed addresses of webhooks."""
        try:
            lines = self._file.read_text().splitlines()
        except FileNotFoundError:
            return []
        listed = [line.partition("=")[2] for line in lines if line.startswith(f"{VARIABLE}=")]
        return [f"{address}{PATH}" for line in listed for address in line.split(",") if address]

    def check(self, url: object) -> None:
        """Raise MlflowException unless `url` is exactly one of the allowed addresses.

        An exact match rules out host names, user names, other ports and other notations of an address.
        """
        allowed = self.now()
        if url not in allowed:
            known = f"expected one of {', '.join(allowed)}" if allowed else "and Nomad knows no instance of it now"
            raise MlflowException.invalid_parameter_value(
                f"webhooks lead to the prediction API alone, not to {str(url)[:200]!r}: {known}"
            )


class _Checked(SSRFProtectedHTTPAdapter):
    """An HTTP adapter that also checks the addresses of redirects."""

    def __init__(self, check: Callable[[object], None], **options: Any) -> None:
        super().__init__(**options)
        self._check = check

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        self._check(request.url)
        return super().send(request, *arguments, **options)


def limit(targets: Targets) -> None:
    """Limit the MLflow server in this process to `targets` and the object store."""
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
    """Replace an attribute.

    Raises AttributeError if this version of MLflow lacks it: the server must not start unlimited.
    """
    getattr(owner, name)
    setattr(owner, name, value)
