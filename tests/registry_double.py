"""A double of the four routes of MLflow that services ask about the champion: it can be told to fail.

`python tests/registry_double.py <file of the champion> <port>` runs it alone, with the champion as an instance of the API keeps it.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class RegistryDouble(ThreadingHTTPServer):
    """Answers for the version in `version`, with the files of `folder`."""

    version: str | None = "1"
    run: str | None = None  # r<version> unless set
    tags: dict[str, str] = {}  # noqa: RUF012 - replaced, never changed
    fails = False

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folder = folder

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RegistryDouble

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self.server.fails:
            return self._send(500, {"error_code": "INTERNAL_ERROR", "message": "told to fail"})
        if url.path.endswith("registered-models/alias"):
            if self.server.version is None:
                return self._send(404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
            run = self.server.run or f"r{self.server.version}"
            tags = [{"key": key, "value": value} for key, value in self.server.tags.items()]
            return self._send(200, {"model_version": {"version": self.server.version, "run_id": run, "tags": tags}})
        if url.path.endswith("runs/get"):
            return self._send(200, {"run": {"info": {"artifact_uri": "mlflow-artifacts:/1/artifacts"}}})
        if url.path.endswith("mlflow-artifacts/artifacts"):
            folder = parse_qs(url.query)["path"][0]
            files = [{"path": f"{folder}/{file.name}"} for file in self.server.folder.glob("*")]
            return self._send(200, {"files": files})
        return self._send(200, (self.server.folder / Path(url.path).name).read_bytes())

    def _send(self, status: int, body: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output is theirs."""


if __name__ == "__main__":
    current = Path(sys.argv[1])
    facts = json.loads(current.read_text())
    alone = RegistryDouble(current.parent / facts["folder"], int(sys.argv[2]))
    alone.version, alone.run = facts["version"], facts["run_id"]
    alone.tags = {"model_sha256": facts["sha256"], "model_signature": facts["signature"]}
    alone.serve_forever()
