"""The page of the models: what serves and how good it was, what served before, and for admins the way back."""

import pandas as pd
import streamlit as st

from services.ui import curves, queries, texts, told
from services.ui.client import Client
from services.ui.responses.champions import Champion, Rollback
from services.ui.responses.models import ModelFacts
from services.ui.visit import Visit

_PLACE, _PLAN = "models", "rollback_plan"
_MEASURES = {
    "log_loss": "Log loss (lower is better)",
    "brier": "Brier score (lower is better)",
    "ece": "Calibration error (lower is better)",
    "auc": "ROC AUC (higher is better)",
    "average_precision": "Average precision (higher is better)",
}
_TARGETS = {"30_days": "within 30 days", "quarter_end": "by quarter end"}
_RULES = {"": "This model", "age_calendar_": "Age and calendar alone", "base_rate_": "Base rate"}
_HOWS = {"promoted": "found better", "rolled back": "gone back to", "seen": "moved in MLflow"}


def show(visit: Visit) -> None:
    """Draw the served model's evidence, and the champions before it."""
    told.show(_PLACE)
    st.markdown(texts.plain(texts.model_line(visit.model)))
    _evidence(visit.model)
    curves.show(visit)
    st.subheader("What has served", anchor=False)
    found = told.asked(lambda: queries.champions(visit.api))
    if found is None:
        return
    if not found:
        st.caption("No champion is recorded yet.")
        return
    _history(found)
    if visit.person.role == "admin":
        _go_back(visit.api, visit.model, found)


def _evidence(model: ModelFacts) -> None:
    st.subheader("How good it was", anchor=False)
    st.caption("On dates that it had not seen, beside rules that need no model.")
    rows = []
    for measure, label in _MEASURES.items():
        for target, when in _TARGETS.items():
            name = f"{measure}_{target}"
            values = [_value(model, rule, name) for rule in _RULES]
            if values[0] is not None:
                rows.append((label, when, *values))
    if not rows:
        st.info("Nothing was measured: the export was too short to hold dates back.")
        return
    table = pd.DataFrame(rows, columns=["Measure", "Won", *_RULES.values()])
    st.dataframe(
        table,
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in _RULES.values()},
    )


def _value(model: ModelFacts, rule: str, name: str) -> float | None:
    return model.reference_metrics.get(f"{rule}{name}") if rule else model.metrics.get(name)


def _history(found: list[Champion]) -> None:
    rows = [
        (
            one.version,
            f"{one.champion.since:%Y-%m-%d %H:%M}",
            "still" if one.champion.until is None else f"{one.champion.until:%Y-%m-%d %H:%M}",
            _HOWS.get(one.champion.how, one.champion.how),
            one.champion.by,
            one.champion.decision,
            one.run,
        )
        for one in found
    ]
    columns = ["Version", "Since (UTC)", "Until (UTC)", "How", "By", "Decision", "Run"]
    st.dataframe(
        pd.DataFrame(rows, columns=columns),
        hide_index=True,
        column_config={"Run": st.column_config.LinkColumn(display_text="in MLflow")},
    )


def _go_back(api: Client, model: ModelFacts, found: list[Champion]) -> None:
    st.subheader("Go back to an earlier one", anchor=False)
    versions = list(dict.fromkeys(one.version for one in found if one.version != model.version))
    if not versions:
        st.caption("No other version has served.")
        return
    with st.form("look"):
        version = st.selectbox("Version", versions)
        asked = st.form_submit_button("See what that would do")
    if asked:
        st.session_state.pop(_PLAN, None)
        with told.problems():
            st.session_state[_PLAN] = api.roll_back(version, None)
    plan: Rollback | None = st.session_state.get(_PLAN)
    if plan is not None and plan.before == model.version:
        _confirm(api, plan)


def _confirm(api: Client, plan: Rollback) -> None:
    """Draw what going back would do, and the button that does it, unless something final speaks against it."""
    st.markdown(
        f"Version {texts.plain(plan.target)} would serve in the place of version {texts.plain(plan.before or '')}."
    )
    for one in plan.objections:
        st.warning(texts.plain(f"{texts.sentence(one.detail)} {texts.sentence(one.remedy)}"))
    for note in plan.notes:
        st.caption(texts.plain(texts.sentence(note)))
    if any(one.final for one in plan.objections):
        st.error("It cannot serve.")
        return
    with st.form("back"):
        meant = st.checkbox(f"All chances are to come from version {plan.target} from now on")
        asked = st.form_submit_button("Go back to it" if not plan.objections else "Go back to it all the same")
    if not asked:
        return
    if not meant:
        st.info("If you mean it, say so above the button.")
        return
    with told.problems():
        done = api.roll_back(plan.target, plan.before, force=bool(plan.objections))
        del st.session_state[_PLAN]
        queries.champions.clear(api)
        told.tell(_PLACE, f"Version {done.target} serves within seconds.")
