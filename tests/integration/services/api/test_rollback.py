"""Rolling back through the API, beside a real MLflow, PostgreSQL and Valkey: under load, refused, forced, and raced."""

import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient

from closecast.models.candidate import Candidate
from closecast.models.deal_model import DealModel, digest
from closecast.monitoring.reference import Reference
from closecast.platform.database import connect
from closecast.platform.mlflow.identity import MODEL_NAME, Identity
from closecast.platform.mlflow.promotions import hold_promotion_lock
from closecast.platform.mlflow.registry import DIGEST_TAG, REFERENCE_FOLDER, SOURCE_TAG, ModelRegistry
from closecast.platform.settings import DatabaseSettings
from closecast.platform.signatures import SIGNATURE_TAG, Signer
from ops.api.client import Api
from ops.errors import OperatorError
from ops.model.rollback import rolled_back
from services.api.app import create_app
from services.api.settings import Settings
from tests.integration.services.api.live import live
from tests.servers.processes import free_port, running
from tests.unit.services.api.conftest import KEY, environment
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ROUTE = "/v1/model/rollback"
QUESTION = {"deal": {"opportunity_id": "A1", "engage_date": "2017-12-17"}, "as_of": "2017-12-31"}
SIGNER = Signer.from_text("A" * 43)  # the key of 32 zero bytes
Publish = Callable[..., Identity]


@pytest.fixture(scope="module")
def reference(made_up_candidate: Candidate) -> Reference:
    return Reference.of(made_up_candidate, 1)


@pytest.fixture
def publish(
    served_model: DealModel,
    reference: Reference,
    mlflow_uri: str,
    empty_registry: ModelRegistry,
    promotion_lock: DatabaseSettings,
    tmp_path: Path,
) -> Publish:
    """Registers a version of a model as training does, and makes it champion unless told otherwise."""
    client = MlflowClient(mlflow_uri)

    def published(
        shift: float = 0.0, model: DealModel = served_model, promoted: bool = True, signed: bool = True, **tags: str
    ) -> Identity:
        calibration = replace(model.scorer.calibration, c=model.scorer.calibration.c + shift)
        made = DealModel(replace(model.scorer, calibration=calibration), model.card, model.deals)
        run = client.create_run("0").info.run_id
        folder = tmp_path / run
        replace(reference, tolerance=shift).save(folder / REFERENCE_FOLDER)
        client.log_artifacts(run, str(folder / REFERENCE_FOLDER), REFERENCE_FOLDER)
        folder = folder / "model"
        made.save(folder, {REFERENCE_FOLDER: digest(folder.with_name(REFERENCE_FOLDER))})
        client.log_artifacts(run, str(folder), "model")
        sha256 = digest(folder)
        known = {DIGEST_TAG: sha256, SOURCE_TAG: model.card.source, "decision": "promoted", **tags}
        if signed:
            known[SIGNATURE_TAG] = SIGNER.sign(MODEL_NAME, run, sha256)
        found = empty_registry.identity(empty_registry.register(run, known))
        if promoted:
            with hold_promotion_lock(promotion_lock.url, "flow train/a-test") as held:
                assert held.promote(empty_registry, found, empty_registry.champion_identity())
        return found

    return published


@pytest.fixture
def variables(mlflow_uri: str, database_url: str, valkey_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        **environment(tmp_path / "models", mlflow_uri),
        "CLOSECAST_DATABASE_URL": database_url,
        "CLOSECAST_CACHE_URL": valkey_url,
        "CLOSECAST_MODEL_PUBLIC_KEYS": SIGNER.public,
    }


@pytest.fixture
def api(variables: dict[str, str]) -> Iterator[TestClient[Any]]:
    with TestClient(create_app(Settings.from_environment(variables)), raise_server_exceptions=False) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def _serves(api: TestClient[Any], model: Identity) -> bool:
    answer = api.get("/v1/model")
    return answer.status_code == 200 and bool(answer.json()["run_id"] == model.run_id)


