"""The state in S3 and its lock, an object beside it: one apply at a time, with the options of the environments."""

import subprocess
from pathlib import Path

import pytest

from ops.terraform import program
from services.bucket_mirror import terraform
from tests.servers.localstack import S3
from tests.waiting import until

pytestmark = pytest.mark.integration
# A change that waits for a file, so that another can begin meanwhile.
_CONFIGURATION = """
terraform {
  backend "s3" {}
}

resource "terraform_data" "this" {
  provisioner "local-exec" {
    command = "touch begun; until [ -e go ]; do sleep 0.1; done"
  }
}
"""


def _backend(s3: S3) -> list[str]:
    options = {
        "bucket": s3.bucket,
        "key": "closecast/test.tfstate",
        "region": s3.region,
        "use_lockfile": "true",
        "encrypt": "true",
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "use_path_style": "true",
        "skip_credentials_validation": "true",
        "skip_requesting_account_id": "true",
        "skip_metadata_api_check": "true",
    }
    return [f"-backend-config={name}={value}" for name, value in options.items()] + [
        f'-backend-config=endpoints={{s3="{s3.endpoint}"}}'
    ]


def test_two_changes_at_once_are_one_after_the_other(s3: S3, tmp_path: Path) -> None:
    # given
    for name in ("staging", "production"):
        assert "use_lockfile = true" in (program.ENVIRONMENTS / name / "versions.tf").read_text()
    (tmp_path / "main.tf").write_text(_CONFIGURATION)
    program.initialise(tmp_path, *_backend(s3))
    command = ["terraform", f"-chdir={tmp_path}", "apply", "-auto-approve", "-input=false", "-no-color"]
    environment = terraform.environment(program.data(tmp_path))
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    until(lambda: (tmp_path / "begun").exists())
    # when
    second = program.run(tmp_path, "apply", "-auto-approve", "-input=false", "-no-color", capture=True)
    # then
    assert second.returncode == 1
    assert "Error acquiring the state lock" in second.stderr
    (tmp_path / "go").touch()
    assert first.wait(60) == 0
    # when the first is done, then the next finds its state and nothing to change
    third = program.run(tmp_path, "plan", "-detailed-exitcode", "-input=false", "-no-color", capture=True)
    assert (third.returncode, third.stderr) == (0, "")
