"""The configurations of Prometheus and Alertmanager, as their own tools read them."""

import shutil
import subprocess
import sys
from pathlib import Path

import bcrypt
import msgspec
import pytest

from closecast.platform.alerts.prometheus import rule_file
from closecast.platform.alerts.rules import load
from services.alertmanager.__main__ import configuration as of_alertmanager
from services.metrics_program import web_configuration
from services.prometheus.__main__ import configuration
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration


def _checked(tool: str, *arguments: str) -> None:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"there is no {tool} on PATH; Debian has it in the packages prometheus and prometheus-alertmanager")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    rules, password = tmp_path / "rules.yml", tmp_path / "password"
    rules.write_bytes(rule_file(load(PROJECT / "policies" / "alerts")))
    password.write_text("secret")
    written = tmp_path / "prometheus.yml"
    written.write_bytes(msgspec.yaml.encode(configuration(tmp_path, rules, password)))
    _checked("promtool", "check", "config", str(written))
    web = tmp_path / "web.yml"
    web.write_bytes(msgspec.yaml.encode(web_configuration("secret")))
    _checked("promtool", "check", "web-config", str(web))
    [hashed] = web_configuration("secret")["basic_auth_users"].values()
    assert bcrypt.checkpw(b"secret", hashed.encode())
    assert "secret" not in web.read_text()


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    written = tmp_path / "alertmanager.yml"
    written.write_bytes(msgspec.yaml.encode(of_alertmanager("http://127.0.0.1:1/v1/alertmanager", token)))
    _checked("amtool", "check-config", str(written))


@pytest.mark.parametrize("service", ["prometheus", "alertmanager", "alerts"])
def test_a_missing_setting_is_named(service: str) -> None:
    command = [sys.executable, "-m", f"services.{service}"]
    done = subprocess.run(command, env={"PATH": ""}, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{service}: the environment variable CLOSECAST_" in done.stderr
