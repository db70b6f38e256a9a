"""The environment `local` on a LocalStack: applied, planned again, changed, destroyed."""

from pathlib import Path

import pytest

from ops.terraform.trial import Root
from tests.servers.localstack import S3

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]


def test_it_is_applied_and_planned_again_without_a_difference(s3: S3, tree: Path) -> None:
    # given
    key = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key}
    root = Root(tree / "environments" / "local", key)
    root.set(endpoint=s3.endpoint, name=s3.bucket[:20].rstrip("-"), secret_names=["cache"])
    root.initialise()
    # when
    root.apply()
    # then
    assert root.changes() == {}

    # when one variable is changed, then that is all
    root.set(secret_names=["api-key", "cache"])
    assert root.changes() == {
        'module.platform.module.secrets.aws_secretsmanager_secret.this["api-key"]': ["create"],
        'module.platform.module.secrets.aws_secretsmanager_secret_version.this["api-key"]': ["create"],
    }
    root.apply()
    assert root.changes() == {}

    # and at the end it is all gone again
    root.destroy()
    assert all(actions == ["create"] for actions in root.changes().values())
