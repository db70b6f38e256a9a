"""The command `sign-in-provider`: the OpenID provider with which people may sign in, beside their passwords here."""

import json
from dataclasses import replace

from closecast.cli.files import named_by_user
from ops.cli.arguments import Arguments
from ops.cli.yaml_file import read_yaml
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import wait
from ops.nomad.session import Session, connect
from ops.setup.credentials import Credentials

_API = "api"
_HELP = "correct it; docs/security.md has an example"


def sign_in_provider(arguments: list[str]) -> int:
    """Show the OpenID provider, without its secret; with a YAML file, use the one it describes; --remove: none."""
    given = (
        Arguments("sign-in-provider", sign_in_provider.__doc__)
        .place("file", "the provider, as docs/security.md describes it", "?")
        .flag("remove", "let people sign in with passwords only")
        .given(arguments)
    )
    if given.file is not None and given.remove:
        raise OperatorError("a file and --remove exclude each other", "give one of them")
    if given.file is None and not given.remove:
        print(_described(Credentials.load().sign_in_provider, connect()))
        return 0
    text = "" if given.remove else _read(given.file)
    session = connect().managing()
    credentials = replace(session.credentials, sign_in_provider=text)
    credentials.save()
    cluster, before = session.cluster, jobs.health(session.cluster, _API).restarts
    if cluster.put_variable(f"nomad/jobs/{_API}", credentials.variables()[_API]) and cluster.is_wanted(_API):
        what = "the API's restart with its new settings (`just up` first, if Closecast was updated)"
        wait(lambda: jobs.health(cluster, _API).restarts > before and jobs.health(cluster, _API).healthy, 90, what)
    print(_described(text, session))
    return 0


def _read(name: str) -> str:
    """The provider in the file, as JSON, after it has answered. Raises OperatorError."""
    from closecast.platform.callers.provider import Attempt, ProviderAwayError, SignInProvider, provider
    from closecast.platform.settings import SettingsError

    file = named_by_user(name)
    content = read_yaml(file, _HELP)
    try:
        text = "" if content is None else json.dumps(content)
        configured = provider(text)
    except (SettingsError, TypeError) as error:
        raise OperatorError(f"{file}: {error}", _HELP) from error
    if configured is None:
        raise OperatorError(f"{file} is empty", _HELP)
    try:
        SignInProvider(configured).address(Attempt.new(), "https://127.0.0.1/sign-in/callback")
    except ProviderAwayError as error:
        raise OperatorError(
            f"nothing is changed: {error}", "try again when it answers, or correct its issuer"
        ) from error
    return text


def _described(text: str, session: Session) -> str:
    from closecast.platform.callers.provider import provider

    configured = provider(text)
    if configured is None:
        return "people sign in with passwords only"
    claim, issuer = ".".join(configured.issuer.role_claim), configured.issuer
    roles = [f"{value}: {role}" for value, role in issuer.roles.items()]
    if configured.default_role is not None:
        roles.append(f"others: {configured.default_role}")
    # A service that is away has no address; the command is about another one.
    gateway = jobs.address(session.cluster, "gateway") if session.cluster.is_wanted("gateway") else "https://<gateway>"
    return (
        f"people may sign in with {configured.title} ({issuer.url}), as the client {configured.client_id}\n"
        f"roles by the claim {claim}: {', '.join(roles)}\n"
        f"register this address there: {gateway}/sign-in/callback"
    )
