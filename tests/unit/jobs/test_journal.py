"""The journal's job: found by discovery, ended with time to finish, and its members told apart."""

import re

import pytest

from tests.unit.jobs.test_job_files import NOMAD, parsed

pytestmark = pytest.mark.skipif(
    NOMAD is None, reason="there is no Nomad, and `./just test` tells why it could not get one"
)


def test_it_waits_for_all_it_needs_and_is_given_its_own_secrets() -> None:
    (task,) = parsed("journal")["TaskGroups"][0]["Tasks"]
    (template,) = task["Templates"]
    text = template["EmbeddedTmpl"]
    assert set(re.findall(r'nomadService "([^"]+)"', text)) == {"cache", "postgres", "object-store"}
    assert set(re.findall(r"waits-for-([a-z-]+)", text)) == {"cache", "postgres", "object-store"}
    assert task["KillTimeout"] >= 15e9


def test_several_members_have_names_that_outlive_their_allocations() -> None:
    (group,) = parsed("journal", "-var=instances={journal=2}")["TaskGroups"]
    assert group["Count"] == 2
    assert group["Tasks"][0]["Env"]["CLOSECAST_CONSUMER"] == "journal-${NOMAD_ALLOC_INDEX}"
