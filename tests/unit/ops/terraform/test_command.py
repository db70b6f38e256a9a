"""What `just tf` refuses, and what it says then."""

from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.terraform import program
from ops.terraform.command import tf


@pytest.mark.parametrize(
    ("arguments", "problem", "remedy"),
    [
        (["explode"], "tf knows no 'explode'", "use one of plan, apply, destroy, settings, test, docs"),
        (["plan"], "plan of which environment?", "just tf plan <local | staging | production>"),
        (["plan", "moon"], "there is no environment 'moon'", "name one of local, production, staging"),
        (["test", "moon"], "there is no module 'moon'", "name one of alerts, backup"),
        (["settings", "local"], "'local' has no settings of its own", "name staging or production"),
        (["destroy", "local"], "the local environment belongs to the running platform", "just down --purge"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_remedy(arguments: list[str], problem: str, remedy: str) -> None:
    with pytest.raises(OperatorError) as refused:
        tf(arguments)
    assert problem in str(refused.value)
    assert remedy in str(refused.value)


def test_an_environment_without_its_own_values_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(program, "ENVIRONMENTS", tmp_path)
    (tmp_path / "staging").mkdir()
    # when
    for missing in ("terraform.tfvars", "backend.hcl"):
        with pytest.raises(OperatorError, match=f"terraform/environments/staging/{missing} is not there"):
            tf(["plan", "staging"])
        (tmp_path / "staging" / missing).touch()


def test_settings_are_written_from_variables_and_a_missing_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(program, "ENVIRONMENTS", tmp_path)
    (tmp_path / "staging").mkdir()
    monkeypatch.delenv("CLOSECAST_BACKEND", raising=False)
    monkeypatch.setenv("CLOSECAST_TFVARS", 'account = "123456789012"\n')
    # when one is missing, then neither is written
    with pytest.raises(OperatorError, match=r"CLOSECAST_BACKEND is not set\n.*staging/backend\.hcl"):
        tf(["settings", "staging"])
    assert list((tmp_path / "staging").iterdir()) == []
    # when both are there
    monkeypatch.setenv("CLOSECAST_BACKEND", 'bucket = "state"')
    assert tf(["settings", "staging"]) == 0
    # then
    assert (tmp_path / "staging" / "terraform.tfvars").read_text() == 'account = "123456789012"\n'
    assert (tmp_path / "staging" / "backend.hcl").read_text() == 'bucket = "state"\n'


def test_examples_stand_beside_what_is_to_be_copied() -> None:
    for environment in ("staging", "production"):
        for name in ("terraform.tfvars", "backend.hcl"):
            assert (program.ENVIRONMENTS / environment / f"{name}.example").exists()
