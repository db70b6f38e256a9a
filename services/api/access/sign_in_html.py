"""The page on which people sign in, and its content security policy."""

import base64
import hashlib
from html import escape
from urllib.parse import quote

from closecast.platform.callers.passwords import LONGEST

STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
main { width: min(22rem, calc(100vw - 3rem)); }
label { display: block; margin-top: 1rem; }
input, button, .provider { box-sizing: border-box; width: 100%; padding: .6rem; margin-top: .3rem; font: inherit;
  border: 1px solid #767676; border-radius: .3rem; }
button, .provider { margin-top: 1.5rem; background: #1f6f8b; border-color: #1f6f8b; color: #fff; cursor: pointer; }
.provider { display: block; text-align: center; text-decoration: none; }
.provider ~ form button { background: none; color: inherit; }
[role=alert] { padding: .6rem; border-radius: .3rem; background: #fdecea; color: #7a1712; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
).encode()
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Closecast</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Closecast</h1>
{problem}{provider}<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{next}">
<label for="name">Name</label>
<input id="name" name="name" value="{name}" maxlength="100" autocomplete="username" autocapitalize="none" required{first}>
<label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="{longest}" autocomplete="current-password" required{second}>
<button>Sign in</button>
</form>
</main>
</body>
</html>
"""
_PROVIDER = """<a class="provider" href="/sign-in/provider?next={next}">Sign in with {title}</a>
<p>Or with a password that you have here:</p>
"""


def page(next_: str, title: str | None = None, name: str = "", problem: str | None = None) -> bytes:
    """The page, in UTF-8; all that is given is escaped.

    `next_` is the path that follows, `title` that of the provider with which people may sign in too, `problem` what went
    wrong.
    """
    focus = " autofocus" if title is None else ""
    provider = "" if title is None else _PROVIDER.format(next=quote(next_, safe=""), title=escape(title))
    return _PAGE.format(
        style=STYLE,
        problem="" if problem is None else f'<p role="alert">{escape(problem)}</p>\n',
        provider=provider,
        next=escape(next_),
        name=escape(name),
        longest=LONGEST,
        first="" if name else focus,
        second=focus if name else "",
    ).encode()
