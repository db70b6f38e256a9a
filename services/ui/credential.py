"""The page's credential for the API: a token in a file that is renewed, or a key."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx


class NoCredentialError(Exception):
    """There is no credential: the message names the file, or the two variables of which one is required."""


@dataclass(frozen=True)
class Credential(httpx.Auth):
    """A workload identity token, read for each request, or an API key. Raises NoCredentialError at a request."""

    token_file: Path | None = None
    key: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Credential":
        """Use the token in the file CLOSECAST_API_TOKEN_FILE, else the key CLOSECAST_API_KEY."""
        file, key = environment.get("CLOSECAST_API_TOKEN_FILE"), environment.get("CLOSECAST_API_KEY")
        if not file and not key:
            raise NoCredentialError("neither CLOSECAST_API_TOKEN_FILE nor CLOSECAST_API_KEY is set")
        return cls(Path(file), None) if file else cls(None, key)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the credential to the request. Nomad renews the token at half of its lifetime, so it is not cached."""
        if self.token_file is None:
            request.headers["X-API-Key"] = str(self.key)
        else:
            request.headers["Authorization"] = f"Bearer {self._token(self.token_file)}"
        yield request

    @staticmethod
    def _token(file: Path) -> str:
        try:
            token = file.read_text().strip()
        except OSError as error:
            raise NoCredentialError(f"the token of this page cannot be read: {error}") from error
        if not token:
            raise NoCredentialError(f"the file {file} of this page's token is empty")
        return token
