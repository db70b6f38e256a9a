"""Sign-ins by the OpenID provider: its pages are asked on a few threads, apart from those that look at passwords."""

from collections.abc import Mapping

from closecast.platform.callers.provider import Attempt, Provider, ProviderRefusedError, SignInProvider
from closecast.platform.callers.sessions import Begun, SessionStore, SignInRefusedError
from services.api.access.sign_ins import SignIns

_AT_ONCE = 4  # a provider that does not answer holds a thread for some seconds


class ProviderSignIns:
    """Signs in whom `provider` knows. Every method raises UnavailableError when too many wait, and ProviderAwayError."""

    def __init__(self, provider: Provider, sessions: SessionStore) -> None:
        self.title = provider.title
        self._name, self._issuer = provider.issuer.name, provider.issuer.url
        self._provider = SignInProvider(provider)
        self._sign_ins = SignIns(sessions, _AT_ONCE)

    async def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """The provider's page on which `attempt` goes on, and which leads back to `redirect_uri`."""
        return await self._sign_ins.run(lambda: self._provider.address(attempt, redirect_uri))

    async def begin(self, answer: Mapping[str, str], attempt: Attempt, redirect_uri: str, request_id: str) -> Begun:
        """Begin the session of whom the provider's `answer` tells. Raises ProviderRefusedError and DatabaseAwayError."""

        def act() -> Begun:
            person = self._provider.person(answer, attempt, redirect_uri)
            name = f"{self._name}:{person.name}"
            try:
                return self._sign_ins.sessions.begin_provided(
                    self._issuer, person.subject, name, person.role, request_id
                )
            except SignInRefusedError as error:
                raise ProviderRefusedError("You may not sign in here any more. Ask an administrator.") from error

        return await self._sign_ins.run(act)
