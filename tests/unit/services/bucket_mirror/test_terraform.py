"""How the companion calls Terraform; a script stands in its place and notes what it is asked."""

import os
import shlex
from pathlib import Path

import pytest

from services.bucket_mirror import terraform
from services.bucket_mirror.terraform import TerraformError


class Script:
    """A program named terraform, the only one on PATH beside the shell's own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self._calls = folder / "calls"
        self._program = folder / "terraform"
        monkeypatch.setenv("PATH", str(folder))
        # As `init` does, it leaves a lock beside the configuration.
        self.does(
            'for word in "$@"; do case "$word" in -chdir=*) : > "${word#-chdir=}/.terraform.lock.hcl";; esac; done'
        )

    def does(self, body: str) -> None:
        note = 'echo "$TF_DATA_DIR|$TF_VAR_endpoint|${AWS_CA_BUNDLE-}|${TF_CLI_CONFIG_FILE-}|$*"'
        self._program.write_text(f"#!/bin/sh\n{note} >> {shlex.quote(str(self._calls))}\n{body}\n")
        self._program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    return Script(tmp_path / "bin", monkeypatch)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of this test's own: the project's stays without a lock of the script's."""
    environment = tmp_path / "terraform" / terraform.ENVIRONMENT
    environment.mkdir(parents=True)
    (environment / "main.tf").write_text("# one")
    monkeypatch.setattr(terraform, "ROOT", tmp_path / "terraform")
    return tmp_path / "terraform"


def test_init_keeps_working_data_and_state_in_its_folder(script: Script, state: Path, root: Path) -> None:
    # given
    assert not terraform.is_initialised(state, root)
    # when
    terraform.initialise(state, Path("/mirror"), root)
    # then
    assert terraform.is_initialised(state, root)
    assert script.calls[0].startswith(f"{state / 'data'}|")
    for argument in ("init -input=false", f"-backend-config=path={state / 'terraform.tfstate'}", "-plugin-dir=/mirror"):
        assert argument in script.calls[0]
    assert state.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("script")
def test_another_configuration_is_initialised_again(state: Path, root: Path) -> None:
    # given
    terraform.initialise(state, None, root)
    # when
    (root / terraform.ENVIRONMENT / "main.tf").write_text("# two")
    # then
    assert not terraform.is_initialised(state, root)
    terraform.initialise(state, None, root)
    assert terraform.is_initialised(state, root)
    # and so is a copy of it that has lost its lock
    (root / terraform.ENVIRONMENT / ".terraform.lock.hcl").unlink()
    assert not terraform.is_initialised(state, root)


def test_an_init_that_failed_does_not_pass_for_done(script: Script, state: Path, root: Path) -> None:
    # given
    script.does("echo 'Error: no plugin' >&2; exit 1")
    # when / then
    with pytest.raises(TerraformError, match="Error: no plugin"):
        terraform.initialise(state, None, root)
    assert not terraform.is_initialised(state, root)
    assert "-plugin-dir" not in script.calls[0]


@pytest.mark.usefixtures("script")
def test_the_state_of_another_session_is_dropped_and_ones_own_kept(state: Path, root: Path) -> None:
    # given
    terraform.initialise(state, None, root)
    terraform.apply(state, "first", {})
    kept = [state / "terraform.tfstate", state / "terraform.tfstate.backup"]
    for file in kept:
        file.write_text("{}")
    # when / then
    terraform.apply(state, "first", {})
    assert [file.exists() for file in kept] == [True, True]
    terraform.apply(state, "second", {})
    assert [file.exists() for file in kept] == [False, False]


def test_apply_hands_variables_on_and_no_foreign_settings(
    script: Script, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    state.mkdir()
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/bundle.pem")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(state / "absent"))
    # when
    terraform.apply(state, "first", {"TF_VAR_endpoint": "http://here"})
    (state / "absent").touch()
    terraform.apply(state, "first", {"TF_VAR_endpoint": "http://here"})
    # then
    assert script.calls[0].startswith(f"{state / 'data'}|http://here|||")
    assert script.calls[1].startswith(f"{state / 'data'}|http://here||{state / 'absent'}|")
    assert "apply -input=false -no-color -auto-approve -refresh=false" in script.calls[0]
    assert os.environ["AWS_CA_BUNDLE"] == "/etc/bundle.pem"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "printf '╷\\n│ Warning: old\\n╵\\n╷\\n│ Error: Bad value\\n│ \\n│   on main.tf\\n╵\\n' >&2; exit 1",
            "^Error: Bad value on main.tf$",
        ),
        ("echo 'Error: told on stdout'; exit 1", "^Error: told on stdout$"),
        ("echo 'panic: no error line' >&2; exit 2", "^panic: no error line$"),
        ("exit 3", "^it printed nothing$"),
        ("kill -9 $$", "terraform apply was ended by signal 9; 9 means that Linux ran out of memory"),
    ],
)
def test_the_reason_of_a_failure_stands_on_one_line(body: str, reason: str, script: Script, state: Path) -> None:
    # given
    state.mkdir()
    script.does(body)
    # when / then
    with pytest.raises(TerraformError, match=reason):
        terraform.apply(state, "first", {})


def test_a_machine_without_terraform_is_told_so(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv("PATH", str(tmp_path))
    # when / then
    with pytest.raises(TerraformError, match="there is no terraform on PATH"):
        terraform.initialise(state, mirror=None)
