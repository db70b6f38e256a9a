"""The part of the page "Check an export" that scores the export's open deals, and hands the chances out."""

from datetime import date
from io import BytesIO
from pathlib import PurePath
from typing import Protocol

import pandas as pd
import streamlit as st

from services.ui import locales, spreadsheets, texts
from services.ui.client import ApiProblemError, ApiUnavailableError
from services.ui.ranking import EARLIEST, LATEST
from services.ui.visit import Visit

_SHOWN = "export_scored"  # key of the last answer, which must survive the page's next run
_ROWS = 1_000  # that a browser draws at once
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".txt": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
}
# As the API's table has them, and as people call them.
_COLUMNS = {
    "opportunity_id": "Deal",
    "account": "Account",
    "product": "Product",
    "sales_agent": "Agent",
    "engage_date": "Engaged",
    "probability": "Chance",
    "problem": "Why there is none",
}


class File(Protocol):
    """A file that was chosen on the page."""

    name: str

    def getvalue(self) -> bytes: ...


def show(visit: Visit, file: File, profile: str | None) -> None:
    """Draw the question, and once it was asked, the chances of the file's deals."""
    st.subheader("Score its open deals", anchor=False)
    kind = _MEDIA_TYPES.get(PurePath(file.name).suffix.lower())
    if kind is None:
        st.caption("Deals are scored from CSV and Parquet: save the workbook as CSV, and choose that file.")
        return
    with st.form("results"):
        day, until = st.columns(2)
        as_of = day.date_input(
            "As of", visit.model.data_as_of, EARLIEST, LATEST, key="results_as_of", format=locales.of_fields()
        )
        horizon = until.selectbox("Won by when", list(texts.HORIZONS), key="results_until")
        sent = st.form_submit_button("Score these deals")
    if sent and isinstance(as_of, date):
        with st.spinner("Scoring"):
            st.session_state[_SHOWN] = _scored(visit, file, kind, profile, as_of, horizon)
    found: bytes | str | None = st.session_state.get(_SHOWN)
    if isinstance(found, str):
        st.error(texts.plain(found))
    elif found is not None:
        answer(found)


def forget() -> None:
    """Drop the chances of a file that is not the one on the page any more."""
    st.session_state.pop(_SHOWN, None)


def _scored(visit: Visit, file: File, kind: str, profile: str | None, as_of: date, horizon: str) -> bytes | str:
    try:
        return visit.api.score_export(file.getvalue(), kind, profile, as_of, texts.HORIZONS[horizon])
    except ApiProblemError as error:
        return texts.problem(error)
    except ApiUnavailableError as error:
        return texts.unavailable(error, then="Press “Score these deals” again in a moment.")


def answer(content: bytes) -> None:
    """Draw the scored deals, the most likely first, those without a chance with the reason, and the download."""
    table = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    table["probability"] = pd.to_numeric(table["probability"], errors="coerce")
    scored = int(table["probability"].notna().sum())
    st.markdown(
        f"{texts.counted(scored, 'deal has a chance', 'deals have a chance')}, {texts.whole(len(table) - scored)} of {texts.whole(len(table))} do not: "
        "a closed deal has none, nor one that nobody has engaged yet."
    )
    if not len(table):
        return
    if scored:
        first = table.loc[table["probability"].notna()].iloc[0]
        st.caption(
            f"To be won by {first['by']}, as of {first['as_of']}, by version {first['model_version']} of the model."
        )
    ordered = table.sort_values("probability", ascending=False, kind="stable", na_position="last")
    shown = ordered[list(_COLUMNS)].head(_ROWS).rename(columns=_COLUMNS)
    st.dataframe(
        shown.assign(Chance=shown["Chance"] * 100),
        hide_index=True,
        column_config={
            "Chance": st.column_config.ProgressColumn("Chance", format="%.1f %%", min_value=0, max_value=100)
        },
    )
    if len(table) > _ROWS:
        st.caption(f"The table has the first {texts.whole(_ROWS)}, a download all.")
    with st.container(horizontal=True):
        st.download_button(
            "Download as CSV", content, file_name="chances.csv", mime="text/csv", on_click="ignore", key="results_csv"
        )
        st.download_button(
            "Download for Excel",
            lambda: spreadsheets.to_xlsx(ordered, "Scored deals"),
            file_name="chances.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            on_click="ignore",
            key="results_xlsx",
        )
