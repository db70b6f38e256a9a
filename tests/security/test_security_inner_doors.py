"""The inner doors of a running platform are shut to an ordinary account of the machine."""

import pytest

from tests.e2e.conftest import Platform
from tests.security.ordinary import asked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_an_ordinary_account_reads_no_secret_and_no_object(platform: Platform) -> None:
    # given what LocalStack takes for a signature when it is left to itself
    url = platform.address("localstack")
    signed = "AWS4-HMAC-SHA256 Credential=test/20261127/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"
    secret = ("-H", f"Authorization: {signed.format('secretsmanager')}", "-H", "X-Amz-Target: secretsmanager.GetSecretValue",
              "-H", "Content-Type: application/x-amz-json-1.1", "-d", '{"SecretId": "closecast-local/api-key"}', url)  # fmt: skip
    s3 = ("-H", f"Authorization: {signed.format('s3')}", f"{url}/closecast-local-artifacts")
    # when / then
    assert [asked(*secret)[0], asked(*s3)[0], asked(*s3, "-X", "DELETE")[0]] == [403, 403, 403]
