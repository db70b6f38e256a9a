"""Finds the table of the sales teams among the files beside the deals: each agent's manager, region, or both."""

from collections.abc import Mapping as Mappings
from dataclasses import dataclass

import pandas as pd

from closecast.deals.mapping import words
from closecast.deals.reading.table import RawTable
from closecast.deals.vocabulary import TEAM_COLUMNS

_LEAST = 0.9  # share of the deals' agents that the table must know
_AGENT = "sales_agent"


@dataclass(frozen=True)
class Teams:
    """The file that has the teams, and `of_agent`: a row for each agent, with its columns of TEAM_COLUMNS as text."""

    name: str
    of_agent: pd.DataFrame

    def joined(self, deals: pd.DataFrame) -> pd.DataFrame:
        """`deals` with the columns of its agents' teams, "" for an agent without one. Index kept."""
        agents = deals[_AGENT].str.strip()
        return deals.assign(**{str(name): agents.map(column).fillna("") for name, column in self.of_agent.items()})

    @property
    def note(self) -> str:
        """One clause on what was read."""
        return f"{self.name}: {' and '.join(map(str, self.of_agent.columns))} of {len(self.of_agent):,} agents"


def find(beside: Mappings[str, RawTable], agents: "pd.Series[str]") -> Teams | None:
    """The table with a row for each agent of the deals; None without one, and where there are several."""
    known = set(agents.str.strip()) - {""}
    found = [teams for name, table in beside.items() if (teams := _teams(name, table.frame, known)) is not None]
    return found[0] if len(found) == 1 else None


def _teams(name: str, frame: pd.DataFrame, known: set[str]) -> Teams | None:
    agents, columns = _column(frame, _AGENT), {use: _column(frame, use) for use in TEAM_COLUMNS}
    there = {use: column for use, column in columns.items() if column is not None}
    if agents is None or not there or not known:
        return None
    listed = frame[agents].str.strip()
    # An agent with two rows has two teams, and the table does not say which is meant.
    if listed.duplicated().any() or len(known & set(listed)) < _LEAST * len(known):
        return None
    of_agent = pd.DataFrame({use: frame[column].str.strip().to_numpy() for use, column in there.items()}, index=listed)
    return Teams(name, of_agent)


def _column(frame: pd.DataFrame, use: str) -> str | None:
    """The column with the best known name for a use."""
    return next(iter(words.named(map(str, frame.columns), words.COLUMNS[use])), None)
