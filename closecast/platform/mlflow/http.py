"""A client of MLflow's REST API that fails within seconds and names the server."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from closecast.platform.settings import Login

_ANSWER_SECONDS = 5
_DOWNLOAD_SECONDS = 30
_WRITE_SECONDS = 30  # a write that timed out may have been done all the same, so wait longer for it
_ABSENT = "RESOURCE_DOES_NOT_EXIST"  # of artifacts: the bucket


class RegistryError(RuntimeError):
    """The MLflow server cannot be reached, or refused a request."""


class LostError(RegistryError):
    """MLflow and its object store answer, but a stored object is gone."""


class DeniedError(RegistryError):
    """The MLflow server refuses the login or the operation; a retry does not help."""


class MlflowHttp:
    """One MLflow server, by its address. Stateless: safe from several threads."""

    def __init__(self, tracking_uri: str, login: Login | None = None) -> None:
        """`login` may be None for a server without authentication."""
        self._base = tracking_uri.rstrip("/")
        self._login = login
        # Loopback and cluster addresses are never meant for a proxy; the server is named by address.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, route: str, query: Mapping[str, str], absent: tuple[str, ...] = ()) -> dict[str, Any] | None:
        """GET `route` and return the JSON answer; None when the server's error code is in `absent`."""
        request = urllib.request.Request(f"{self._base}/api/2.0/{route}?{urlencode(query)}")
        try:
            return self._json(request)
        except _RefusedError as refused:
            if refused.code in absent:
                return None
            raise

    def post(self, route: str, body: Mapping[str, Any], exists_is_fine: bool = False) -> dict[str, Any]:
        """POST to `route` and return the JSON answer; an empty one if the resource exists and `exists_is_fine`."""
        try:
            return self._write("POST", route, body)
        except _RefusedError as refused:
            if exists_is_fine and refused.code == "RESOURCE_ALREADY_EXISTS":
                return {}
            raise

    def patch(self, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH `route` and return the JSON answer."""
        return self._write("PATCH", route, body)

    def delete(self, route: str, body: Mapping[str, Any], absent: tuple[str, ...] = ()) -> None:
        """DELETE `route`; what is not there already, by the server's error codes in `absent`, is fine."""
        try:
            self._write("DELETE", route, body)
        except _RefusedError as refused:
            if refused.code not in absent:
                raise

    def _write(self, method: str, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self._base}/api/2.0/{route}", data, headers, method=method)
        return self._json(request, _WRITE_SECONDS)

    def artifact(self, artifact_uri: str, folder: str, name: str, most: int) -> bytes:
        """The file `name` in `folder` of a run's artifacts, through the server's artifact proxy.

        Raises LostError when it is gone, has more than `most` bytes, or is not stored behind the proxy.
        """
        route = quote(f"{_root(artifact_uri, folder)}/{name}")
        request = urllib.request.Request(f"{self._base}/api/2.0/mlflow-artifacts/artifacts/{route}")
        try:
            content = self._send(request, _DOWNLOAD_SECONDS, most + 1)
        except _RefusedError:
            # On S3 the server answers 500 both for a missing object and for a failing store: the list distinguishes them.
            self.stored_artifacts(artifact_uri, folder, (name,))
            raise
        if len(content) > most:
            raise LostError(f"{folder}/{name} has more than the {most} bytes that it had when it was registered")
        return content

    def delete_artifact(self, artifact_uri: str, folder: str, name: str) -> None:
        """Delete the file `name` in `folder` of a run's artifacts, through the server's artifact proxy."""
        route = quote(f"{_root(artifact_uri, folder)}/{name}")
        request = urllib.request.Request(f"{self._base}/api/2.0/mlflow-artifacts/artifacts/{route}", method="DELETE")
        self._send(request, _WRITE_SECONDS)

    def stored_artifacts(self, artifact_uri: str, folder: str, needed: Sequence[str] = ()) -> list[str]:
        """The names of the files in `folder` of a run's artifacts.

        Raises LostError for an empty folder, for one that lacks any of the files `needed`, and for one that is not kept
        behind the proxy.
        """
        root, names = _root(artifact_uri, folder), self.listed_artifacts(artifact_uri, folder)
        if not names:
            raise LostError(f"the MLflow server at {self._base} holds no artifacts in {root}")
        if missing := [name for name in needed if name not in names]:
            raise LostError(f"the MLflow server at {self._base} does not hold {', '.join(missing)} in {root} any more")
        return names

    def listed_artifacts(self, artifact_uri: str, folder: str) -> list[str]:
        """The names of the files in `folder` of a run's artifacts; an absent folder is empty.

        Raises LostError when there is no bucket either, or the artifacts are not kept behind the server's proxy.
        """
        parts = urlsplit(artifact_uri)
        if parts.scheme != "mlflow-artifacts":
            raise LostError(
                f"the artifacts are at {artifact_uri}, not behind the MLflow server's proxy (mlflow-artifacts:): "
                "start the server with --artifacts-destination and --serve-artifacts"
            )
        root = _root(artifact_uri, folder)
        listing = self.get("mlflow-artifacts/artifacts", {"path": root}, absent=(_ABSENT,))
        if listing is None:
            raise LostError(
                f"the MLflow server at {self._base} has no place for {root}: the bucket that it keeps artifacts in is gone"
            )
        return [PurePosixPath(entry["path"]).name for entry in listing.get("files", []) if not entry.get("is_dir")]

    def _json(self, request: urllib.request.Request, seconds: float = _ANSWER_SECONDS) -> dict[str, Any]:
        content = self._send(request, seconds)
        try:
            answer = json.loads(content or b"{}")
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RegistryError(f"{self._base} is no MLflow server: it answered {content[:80]!r}")
        return answer

    def _send(self, request: urllib.request.Request, seconds: float, most: int | None = None) -> bytes:
        if self._login is not None:
            # Not sent along a redirect.
            request.add_unredirected_header("Authorization", self._login.header)
        try:
            with self._opener.open(request, timeout=seconds) as answer:
                content = bytes(answer.read(most))
                # Read the rest, which is empty: only then is a truncated answer detected.
                return content if most is not None and len(content) >= most else content + answer.read()
        except urllib.error.HTTPError as error:
            raise self._refused(error) from error
        except (OSError, http.client.HTTPException) as error:  # the latter for an answer that was cut short
            reason = getattr(error, "reason", error)
            raise RegistryError(f"the MLflow server at {self._base} does not answer: {reason}") from error

    def _refused(self, error: urllib.error.HTTPError) -> RegistryError:
        text = error.read().decode(errors="replace")
        try:
            content = json.loads(text)
        except ValueError:
            content = {}
        code = str(content.get("error_code", error.code)) if isinstance(content, dict) else str(error.code)
        detail = content.get("message", text[:200]) if isinstance(content, dict) else text[:200]
        message = f"the MLflow server at {self._base} refused {error.url}: {code}: {detail}"
        return DeniedError(message) if error.code in (401, 403) else _RefusedError(code, message)


def _root(artifact_uri: str, folder: str) -> str:
    return f"{urlsplit(artifact_uri).path.strip('/')}/{folder}"


class _RefusedError(RegistryError):
    """The server answered with an error; `code` is MLflow's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
