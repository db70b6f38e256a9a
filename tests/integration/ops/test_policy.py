"""The rules of policies/rego: on themselves, on the job files, and on plans of the environments of AWS."""

import re
from pathlib import Path

import pytest

from ops import policy
from ops.errors import OperatorError
from ops.nomad import jobs
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
@pytest.mark.usefixtures("opa")
def test_everything_keeps_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert policy.policy([]) == 0
    printed = capsys.readouterr().out
    assert "no rule is broken" in printed
    assert re.search(r"the plan of production is judged: \d{3} resources", printed)


def test_each_rule_has_a_test_that_fails_and_one_that_passes() -> None:
    for name in ("jobs", "terraform"):
        rules = set(re.findall(r'message\("([a-z0-9-]+)"', (policy.RULES / f"{name}.rego").read_text()))
        tests = (policy.RULES / f"{name}_test.rego").read_text()
        assert len(rules) > 5
        for rule in rules:
            for ends in ("fails", "passes"):
                assert f"test_{rule.replace('-', '_')}_{ends}" in tests, f"{rule} has no test that {ends}"


@pytest.mark.parametrize("name", [*jobs.NAMES, *jobs.BATCH])
def test_raw_exec_is_for_the_local_environment_alone(opa: Path, name: str) -> None:
    job = parsed(name)
    assert policy.of_job(opa, job, "local") == []
    assert "no-raw-exec" in {one.rule for one in policy.of_job(opa, job, "production")}


def test_a_job_that_breaks_a_rule_is_told(opa: Path) -> None:
    job = parsed("api")
    job["TaskGroups"][0]["Tasks"][0]["Env"]["CLOSECAST_DATABASE_PASSWORD"] = "hunter2"
    (found,) = policy.of_job(opa, job, "local")
    assert str(found) == (
        "no-secret: api: task api has a value for CLOSECAST_DATABASE_PASSWORD: read it from a Variable in a template"
    )


@pytest.mark.usefixtures("opa")
def test_rules_that_cannot_be_read_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs.rego").write_text("package closecast.jobs\n\ndeny contains")
    monkeypatch.setattr(policy, "RULES", tmp_path)
    with pytest.raises(OperatorError, match="opa check failed"):
        policy.policy([])
