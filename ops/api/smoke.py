"""The command `smoke`: whether a platform serves, as a caller sees it."""

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from closecast.cli.files import named_by_user
from ops.api.client import Api
from ops.api.predict import client
from ops.cli.arguments import Arguments, seconds
from ops.cli.progress import step
from ops.errors import OperatorError
from ops.nomad.session import connect

_KEY = "CLOSECAST_API_KEY"
_REMEDY = "look at its jobs (`nomad job status`); after a deployment, `just deploy <environment> --back` goes back"
_PAUSE = 1.0


def smoke(arguments: list[str]) -> int:
    """Ask a platform for its health, its sign-in page and a prediction, which is recorded: that of `just up`, or a deployed one."""
    given = (
        Arguments("smoke", smoke.__doc__)
        .place("url", "its address, as https://closecast.example.com (default: the platform of this clone)", "?")
        .option("ca", str, "the file of who signed its certificate (default: whom this machine trusts)", value="file")
        .option("wait", seconds, "how long it may take to be ready, as 2m (default)", default=120, value="time")
        .given(arguments)
    )
    api = Api(_address(given.url), _key(), _authority(given.ca)) if given.url else client(connect())
    with step("health"):
        _until_ready(api, given.wait)
    with step("sign-in page"):
        _require_sign_in_page(api)
    with step("prediction"):
        model, answer = _prediction(api)
    print(f"model version {model['version']} gave a deal a chance of {answer['probability']:.0%} by {answer['by']}")
    return 0


def _until_ready(api: Api, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        ready, why = api.readiness()
        if ready:
            return
        if "CERTIFICATE_VERIFY_FAILED" in why:  # waiting changes nothing
            raise OperatorError(
                f"the certificate of {api.address} is not signed by anybody whom this machine trusts, or not for this name",
                "name the file of who signed it with --ca, and the address as the certificate has it",
            )
        if time.monotonic() > deadline:
            raise OperatorError(f"{api.address} was not ready within {patience} s: {why[:300]}", _REMEDY)
        time.sleep(_PAUSE)


def _require_sign_in_page(api: Api) -> None:
    status, kind, text = api.page("/sign-in")
    if status != 200 or not kind.startswith("text/html") or 'type="password"' not in text:
        raise OperatorError(f"{api.address}/sign-in is no form to sign in: {status}, {kind or 'no type'}", _REMEDY)


def _prediction(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    """What serves, and its answer about the open deal that is most likely to be won."""
    ranking = api.call("GET", "/v1/pipeline", params={"limit": 1})
    if not ranking["deals"]:
        raise OperatorError("the platform's data hold no open deal to predict", "train it on an export with open deals")
    deal = {name: ranking["deals"][0][name] for name in ("engage_date", "product") if ranking["deals"][0].get(name)}
    answer = api.call("POST", "/v1/predictions", json={"deal": deal, "as_of": ranking["as_of"]})
    model = api.call("GET", "/v1/model")
    if not 0 <= answer["probability"] <= 1:
        raise OperatorError(f"the prediction is no probability: {answer['probability']}", _REMEDY)
    return model, answer


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise OperatorError(f"{url!r} is no address of a platform", "write it as https://closecast.example.com")
    return url.rstrip("/")


def _key() -> str:
    key = os.environ.get(_KEY)
    if not key:
        raise OperatorError(
            f"the environment variable {_KEY} is not set",
            "`just key-create smoke --role scorer` makes a key; a key on the command line would be in everybody's view",
        )
    return key


def _authority(named: str | None) -> str | None:
    if named is None:
        return None
    file: Path = named_by_user(named)
    if not file.is_file():
        raise OperatorError(f"there is no file {file}", "name the certificate of who signs for the address")
    return str(file)
