"""What the chance of a scored deal would be with another product or agent, or on another day, beside what it is."""

from datetime import date

import pandas as pd
import streamlit as st

from closecast.deals.horizon import Horizon
from services.ui import locales, queries, texts, told
from services.ui.client import Client
from services.ui.responses.predictions import Prediction

_FIELDS = {"product": "Another product", "sales_agent": "Another agent"}


def show(
    api: Client,
    asked: tuple[dict[str, str], date, Horizon],
    answer: Prediction,
    names: dict[str, list[str]],
) -> None:
    """Draw the choices, and once one of them differs from what was `asked`, both answers side by side.

    `names` are those to choose from, by field.
    """
    deal, as_of, horizon = asked
    st.subheader("What if", anchor=False)
    columns = st.columns(3)
    changed = dict(deal)
    for column, (field, label) in zip(columns, _FIELDS.items(), strict=False):
        chosen = column.selectbox(
            label,
            [name for name in names.get(field, []) if name != deal.get(field)],
            index=None,
            key=f"what_if_{field}",
            placeholder="As it is",
            accept_new_options=True,
        )
        if chosen:
            changed[field] = chosen
    earliest = date.fromisoformat(deal["engage_date"])
    day = columns[2].date_input(
        "On another day", None, earliest, date(2200, 12, 31), key="what_if_day", format=locales.of_fields()
    )
    then = day if isinstance(day, date) else as_of
    if (changed, then) == (deal, as_of):
        st.caption("Choose something else to see both chances side by side.")
        return
    other = told.asked(lambda: queries.what_if(api, tuple(sorted(changed.items())), then, horizon))
    if other is not None:
        _beside(answer, other)


def _beside(answer: Prediction, other: Prediction) -> None:
    rows = [
        (
            label,
            texts.percent(answer.probabilities[name]),
            texts.percent(other.probabilities[name]),
            texts.points(other.probabilities[name] - answer.probabilities[name]),
        )
        for name, label in texts.STANDARD_HORIZONS.items()
    ]
    st.dataframe(pd.DataFrame(rows, columns=["Won by when", "As it is", "Then", "Points"]), hide_index=True)
    notes = [
        "This is what the model says of such a deal; it does not say that a change of this deal would bring it about."
    ]
    if other.quarter != answer.quarter:
        notes.append(f"On that day another quarter lies ahead. {texts.quarter(other.quarter)}")
    st.caption(" ".join(notes))
