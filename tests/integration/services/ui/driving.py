"""What a person does with the pages, through Streamlit's AppTest."""

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from services.ui import sign_in as sign_in_page


def come_with(
    token: str, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str] | None = None, locale: str | None = None
) -> None:
    """Have visits show `token` in the cookie that the API's page has set, and `headers`, from a browser of `locale`."""
    cookies = {sign_in_page.COOKIE: token} if token else {}
    monkeypatch.setattr(st, "context", SimpleNamespace(cookies=cookies, headers=headers or {}, locale=locale))


def sign_in(app: AppTest, name: str, password: str) -> None:
    """Fill in the form."""
    app.text_input[0].input(name)
    app.text_input[1].input(password)
    app.button[0].click().run()


def opened(app: AppTest, name: str) -> AppTest:
    """Come, and go to the page in `views/<name>.py`."""
    return app.run().switch_page(f"views/{name}.py").run()


def press(app: AppTest, label: str) -> AppTest:
    """Press the button of this label."""
    return next(one for one in app.button if one.label == label).click().run()


def field(app: AppTest, kind: str, label: str) -> Any:
    """The last field of this label: a page has several lists of what somebody may do."""
    return [one for one in getattr(app, kind) if one.label == label][-1]


def table(app: AppTest, column: str) -> Any:
    """The first table with this column."""
    return next(one.value for one in app.dataframe if column in one.value.columns)


def metrics(app: AppTest) -> dict[str, str]:
    """The figures of the page by their labels."""
    return {one.label: one.value for one in app.metric}


def title(app: AppTest) -> str | None:
    """The page's title; None where none is shown."""
    return app.title[0].value if app.title else None


def texts(app: AppTest) -> str:
    """All captions and paragraphs, without the signs that keep them from being Markdown."""
    return "\n".join(one.value.replace("\\", "") for one in (*app.caption, *app.markdown))
