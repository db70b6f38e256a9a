"""The variables of the job files in AWS, read back by Nomad's own rules of HCL."""

import pytest
from hcl2.api import loads

from ops.deploy import variables
from ops.errors import OperatorError
from ops.images.build import JOBS

CLOUD = {
    "database": "database.example.com:5432",
    "gateway_port": 8443,
    "instances": {"api": 2, "gateway": 2},
    "roles": {"api": "arn:aws:iam::123456789012:role/closecast-api"},
    "url": "https://closecast.example.com",
}
DIGESTS = {image: f"registry.example.com/{image}@sha256:{'0' * 64}" for image in JOBS}


def test_every_job_gets_its_image_and_the_rest_comes_from_terraform() -> None:
    found = variables.of(CLOUD, DIGESTS, {"database": "one", "cache": "two"})
    assert found.cloud["images"]["shadow"] == DIGESTS["serving"]
    assert found.cloud["images"]["trial"] == DIGESTS["flows"]
    assert found.cloud["database"] == {
        "host": "database.example.com",
        "port": "5432",
        "administrator": "closecast_superuser",
    }
    assert found.cloud["gateway"]["hosts"] == "closecast.example.com"
    assert found.ports == {"gateway": 8443}


def test_texts_are_texts_whatever_is_in_them() -> None:
    odd = 'a "quoted" text\nof ${two} %{lines}'
    text = variables.of(CLOUD, DIGESTS, {"database": odd, "cache": ""}).hcl("staging")
    assert text.startswith("# Written by `just deploy staging`")
    assert "$${two} %%{lines}" in text
    read = loads(text)
    assert set(read) >= {"service_provider", "ports", "instances", "cloud"}


def test_a_missing_image_is_named() -> None:
    with pytest.raises(OperatorError, match="no digest of the image ui"):
        variables.of(CLOUD, {name: one for name, one in DIGESTS.items() if name != "ui"}, {})
