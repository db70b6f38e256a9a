"""A double of Kaggle's API and storage, because tests cannot reach Kaggle."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from closecast.deals.synthetic.generator import generate
from closecast.platform.sources.kaggle import fetch

DATASET, FILE = "innocentmfa/crm-sales-opportunities", "sales_pipeline.csv"
CONTENT = generate(4_000, seed=1).to_csv(index=False).encode()


@dataclass
class Kaggle:
    """The three calls of the official client that are used, version 3 of one dataset, listed on two pages, and a redirect
    to storage that honours ranges."""

    url: str = ""
    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=dict)  # storage's
    states_length: bool = True
    authorization: str | None = None  # demanded, if any
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # the API's next answers
    breaks: list[int] = field(default_factory=list)  # storage's next answers end after so many bytes
    page: bytes | None = None  # the API answers with this whatever is asked
    ranges: list[str | None] = field(default_factory=list)
    seen: list[str | None] = field(default_factory=list)  # Authorization headers
    waits: list[float] = field(default_factory=list)

    def fetch(self, folder: Path | None = None, **environment: str) -> bytes:
        return fetch(DATASET, FILE, {"CLOSECAST_KAGGLE_ENDPOINT": self.url, **environment}, folder, self.waits.append)


def _handler(kaggle: Kaggle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kaggle.seen.append(self.headers["Authorization"])
            if kaggle.refusals:
                return self.answer(*kaggle.refusals.pop(0))
            if kaggle.authorization and self.headers["Authorization"] != kaggle.authorization:
                return self.answer(401, {})
            if f"{body['ownerSlug']}/{body['datasetSlug']}" != DATASET:
                return self.answer(404, {}, {"code": 404, "message": "not found"})
            if kaggle.page is not None:
                return self.answer(200, {}, kaggle.page)
            call = self.path.removeprefix("/v1/datasets.DatasetApiService/")
            if call == "GetDataset":
                return self.answer(200, {}, {"ref": DATASET, "currentVersionNumber": 3})
            assert body["datasetVersionNumber"] == 3
            if call == "ListDatasetFiles":
                name, token = (FILE, None) if body.get("pageToken") == "2" else ("accounts.csv", "2")
                file = {"name": name, "totalBytes": len(CONTENT)}
                return self.answer(200, {}, {"datasetFiles": [file], "nextPageToken": token})
            assert (call, body["fileName"]) == ("DownloadDataset", FILE)
            return self.answer(302, {"Location": "/storage?signature=secret"})

        def do_GET(self) -> None:
            kaggle.ranges.append(self.headers["Range"])
            start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            if start >= len(kaggle.content):
                self.answer(416, {})
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(kaggle.content) - 1}/{len(kaggle.content)}")
            if kaggle.states_length:
                self.send_header("Content-Length", str(len(kaggle.content) - start))
            for name, value in kaggle.headers.items():
                self.send_header(name, value)
            self.end_headers()
            end = start + kaggle.breaks.pop(0) if kaggle.breaks else None
            self.wfile.write(kaggle.content[start:end])

        def answer(self, status: int, headers: dict[str, str], body: object = None) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html" if isinstance(body, bytes) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


@contextmanager
def running_double() -> Iterator[Kaggle]:
    """The double, served on a port of its own."""
    double = Kaggle()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(double))
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
