"""Kaggle's official HTTP client with explicit endpoint, credentials, timeouts and range requests.

It uses `kagglesdk`, on which the package `kaggle` is built: importing `kaggle` signs in at once, with whatever
the home folder holds. `kagglesdk` cannot resume a download, has no timeouts, and only fixed endpoints.
"""

from collections.abc import Mapping
from typing import Any

import requests
from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient  # type: ignore[import-untyped]
from kagglesdk.kaggle_env import KaggleEnv, get_endpoint  # type: ignore[import-untyped]
from kagglesdk.kaggle_http_client import KaggleHttpClient  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

from closecast.platform.sources.errors import SourceError

VARIABLES = "KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY"
ENDPOINT = "CLOSECAST_KAGGLE_ENDPOINT"
_TIMEOUT = (10, 60)  # seconds to connect, and between two bytes


class KaggleHttp(KaggleHttpClient):  # type: ignore[misc]
    """A session with Kaggle, used with `with`; `identity` describes the credentials."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Raise SourceError for incomplete credentials, and for an endpoint that is not an http(s) address."""
        super().__init__(env=KaggleEnv.PROD, user_agent="closecast")
        self._endpoint: str = environment.get(ENDPOINT, "").rstrip("/") or get_endpoint(KaggleEnv.PROD)
        if not self._endpoint.startswith(("http://", "https://")):
            raise SourceError(f"{ENDPOINT} is {self._endpoint!r}; expected an http(s) address without a path")
        self._auth, self.identity = _credentials(environment)

    @property
    def endpoint(self) -> str:
        return self._endpoint

    def _try_fill_auth(self) -> None:
        """Replace the client's own search in the process's environment and the home folder."""
        self._session.auth = self._auth
        self._session.headers["Accept-Encoding"] = "identity"  # ranges and lengths are those of the file's own bytes
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _ImpatientAdapter())

    def download_at(self, request: Any, start: int) -> requests.Response:
        """Open the answer to `request`, an ApiDownloadDatasetRequest, from byte `start` if the server supports it.

        Kaggle redirects to a signed address of its storage, which expires: so every attempt starts at Kaggle, and the
        Range header travels along the redirect.
        """
        self._init_session()
        self._session.headers.pop("Range", None)
        if start:
            self._session.headers["Range"] = f"bytes={start}-"
        response: requests.Response = DatasetApiClient(self).download_dataset(request)
        return response


class _ImpatientAdapter(HTTPAdapter):
    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().send(*args, **{**kwargs, "timeout": kwargs.get("timeout") or _TIMEOUT})


def _credentials(environment: Mapping[str, str]) -> tuple[Any, str]:
    """The `auth` for requests, and a description of it."""
    names = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY")
    token, user, key = (environment.get(name, "").strip() for name in names)
    if token:
        return KaggleHttpClient.BearerAuth(token), "with KAGGLE_API_TOKEN"
    if bool(user) != bool(key):
        there, missing = ("KAGGLE_USERNAME", "KAGGLE_KEY") if user else ("KAGGLE_KEY", "KAGGLE_USERNAME")
        raise SourceError(f"{there} is set but {missing} is not; set both for Kaggle, or neither to ask anonymously")
    return ((user, key), "with KAGGLE_USERNAME and KAGGLE_KEY") if user else (None, "anonymously")
