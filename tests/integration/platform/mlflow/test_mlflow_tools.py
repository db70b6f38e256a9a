"""MLflow's own tools on a published model: `models serve`, `models predict` and `load_model` answer what the API answers.

The model is published by whoever may do everything on an MLflow server that asks for passwords, and used by its readers.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pandas as pd
import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient

from closecast.deals.contract import check
from closecast.deals.quality import Quality
from closecast.deals.synthetic.generator import generate
from closecast.models import candidate as candidates
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.mlflow.publication import publish
from closecast.platform.settings import DatabaseSettings, Login
from services.api.app import create_app
from services.api.settings import Settings
from tests.servers.mlflow import Guarded
from tests.servers.processes import PROJECT, free_port, running
from tests.waiting import until

pytestmark = pytest.mark.integration
CHAMPION = "models:/closecast@champion"
KEY = "a key"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def champion(guarded: Guarded, promotion_lock: DatabaseSettings) -> Iterator[dict[str, str]]:
    """The environment of a reader of an MLflow server whose champion has just been published."""
    with pytest.MonkeyPatch.context() as patched:
        _become(guarded.people, guarded, patched)
        _publish(guarded, promotion_lock)
        _become(guarded.reader, guarded, patched)
        yield guarded.environment(guarded.reader)


def _become(login: Login, guarded: Guarded, patched: pytest.MonkeyPatch) -> None:
    for name, value in guarded.environment(login).items():
        patched.setenv(name, value)


def _publish(guarded: Guarded, lock: DatabaseSettings) -> None:
    mlflow.set_tracking_uri(guarded.uri)
    client = MlflowClient(guarded.uri)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    deals = check(generate(2_500, seed=11)).accepted
    data = Ingested(
        deals,
        "synthetic",
        "a" * 64,
        "bronze/1",
        "silver/2",
        None,
        len(deals),
        0,
        "all accepted",
        Quality(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    )
    at = datetime(2018, 1, 2, tzinfo=UTC)
    published = publish(
        candidates.build(deals, 7, 1),
        data,
        guarded.uri,
        lock=lock,
        gold_key="g",
        by="a test",
        at=at,
        git_commit=None,
        login=guarded.people,
    )
    assert published.decision.promoted


@pytest.fixture(scope="module")
def api(champion: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Any]]:
    settings = Settings.from_environment(
        {
            **champion,
            "CLOSECAST_MODEL_CACHE": str(tmp_path_factory.mktemp("models")),
            "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
        }
    )
    with TestClient(create_app(settings)) as client:
        client.headers["X-API-Key"] = KEY
        until(lambda: client.get("/health/ready").status_code == 200)
        yield client


def _questions() -> pd.DataFrame:
    """Deals known and not, named and not, seen at several dates, about several horizons."""
    rows = [
        {
            "opportunity_id": f"A{day}" if day % 4 else None,
            "sales_agent": (None, "", "Ada Berg", "a stranger")[day % 4],
            "product": ("GTXPro", "GTX Basic", None, " GTX Pro ")[day % 4],
            "account": ("Oak Foods", None, "nobody's", "  ")[day // 2 % 4],
            "engage_date": f"2017-11-{day:02}" if day % 3 else f"11/{day}/2017",
            "as_of": "2017-12-01" if day % 2 else "12/31/2017",
            "horizon_days": day * 9,
        }
        for day in range(1, 31)
    ]
    return pd.DataFrame(rows)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _answers(api: TestClient[Any], rows: list[dict[str, Any]]) -> list[float]:
    """What the API says of each, asked one by one."""
    found = []
    for row in rows:
        given = {name: value for name, value in row.items() if not pd.isna(value)}
        question: dict[str, Any] = {"horizon": given.pop("horizon_days", "quarter_end")}
        if "as_of" in given:
            question["as_of"] = str(pd.Timestamp(given.pop("as_of")).date())
        answer = api.post("/v1/predictions", json={"deal": given, **question})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["probability"])
    return found


def _environment(champion: dict[str, str]) -> dict[str, str]:
    """MLflow's tools as a user has them, who knows nothing of this project's folder."""
    return {
        **champion,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


@contextmanager
def _serving(champion: dict[str, str], folder: Path, *options: str, **environment: str) -> Iterator[httpx.Client]:
    port = free_port()
    command = [
        str(BIN / "mlflow"),
        "models",
        "serve",
        "-m",
        CHAMPION,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *options,
    ]
    url = f"http://127.0.0.1:{port}"
    with (
        running(command, {**_environment(champion), **environment}, f"{url}/ping", folder),
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        yield client


def _invoke(served: httpx.Client, body: str, kind: str = "application/json") -> list[float]:
    answer = served.post("/invocations", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["predictions"])


@pytest.fixture(scope="module")
def served(champion: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with _serving(champion, tmp_path_factory.mktemp("serve"), "--env-manager", "local") as client:
        yield client


def test_served_it_answers_its_own_example_and_any_question_as_the_api_does(
    served: httpx.Client,
    api: TestClient[Any],
) -> None:
    # given
    loaded = mlflow.pyfunc.load_model(CHAMPION)
    example, questions = loaded.input_example, _questions()
    # when
    as_json = _invoke(
        served, json.dumps({"dataframe_split": json.loads(questions.to_json(orient="split", index=False))})
    )
    as_csv = _invoke(served, questions.to_csv(index=False), "text/csv")
    # then, to the bit
    assert as_json == as_csv == _answers(api, _records(questions))
    assert loaded.predict(questions).tolist() == as_json
    raw = Path(mlflow.artifacts.download_artifacts(f"{CHAMPION}/serving_input_example.json")).read_text()
    assert _invoke(served, raw) == _answers(api, _records(example)) == loaded.predict(example).tolist()


@pytest.mark.parametrize(
    "row",
    [
        {"engage_date": "2017-12-17"},
        {"engage_date": "2017-12-17", "account": None},
        {"engage_date": "2017-12-17", "product": "GTXPro"},
        {"engage_date": "2017-12-17", "as_of": "2017-12-20"},
        {"engage_date": "2017-12-17", "as_of": None, "opportunity_id": "Z1"},
        {"engage_date": "12/17/2017", "horizon_days": 30},
    ],
)
def test_what_the_api_lets_out_may_be_left_out(served: httpx.Client, api: TestClient[Any], row: dict[str, Any]) -> None:
    assert _invoke(served, json.dumps({"dataframe_records": [row]})) == _answers(api, [row])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"engage_date": "soon"}, "row 0: engage_date 'soon' is not a date"),
        ({"engage_date": None}, "row 0: the deal has no engage date"),
        (
            {"engage_date": "2018-12-17"},
            "row 0: the deal was engaged on 2018-12-17, after 2017-12-31: name a later as_of",
        ),
        ({"engage_date": "2017-12-17", "horizon_days": 367}, "a horizon of 367 days is outside 1 to 366"),
        ({"product": "GTX Pro"}, "engage_date"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_reason(
    served: httpx.Client, row: dict[str, Any], reason: str
) -> None:
    answer = served.post("/invocations", json={"dataframe_records": [row]})
    assert answer.status_code == 400
    assert reason in answer.text.replace('\\"', '"')


def test_mlflows_command_predicts_a_csv(champion: dict[str, str], api: TestClient[Any], tmp_path: Path) -> None:
    # given
    questions = _questions()
    questions.to_csv(tmp_path / "deals.csv", index=False)
    command = [
        str(BIN / "mlflow"),
        "models",
        "predict",
        "-m",
        CHAMPION,
        "-i",
        "deals.csv",
        "-t",
        "csv",
        "-o",
        "out.json",
        "--env-manager",
        "local",
    ]
    # when
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **_environment(champion)}, check=True, capture_output=True)
    # then
    assert json.loads((tmp_path / "out.json").read_text())["predictions"] == _answers(api, _records(questions))


@pytest.mark.usefixtures("champion")
def test_the_model_brings_its_code_and_names_no_package_that_no_index_has(tmp_path: Path) -> None:
    # when
    folder = Path(mlflow.artifacts.download_artifacts(CHAMPION, dst_path=str(tmp_path)))
    # then
    pinned = [f"{name}=={version(name)}" for name in ("lightgbm", "mlflow", "numpy", "pandas", "pyarrow")]
    assert (folder / "requirements.txt").read_text().split() == pinned
    assert (folder / "python_env.yaml").is_file()
    assert "closecast" not in (folder / "conda.yaml").read_text()
    rooms = {path.name for path in (folder / "code" / "closecast").iterdir()}
    assert rooms == {"__init__.py", "version.py", "deals", "features", "models", "scoring"}
    for room in ("deals", "features", "models", "scoring"):
        for source in (PROJECT / "closecast" / room).glob("*.py"):
            assert (folder / "code" / "closecast" / room / source.name).read_bytes() == source.read_bytes()
    assert not list(folder.rglob("*.pyc"))
    sizes = sum(
        (folder / name).stat().st_size
        for name in ("model.txt", "scorer.json", "card.json", "deals.parquet", "golden.json")
    )
    assert mlflow.models.Model.load(str(folder)).model_size_bytes == sizes


ASK = """
import json, sys, mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
import closecast
print(json.dumps([closecast.__file__, model.predict(model.input_example).tolist()]))
"""


@pytest.mark.index
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("index")
def test_in_a_clean_environment_of_its_requirements_it_gives_the_same_bits(
    champion: dict[str, str],
    api: TestClient[Any],
    tmp_path: Path,
) -> None:
    # given
    folder = Path(mlflow.artifacts.download_artifacts(CHAMPION, dst_path=str(tmp_path / "m")))
    python = tmp_path / "clean" / "bin" / "python"
    uv = str(BIN / "uv")
    for arguments in (
        ["venv", "--python", sys.executable, "clean"],
        ["pip", "install", "--python", str(python), "-r", str(folder / "requirements.txt")],
    ):
        subprocess.run([uv, *arguments], cwd=tmp_path, check=True, capture_output=True)
    # when
    environment = {**os.environ, **_environment(champion), "PATH": os.environ["PATH"]}
    command = [str(python), "-W", "error::UserWarning:closecast", "-c", ASK, str(folder)]
    found = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    # then by the code that came with it
    where, predicted = json.loads(found.stdout.splitlines()[-1])
    assert where == str(folder / "code" / "closecast" / "__init__.py")
    example = pd.read_json(folder / "input_example.json", orient="split", convert_dates=False)
    assert predicted == _answers(api, _records(example))
    assert "may differ from the service's" not in found.stderr


def _has_pyenv() -> bool:
    """Whether pyenv has the Python that the model was logged with; asked for another, it would compile one."""
    if not (pyenv := shutil.which("pyenv")):
        return False
    found = subprocess.run([pyenv, "versions", "--bare"], check=True, capture_output=True, text=True)
    return platform.python_version() in found.stdout.split()


@pytest.mark.index
@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("manager", ["uv", *(["virtualenv"] if _has_pyenv() else [])])
def test_served_in_an_environment_that_mlflow_makes_it_answers_as_the_api_does(
    champion: dict[str, str],
    api: TestClient[Any],
    manager: str,
    tmp_path: Path,
) -> None:
    # given the environment that MLflow makes, which takes minutes
    root = {"MLFLOW_ENV_ROOT": str(tmp_path / "environments")}
    command = [str(BIN / "mlflow"), "models", "prepare-env", "-m", CHAMPION, "--env-manager", manager]
    environment = {**os.environ, **_environment(champion), **root}
    made = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    questions = _questions()
    # when
    with _serving(champion, tmp_path, "--env-manager", manager, **root) as served:
        found = _invoke(served, questions.to_csv(index=False), "text/csv")
    # then
    assert found == _answers(api, _records(questions))
