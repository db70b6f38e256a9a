"""The page that says which model answered on a day, and how good its answers were."""

from datetime import UTC, date, datetime

import pandas as pd
import streamlit as st

from services.ui import locales, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.ranking import EARLIEST
from services.ui.responses.history import AnsweringModel, History

_SHOWN = "history_found"  # key of the last answer, which must survive the page's next run
_FEW = 20  # deals of a chance that chance alone moves far from it


def show(api: Client) -> None:
    """Draw the form, and the models of the day below it."""
    st.caption("Each answer is kept. Once its deal has ended, it shows how good the answer was.")
    today = datetime.now(UTC).date()
    with st.form("history"):
        day = st.date_input("Day, in UTC", today, EARLIEST, today, key="history_day", format=locales.of_fields())
        asked = st.form_submit_button("Show this day", type="primary")
    if asked:
        with st.spinner("Looking up the answers"):
            st.session_state[_SHOWN] = _asked(api, day)
    found = st.session_state.get(_SHOWN)
    if isinstance(found, str):
        st.error(texts.plain(found))
    elif found is not None:
        _show(found)


def _asked(api: Client, day: date) -> History | str:
    try:
        return api.history(day)
    except ApiProblemError as error:
        return texts.problem(error)
    except ApiUnavailableError as error:
        return texts.unavailable(error, then="Press “Show this day” again in a moment.")


def _show(found: History) -> None:
    if not found.models:
        st.info(f"No model answered on {texts.day(found.day)}.")
    for model in found.models:
        st.subheader(f"Version {model.version}")
        st.markdown(texts.plain(_in_use(model)))
        st.markdown(texts.plain(_answers(model)))
        if model.judged is not None:
            st.markdown("\n".join(f"- {texts.plain(line)}" for line in outcomes(model)))
        with st.expander("Numbers"):
            _numbers(model)


def outcomes(model: AnsweringModel) -> list[str]:
    """What became of the deals, by the chance that they were given, in plain words."""
    if model.judged is None:
        return []
    lines = []
    for one in model.judged.bins:
        deals = texts.counted(one.deals, "deal", "deals")
        were = "was" if one.won == 1 else "were"
        few = " (too few to say much)" if one.deals < _FEW else ""
        lines.append(
            f"Of {deals} given about {texts.percent(one.mean_probability)}, {texts.whole(one.won)} {were} won{few}."
        )
    return lines


def _in_use(model: AnsweringModel) -> str:
    champion = model.champion
    if champion is None:
        return "When it came into use is not recorded."
    since = f"since {texts.day(champion.since)}"
    until = "" if champion.until is None else f" until {texts.day(champion.until)}"
    how = {
        "promoted": "after it was found better than what was in use before",
        "rolled back": "when somebody went back to it",
        "seen": "when somebody chose it by hand, or before this was recorded",
    }[champion.how]
    return f"In use {since}{until}, {how}."


def _answers(model: AnsweringModel) -> str:
    if not model.predictions:
        return "It gave no answer on this day."
    parts = [f"It gave {texts.counted(model.predictions, 'answer', 'answers')} on this day."]
    if model.judged is not None:
        ended = texts.counted(model.judged.deals, "deal", "deals")
        parts.append(f"What became of {ended} is known, and {texts.whole(model.judged.won)} of them were won in time.")
    if model.waiting is not None:
        answers = texts.counted(model.waiting.predictions, "answer waits", "answers wait")
        parts.append(f"{answers} for the outcome, the last until {texts.day(model.waiting.last)}.")
    return " ".join(parts)


def _numbers(model: AnsweringModel) -> None:
    judged, champion = model.judged, model.champion
    facts: dict[str, str] = {"Predictions": texts.whole(model.predictions)}
    if judged is not None:
        facts |= {
            "Predictions that matured": texts.whole(judged.predictions),
            "Deals judged": texts.whole(judged.deals),
            "Log loss": f"{judged.log_loss:.4f}",
            "Log loss if each chance is right": f"{judged.expected_log_loss:.4f}",
            "Calibration error": f"{judged.calibration_error:.4f}",
        }
    if model.waiting is not None:
        facts["Waiting"] = (
            f"{texts.whole(model.waiting.predictions)}, from {model.waiting.first} to {model.waiting.last}"
        )
    facts["Never judged"] = texts.whole(model.not_judged)
    if champion is not None:
        facts |= {"Champion since": f"{champion.since:%Y-%m-%d %H:%M} UTC, {champion.how} by {champion.by}"}
        facts |= {"Decision": champion.decision or "none recorded"}
    facts["Run"] = model.run_id or "not recorded"
    st.dataframe(pd.DataFrame(list(facts.items()), columns=["What", "Value"]), hide_index=True)
    if judged is not None:
        bins = [
            (f"{one.low:.1f} to {one.high:.1f}", one.mean_probability, one.won / one.deals, one.deals)
            for one in judged.bins
        ]
        st.dataframe(pd.DataFrame(bins, columns=["Chance", "Mean chance", "Share won", "Deals"]), hide_index=True)
    if model.run is not None:
        st.link_button("The run in MLflow", model.run)