@dataclass
class Load:
    """Asks for a prediction `rate` times a second over kept connections, on time or as soon after as it can."""

    port: int
    rate: int = 300
    answers: list[tuple[str, float]] = field(default_factory=list)  # run and probability
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @contextmanager
    def going_on(self) -> Iterator["Load"]:
        self._begin, self._next, self._lock, self._stop = time.monotonic(), 0, threading.Lock(), threading.Event()
        threads = [threading.Thread(target=self._ask_on) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    @property
    def per_second(self) -> float:
        return len(self.answers) / (time.monotonic() - self._begin)

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body, headers = json.dumps(QUESTION), {"X-API-Key": KEY, "Content-Type": "application/json"}
        while not self._stop.is_set():
            with self._lock:
                due = self._begin + self._next / self.rate
                self._next += 1
            if self._stop.wait(max(0.0, due - time.monotonic())):
                break
            sent = time.monotonic()
            try:
                connection.request("POST", "/v1/predictions", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    raise http.client.HTTPException(f"{answer.status} {content[:200]!r}")
                found = json.loads(content)
                self.answers.append((found["model"]["run_id"], found["probability"]))
            except (OSError, http.client.HTTPException) as error:
                self.problems.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - sent)
        connection.close()


@pytest.mark.usefixtures("journal")
def test_a_rollback_under_load_moves_all_that_belongs_to_the_model_and_fails_no_request(
    publish: Publish, variables: dict[str, str], database_url: str, empty_registry: ModelRegistry, tmp_path: Path
) -> None:
    def watched_with() -> float:
        """The tolerance in the reference of the champion, as the flow `monitor` fetches it."""
        scratch = Path(tempfile.mkdtemp(dir=tmp_path))
        return Reference.load(
            empty_registry.reference(empty_registry.champion(scratch), scratch / "reference")
        ).tolerance

    first, second = publish(), publish(0.5)
    port, folder = free_port(), tmp_path / "process"
    folder.mkdir()
    own = {**variables, "CLOSECAST_HOST": "127.0.0.1", "CLOSECAST_PORT": str(port)}
    base = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "services.api"], own, f"{base}/health/ready", folder):
        client = Api(base, KEY)
        until(lambda: client.call("GET", "/v1/model")["run_id"] == second.run_id)
        # given the answers of each, alone
        explained = client.call("POST", "/v1/explanations", json=QUESTION)
        batch = {"deals": [QUESTION["deal"]], "as_of": QUESTION["as_of"]}
        expected = {second.run_id: client.call("POST", "/v1/predictions", json=QUESTION)["probability"]}
        assert watched_with() == 0.5
        load = Load(port)
        with load.going_on():
            until(lambda: len(load.answers) > 600)
            # when
            said = rolled_back(client, None)
            # then it serves, says how to go forward, and so it goes
            assert f"champion: version {first.version} (run {first.run_id[:8]})" in said
            assert said.endswith(f"the API serves it\nto go forward again: just rollback {second.version}")
            count = len(load.answers)
            until(lambda: len(load.answers) > count + 300)
            expected[first.run_id] = client.call("POST", "/v1/predictions", json=QUESTION)["probability"]
            # and what belongs to the model went with it
            assert watched_with() == 0.0
            again = client.call("POST", "/v1/explanations", json=QUESTION)
            assert (again["model"]["run_id"], again["probability"]) == (first.run_id, expected[first.run_id])
            assert again["base"] != explained["base"]
            scored = client.call("POST", "/v1/predictions/batch", json=batch)
            assert (scored["model"]["run_id"], scored["predictions"][0]["probability"]) == (
                first.run_id,
                expected[first.run_id],
            )
            rolled_back(client, second.version)
            count = len(load.answers)
            until(lambda: len(load.answers) > count + 300)
            assert client.call("POST", "/v1/explanations", json=QUESTION)["groups"] == explained["groups"]
        print(f"{len(load.answers)} answers, {load.per_second:.0f} a second, the slowest took {load.slowest:.2f} s")
        # then no request failed, and no answer mixed the two
        assert load.problems == []
        assert set(load.answers) == set(expected.items())
        # and each is recorded under its own model
        with connect(database_url) as connection:

            def recorded() -> dict[str, int]:
                query = "SELECT model_run_id, count(*) FROM predictions GROUP BY 1"
                return dict(connection.execute(query).fetchall())  # type: ignore[arg-type]

            until(lambda: sum(recorded().values()) == len(load.answers) + 3)
        history = {one["run_id"]: one for one in client.call("GET", "/v1/model/history")["models"]}
        assert {run: history[run]["predictions"] for run in expected} == recorded_counts(database_url)
        assert history[second.run_id]["champion"]["how"] == "rolled back"
        acts = [
            (one["act"], one["subject"], one["actor"])
            for one in client.call("GET", "/v1/audit?limit=30")["entries"]
            if one["act"] == "model rolled back"
        ]
        assert acts[:2] == [
            ("model rolled back", f"model version {one.version}", "bootstrap") for one in (second, first)
        ]


def recorded_counts(database_url: str) -> dict[str, int]:
    """Predictions by run."""
    with connect(database_url) as connection:
        rows = connection.execute("SELECT model_run_id, count(*) FROM predictions GROUP BY 1").fetchall()
    return {str(run): int(str(count)) for run, count in rows}


