"""An issuer of tokens for tests: real keys and signatures, and its key set on a loopback HTTP server."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from closecast.platform.callers.issuers import Issuer

URL = "http://issuer.example"
_Server = TypeVar("_Server", bound=ThreadingHTTPServer)
_MAKERS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class TokenIssuer(ThreadingHTTPServer):
    """Publishes the public half of `keys` (id → private key and algorithm); `away` answers 503 instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: dict[str, tuple[Any, str]] = {}
        self.away = False
        self.asked = 0
        self.add("first")

    def add(self, kid: str, algorithm: str = "RS256") -> None:
        self.keys[kid] = (_MAKERS[algorithm](), algorithm)

    @property
    def jwks_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/.well-known/jwks.json"

    def key_set(self) -> bytes:
        published = []
        for kid, (key, algorithm) in self.keys.items():
            made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
            published.append({**made, "kid": kid, "alg": algorithm, "use": "sig"})
        return json.dumps({"keys": published}).encode()

    def public_pem(self, kid: str) -> bytes:
        public = self.keys[kid][0].public_key()
        pem: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return pem

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Sound claims; a change to None leaves a claim out."""
        now = int(time.time())
        sound = {
            "iss": URL,
            "aud": "closecast-api",
            "sub": "global:default:ui:ui:ui:closecast",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "nomad_job_id": "ui",
            "nomad_namespace": "default",
        }
        return {name: value for name, value in {**sound, **changed}.items() if value is not None}

    def token(self, kid: str = "first", **changed: Any) -> bytes:
        key, algorithm = self.keys[kid]
        return jwt.encode(self.claims(**changed), key, algorithm, headers={"kid": kid}).encode()

    def configured(self, **changed: Any) -> Issuer:
        sound = {
            "name": "nomad",
            "url": URL,
            "jwks_url": self.jwks_url,
            "audience": "closecast-api",
            "kind": "workload",
            "role_claim": ("nomad_job_id",),
            "roles": {"ui": "scorer", "watcher": "viewer"},
            "claims": {"nomad_namespace": "default"},
            "name_claim": "nomad_job_id",
        }
        return Issuer(**{**sound, **changed})


class _Handler(BaseHTTPRequestHandler):
    server: TokenIssuer

    def do_GET(self) -> None:
        self.server.asked += 1
        content = self.server.key_set()
        self.send_response(503 if self.server.away else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """The tests' output is theirs."""


@contextmanager
def issuing() -> Iterator[TokenIssuer]:
    with serving(TokenIssuer()) as issuer:
        yield issuer


@contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    """Let `server` answer beside the test."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> bytes:
    """A token of any header and claims, as no library would make it."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
