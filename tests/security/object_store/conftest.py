"""A LocalStack behind its door, and requests to it written just so."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.servers.localstack import LOCALSTACK_PYTHON, localstack_server
from tests.servers.processes import free_port

ACCESS, SECRET = "LKIAQAAAAAAAAAASECUR", "the/platform's+own secret"
BUCKET, KEY, BODY = "closecast-security", "day=2026-11-27/a b+c ü.txt", b"what was stored"
LAKE, ARTIFACTS = "closecast-security-lake", "closecast-security-artifacts"
JOBS = ("alerts", "api", "journal", "mlflow", "prefect-worker", "score", "trial")
# What LocalStack's clients inside itself sign with: known to everybody.
INTERNAL = "__internal_call__"


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, access: str = ACCESS, secret: str = SECRET, **config: Any) -> Any:
        made: Any = boto3.client
        return made(
            service,
            endpoint_url=self.url,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **config),
        )

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str, str]:
        """Status, content type and body of the answer to a request written just so."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, target, skip_host="host" in {name.lower() for name in headers})
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode(errors="replace")

    def signed(self, method: str, target: str, body: bytes, service: str = "s3", **how: Any) -> dict[str, str]:
        """The headers of a request as botocore signs it."""
        signer = {"s3": S3SigV4Auth}.get(service, SigV4Auth)(
            Credentials(how.get("access", ACCESS), how.get("secret", SECRET)), service, "us-east-1"
        )
        request = AWSRequest(method, f"{self.url}{target}", headers=how.get("headers", {}), data=body)
        signer.add_auth(request)
        return {**{name: str(value) for name, value in request.headers.items()}, "Host": f"127.0.0.1:{self.port}"}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not LOCALSTACK_PYTHON.exists():
        pytest.skip("LocalStack's environment is not there: run ./just test, which prepares it")
    port = free_port()
    keys = ",".join(":".join((job, *key(job))) for job in JOBS)
    with localstack_server(port, ACCESS, SECRET, tmp_path_factory.mktemp("localstack"), keys, (LAKE, ARTIFACTS)) as pid:
        found = Server(port, pid)
        for bucket in (LAKE, ARTIFACTS):
            found.client("s3").create_bucket(Bucket=bucket)
        found.client("s3").create_bucket(Bucket=BUCKET)
        found.client("secretsmanager").create_secret(Name="closecast/api-key", SecretString="opens nothing")
        yield found


@pytest.fixture
def stored(server: Server) -> Iterator[Server]:
    """The server with one object, which must be the same afterwards and the only one."""
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    yield server
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [KEY]
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    s3.delete_object(Bucket=BUCKET, Key=KEY)


def key(job: str) -> tuple[str, str]:
    """Access and secret key of a job's own."""
    return f"LKSECURITY{job.replace('-', '').upper()}", f"the secret of {job}"


def flipped(signature: str) -> str:
    return signature[:-1] + ("0" if signature[-1] != "0" else "1")