def test_by_default_it_goes_back_one_champion_after_another(publish: Publish, api: TestClient[Any]) -> None:
    first, second, third = publish(), publish(0.1), publish(0.2)
    until(lambda: _serves(api, third))

    def back(expected: Identity) -> Any:
        return api.post(ROUTE, json={"expected": expected.version}).json()

    # when / then
    found = back(third)
    assert (found["done"], found["champion"]["run_id"], found["target"]["run_id"]) == (
        True,
        third.run_id,
        second.run_id,
    )
    assert back(second)["target"]["run_id"] == first.run_id
    until(lambda: _serves(api, first))
    # and one that serves already is left
    again = api.post(ROUTE, json={"version": first.version, "expected": first.version})
    assert (again.status_code, again.json()["done"]) == (200, False)


def test_who_expects_another_champion_changes_nothing(
    publish: Publish, api: TestClient[Any], empty_registry: ModelRegistry
) -> None:
    first, second = publish(), publish(0.1)
    for expected in (first.version, "none", "77"):
        answer = api.post(ROUTE, json={"expected": expected})
        assert answer.status_code == 412
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert f"{second} is champion, and" in answer.json()["detail"]
    missing = api.post(ROUTE, json={"version": first.version})
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "expected")
    # and of two at once, one is told that it came too late
    bodies = [{"expected": second.version}, {"expected": second.version, "version": first.version}]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda body=one: statuses.append(api.post(ROUTE, json=body).status_code))
        for one in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412]
    assert empty_registry.champion_identity() == first


@pytest.mark.parametrize("kind", ["refused", "in shadow", "undecided", "other deals", "made-up data"])
def test_what_should_not_serve_is_refused_unless_forced(
    kind: str, publish: Publish, api: TestClient[Any], served_model: DealModel, empty_registry: ModelRegistry
) -> None:
    names = ("opportunity_id", "sales_agent", "product", "account")
    deals = served_model.deals.assign(**{name: "other " + served_model.deals[name].astype(str) for name in names})
    others = DealModel(served_model.scorer, served_model.card, deals)
    # The present champion is of real data in one case.
    real = DealModel(served_model.scorer, replace(served_model.card, source="file:sales.csv"), served_model.deals)
    words = {
        "refused": "the gate refused it: its log loss is higher",
        "in shadow": "the gate accepted it for the shadow, and outcomes decide: 40 more deals needed",
        "undecided": "the gate never decided on it",
        "other deals": "it was trained on other deals (synthetic)",
        "made-up data": "data from synthetic may not replace a champion from file:sales.csv",
    }[kind]
    target = {
        "refused": lambda: publish(promoted=False, decision="refused", decision_reasons="its log loss is higher"),
        "in shadow": lambda: publish(promoted=False, decision="in shadow", shadow_verdict="40 more deals needed"),
        "undecided": lambda: publish(promoted=False, decision=""),
        "other deals": lambda: publish(model=others, promoted=False),
        "made-up data": lambda: publish(promoted=False),
    }[kind]()
    champion = publish(0.1, model=real if kind == "made-up data" else served_model)
    body = {"version": target.version, "expected": champion.version}
    # when it is only asked about
    planned = api.post(ROUTE, json={**body, "dry_run": True})
    # then it is told
    assert planned.status_code == 200
    assert not planned.json()["done"]
    assert [(words in one["detail"], one["final"]) for one in planned.json()["objections"]] == [(True, False)]
    # when it is done, then not
    refused = api.post(ROUTE, json=body)
    assert (refused.status_code, refused.json()["title"]) == (409, "The version is not made champion")
    assert words in refused.json()["errors"][0]["detail"]
    assert empty_registry.champion_identity() == champion
    # unless it is forced, which is in the log
    forced = api.post(ROUTE, json={**body, "force": True})
    assert (forced.status_code, forced.json()["done"]) == (200, True)
    assert empty_registry.champion_identity() == target
    entries = api.get("/v1/audit?limit=10").json()["entries"]
    logged = next(one for one in entries if one["act"] == "model rolled back")
    assert words.partition(": its")[0] in logged["details"]["reason"]
    assert "its log loss" not in logged["details"]["reason"]  # such reasons may name agents
    assert logged["request_id"] == forced.headers["x-request-id"]
    until(lambda: _serves(api, target))


