"""The inner doors of a running platform: on loopback alone, and shut to an ordinary account of the machine."""

import ipaddress

import psutil
import pytest

from ops.down import processes_of
from tests.e2e.conftest import Platform
from tests.security.ordinary import asked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_no_process_of_the_platform_listens_off_loopback(platform: Platform) -> None:
    # given
    agent = platform.session.agent
    halves = [psutil.Process(one.pid) for one in psutil.process_iter() if "nomad agent" in " ".join(_line(one))]
    family = {one.pid: one for one in [*processes_of(agent.data), *halves]}
    # when
    places = {(name, one.laddr.ip) for pid, name in _names(family) for one in _listening(pid)}
    # then
    assert places
    assert not [(name, ip) for name, ip in places if not ipaddress.ip_address(ip).is_loopback]


def _line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _names(family: dict[int, psutil.Process]) -> list[tuple[int, str]]:
    return [(pid, " ".join(_line(process))[:80]) for pid, process in family.items()]


def _listening(pid: int) -> list[psutil._common.pconn]:
    try:
        return [one for one in psutil.Process(pid).net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    except psutil.NoSuchProcess:
        return []


def test_an_ordinary_account_reads_no_secret_and_no_object(platform: Platform) -> None:
    # given what LocalStack takes for a signature when it is left to itself
    url = platform.address("localstack")
    signed = "AWS4-HMAC-SHA256 Credential=test/20261127/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"
    secret = ("-H", f"Authorization: {signed.format('secretsmanager')}", "-H", "X-Amz-Target: secretsmanager.GetSecretValue",
              "-H", "Content-Type: application/x-amz-json-1.1", "-d", '{"SecretId": "closecast-local/api-key"}', url)  # fmt: skip
    s3 = ("-H", f"Authorization: {signed.format('s3')}", f"{url}/closecast-local-artifacts")
    # when / then
    assert [asked(*secret)[0], asked(*s3)[0], asked(*s3, "-X", "DELETE")[0]] == [403, 403, 403]
