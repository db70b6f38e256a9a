"""The credentials of a platform: made once, private, completed by `up`, each job's share no larger than it needs."""

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from closecast.platform.signatures import Signer
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.setup.credentials import Credentials


def test_credentials_are_made_once_and_only_the_user_reads_them(state: Path) -> None:
    # when
    made = Credentials.load_or_create()
    # then
    assert Credentials.load_or_create() == made == Credentials.load()
    assert Credentials.file().stat().st_mode & 0o777 == 0o600
    secrets = [value for value in vars(made).values() if value]
    assert len(set(secrets)) == len(secrets)
    empty = {name for name, value in vars(made).items() if not value}
    assert empty == {"nomad_operator_token", "model_former_keys", "sign_in_provider"}
    assert Credentials.file().parent == state


@pytest.mark.usefixtures("state")
def test_each_job_gets_what_it_needs_and_no_more() -> None:
    made = Credentials.load_or_create()
    variables = made.variables()
    assert set(variables) == {*jobs.NAMES, *jobs.BATCH}
    assert variables["ui"] == variables["gateway"] == {}
    assert made.api_key not in json.dumps(variables)
    assert set(variables["localstack"]) == {
        "object_store_access_key",
        "object_store_secret_key",
        "object_store_job_keys",
    }
    # the key that opens all of LocalStack is the companion's alone, and each other job knows its own
    assert [job for job, items in variables.items() if made.object_store_secret_key in json.dumps(items)] == [
        "localstack"
    ]
    owners = {
        job: items["object_store_secret_key"] for job, items in variables.items() if "object_store_secret_key" in items
    }
    assert set(owners) == {"localstack", "mlflow", "prefect-worker", "trial", "score", "journal", "api", "alerts"}
    for owner, secret in owners.items():
        assert {job for job, items in variables.items() if secret in json.dumps(items)} == {owner, "localstack"}
    assert variables["api"]["database_password"] == variables["postgres"]["closecast_password"]
    assert made.nomad_management_token not in json.dumps(variables)
    for password, known in (
        (made.mlflow_password, ["mlflow", "prefect-worker"]),
        (made.mlflow_api_password, ["mlflow", "api"]),
        (made.mlflow_reader_password, ["mlflow", "score", "shadow"]),
    ):
        assert [job for job, items in variables.items() if password in json.dumps(items)] == known
    assert (made.mlflow_login.user, made.mlflow_login.password) == ("closecast", made.mlflow_password)
    # who keeps, serves or scores with models can sign none
    assert [job for job, items in variables.items() if made.model_signing_key in json.dumps(items)] == [
        "prefect-worker"
    ]
    assert {job for job, items in variables.items() if "model_public_keys" in items} == {
        "prefect-worker",
        "score",
        "shadow",
        "api",
    }


def test_a_key_that_signs_models_is_made_for_an_installation_of_before(state: Path) -> None:
    before = Credentials.load_or_create()
    kept = {name: value for name, value in vars(before).items() if not name.startswith("model_")}
    Credentials.file().write_text(json.dumps(kept))
    after = Credentials.load_or_create()
    assert Signer.from_text(after.model_signing_key).public == after.model_public_keys()
    assert after.model_signing_key != before.model_signing_key
    assert after.model_former_keys == ""
    assert Credentials.file().parent == state


def test_a_secret_that_an_earlier_version_lacked_is_added_and_the_others_stay(state: Path) -> None:
    # given a file of before
    before = Credentials.load_or_create()
    kept = {name: value for name, value in vars(before).items() if name != "webhook_secret"}
    Credentials.file().write_text(json.dumps(kept))
    with pytest.raises(OperatorError, match="of an earlier version"):
        Credentials.load()
    # when
    after = Credentials.load_or_create()
    # then
    assert Credentials.load() == after
    assert {name: value for name, value in vars(after).items() if name != "webhook_secret"} == kept
    assert after.webhook_secret not in ("", before.webhook_secret)
    assert Credentials.file().parent == state


def test_jobs_of_an_installation_of_before_get_keys_of_their_own(state: Path) -> None:
    # given a file of before, when all jobs had the one key
    before = Credentials.load_or_create()
    kept = {name: value for name, value in vars(before).items() if not name.endswith("_object_store_secret_key")}
    assert len(vars(before)) - len(kept) == 7
    Credentials.file().write_text(json.dumps(kept))
    # when
    after = Credentials.load_or_create()
    # then the companion's is the same, and its objects are still there
    assert after.object_store_secret_key == before.object_store_secret_key
    assert after.api_object_store_secret_key != before.api_object_store_secret_key
    assert Credentials.load() == after
    assert Credentials.file().parent == state


def test_the_key_of_webhook_secrets_is_one_that_mlflow_takes(state: Path) -> None:
    made = Credentials.load_or_create()
    key = made.variables()["mlflow"]["webhook_encryption_key"]
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"
    assert Credentials.file().parent == state


def test_missing_and_damaged_credentials_are_told(state: Path) -> None:
    with pytest.raises(OperatorError, match="has never been up here"):
        Credentials.load()
    state.mkdir()
    Credentials.file().write_text("{}")
    with pytest.raises(OperatorError, match="is damaged"):
        Credentials.load()


@pytest.mark.usefixtures("state")
def test_credentials_of_an_earlier_version_are_completed_by_up_and_by_nothing_else() -> None:
    # given
    made = Credentials.load_or_create()
    kept = {name: value for name, value in vars(made).items() if name != "closecast_database_password"}
    Credentials.file().write_text(json.dumps(kept))
    # then another command says what to do
    with pytest.raises(OperatorError, match="of an earlier version") as caught:
        Credentials.load()
    assert "just up" in str(caught.value)
    # when
    completed = Credentials.load_or_create()
    # then nothing that was there has changed
    assert {**vars(completed), "closecast_database_password": ""} == {**vars(made), "closecast_database_password": ""}
    assert len(completed.closecast_database_password) >= 43
    assert Credentials.load() == completed
    assert Credentials.file().stat().st_mode & 0o777 == 0o600
