"""Roll back from this instance: the registry, the audit log's database, and the model in memory put together."""

from closecast.platform.mlflow import rollback
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.mlflow.rollback import Rollback
from closecast.platform.nomad.addresses import Address
from services.api.problems import UnavailableError
from services.api.serving.champion import Champion


class Rollbacks:
    """Plans and does rollbacks. Both methods take seconds: not for an event loop.

    They raise what closecast.platform.mlflow.rollback does, and UnavailableError without a database.
    """

    def __init__(self, registry: ModelRegistry, database: Address | None, champion: Champion) -> None:
        self._registry, self._database, self._champion = registry, database, champion

    def plan(self, version: str | None) -> Rollback:
        """What rolling back to `version` would do; None is the champion before this one."""
        return rollback.plan(self._registry, self._url(), version, self._champion.status().served)

    def roll_back(self, by: str, request_id: str, expected: str, version: str | None, force: bool) -> Rollback:
        """Roll back, and have this instance take the model up at once; others hear of it from MLflow."""
        done = rollback.roll_back(
            self._registry,
            self._url(),
            by,
            expected,
            version,
            force=force,
            request_id=request_id,
            serving=self._champion.status().served,
        )
        self._champion.wake()
        return done

    def _url(self) -> str:
        if self._database is None:
            raise UnavailableError("this instance has no database for the audit log: set CLOSECAST_DATABASE_URL")
        url = self._database()
        if url is None:
            raise UnavailableError("the database has not been found yet: ask again in a moment")
        return url
