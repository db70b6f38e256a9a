"""The page on which admins let people in and out, and everybody's way to another password."""

from collections.abc import Callable

import httpx
import pandas as pd
import streamlit as st

from services.ui import queries, texts, told
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.people import ChangedUser, Person, User

_AS_IT_IS = "as it is"
_PLACE = "people"


def show(api: Client, me: Person) -> None:
    """Draw who may sign in, and the forms that change it."""
    users = told.asked(lambda: queries.users(api))
    if users is None:
        return
    told.show(_PLACE)
    rows = [
        (one.name, one.role, one.state, one.created_by, one.created_on, one.signs_in_with, one.password_of)
        for one in users
    ]
    columns = ["Name", "Role", "State", "Added by", "Added", "Signs in with", "Password of"]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)
    adding, changing = st.columns(2)
    with adding:
        _add(api)
    with changing:
        _change(api, [one for one in users if one.name != me.name])


def change_password(api: Client) -> None:
    """Draw the form for the own password."""
    with st.form("password", border=False):
        old = st.text_input("Old password", type="password", autocomplete="current-password")
        new = st.text_input("New password", type="password", autocomplete="new-password", help="12 characters or more")
        asked = st.form_submit_button("Change password")
    if not asked:
        return
    try:
        api.change_password(old, new)
    except ApiUnavailableError as error:
        st.error(texts.unavailable(error))
    except ApiProblemError as error:
        is_wrong = error.status == httpx.codes.UNAUTHORIZED
        st.error("The old password is wrong." if is_wrong else texts.problem(error))
    else:
        st.success("The password is changed. Your other sessions have ended.")


def _add(api: Client) -> None:
    with st.form("add", clear_on_submit=True):
        st.subheader("Add somebody", anchor=False)
        name = st.text_input("Name or e-mail address", max_chars=100)
        role = st.selectbox("May", list(texts.ROLES), index=1, format_func=texts.role)
        asked = st.form_submit_button("Add")
    if asked:
        _tell(api, lambda: api.create_user(name.strip().lower(), role), "may sign in now")


def _change(api: Client, users: list[User]) -> None:
    with st.form("change"):
        st.subheader("Change somebody", anchor=False)
        name = st.selectbox("Who", [one.name for one in users], index=None, placeholder="Nobody")
        role = st.selectbox("May", [_AS_IT_IS, *texts.ROLES], format_func=_named)
        state = st.selectbox("Sign-in", [_AS_IT_IS, "disabled", "active"])
        new_password = st.checkbox("Make up a new password, and unlock the name")
        asked = st.form_submit_button("Change")
    if not asked:
        return
    changes: dict[str, str | bool] = {} if role == _AS_IT_IS else {"role": role}
    if state != _AS_IT_IS:
        changes["disabled"] = state == "disabled"
    if new_password:
        changes["new_password"] = True
    if name is None or not changes:
        st.info("Choose who is to change, and what.")
        return
    _tell(api, lambda: api.change_user(name, changes), "is changed, also where a page is open")


def _tell(api: Client, act: Callable[[], ChangedUser], done: str) -> None:
    with told.problems():
        changed = act()
        queries.changed(api)
        user = changed.user
        told.tell(_PLACE, f"{texts.plain(user.name)} ({user.role}, {user.state}) {done}.", changed.password)


def _named(role: str) -> str:
    return role if role == _AS_IT_IS else texts.role(role)
