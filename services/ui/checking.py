"""The page that checks an export: what would be read, used and noticed, and whether a model can be trained on it."""

import pandas as pd
import streamlit as st

from services.ui import results, spreadsheets, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.exports import Findings
from services.ui.visit import Visit

_TYPES = ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "parquet"]
_SHOWN = "checked"  # key of the last findings, which must survive the page's next run
_BY_ITSELF = "Recognise it"
# Names of the profiles that ship (closecast/deals/mapping/profiles), as people call these CRMs.
PROFILES = {
    _BY_ITSELF: None,
    "Salesforce report": "salesforce_report",
    "Salesforce report in German": "salesforce_report_de",
    "Salesforce objects": "salesforce_objects",
    "Salesforce, snake case": "salesforce_snake",
    "HubSpot": "hubspot",
    "HubSpot API": "hubspot_api",
    "Pipedrive": "pipedrive",
    "Dynamics 365": "dynamics",
    "Zoho": "zoho",
    "monday.com": "monday",
}


def show(visit: Visit) -> None:
    """Draw the form, the findings below it, and what scores the file's deals."""
    st.caption("Nothing of the file is kept. It is not trained on here: your platform team does that.")
    with st.form("check"):
        file = st.file_uploader("Export of your CRM", type=_TYPES, key="check_file")
        crm = st.selectbox("Written by", list(PROFILES), key="check_crm")
        sent = st.form_submit_button("Check this export", type="primary")
    if sent and file is not None:
        with st.spinner("Reading the export"):
            results.forget()
            st.session_state[_SHOWN] = _checked(visit.api, file.getvalue(), PROFILES[crm])
    elif sent:
        st.session_state[_SHOWN] = "Choose a file first."
    found = st.session_state.get(_SHOWN)
    if isinstance(found, str):
        st.error(texts.plain(found))
    elif found is not None:
        _show(found)
        if file is not None:
            results.show(visit, file, PROFILES[crm])


def _checked(api: Client, content: bytes, profile: str | None) -> Findings | str:
    try:
        return api.check(content, profile)
    except ApiProblemError as error:
        return texts.problem(error)
    except ApiUnavailableError as error:
        return texts.unavailable(error, then="Press “Check this export” again in a moment.")


def _show(found: Findings) -> None:
    if found.shortfalls:
        st.error("**No model can be trained on it.**\n\n" + _bullets(found.shortfalls))
    else:
        st.success(
            "**A model can be trained on it.** It serves if it is better than what a deal's age and the calendar say. "
            "Otherwise these serve as a baseline, where they are honest."
        )
    rows, used, quality = st.columns(3)
    rows.metric("Rows", texts.whole(found.rows))
    used.metric("Used", texts.whole(found.used))
    quality.metric("Quality, of 1", f"{found.quality:.3f}")
    st.caption(texts.plain(found.read))
    if found.decided:
        with st.expander("What was decided while reading"):
            st.markdown(_bullets(found.decided))
    left, right = st.columns(2, gap="large")
    with left:
        _table("Columns", pd.DataFrame(list(found.mapping.items()), columns=["In the export", "Used as"]))
        _table("Stages", pd.DataFrame(list(found.stages.items()), columns=["Stage", "Deals"]))
    with right:
        _table("Rows that are not used", pd.DataFrame(list(found.not_used.items()), columns=["Why", "Rows"]))
        if found.problems:
            st.download_button(
                "Download these rows with their reasons",
                lambda: spreadsheets.to_csv(pd.DataFrame(found.problems, columns=["row", "reasons"])),
                file_name="rows-not-used.csv",
                mime="text/csv",
                on_click="ignore",
                help="Rows are counted as a spreadsheet does: the header's is the first where nothing stands above it.",
            )
        others = [(column, auc) for column, auc, is_feature in found.leaks if not is_feature]
        _table(
            "Columns that give the outcome away, and are not used",
            pd.DataFrame(others, columns=["Column", "ROC AUC"]),
        )
    features = [column for column, _, is_feature in found.leaks if is_feature]
    if features:
        st.warning(
            texts.plain(
                f"{', '.join(features)}: used as a feature, and alone tells won from lost deals. Export the value that a deal "
                "had while it was open."
            )
        )
    if found.noticed:
        st.info("Noticed:\n\n" + _bullets(found.noticed))


def _bullets(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {texts.plain(texts.sentence(one))}" for one in sentences)


def _table(title: str, table: pd.DataFrame) -> None:
    if len(table):
        st.markdown(f"**{title}**")
        st.dataframe(table, hide_index=True)
