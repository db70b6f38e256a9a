"""Run Terraform on the local environment: `init` once, `apply` after each restart of LocalStack."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "terraform"
ENVIRONMENT = Path("environments", "local")
_LOCK = ".terraform.lock.hcl"


class TerraformError(RuntimeError):
    """Terraform failed; the message is its own reason on one line."""


def _digest(root: Path) -> str:
    """SHA-256 of the configuration and its path: Terraform's working data hold absolute paths of modules."""
    sources = sorted(path for path in root.rglob("*.tf") if ".terraform" not in path.parts)
    return hashlib.sha256(b"\0".join([str(root).encode(), *(path.read_bytes() for path in sources)])).hexdigest()


def is_initialised(state: Path, root: Path = ROOT) -> bool:
    """Whether `initialise` has finished for this configuration."""
    marker = state / "initialised"
    return marker.exists() and marker.read_text() == _digest(root) and (root / ENVIRONMENT / _LOCK).exists()


def initialise(state: Path, mirror: Path | None, root: Path = ROOT) -> None:
    """Run `terraform init` for the configuration below `root`, with data and state below `state`.

    Plugins come from `mirror` if there is one. Raises TerraformError.
    """
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    shutil.rmtree(state / "data", ignore_errors=True)
    plugins = [f"-plugin-dir={mirror}"] if mirror else []
    _run(root, state, "init", "-reconfigure", f"-backend-config=path={_state_file(state)}", *plugins, variables={})
    (state / "initialised").write_text(_digest(root))


def apply(state: Path, session: str, variables: dict[str, str]) -> None:
    """Create missing resources in the LocalStack of `session`. Raises TerraformError.

    The state of another session is deleted first: LocalStack has lost its resources, and refreshing each takes longer
    than creating it. Within one session it is kept, so that a failed apply can be repeated.
    """
    begun = state / "session"
    if not begun.exists() or begun.read_text() != session:
        for stale in state.glob("terraform.tfstate*"):
            stale.unlink()
        begun.write_text(session)
    _run(ROOT, state, "apply", "-auto-approve", "-refresh=false", "-compact-warnings", variables=variables)


def _state_file(state: Path) -> Path:
    return state / "terraform.tfstate"


def _run(root: Path, state: Path, command: str, *arguments: str, variables: dict[str, str]) -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        raise TerraformError("there is no terraform on PATH")
    done = subprocess.run(
        [terraform, f"-chdir={root / ENVIRONMENT}", command, "-input=false", "-no-color", *arguments],
        env=environment(state / "data") | variables,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode < 0:
        raise TerraformError(
            f"terraform {command} was ended by signal {-done.returncode}; 9 means that Linux ran out of memory"
        )
    if done.returncode:
        raise TerraformError(reason(done.stderr or done.stdout))


def environment(data: Path) -> dict[str, str]:
    """This process's environment for Terraform, which keeps its working data in `data`."""
    environment = {**os.environ, "TF_DATA_DIR": str(data), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    environment.pop("AWS_CA_BUNDLE", None)
    named = environment.get("TF_CLI_CONFIG_FILE")
    if named and not os.access(named, os.R_OK):  # otherwise Terraform warns about the unreadable file at every command
        del environment["TF_CLI_CONFIG_FILE"]
    return environment


def reason(output: str) -> str:
    """The first error of Terraform's boxed output, on one line."""
    text = " ".join(re.sub(r"[│╷╵]", " ", output).split())
    start = text.find("Error: ")
    return text[start if start >= 0 else 0 :][:500] or "it printed nothing"
