"""The user interface is behind a sign-in: the gateway asks the API about each request before it forwards it."""

import pytest

from tests.integration.services.gateway.conftest import SIGNED_IN, Gateway, Upstream, upstream

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("path", ["/", "/index.html", "/media/x.csv", "/v1x", "/sign-in/x"])
def test_who_has_not_signed_in_gets_nothing_of_the_user_interface(gateway: Gateway, path: str) -> None:
    with upstream("api") as api, upstream("ui") as ui:
        gateway.route([api.address], [ui.address])
        with gateway.served(), gateway.client() as client:
            for wrong in ("", "closecast_session=", "closecast_session=s3ssions", "a=b"):
                assert client.get(path, headers={"Cookie": wrong}).status_code == 401
            # A caller's own word for where it comes from or for having signed in is worth nothing.
            forged = {"X-Forwarded-Uri": "/elsewhere", "X-Forwarded-Method": "POST", "Authorization": "Bearer x"}
            assert client.post(path, headers=forged, content=b"a body").status_code == 401
            assert not _asked(ui)
            assert api.checks[-1]["X-Forwarded-Uri"] == path
            assert api.checks[-1]["X-Forwarded-Method"] == "POST"
            # and who has comes through, with the body, and without what is for the API alone
            found = client.post(path, headers={**SIGNED_IN, "Authorization": "Bearer x"}, content=b"a body")
            assert found.status_code == 200
        (seen,) = _asked(ui)
        headers = seen["headers"]
        assert isinstance(headers, dict)
        assert (seen["method"], seen["path"], seen["bytes"]) == ("POST", path, 6)
        assert headers["cookie"] == SIGNED_IN["Cookie"]
        assert "authorization" not in headers


def test_the_form_itself_is_the_apis(gateway: Gateway) -> None:
    with upstream("api") as api, upstream("ui") as ui:
        gateway.route([api.address], [ui.address])
        with gateway.served(), gateway.client() as client:
            assert client.get("/sign-in?next=%2F").json()["path"] == "/sign-in?next=%2F"
            assert client.post("/sign-in", content=b"name=a").json()["bytes"] == 6
            for path in ("/sign-in/provider?next=%2F", "/sign-in/callback?code=c&state=s"):
                assert client.get(path).json()["path"] == path
        assert not _asked(ui)
        assert not api.checks


def test_without_an_api_nobody_is_shown_the_user_interface(gateway: Gateway) -> None:
    with upstream("ui") as ui:
        gateway.route([], [ui.address])
        with gateway.served(), gateway.client() as client:
            assert client.get("/", headers=SIGNED_IN).status_code == 503
        assert not _asked(ui)


def _asked(ui: Upstream) -> list[dict[str, object]]:
    """What reached the user interface, but for Caddy's own questions after its health."""
    agents = [(seen, seen["headers"]) for seen in ui.got]
    return [seen for seen, headers in agents if isinstance(headers, dict) and "x-forwarded-for" in headers]
