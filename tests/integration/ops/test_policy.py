"""The rules of policies/rego: on themselves, on the job files, and on plans of the environments of AWS."""

import json
import re
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.nomad import jobs
from ops.policy import checkov, iam, rego
from ops.policy.command import policy
from ops.setup import nomad_binary
from ops.setup.opa_binary import OPA
from tests.unit.jobs.test_job_files import parsed

pytestmark = pytest.mark.integration


@pytest.fixture
def opa() -> Path:
    found = OPA.find()
    if found is None or nomad_binary.find() is None:
        pytest.skip("there is no Open Policy Agent or no Nomad, and `./just test` tells why it could not get one")
    return found.path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("actions", "resource", "rule"),
    [
        (["s3:*"], "*", "cloudsplaining-service-wildcard"),
        (["iam:PassRole", "ec2:RunInstances"], "*", "cloudsplaining-allows-privilege-escalation"),
        (["s3:GetObject"], "*", "cloudsplaining-wildcard"),
        (["s3:GetObject"], "arn:aws:s3:::bucket", "parliament-resource_mismatch"),
        (["s3:TakeObject"], "arn:aws:s3:::bucket/*", "parliament-unknown_action"),
    ],
)
def test_a_policy_that_allows_too_much_is_found(actions: list[str], resource: str, rule: str) -> None:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    found = iam.findings({"job": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    assert rule in {one.rule for one in found}


@pytest.mark.slow
def test_a_module_that_breaks_a_rule_of_checkov_without_a_reason_is_found(tmp_path: Path) -> None:
    (tmp_path / "terraform").mkdir()
    (tmp_path / "services").mkdir()
    (tmp_path / "terraform" / "main.tf").write_text(
        'resource "aws_ebs_volume" "open" {\n  availability_zone = "eu-west-1a"\n  size = 1\n}\n'
    )
    assert "CKV_AWS_3: main.tf aws_ebs_volume.open: Ensure all data stored in the EBS is securely encrypted" in map(
        str, checkov.run(tmp_path)[1]
    )


def test_each_rule_has_a_test_that_fails_and_one_that_passes() -> None:
    for name in ("jobs", "terraform"):
        rules = set(re.findall(r'message\("([a-z0-9-]+)"', (rego.RULES / f"{name}.rego").read_text()))
        tests = (rego.RULES / f"{name}_test.rego").read_text()
        assert len(rules) > 5
        for rule in rules:
            for ends in ("fails", "passes"):
                assert f"test_{rule.replace('-', '_')}_{ends}" in tests, f"{rule} has no test that {ends}"


@pytest.mark.parametrize("name", [*jobs.NAMES, *jobs.BATCH])
def test_raw_exec_is_for_the_local_environment_alone(opa: Path, name: str) -> None:
    job = parsed(name)
    assert rego.of_job(opa, job, "local") == []
    assert "no-raw-exec" in {one.rule for one in rego.of_job(opa, job, "production")}


def test_a_job_that_breaks_a_rule_is_told(opa: Path) -> None:
    job = parsed("api")
    job["TaskGroups"][0]["Tasks"][0]["Env"]["CLOSECAST_DATABASE_PASSWORD"] = "hunter2"
    (found,) = rego.of_job(opa, job, "local")
    assert str(found) == (
        "no-secret: api: task api has a value for CLOSECAST_DATABASE_PASSWORD: read it from a Variable in a template"
    )


@pytest.mark.usefixtures("opa")
def test_rules_that_cannot_be_read_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs.rego").write_text("package closecast.jobs\n\ndeny contains")
    monkeypatch.setattr(rego, "RULES", tmp_path)
    with pytest.raises(OperatorError, match="opa check failed"):
        policy([])