@pytest.mark.parametrize("kind", ["unsigned", "damaged", "lost", "gone"])
def test_what_no_service_would_load_is_refused_though_forced(
    kind: str, publish: Publish, mlflow_uri: str, api: TestClient[Any], empty_registry: ModelRegistry, tmp_path: Path
) -> None:
    client = MlflowClient(mlflow_uri)
    target = publish(signed=kind != "unsigned", promoted=kind != "unsigned")
    champion = publish(0.1)
    until(lambda: _serves(api, champion))
    if kind == "damaged":
        (tmp_path / "model.txt").write_text("tree")
        client.log_artifact(target.run_id, str(tmp_path / "model.txt"), "model")
    if kind == "lost":
        root = httpx.URL(client.get_run(target.run_id).info.artifact_uri or "").path
        for name in ("model.txt", "card.json"):
            httpx.delete(f"{mlflow_uri}/api/2.0/mlflow-artifacts/artifacts{root}/model/{name}").raise_for_status()
    if kind == "gone":
        client.delete_model_version("closecast", target.version)
    words = {
        "unsigned": ("bears no signature", f"just sign-model {target.version}"),
        "damaged": ("its artifacts are gone", "restore the artifacts"),
        "lost": ("its artifacts are gone", "restore the artifacts"),
        "gone": (f"the registry has no version {target.version}", ""),
    }[kind]
    # when
    answer = api.post(ROUTE, json={"version": target.version, "expected": champion.version, "force": True})
    # then
    assert answer.status_code == (404 if kind == "gone" else 409), answer.text
    assert words[0] in answer.json()["detail"]
    assert kind == "gone" or words[1] in answer.json()["errors"][0]["expected"]
    assert empty_registry.champion_identity() == champion


def test_a_version_that_monitoring_cannot_compare_is_noted(
    publish: Publish, mlflow_uri: str, api: TestClient[Any]
) -> None:
    first, second = publish(), publish(0.1)
    root = httpx.URL(MlflowClient(mlflow_uri).get_run(first.run_id).info.artifact_uri or "").path
    lost = f"{mlflow_uri}/api/2.0/mlflow-artifacts/artifacts{root}/{REFERENCE_FOLDER}/manifest.json"
    httpx.delete(lost).raise_for_status()
    done = api.post(ROUTE, json={"expected": second.version}).json()
    assert (done["done"], done["objections"]) == (True, [])
    assert "monitoring will compare nothing while it serves" in done["notes"][0]


def test_a_former_champion_that_is_gone_is_named_and_the_next_one_too(
    publish: Publish, mlflow_uri: str, api: TestClient[Any]
) -> None:
    first, second, third = publish(), publish(0.1), publish(0.2)
    MlflowClient(mlflow_uri).delete_model_version("closecast", second.version)
    answer = api.post(ROUTE, json={"expected": third.version})
    assert answer.status_code == 404
    assert f"{second}, is not in the registry any more; the nearest that is left is {first}" in answer.json()["detail"]


def test_roles_and_an_outage(publish: Publish, variables: dict[str, str], api: TestClient[Any]) -> None:
    first, second = publish(), publish(0.1)
    scorer = api.post("/v1/keys", json={"name": "app", "role": "scorer"}).json()["secret"]
    answer = until_known(api, scorer)
    assert answer.status_code == 403
    # a training holds the lock
    with hold_promotion_lock(variables["CLOSECAST_DATABASE_URL"], "flow train/slow"):
        assert api.post(ROUTE, json={"dry_run": True}).json()["target"]["run_id"] == first.run_id
    away = {**variables, "CLOSECAST_DATABASE_URL": f"postgresql://closecast:hidden@127.0.0.1:{free_port()}/closecast"}
    with TestClient(create_app(Settings.from_environment(away)), raise_server_exceptions=False) as alone:
        alone.headers["X-API-Key"] = KEY
        for body in ({"expected": second.version}, {"expected": second.version, "version": first.version}):
            refused = alone.post(ROUTE, json=body)
            assert refused.status_code == 503
            assert "hidden" not in refused.text


def until_known(api: TestClient[Any], key: str) -> httpx.Response:
    """The answer to a rollback asked for with `key`, once the key is known."""
    answers: list[httpx.Response] = []

    def known() -> bool:
        answers.append(api.post(ROUTE, json={"dry_run": True}, headers={"X-API-Key": key}))
        return answers[-1].status_code != 401

    until(known)
    return answers[-1]


def test_the_command_says_what_to_type(publish: Publish, variables: dict[str, str]) -> None:
    target = publish(promoted=False, decision="refused", decision_reasons="its log loss is higher")
    champion = publish(0.1)
    with live(Settings.from_environment(variables)) as address:
        client = Api(address, KEY)
        dry = rolled_back(client, target.version, dry_run=True)
        assert dry.startswith(f"dry run, nothing was done; would be champion: version {target.version}")
        assert "against it: the gate refused it: its log loss is higher" in dry
        with pytest.raises(OperatorError, match=f"just rollback {target.version} --force") as refused:
            rolled_back(client, target.version)
        assert "its log loss is higher" in str(refused.value)
        forced = rolled_back(client, target.version, force=True)
        assert "overruled: the gate refused it" in forced
        assert f"to go forward again: just rollback {champion.version}" in forced
        assert rolled_back(client, target.version).endswith("is champion already: nothing was done")
