"""What a caller may use up, with a batch worker at work."""

import hashlib
from pathlib import Path

from litestar.testing import TestClient

from services.api.app import create_app
from services.api.settings import Settings
from tests.unit.services.api.conftest import AWAY, KEY


def test_a_spent_limit_is_429_and_a_batch_costs_its_rows(cache: Path) -> None:
    # given a limit of 100 deals in 5,000 s: the worker of the first batch takes seconds to start
    environment = {
        "MLFLOW_TRACKING_URI": AWAY,
        "CLOSECAST_MODEL_CACHE": str(cache),
        "CLOSECAST_RATE_LIMITS": "admin=100/5000",
        "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    with TestClient(create_app(Settings.from_environment(environment))) as client:
        client.headers["X-API-Key"] = KEY
        batch = {"deals": [{"engage_date": "2017-12-01"}] * 60}
        # when
        first, second = (client.post("/v1/predictions/batch", json=batch) for _ in range(2))
        third = client.post("/v1/predictions", json={"deal": {"engage_date": "2017-12-01"}})
        # then: the second overdraws, and the third waits until that is paid
        assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
        assert first.headers["ratelimit"].startswith('"caller";r=40;t=')
        assert third.json()["title"] == "Too Many Requests"
        assert "100 deals or requests in 5000 s" in third.json()["detail"]
        assert 1 <= int(third.headers["retry-after"]) <= 1200
        assert third.headers["ratelimit"] == f'"caller";r=0;t={third.headers["retry-after"]}'
        # and probes are nobody's
        assert client.get("/health/live").status_code == 200
