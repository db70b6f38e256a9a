"""What people expect of a deal where they disagree with the model, and the form in which they say so."""

import pandas as pd
import streamlit as st

from services.ui import queries, texts, told
from services.ui.responses.deals import Deal, Opinion
from services.ui.visit import Visit

_EXPECTS = {"higher": "a higher chance", "lower": "a lower chance"}
_PLACE = "opinions"
_LONGEST = 1_000


def show(visit: Visit, deal: Deal) -> None:
    """Draw the opinions on the deal, and for who may, the form for another one."""
    st.subheader("What people expect", anchor=False)
    told.show(_PLACE)
    found = told.asked(lambda: queries.opinions(visit.api, deal.opportunity_id))
    if found is None:
        return
    if found:
        rows = [_row(one, deal) for one in found]
        columns = ["When", "Who", "Expected", "Because", "The model said", "What became of it"]
        st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)
    else:
        st.caption("Nobody has disagreed with the model on this deal.")
    if deal.outlook is not None and visit.may_score:
        _form(visit, deal)


def _row(opinion: Opinion, deal: Deal) -> tuple[str, ...]:
    ended = "open" if deal.close_date is None else f"{deal.state} on {texts.day(deal.close_date)}"
    said = f"{texts.percent(opinion.probability)} by {texts.day(opinion.by)}"
    expects = _EXPECTS.get(opinion.expects, opinion.expects)
    return texts.day(opinion.told_at), opinion.by_whom, expects, opinion.reason, said, ended


def _form(visit: Visit, deal: Deal) -> None:
    with st.form("disagree", clear_on_submit=True):
        expects = st.radio(
            "I expect", list(_EXPECTS), index=None, format_func=lambda one: _EXPECTS[one], horizontal=True
        )
        reason = st.text_area("Because …", max_chars=_LONGEST, height=80)
        asked = st.form_submit_button("I disagree")
        st.caption("It is kept with the deal, with your name and the model's chance. It changes no chance.")
    if not asked:
        return
    if expects is None or not reason.strip():
        st.info("Say what you expect, and why.")
        return
    with told.problems():
        visit.api.disagree(deal.opportunity_id, expects, reason, deal.as_of, (deal.by - deal.as_of).days)
        queries.opinions.clear(visit.api, deal.opportunity_id)
        told.tell(_PLACE, "Your opinion is kept with the deal.")
