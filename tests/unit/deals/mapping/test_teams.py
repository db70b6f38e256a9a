"""The table of the sales teams is found by what it holds, and one that could be read in two ways is not used."""

import pandas as pd
import pytest

from closecast.deals.mapping.teams import find
from closecast.deals.reading.table import Layout, RawTable

AGENTS = pd.Series(["Ada", " Bo ", "Ada", "Cy", ""])
TEAMS = {"Sales Agent": ["Ada", "Bo", "Cy"], "Manager": ["Max", "Max", "Mia"], "Territory": ["East", "East", "West"]}


def _table(columns: dict[str, list[str]]) -> RawTable:
    return RawTable(pd.DataFrame(columns, dtype=object), Layout("CSV"))


def test_each_deal_gets_what_its_agents_team_has() -> None:
    found = find({"accounts.csv": _table({"Account": ["x"]}), "teams.csv": _table(TEAMS)}, AGENTS)
    assert found is not None
    assert found.note == "teams.csv: manager and region of 3 agents"
    joined = found.joined(pd.DataFrame({"sales_agent": AGENTS.tolist()}, index=[7, 8, 9, 10, 11]))
    assert joined["manager"].tolist() == ["Max", "Max", "Max", "Mia", ""]
    assert joined["region"].tolist() == ["East", "East", "East", "West", ""]
    assert joined.index.tolist() == [7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    "columns",
    [
        {"Sales Agent": ["Ada", "Bo", "Cy"]},
        {"Manager": ["Max"], "Region": ["East"]},
        {**TEAMS, "Sales Agent": ["Dan", "Eve", "Fay"]},
        {**TEAMS, "Sales Agent": ["Ada", "Ada", "Cy"]},
    ],
    ids=["no team", "no agents", "other agents", "two teams of one agent"],
)
def test_what_is_no_table_of_teams_is_not_used(columns: dict[str, list[str]]) -> None:
    assert find({"a.csv": _table(columns)}, AGENTS) is None


def test_of_two_tables_none_is_used() -> None:
    assert find({"a.csv": _table(TEAMS), "b.csv": _table(TEAMS)}, AGENTS) is None
    assert find({"a.csv": _table(TEAMS)}, pd.Series(["", ""])) is None
