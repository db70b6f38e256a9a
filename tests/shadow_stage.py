"""Two versions in a registry, with what both answered and what became of the deals, for tests of what follows from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection
from closecast.platform.mlflow.registry import Identity, ModelRegistry
from closecast.platform.settings import DatabaseSettings
from closecast.platform.shadow.decision import Decision, Policy, decide
from tests.shadows import TABLES, other_than, registered

AT = datetime(2018, 3, 1, tzinfo=UTC)
REACH = date(2018, 2, 28)


@dataclass
class Stage:
    """Two versions, and what was answered by both."""

    owner: Connection
    monitor: Connection
    registry: ModelRegistry
    lock: str
    old: Identity
    new: Identity

    def decide(self, policy: Policy = "auto", at: datetime = AT) -> Decision:
        return decide(self.monitor, self.registry, self.lock, policy=policy, at=at, by="a test")

    def aliases(self) -> tuple[str | None, str | None]:
        """The versions of champion and shadow."""
        shadow = self.registry.shadow_identity()
        return self.registry.champion_version(), None if shadow is None else shadow.version

    def answered(
        self,
        served: Identity,
        shadow: Identity,
        better: Identity | None,
        deals: int = 1_500,
        of: str = "deal",
        seed: int = 1,
    ) -> None:
        """Deals of January and February with both probabilities; `better` is nearer to the true chances, None: neither."""
        random = np.random.default_rng(seed)
        odds = random.normal(-1.0, 1.2, deals)
        won = random.random(deals) < 1 / (1 + np.exp(-odds))
        noise = {one.run_id: 0.0 if one == better else 0.9 for one in (served, shadow)}
        said = {run: 1 / (1 + np.exp(-(odds + size * random.standard_normal(deals)))) for run, size in noise.items()}
        asked = [date(2017, 12, 1) + timedelta(days=int(one)) for one in np.sort(random.integers(0, 55, deals))]
        self.owner.execute(
            """
            INSERT INTO shadow_predictions (model_run_id, id, "row", model_version, probability, opportunity_id, "time", as_of,
                horizon_days, served_run_id, served_version, served)
            SELECT %s, gen_random_uuid(), 0, %s, probability, deal, clock_timestamp(), as_of, 30, %s, %s, served
            FROM unnest(%s::text[], %s::date[], %s::float8[], %s::float8[]) AS given (deal, as_of, probability, served)
            """,
            [
                *(shadow.run_id, shadow.version, served.run_id, served.version),
                [f"{of}-{at}" for at in range(deals)],
                asked,
                said[shadow.run_id].tolist(),
                said[served.run_id].tolist(),
            ],
        )
        self.owner.execute(
            "INSERT INTO known_deals (opportunity_id, stage, close_date, told_on) SELECT deal, stage, as_of + 20, %s "
            "FROM unnest(%s::text[], %s::text[], %s::date[]) AS given (deal, stage, as_of)",
            [
                REACH,
                [f"{of}-{at}" for at in range(deals)],
                ["Won" if one else "Lost" for one in won],
                asked,
            ],
        )

    def changes(self) -> list[Any]:
        query = "SELECT kind, version, before_version, state, policy, decided_by FROM champion_changes ORDER BY number"
        return self.owner.execute(query).fetchall()


@pytest.fixture
def stage(
    served_model: DealModel,
    empty_registry: ModelRegistry,
    mlflow_uri: str,
    database_url: str,
    monitoring_url: str,
    promotion_lock: DatabaseSettings,
    tmp_path: Path,
) -> Iterator[Stage]:
    old = registered(served_model, empty_registry, mlflow_uri, tmp_path / "old")
    new = registered(other_than(served_model), empty_registry, mlflow_uri, tmp_path / "new")
    empty_registry.promote(old.version)
    with connect(database_url) as owner, connect(monitoring_url) as monitor:
        owner.execute(f"TRUNCATE {TABLES}")
        owner.execute("INSERT INTO judgements (reach, batch, counts) VALUES (%s, 0, '{}')", [REACH])
        yield Stage(owner, monitor, empty_registry, promotion_lock.url, old, new)
