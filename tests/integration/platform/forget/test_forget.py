"""Names and an identifier are forgotten in real stores: nothing is left, the model answers as before, and none comes back."""

import io
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from closecast.deals.eda import report
from closecast.deals.mapping.document import Columns, Mapping
from closecast.deals.pseudonyms import Pseudonymiser
from closecast.deals.snapshots import data_end
from closecast.deals.synthetic.generator import generate
from closecast.models.candidate import Candidate
from closecast.models.deal_model import DealModel
from closecast.platform import cache, database
from closecast.platform.callers import audit
from closecast.platform.forget import forgotten, places, wanted
from closecast.platform.forget.cache import Cache
from closecast.platform.forget.database import Database
from closecast.platform.forget.folders import Folders
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.models import Models
from closecast.platform.forget.objects import Objects
from closecast.platform.forget.room import Room
from closecast.platform.forget.run import Line, forget, search
from closecast.platform.journal import archive, outcomes, store
from closecast.platform.journal.spool import Spool
from closecast.platform.journal.stream import DEAD, FIELD, STREAM
from closecast.platform.lake import gold, ingestion, online
from closecast.platform.lake.store import Lake
from closecast.platform.mlflow import tracking
from closecast.platform.mlflow.publication import publish
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import DatabaseSettings, LakeSettings
from closecast.platform.signatures import Signer, TrustedKeys
from closecast.platform.sources.export import RawExport, read_source
from closecast.scoring import many
from closecast.scoring.question import Question
from closecast.scoring.tables import read_frame
from tests.journal_entries import message, single
from tests.servers.localstack import S3

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Platform:
    """Stores with a model and everything around it."""

    lake: Lake
    objects: Objects
    rooms: list[Room]
    registry: ModelRegistry
    by: Pseudonymiser
    database_url: str
    state: Path
    export: Path
    version: str
    notes: list[str]
    agents: list[str]
    accounts: list[str]
    deal: str

    def matcher(self, *values: str) -> Matcher:
        known = self.objects.names(wanted.NAMED)
        by = Pseudonymiser("key", forgotten.read(self.lake))
        columns = wanted.columns_of(values, None, known)
        pseudonyms = wanted.pseudonyms(columns, by)
        forgotten.add(self.lake, {by.digest(value): one for value, one in pseudonyms.items()})
        return Matcher(wanted.everything(pseudonyms, columns, by), frozenset().union(*known.values()))


@pytest.fixture(scope="module")
def lake_settings(s3: S3) -> LakeSettings:
    """A bucket with versions, as Terraform makes it."""
    settings = LakeSettings.from_environment({**os.environ, **s3.environment})
    bucket = f"forget-{secrets.token_hex(6)}"
    client = _client(s3)
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return replace(settings, bucket=bucket)


def _client(s3: S3) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
    )


