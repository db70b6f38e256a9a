"""OpenID providers for tests: a real one, and one that answers what a test wants, as no real one would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from oidc_provider_mock import User, run_server_in_thread

from tests.issuer import TokenIssuer, serving

CLIENT = "closecast"
SECRET = "a secret of the client"


def configured(url: str, **changed: Any) -> str:
    """CLOSECAST_SIGN_IN_PROVIDER for the provider at `url`; a change to None leaves a member out."""
    sound = {
        "name": "corp",
        "title": "Example & Co",
        "issuer": url,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "role_claim": "groups",
        "roles": {"sales": "scorer", "sales-ops": "admin"},
    }
    return json.dumps({name: value for name, value in {**sound, **changed}.items() if value is not None})


def person(subject: str, email: str, *groups: str) -> User:
    """A person of the real provider."""
    return User(sub=subject, claims={"email": email, "email_verified": True, "groups": list(groups)})


@contextmanager
def real_provider(*people: User, port: int = 0) -> Iterator[str]:
    """The URL of a provider that knows `people`."""
    with run_server_in_thread(port, user_claims=people, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


def agreed(location: str, subject: str, **form: str) -> dict[str, str]:
    """The answer with which the provider's page at `location` sends `subject` back."""
    answer = httpx.post(location, data={"sub": subject, **form})
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


class LyingProvider(ThreadingHTTPServer):
    """Its configuration, its keys, and an answer to every code: what `changed` names is another than it should be."""

    daemon_threads = True

    def __init__(self, issuer: TokenIssuer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = issuer
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, tuple[int, bytes]] = {}  # by path
        self.configuration = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        self.asked: list[tuple[str, dict[str, str], str]] = []  # path, form and the Authorization header

    def tell(self, token: bytes | None) -> None:
        """Answer the next code with this identity token."""
        content = {"access_token": "a", "token_type": "Bearer", "id_token": None if token is None else token.decode()}
        self.answers["/token"] = (200, json.dumps(content).encode())

    def sound(self, nonce: str) -> bytes:
        """A sound identity token."""
        return self.token(nonce=nonce)

    def token(self, **changed: Any) -> bytes:
        """A sound identity token, but for what is `changed`; a change to None leaves a claim out."""
        person = {"sub": "1", "email": "ada@example.com", "groups": ["sales"]}
        return self.issuer.token(**{"iss": self.url, "aud": CLIENT, **person, **changed})


class _Handler(BaseHTTPRequestHandler):
    server: LyingProvider

    def do_GET(self) -> None:
        path, server = urlsplit(self.path).path, self.server
        configuration = json.dumps(server.configuration).encode()
        usual = {"/.well-known/openid-configuration": configuration, "/keys": server.issuer.key_set()}
        self._answer(*server.answers.get(path, (200, usual.get(path, b"?"))))

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {name: values[0] for name, values in form.items()}
        self.server.asked.append((self.path, given, self.headers.get("Authorization", "")))
        self._answer(*self.server.answers[self.path])

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """The tests' output is theirs."""


@contextmanager
def lying_provider(issuer: TokenIssuer) -> Iterator[LyingProvider]:
    with serving(LyingProvider(issuer)) as server:
        yield server
