"""The client of Nomad: what it waits for, and what it says of a refusal."""

import pytest

from ops.errors import OperatorError
from ops.nomad.cluster import Cluster, wait
from tests.http_double import Double


def test_waiting_says_what_did_not_happen() -> None:
    with pytest.raises(OperatorError, match="the dawn did not happen within 0 s"):
        wait(lambda: False, 0, "the dawn")


def test_a_variable_without_items_is_deleted(double: Double) -> None:
    cluster = Cluster(double.address, "token")
    double.answers["DELETE /v1/var/nomad/jobs/ui"] = (200, b"")
    # when it is there, and when it is not
    double.answers["GET /v1/var/nomad/jobs/ui"] = [(200, {"Items": {"api_key": "x"}}), (404, b"")]
    cluster.put_variable("nomad/jobs/ui", {})
    cluster.put_variable("nomad/jobs/ui", {})
    # then
    assert [asked for asked, _ in double.asked].count("DELETE /v1/var/nomad/jobs/ui") == 1


def test_nomads_refusals_are_told(double: Double) -> None:
    cluster = Cluster(double.address, "token")
    double.answers["GET /v1/nodes"] = (403, b"Permission denied")
    with pytest.raises(OperatorError, match="Nomad refuses the token"):
        cluster.node_is_ready()
    double.answers["GET /v1/nodes"] = (500, b"no leader")
    with pytest.raises(OperatorError, match="Nomad answered 500 to GET /nodes: no leader"):
        cluster.node_is_ready()
    with pytest.raises(OperatorError, match="Nomad does not answer"):
        Cluster("http://127.0.0.1:9", "token").node_is_ready()
    double.answers["POST /v1/acl/bootstrap"] = (500, b"no cluster")
    with pytest.raises(OperatorError, match="could not be set up: no cluster"):
        cluster.bootstrap("secret")
