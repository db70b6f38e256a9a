"""Deploying again, on a real Prefect server: what a user set stays, what is new is added, what is gone is told."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import deployments
from flows.deployments import INVENTORY, Deployment
from tests.waiting import awaited

pytestmark = pytest.mark.integration
TUNE = next(one for one in INVENTORY if one.flow == "tune")
SCORE = next(one for one in INVENTORY if one.flow == "score")


class Server:
    """Prefect as a user changes it, and deployments as a version of Closecast makes them."""

    def __init__(self, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.http = httpx.Client(base_url=api, timeout=30)
        self._patch = monkeypatch

    def deploy(self, *inventory: Deployment) -> list[str]:
        self._patch.setattr(deployments, "INVENTORY", inventory)
        return asyncio.run(deployments.deploy())[1:]

    def call(self, method: str, route: str, body: Any = None) -> Any:
        # Prefect answers 503 while its SQLite is locked, as its services lock it at times; its own clients ask again too.
        answer = awaited(lambda: self._unless_locked(method, route, body), pause=0.5)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def _unless_locked(self, method: str, route: str, body: Any) -> httpx.Response | None:
        answer = self.http.request(method, route, json=body)
        return None if answer.status_code == 503 else answer

    def found(self, flow: str = "tune") -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/deployments/name/{flow}/closecast")
        return found

    def change(self, flow: str = "tune", **values: Any) -> None:
        self.call("PATCH", f"/deployments/{self.found(flow)['id']}", values)

    def schedules(self, flow: str = "tune") -> list[tuple[str, str, bool]]:
        found = self.found(flow)["schedules"]
        return sorted((one["schedule"]["cron"], one["schedule"]["timezone"], one["active"]) for one in found)

    def change_schedule(self, flow: str = "tune", **values: Any) -> None:
        found = self.found(flow)
        (ours,) = [one for one in found["schedules"] if one["slug"] == "regular"]
        self.call("PATCH", f"/deployments/{found['id']}/schedules/{ours['id']}", values)

    def forget(self) -> None:
        for variable in self.call("POST", "/variables/filter", {}):
            self.call("DELETE", f"/variables/{variable['id']}")
        for one in self.call("POST", "/deployments/filter", {}):
            self.call("DELETE", f"/deployments/{one['id']}")


@pytest.fixture
def server(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    found = Server(prefect_api, monkeypatch)
    found.forget()
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        yield found
    found.forget()


def test_what_nobody_touched_follows_the_inventory_and_says_what_changed(server: Server) -> None:
    # given
    first = replace(TUNE, parameters={"trials": 30, "workers": 2})
    assert server.deploy(first) == ["deployment tune/closecast: created, paused"]
    assert server.deploy(first) == ["deployment tune/closecast: up to date"]
    # when another version wants other things
    second = replace(TUNE, parameters={"trials": 40, "seed": 3}, cron="0 2 1 * *", tags=("model", "search"))
    lines = server.deploy(replace(second, description="Another."))
    # then
    found = server.found()
    assert found["parameters"] == {"trials": 40, "seed": 3}
    assert server.schedules() == [("0 2 1 * *", "UTC", True)]
    assert sorted(found["tags"]) == ["model", "repeatable", "search"]
    assert found["description"] == "Another."
    assert found["paused"] is True
    assert set(lines[1:]) == {
        "deployment tune/closecast: changed: parameter trials=40, before 30",
        "deployment tune/closecast: removed: parameter workers=2, which the inventory no longer sets",
        "deployment tune/closecast: new: parameter seed=3",
        "deployment tune/closecast: changed: schedule 0 2 1 * * UTC, before 0 1 1 * *",
    }


def test_what_a_user_set_stays_while_the_inventory_changes_beside_it(server: Server) -> None:
    # given a deployment that a user made his own
    server.deploy(replace(TUNE, parameters={"trials": 30, "workers": 2}))
    server.change(
        parameters={"trials": 50, "workers": 2, "source": "kaggle"},
        paused=False,
        tags=["model", "mine"],
        description="Mine.",
        concurrency_limit=3,
    )
    server.change_schedule(schedule={"cron": "30 4 * * 6", "timezone": "Europe/Berlin"}, active=False)
    # when the inventory changes all of it
    new = replace(TUNE, parameters={"trials": 40, "workers": 4, "seed": 3}, cron="0 2 1 * *", description="Ours.")
    for lines in (server.deploy(new), server.deploy(new)):
        # then, once and again
        found = server.found()
        assert found["parameters"] == {"trials": 50, "workers": 4, "source": "kaggle", "seed": 3}
        assert server.schedules() == [("30 4 * * 6", "Europe/Berlin", False)]
        assert found["paused"] is False
        assert sorted(found["tags"]) == ["mine", "model"]
        assert found["description"] == "Mine."
        assert found["global_concurrency_limit"]["limit"] == 3
        text = "\n".join(lines)
        assert "kept: parameter trials=50, where the inventory has 40" in text
        assert "kept: schedule 30 4 * * 6 Europe/Berlin, where the inventory has 0 2 1 * * UTC" in text
        assert "is turned off" in text
        assert 'kept: parameter source="kaggle", where the inventory does not set it' in text
        assert "kept: tags mine" in text
        assert "kept: without tags nomad, repeatable" in text
        assert 'kept: description "Mine."' in text


def test_a_schedule_that_is_turned_off_stays_off_when_its_time_changes(server: Server) -> None:
    # given ours, turned off, and with a parameter of its own
    server.deploy(TUNE)
    server.change_schedule(active=False, parameters={"trials": 5})
    # when
    server.deploy(replace(TUNE, cron="0 2 1 * *"))
    # then
    assert server.schedules() == [("0 2 1 * *", "UTC", False)]
    assert server.found()["schedules"][0]["parameters"] == {"trials": 5}


@pytest.mark.parametrize("cron", [TUNE.cron, "0 2 1 * *"])
def test_a_second_schedule_stays_and_a_deleted_one_does_not_come_back(server: Server, cron: str) -> None:
    # given a user's own schedule, without a slug as Prefect's page makes it, in place of ours
    server.deploy(TUNE)
    found = server.found()
    own = {"schedule": {"cron": "15 3 * * *", "timezone": "UTC"}, "active": True}
    server.call("POST", f"/deployments/{found['id']}/schedules", [own])
    server.deploy(replace(TUNE, cron=cron))
    assert server.schedules() == sorted([(cron, "UTC", True), ("15 3 * * *", "UTC", True)])
    (ours,) = [one for one in server.found()["schedules"] if one["slug"] == "regular"]
    server.call("DELETE", f"/deployments/{found['id']}/schedules/{ours['id']}")
    # when
    lines = server.deploy(replace(TUNE, cron=cron))
    # then
    assert server.schedules() == [("15 3 * * *", "UTC", True)]
    assert f"deployment tune/closecast: kept: without the schedule {cron}" in lines


def test_an_interval_in_place_of_our_cron_stays(server: Server) -> None:
    server.deploy(TUNE)
    server.change_schedule(schedule={"interval": 3600})
    lines = server.deploy(replace(TUNE, cron="0 2 1 * *"))
    (found,) = server.found()["schedules"]
    assert found["schedule"]["interval"] == 3600
    assert any("kept: schedule" in line for line in lines)


def test_a_schedule_that_is_new_is_added_and_one_that_is_gone_is_taken_away(server: Server) -> None:
    server.deploy(SCORE)
    assert server.deploy(replace(SCORE, cron="0 9 * * *"))[1:] == [
        "deployment score/closecast: new: schedule 0 9 * * * UTC"
    ]
    assert server.schedules("score") == [("0 9 * * *", "UTC", True)]
    assert server.deploy(SCORE)[1:] == [
        "deployment score/closecast: removed: schedule 0 9 * * * UTC, which the inventory no longer has"
    ]
    assert server.schedules("score") == []


def test_a_parameter_that_a_user_took_out_stays_out(server: Server) -> None:
    server.deploy(replace(TUNE, parameters={"trials": 30, "workers": 2}))
    server.change(parameters={"workers": 2})
    lines = server.deploy(replace(TUNE, parameters={"trials": 40, "workers": 2}))
    assert server.found()["parameters"] == {"workers": 2}
    assert "deployment tune/closecast: kept: parameter trials is not set, where the inventory has 40" in lines


def test_what_the_flow_does_not_take_any_more_is_taken_out_and_told(server: Server) -> None:
    # given parameters of a former version of the flow, one gone and one of another type now
    server.deploy(TUNE)
    server.change(parameters={"depth": 3, "trials": "many", "workers": 4}, enforce_parameter_schema=False)
    # when
    lines = server.deploy(TUNE)
    # then
    found = server.found()
    assert found["parameters"] == {"workers": 4}
    assert found["enforce_parameter_schema"] is True
    assert any(
        "removed: parameter depth=3, which was set by hand: the flow has no such parameter" in line for line in lines
    )
    assert any('removed: parameter trials="many", which was set by hand' in line for line in lines)


def test_a_deployment_of_an_earlier_version_loses_its_made_up_source_and_nothing_of_the_users(server: Server) -> None:
    # given what an earlier version left: no memory, and the source that it set
    server.deploy(TUNE, SCORE)
    server.change(parameters={"source": "synthetic", "trials": 50})
    for variable in server.call("POST", "/variables/filter", {}):
        server.call("DELETE", f"/variables/{variable['id']}")
    server.change_schedule(active=False)
    # when
    lines = server.deploy(TUNE, SCORE)
    # then
    assert server.found()["parameters"] == {"trials": 50}
    assert server.schedules() == [("0 1 1 * *", "UTC", False)]
    assert (
        'deployment tune/closecast: removed: parameter source="synthetic", which the inventory no longer sets' in lines
    )
    # and the source that a user chose stays
    server.change(parameters={"source": "synthetic"})
    server.deploy(TUNE, SCORE)
    assert server.found()["parameters"] == {"source": "synthetic"}


def test_what_is_no_longer_in_the_inventory_is_paused_and_told_once(server: Server) -> None:
    # given
    server.deploy(TUNE, SCORE)
    server.change("score", paused=False)
    # when / then
    (line,) = server.deploy(TUNE)[1:]
    assert line.startswith("deployment score/closecast: no longer in the inventory: paused; delete it with")
    assert server.found("score")["paused"] is True
    assert server.deploy(TUNE) == ["deployment tune/closecast: up to date"]
    # and one that a user deleted is made anew, paused
    server.call("DELETE", f"/deployments/{server.found()['id']}")
    assert server.deploy(TUNE) == ["deployment tune/closecast: created, paused"]


def test_a_deployment_stays_in_the_queue_that_a_user_chose(server: Server) -> None:
    server.deploy(TUNE)
    server.change(work_pool_name="closecast", work_queue_name="slow")
    server.deploy(replace(TUNE, parameters={"trials": 40}))
    assert (server.found()["work_queue_name"], server.found()["parameters"]) == ("slow", {"trials": 40})
