"""LocalStack's door: on loopback alone, and no way past it."""

import base64
import socket
import ssl

import psutil
import pytest

from tests.security.object_store.conftest import ACCESS, BUCKET, INTERNAL, Server
from tests.security.ordinary import asked

pytestmark = pytest.mark.integration


def test_it_listens_on_the_one_port_it_was_given_and_on_loopback(server: Server) -> None:
    # when
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    sockets = [one for process in family for one in process.net_connections("all")]
    # then
    assert {one.laddr for one in sockets if one.status == psutil.CONN_LISTEN} == {("127.0.0.1", server.port)}
    assert not [one for one in sockets if one.type == socket.SOCK_DGRAM and one.family != socket.AF_UNIX]


def test_no_other_address_of_this_machine_answers(server: Server) -> None:
    found = psutil.net_if_addrs().values()
    others = {one.address for card in found for one in card if one.family == socket.AF_INET} - {"127.0.0.1"}
    for address in [*others, "127.0.0.2"]:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, server.port), timeout=5)


_FORGED = "AWS4-HMAC-SHA256 Credential={}/20261127/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"


@pytest.mark.parametrize("known", ["test", INTERNAL, ACCESS, "000000000000"])
def test_an_ordinary_account_reads_and_writes_nothing(known: str, stored: Server) -> None:
    # given what LocalStack took for a signature
    secret = [
        "-H",
        f"Authorization: {_FORGED.format(known, 'secretsmanager')}",
        "-H",
        "X-Amz-Target: secretsmanager.GetSecretValue",
        "-H",
        "Content-Type: application/x-amz-json-1.1",
        "-d",
        '{"SecretId": "closecast/api-key"}',
        stored.url,
    ]
    s3 = ["-H", f"Authorization: {_FORGED.format(known, 's3')}"]
    place = f"{stored.url}/{BUCKET}"
    # when
    answers = [
        asked(*secret),
        asked(*s3, place),
        asked(*s3, f"{place}/mine", "-T", "/etc/hostname"),
        asked(*s3, f"{place}?delete", "-d", "<Delete/>"),
        asked(*s3, "-X", "DELETE", place),
        asked(place),
    ]
    # then
    assert [status for status, _ in answers] == [403] * 6
    assert "opens nothing" not in answers[0][1]


@pytest.mark.parametrize(
    "path",
    [
        "/_localstack/info",
        "/_localstack/plugins",
        "/_localstack/diagnose",
        "/_aws/ses",
        "/_localstack/init",
        "/%5flocalstack/info",
        "//_localstack/info",
        "/_localstack/health/",
        "/_localstack/health?reload",
        "/_localstack/./health",
    ],
)
@pytest.mark.parametrize("with_key", [False, True])
def test_pages_of_localstack_itself_are_closed(path: str, with_key: bool, server: Server) -> None:
    headers = server.signed("GET", path, b"") if with_key else {}
    assert server.send("GET", path, headers)[0] == 403


def test_health_is_told_and_takes_no_orders(server: Server) -> None:
    # when
    asked_to_end = server.send("POST", "/_localstack/health", {}, b'{"action": "kill"}')
    put = server.send("PUT", "/_localstack/health", {}, b'{"features:x": "y"}')
    told = server.send("GET", "/_localstack/health", {})
    # then
    assert (asked_to_end[0], put[0], told[0]) == (403, 403, 200)
    assert "features" not in told[2]
    assert psutil.Process(server.pid).is_running()


@pytest.mark.parametrize(
    "header",
    [
        "AWS test:c2ln",
        "Bearer x",
        "Basic dGVzdDp0ZXN0",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=,,=,;=",
        f"AWS4-HMAC-SHA256 Credential={ACCESS}, SignedHeaders=, Signature=",
        "AWS4-ECDSA-P256-SHA256 Credential=x",
        f"AWS4-HMAC-SHA256 Credential={ACCESS}/20261127/us-east-1/s3/aws4_request, SignedHeaders=\xff, Signature=\xff",
    ],
)
def test_any_other_way_to_show_who_one_is_is_refused(header: str, server: Server) -> None:
    answer = server.send("GET", f"/{BUCKET}", {"Authorization": header, "X-Amz-Date": "20261127T000000Z"})
    assert answer[0] == 403


def test_the_words_of_localstacks_own_clients_open_nothing(server: Server) -> None:
    headers = {
        "x-localstack-data": '{"service_principal": "s3"}',
        "x-localstack-target": "s3",
        "x-moto-account-id": "000000000000",
    }
    assert server.send("GET", f"/{BUCKET}", headers)[0] == 403


def test_neither_websockets_nor_tls_go_round_the_door(server: Server) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    assert server.send("GET", "/_localstack/x", upgrade)[0] == 403
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)
