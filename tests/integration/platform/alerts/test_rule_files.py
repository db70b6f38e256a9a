"""The rules in policies/alerts, as Prometheus's own tool reads and runs them, and their runbooks."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from closecast.platform.alerts.prometheus import rule_file
from closecast.platform.alerts.rules import Rules, load
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration

RULES = load(PROJECT / "policies" / "alerts")
CASES: dict[str, dict[str, Any]] = msgspec.yaml.decode(Path(__file__).with_name("cases.yaml").read_bytes())


def promtool(*arguments: str) -> str:
    """What promtool says. Fails when it finds fault."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("there is no promtool on PATH; Debian has it in the package prometheus")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yml"
    file.write_bytes(rule_file(RULES))
    return file


def test_prometheus_takes_the_rules(written: Path) -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(written))
    count = len(RULES.of("metrics")) + len(RULES.recorded) + 2 * len(_windows(RULES)) + 1
    assert f"{count} rules found" in said


def _windows(rules: Rules) -> set[tuple[str, str]]:
    burns = [rule.burn_rate for rule in rules.rules.values() if rule.burn_rate is not None]
    return {(burn.slo, window) for burn in burns for window in (burn.long, burn.short)}


def test_each_rule_on_metrics_has_a_case_that_fires_and_one_that_stays_silent() -> None:
    assert set(CASES) == set(RULES.of("metrics"))
    assert [name for name, cases in CASES.items() if not {"fires", "silent"} <= set(cases)] == []


@pytest.mark.parametrize("name", CASES)
def test_a_rule_fires_when_it_should_and_only_then(written: Path, tmp_path: Path, name: str) -> None:
    tests = []
    for title, case in CASES[name].items():
        expected = [{"labels": "{}", "value": 1}] if title.startswith("fires") else []
        looked = {
            "expr": f'count(count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}}))',
            "eval_time": case["at"],
            "exp_samples": expected,
        }
        series = [{"series": series, "values": values} for series, values in case["series"].items()]
        tests.append({"interval": "1m", "name": title, "input_series": series, "promql_expr_test": [looked]})
    file = tmp_path / "tests.yml"
    # Days by the minute take promtool a minute.
    every = "10m" if any(case["at"].endswith("h") for case in CASES[name].values()) else "1m"
    document = {"rule_files": [str(written)], "evaluation_interval": every, "tests": tests}
    file.write_bytes(msgspec.yaml.encode(document))
    promtool("test", "rules", str(file))


def test_the_watchdog_always_fires(written: Path, tmp_path: Path) -> None:
    looked = {
        "expr": 'count(ALERTS{alertname="watchdog",alertstate="firing"})',
        "eval_time": "1m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    file = tmp_path / "tests.yml"
    test = {"interval": "1m", "promql_expr_test": [looked]}
    file.write_bytes(msgspec.yaml.encode({"rule_files": [str(written)], "evaluation_interval": "1m", "tests": [test]}))
    promtool("test", "rules", str(file))


def test_each_rule_has_a_runbook() -> None:
    document = (PROJECT / "docs" / "runbooks.md").read_text()
    headings = re.findall(r"^## (\S+)$", document, re.MULTILINE)
    assert sorted(set(RULES.rules) - set(headings)) == []
    for name in RULES.rules:
        text = document.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert [word for word in ("**Symptom.**", "**Meaning.**", "**Type.**", "**Ignore.**") if word not in text] == []


def test_each_page_says_so_in_a_rule_that_can_be_read_by_its_name() -> None:
    assert {name for name, rule in RULES.rules.items() if rule.severity == "page"} == {
        "api_errors_fast",
        "api_errors_slow",
        "api_latency",
        "certificate_expiry",
        "harmful_proved",
        "journal_spool",
        "metrics_silent",
        "monitor_silent",
        "retraining_failed",
        "service_down",
    }
