"""The workflows of GitHub Actions: they call recipes, which are tried elsewhere, and have no more rights than they need."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
JUSTFILE = (ROOT / "Justfile").read_text()
RUN = re.compile(r"\./just ([a-z][a-z0-9-]*)((?: (?:[\w./=:-]+|\"[\w./$-]+\"|\$\{\{ matrix\.\w+ \}\}))*)")
FOREIGN = re.compile(r"([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
# What may be written, and by which jobs; all others may read the repository, or nothing.
WRITING = {
    ("model_validation", "comment"): {"pull-requests": "write"},
    ("scheduled", "report"): {"issues": "write"},
    **{
        ("cd", job): {"contents": "read", "id-token": "write"}
        for job in ("images", "staging", "production-plan", "production")
    },
}
# The tests that try a recipe which neither .ci/run nor `just lint` calls.
TRIED = {
    "deploy": "integration/ops/deploy/test_deploy.py",
    "images": "integration/ops/images/test_containers.py",
    "model-validation": "integration/ops/model/test_validation.py",
    "outdated": "integration/ops/dependencies/test_outdated.py",
    "release": "integration/ops/release/test_release.py",
    "status": "e2e/test_use.py",
    "tf": "integration/terraform/test_cloud.py",
    "vulnerabilities": "integration/ops/dependencies/test_vulnerabilities.py",
}


def _content(file: Path) -> dict[Any, Any]:
    return dict(msgspec.yaml.decode(file.read_bytes()))


def _jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file in WORKFLOWS:
        for name, job in _content(file)["jobs"].items():
            yield file.stem, name, job


def _steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for workflow, name, job in _jobs():
        yield from ((f"{workflow}/{name}", step) for step in job["steps"])
    for file in ACTIONS:
        yield from ((file.parent.name, step) for step in _content(file)["runs"]["steps"])


def _recipes() -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*)[^:=\n]*:(?!=)", JUSTFILE, re.MULTILINE))


def _called() -> set[str]:
    found = (RUN.fullmatch(step["run"]) for _, step in _steps() if "run" in step)
    return {match[1] for match in found if match}


def test_the_five_workflows_are_there() -> None:
    assert {file.stem for file in WORKFLOWS} == {"ci", "cd", "model_validation", "security", "scheduled"}
    assert ACTIONS


@pytest.mark.parametrize(("where", "step"), [(where, step) for where, step in _steps() if "run" in step])
def test_a_command_is_one_recipe(where: str, step: dict[str, Any]) -> None:
    match = RUN.fullmatch(step["run"])
    assert match is not None, f"{where}: {step['run']}"
    assert match[1] in _recipes()


def test_every_recipe_that_is_called_is_tried() -> None:
    continuous = set(re.findall(r"\./just ([a-z][a-z-]*)", (ROOT / ".ci" / "run").read_text()))
    lint = JUSTFILE[JUSTFILE.index("lint-rest:") :].split("\n\n")[0]
    by_lint = {"bandit", "policy"}
    assert all(name in lint for name in by_lint)
    assert _called() - continuous - by_lint <= TRIED.keys()
    assert [name for name, test in TRIED.items() if not list((ROOT / "tests").glob(test))] == []


def test_actions_of_others_are_pinned_by_commit_and_alike_everywhere() -> None:
    pinned: dict[str, set[tuple[str, str]]] = {}
    for file in (*WORKFLOWS, *ACTIONS):
        for line in re.findall(r"uses: (.+)", file.read_text()):
            if line.startswith("./"):
                assert (ROOT / line / "action.yml").exists(), line
                continue
            match = FOREIGN.fullmatch(line)
            assert match is not None, f"{file.name}: {line}"
            pinned.setdefault(match[1], set()).add((match[2], match[3]))
    assert len(pinned) > 5
    assert {action: found for action, found in pinned.items() if len(found) > 1} == {}


def test_no_job_may_do_more_than_it_needs() -> None:
    for file in WORKFLOWS:
        assert _content(file)["permissions"] == {}, file.name
    found = {(workflow, name): job["permissions"] for workflow, name, job in _jobs()}
    assert {key: rights for key, rights in found.items() if rights != {"contents": "read"}} == WRITING


def test_a_job_that_may_write_to_the_repository_runs_none_of_its_code() -> None:
    for workflow, name, job in _jobs():
        rights = job["permissions"]
        if any(right == "write" for what, right in rights.items() if what != "id-token"):
            assert all(
                "run" not in step and not step["uses"].startswith(("./", "actions/checkout")) for step in job["steps"]
            ), f"{workflow}/{name}"


def test_credentials_do_not_stay_and_nothing_runs_for_ever() -> None:
    for where, step in _steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, where
    assert [f"{workflow}/{name}" for workflow, name, job in _jobs() if "timeout-minutes" not in job] == []
    assert [file.stem for file in WORKFLOWS if "concurrency" not in _content(file)] == []


def test_production_waits_for_staging_and_for_its_plan_and_goes_back_when_it_fails() -> None:
    jobs = {name: job for workflow, name, job in _jobs() if workflow == "cd"}
    assert [jobs[name]["needs"] for name in ("images", "staging", "production-plan", "production")] == [
        "release",
        "images",
        "staging",
        "production-plan",
    ]
    for environment in ("staging", "production"):
        assert jobs[environment]["environment"] == environment
        *_, smoke, back = jobs[environment]["steps"]
        assert smoke["run"].startswith("./just smoke ")
        assert (back["run"], back["if"]) == (f"./just deploy {environment} --back", "failure()")


def test_no_workflow_holds_a_key_of_aws() -> None:
    for file in (*WORKFLOWS, *ACTIONS):
        assert not re.search(r"aws[-_](access|secret)", file.read_text(), re.IGNORECASE), file.name