@pytest.fixture(scope="module")
def platform(
    s3: S3,
    lake_settings: LakeSettings,
    mlflow_on_s3: str,
    database_url: str,
    postgres_url: str,
    valkey_url: str,
    promotion_lock: DatabaseSettings,
    made_up_candidate: Candidate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    tmp_path = tmp_path_factory.mktemp("forget")
    state, lake = tmp_path / "state", Lake(lake_settings)
    for folder in ("models", "mirror", "exports/1", "nomad/alloc/logs", "replay"):
        (state / folder).mkdir(parents=True)
    export = state / "exports/1" / "deals.csv"
    generate(2_500, seed=11).to_csv(export, index=False)
    data = ingestion.ingest(read_source(f"file:{export}"), lake)
    deals = data.deals
    open_deal = deals[deals["deal_stage"] == "Engaging"].iloc[0]
    agents, accounts = (sorted(map(str, deals[name].dropna().unique())) for name in ("sales_agent", "account"))
    agent, account = agents[0], accounts[0]
    signer = Signer.from_text(secrets.token_urlsafe(32))
    for model in MlflowClient(mlflow_on_s3).search_registered_models():
        MlflowClient(mlflow_on_s3).delete_registered_model(model.name)
    trusted = TrustedKeys.from_text(signer.public)
    published = publish(
        made_up_candidate,
        data,
        mlflow_on_s3,
        lock=promotion_lock,
        signer=signer,
        trusted=trusted,
        gold_key=gold.store(made_up_candidate.data, data.silver_key, lake),
        by="a test",
        at=datetime.now(UTC),
        git_commit=None,
    )
    with tracking.started(mlflow_on_s3, f"eda of {agent}") as run:
        (tmp_path / "eda").mkdir()
        (tmp_path / "eda" / "eda.html").write_text(
            report.report(deals, data.quality, data.source) + f"<p>{account}</p>"
        )
        run.log_folder(tmp_path / "eda", "eda")
        run.log({"worst": f"sales agent {agent}"}, {}, {"decision_reasons": f"without {agent}: 0.1"})
    entry = single(
        deals={"opportunity_id": [open_deal["opportunity_id"]], "sales_agent": [agent], "account": [account]}
    )
    with database.connect(database_url) as connection:
        connection.execute("TRUNCATE predictions, outcomes, archive_batches")
        store.insert(connection, [entry, single(1)])
        archive.close_batch(connection, 1, timedelta(0))
        assert list(archive.archive_closed(connection, lake))
        store.insert(connection, [single(2, deals=entry.deals)])
        outcomes.record_outcomes(
            connection, [outcomes.Outcome(str(open_deal["opportunity_id"]), "Lost", date(2018, 1, 3))], "key:tests"
        )
    with cache.client(valkey_url, answer_seconds=5) as client:
        client.flushall()
        client.xadd(STREAM, {FIELD: message(single(3, deals=entry.deals))})
        client.xadd(DEAD, {FIELD: message(single(4, deals=entry.deals)), b"reason": f"no room for {agent}".encode()})
        client.set("closecast:other", f"cached {account}")
    lake.put_text("predictions/run-1/_SUCCESS.json", json.dumps({"silver": data.silver_key, "of": account}))
    registry = ModelRegistry(mlflow_on_s3, trusted)
    registry.champion(state / "models")
    (state / "mirror" / "object").write_text("copied")
    (state / "nomad" / "alloc" / "logs" / "api.stderr.0").write_text(f"before {agent}\nafter\n")
    models = Models(registry.run_tags, signer, trusted)
    objects = Objects(lake_settings, (lake_settings.bucket, s3.bucket), models.remade)
    rooms: list[Room] = [
        Cache(valkey_url, drain_seconds=0.1),
        objects,
        Database(database_url),
        Database(postgres_url),
        Folders(state, temporary=tmp_path, loaded_seconds=0.1),
    ]
    yield Platform(
        lake,
        objects,
        rooms,
        registry,
        Pseudonymiser("key"),
        database_url,
        state,
        export,
        published.version,
        models.notes,
        agents,
        accounts,
        str(open_deal["opportunity_id"]),
    )
    with cache.client(valkey_url, answer_seconds=5) as client:
        client.flushall()


def _answers(model: DealModel) -> tuple[list[str], np.ndarray[Any, Any]]:
    """The ranking of all open deals."""
    found = model.deals[(model.deals["deal_stage"] == "Engaging") & model.deals["engage_date"].notna()]
    frame = found[["opportunity_id", "sales_agent", "product", "account", "engage_date"]]
    _, probabilities = many.score(model, read_frame(frame), Question.ask(model, None, "quarter_end"))
    return found["opportunity_id"].tolist(), probabilities


def _by_place(lines: list[Line]) -> dict[str, tuple[int, int]]:
    return {one.place: (one.replaced, one.left) for one in lines if one.found or one.replaced}


def test_nothing_is_left_and_the_model_answers_as_before(platform: Platform, tmp_path: Path) -> None:
    # given
    before = platform.registry.champion(tmp_path / "before")
    matcher = platform.matcher(platform.agents[0], platform.accounts[0], platform.deal)
    # when
    found = forget(platform.rooms, matcher)
    # then
    assert {one.place: one.left for one in found if one.left} == {}
    assert platform.notes == []
    touched = _by_place(found)
    assert {
        "lake: bronze/",
        "lake: silver/",
        "lake: gold/",
        "lake: predictions/",
        places.ARTIFACTS,
        places.OLDER,
        "database closecast: predictions",
        "database closecast: outcomes",
        "database mlflow",
        places.STREAM_PLACE,
        places.DEAD_PLACE,
        places.KEYS_PLACE,
        "files: exports",
        "files: models",
        "files: nomad",
    } <= touched.keys()
    assert touched.keys() <= set(places.EVERY)
    # and whoever reads the buckets without our own search finds none either
    for one in platform.objects._listed():  # noqa: SLF001 - all objects of all buckets
        content = platform.objects._read(one)  # noqa: SLF001
        if content.startswith(b"PAR1"):
            content = pq.read_table(io.BytesIO(content)).to_pandas().to_csv().encode()
        for value in (platform.agents[0], platform.accounts[0], platform.deal):
            assert not re.search(rb"\b%b\b" % re.escape(value.encode()), content), one
    # and the champion is the same model, signed anew, with the same answers
    after = platform.registry.champion(tmp_path / "after")
    assert (after.version, after.identity.run_id) == (before.version, before.identity.run_id)
    assert after.identity.sha256 != before.identity.sha256
    after.model.replay(after.folder)
    assert after.model.card.deals_key != before.model.card.deals_key
    assert platform.lake.has(after.model.card.deals_key)
    assert not platform.lake.has(before.model.card.deals_key)
    assert platform.registry.tags(after.version)["silver_key"] == after.model.card.deals_key
    newest = online.find(platform.lake, "file:deals.csv")
    assert newest is not None and newest.silver_key == after.model.card.deals_key
    names, probabilities = _answers(before.model)
    renamed, same = _answers(after.model)
    assert probabilities.tobytes() == same.tobytes()
    assert Counter(names) - Counter(renamed) == Counter([platform.deal])
    # and it is harmless to do it again
    again = forget(platform.rooms, matcher)
    assert all((one.found, one.replaced, one.left) == (0, 0, 0) for one in again)


def test_an_export_that_still_holds_the_names_brings_none_back(platform: Platform, tmp_path: Path) -> None:
    # given
    matcher = platform.matcher(platform.agents[1], platform.accounts[1])
    forget(platform.rooms, matcher)
    export = tmp_path / "deals.csv"
    generate(2_500, seed=11).to_csv(export, index=False)
    assert platform.agents[1] in export.read_text()
    # when
    by = forgotten.pseudonymiser(platform.lake, "key")
    data = ingestion.ingest(read_source(f"file:{export}", pseudonyms=by), platform.lake)
    # then
    assert search(platform.rooms, matcher).total() == 0
    assert data.silver_key == platform.registry.tags(platform.version)["silver_key"]
    assert matcher.forms[platform.agents[1]] in set(data.deals["sales_agent"])


def test_a_model_that_was_not_signed_is_not_signed_by_forgetting(platform: Platform) -> None:
    # given
    champion = platform.registry.champion_identity()
    assert champion is not None
    client = platform.registry._http  # noqa: SLF001 - somebody who may write tags and has no key
    body = {"run_id": champion.run_id, "key": "model_signature", "value": "A" * 86}
    client.post("mlflow/runs/set-tag", body)
    # when
    found = forget(platform.rooms, platform.matcher(platform.agents[2]))
    # then
    assert sum(one.left for one in found) == 0
    assert any("bore no valid signature" in note for note in platform.notes)


def test_the_audit_log_holds_the_act_and_what_it_cannot_forget_is_counted(platform: Platform) -> None:
    # given
    with database.connect(platform.database_url) as connection, connection.transaction():
        audit.append(connection, "a test", "key created", f"key of {platform.agents[3]}", {})
    # when
    found = forget(platform.rooms, platform.matcher(platform.agents[3]))
    # then
    assert {one.place: one.left for one in found if one.left} == {"database closecast: audit_log": 1}
    with database.connect(platform.database_url) as connection:
        assert audit.verify(connection).fault is None


def test_messages_that_wait_in_a_spool_are_counted(platform: Platform) -> None:
    # given
    spool = Spool(platform.state / "models" / "spool", 1_000_000)
    spool.write([message(single(5, deals={"sales_agent": [platform.agents[4]]}))])
    spool.close()
    # when
    found = search([platform.rooms[-1]], platform.matcher(platform.agents[4]))
    # then
    assert found[places.SPOOL_PLACE] == 1


def test_a_pseudonymised_model_forgets_the_pseudonym_too(platform: Platform, tmp_path: Path) -> None:
    # given
    columns = {name: name for name in ("opportunity_id", "sales_agent", "product", "account")}
    mapping = Mapping(
        version=1,
        columns=Columns(
            stage="deal_stage", created="engage_date", closed="close_date", amount="close_value", **columns
        ),
        stages={"Won": "won", "Lost": "lost", "Engaging": "open", "Prospecting": "open"},
        pseudonymise=("sales_agent",),
    )
    export = tmp_path / "other.csv"
    generate(300, seed=3).to_csv(export, index=False)
    read: RawExport = read_source(f"file:{export}", mapping=mapping, pseudonyms=platform.by)
    data = ingestion.ingest(read, platform.lake)
    keyed = platform.by.keyed("sales_agent", platform.agents[5])
    frame = pd.DataFrame({"sales_agent": [keyed]})
    key = platform.lake.put_parquet("silver", frame)
    # when
    found = forget(platform.rooms, platform.matcher(platform.agents[5]))
    # then
    assert sum(one.left for one in found) == 0
    assert not platform.lake.has(key)
    assert data_end(data.deals) is not None
