"""What `just rollback` refuses before it asks, and what it says of the API's answers. The API itself: integration tests."""

from typing import Any

import pytest

from ops.api.client import Api
from ops.errors import OperatorError
from ops.model.rollback import rollback, rolled_back
from tests.http_double import Double

ROUTE = "POST /v1/model/rollback"
TWO, THREE = ({"version": version, "run_id": f"{version}abcdef0123", "sha256": None} for version in "23")


def _plan(**changed: Any) -> dict[str, Any]:
    return {"done": False, "champion": THREE, "target": TWO, "objections": [], "notes": [], **changed}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["champion"], "takes the number of a version"), (["\u0663"], "takes the number"), (["1", "2"], "unrecognized")],
)
def test_what_is_no_version_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        rollback(arguments)


def test_an_objection_comes_with_what_to_type(double: Double) -> None:
    api = Api(double.address, "key")
    weak = {"detail": "the gate refused it", "remedy": "use force", "final": False}
    final = {"detail": "it bears no signature", "remedy": "just sign-model 2", "final": True}
    double.answers[ROUTE] = (200, _plan(objections=[weak]))
    with pytest.raises(OperatorError, match="the gate refused it") as refused:
        rolled_back(api, None)
    assert "just rollback 2 --force" in str(refused.value)
    # and force is no remedy where no service would load it
    double.answers[ROUTE] = (200, _plan(objections=[weak, final]))
    with pytest.raises(OperatorError, match="it bears no signature") as refused:
        rolled_back(api, None, force=True)
    assert "just sign-model 2" in str(refused.value)
    assert "--force" not in str(refused.value)


def test_what_serves_already_is_left(double: Double) -> None:
    double.answers[ROUTE] = (200, _plan(target=THREE))
    said = rolled_back(Api(double.address, "key"), "3")
    assert said == "version 3 (run 3abcdef0) is champion already: nothing was done"


def test_a_dry_run_says_what_would_be_done_and_what_is_against_it(double: Double) -> None:
    objection = {"detail": "the gate refused it", "remedy": "use force", "final": False}
    double.answers[ROUTE] = (200, _plan(champion=None, objections=[objection], notes=["nothing to compare with"]))
    assert rolled_back(Api(double.address, "key"), None, dry_run=True).splitlines() == [
        "dry run, nothing was done; would be champion: version 2 (run 2abcdef0), in the place of no champion",
        "  against it: the gate refused it",
        "  remedy: use force",
        "note: nothing to compare with",
    ]


def test_an_outage_is_to_be_tried_again(double: Double) -> None:
    double.answers[ROUTE] = (503, {"title": "x", "detail": "another promotion did not end within 20 s"})
    with pytest.raises(OperatorError, match="another promotion did not end") as refused:
        rolled_back(Api(double.address, "key"), None)
    assert "try again in a moment" in str(refused.value)
