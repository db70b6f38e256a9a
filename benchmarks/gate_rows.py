"""Scenarios of a few odd rows that could change everything; each takes raw deals and returns them with such rows."""

from collections.abc import Callable, Sequence

import pandas as pd

Change = Callable[[pd.DataFrame], pd.DataFrame]


def added(raw: pd.DataFrame, rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Add to `raw` a Won deal per row of `rows`, copied from one of its own except for that row's values."""
    won = raw[raw["deal_stage"] == "Won"].sort_values("close_date").iloc[len(raw) // 4].to_dict()
    made = [{**won, "opportunity_id": f"ODD{number}", **row} for number, row in enumerate(rows)]
    return pd.concat([raw, pd.DataFrame(made)], ignore_index=True)


def moved(raw: pd.DataFrame, days: int, column: str = "close_date") -> str:
    """Move the last close date of `raw` by `days` (for engage dates: the first one)."""
    dates = pd.to_datetime(raw[column].replace("", None))
    origin = dates.max() if column == "close_date" else dates.min()
    return str((origin + pd.Timedelta(days=days)).date())


def first_close(raw: pd.DataFrame, days: int) -> dict[str, str]:
    """Add a deal that closes `days` before all others, engaged ten days earlier."""
    first = pd.to_datetime(raw["close_date"].replace("", None)).min() - pd.Timedelta(days=days)
    return {"engage_date": str((first - pd.Timedelta(days=10)).date()), "close_date": str(first.date())}


def copies(raw: pd.DataFrame, count: int, late: bool) -> pd.DataFrame:
    """Copy one won deal `count` times under other identifiers: the last one, or one after a third of all closes."""
    won = raw[raw["deal_stage"] == "Won"].sort_values("close_date")
    one = won.iloc[int(len(won) * (0.8 if late else 0.3))].to_dict()
    named = {str(name): value for name, value in one.items()}
    return added(raw, [{**named, "opportunity_id": f"COPY{number}"} for number in range(count)])


def wins_on_one_day(raw: pd.DataFrame) -> pd.DataFrame:
    """Date all wins of the last quarter of the closes to the same day, as a migration may do."""
    won = raw["deal_stage"] == "Won"
    closes = raw.loc[won, "close_date"].sort_values()
    late = won & (raw["close_date"] >= closes.iloc[int(len(closes) * 0.6)])
    return raw.assign(close_date=raw["close_date"].mask(late, closes.iloc[-1]))


def one_agent(raw: pd.DataFrame) -> pd.DataFrame:
    """Give half of all wins to one agent."""
    won = raw.index[raw["deal_stage"] == "Won"]
    return raw.assign(sales_agent=raw["sales_agent"].mask(raw.index.isin(won[::2]), raw["sales_agent"].iloc[0]))


SCENARIOS: dict[str, Change] = {
    "the file as it is": lambda raw: raw,
    "one close nine months after all others": lambda raw: added(raw, [{"close_date": moved(raw, 273)}]),
    "one engagement nine months after all others": lambda raw: added(
        raw, [{"deal_stage": "Engaging", "engage_date": moved(raw, 273), "close_date": "", "close_value": ""}]
    ),
    "five closes, 50 to 250 days after all others": lambda raw: added(
        raw, [{"close_date": moved(raw, days)} for days in range(50, 251, 50)]
    ),
    "five closes, each a week after the last": lambda raw: added(
        raw, [{"close_date": moved(raw, days)} for days in range(7, 36, 7)]
    ),
    "one close eleven days after all others": lambda raw: added(raw, [{"close_date": moved(raw, 11)}]),
    "a thousand copies of a deal, closed nine months after all others": lambda raw: added(
        raw, [{"close_date": moved(raw, 273)}] * 1_000
    ),
    "a first close three years early": lambda raw: added(raw, [first_close(raw, 1_095)]),
    "a first close 100 days early": lambda raw: added(raw, [first_close(raw, 100)]),
    "five closes 20 to 60 days early": lambda raw: added(raw, [first_close(raw, days) for days in range(20, 61, 10)]),
    "a close early and one late": lambda raw: added(raw, [first_close(raw, 100), {"close_date": moved(raw, 273)}]),
    "five deals a year old when they are won": lambda raw: added(
        raw, [{"engage_date": moved(raw, -200 - number, "engage_date")} for number in range(5)]
    ),
    "a price of 10^12": lambda raw: added(raw, [{"close_value": "1000000000000"}]),
    "five prices of 10^6": lambda raw: added(raw, [{"close_value": "1000000"}] * 5),
    "an exact row a thousand times": lambda raw: pd.concat([raw, *[raw.iloc[[0]]] * 1_000], ignore_index=True),
    "a deal won before the cut, a thousand times": lambda raw: copies(raw, 1_000, late=False),
    "a deal won after the cut, a thousand times": lambda raw: copies(raw, 1_000, late=True),
    "five closes on the day after the end": lambda raw: added(raw, [{"close_date": moved(raw, 1)}] * 5),
    "half of all wins are one agent's": one_agent,
    "all late wins dated the same day": wins_on_one_day,
    "no lost deal": lambda raw: raw[raw["deal_stage"] != "Lost"].reset_index(drop=True),
    "no open deal": lambda raw: raw[raw["close_date"] != ""].reset_index(drop=True),
}
