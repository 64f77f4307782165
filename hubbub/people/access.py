"""Who calls: the access token, the session behind it, and the limits of each."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, bindparam, select

from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.errors import Forbidden, Problem, Unauthenticated
from hubbub.kernel.http import get_kernel
from hubbub.kernel.joined import Joined
from hubbub.kernel.kernel import Kernel
from hubbub.people.models import sessions, users
from hubbub.people.service.sessions import touch_sessions
from hubbub.people.tokens import Tokens

logger = logging.getLogger("hubbub.people")

CHECKED_MS = 1_000
"""How long a session that was found good is believed: a withdrawal is effective within a second."""
CACHED = 50_000
TOUCH_MS = 60_000
TOUCH_SECONDS = 1.0
"""Sessions in use are noted together: when thousands come back at once, that is one command a second."""
TOUCHED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as the database had it at `checked_at`."""

    role: str
    good: bool
    checked_at: int
    last_used_at: int


class Authenticator:
    """Checks tokens for one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.tokens = Tokens(kernel.secrets)
        self._known: OrderedDict[str, Standing] = OrderedDict()
        self._asked = Joined(self._read_standings)
        # Sessions whose use is to be noted, and whether each is a guest's.
        self._touched: dict[str, bool] = {}

    def claim(self, token: str, address: str) -> tuple[Caller, int]:
        """Who the token says the caller is, without a look at the session; else as `authenticate`."""
        claims = self.tokens.read(token, self._kernel.clock())
        return Caller(claims.user, claims.role, claims.session, address), claims.expires_at

    async def authenticate(
        self, token: str, address: str, *, fresh: bool = False
    ) -> tuple[Caller, int]:
        """The caller, and when the token runs out (milliseconds). Raises Unauthenticated.

        With `fresh` the session is looked up now, whatever was found lately.
        """
        now = self._kernel.clock()
        claims = self.tokens.read(token, now)
        standing = None if fresh else self._known.get(claims.session)
        if standing is None or now - standing.checked_at >= CHECKED_MS:
            found = await self._asked.ask((claims.session, claims.user))
            standing = found or Standing("", False, now, now)
            self._known[claims.session] = standing
            self._known.move_to_end(claims.session)
            while len(self._known) > CACHED:
                self._known.popitem(last=False)
        if not standing.good:
            raise Unauthenticated("The session has ended. Sign in again.")
        caller = Caller(claims.user, standing.role, claims.session, address)
        if now - standing.last_used_at >= TOUCH_MS:
            self._touch(caller, standing)
        return caller, claims.expires_at

    async def _read_standings(self, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Standing]:
        return await self._kernel.database.ask(read_standings, keys, self._kernel.clock())

    def _touch(self, caller: Caller, standing: Standing) -> None:
        """Notes that the session is in use; nobody waits for it."""
        now = self._kernel.clock()
        self._known[caller.session] = Standing(
            standing.role, True, standing.checked_at, last_used_at=now
        )
        if not self._touched:
            asyncio.get_running_loop().call_later(TOUCH_SECONDS, self.note_uses)
        self._touched[caller.session] = caller.role == "guest"
        if len(self._touched) >= TOUCHED_AT_ONCE:
            self.note_uses()

    def note_uses(self) -> None:
        """Has the sessions in use written down, all with one command."""
        touched, self._touched = self._touched, {}
        if not touched:
            return
        arguments = {
            "members": [session for session, guest in touched.items() if not guest],
            "guests": [session for session, guest in touched.items() if guest],
            "guest_idle_ms": int(self._kernel.settings.guest_idle_hours * 3_600_000),
        }
        try:
            future = self._kernel.submit(touch_sessions, SYSTEM, arguments)
        except Problem as problem:
            # They are noted with their next use after a minute.
            logger.info("sessions in use were not noted: %s", problem)
        else:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def forget(self, session: str) -> None:
        self._known.pop(session, None)


STANDINGS = (
    select(
        sessions.c.id,
        sessions.c.user,
        users.c.role,
        users.c.active,
        sessions.c.expires_at,
        sessions.c.ended_at,
        sessions.c.last_used_at,
    )
    .join(users, users.c.id == sessions.c.user)
    .where(sessions.c.id.in_(bindparam("sessions", expanding=True)))
)


def read_standings(
    connection: Connection, keys: Sequence[tuple[str, str]], now: int
) -> dict[tuple[str, str], Standing]:
    """Those of the sessions that exist, by session and person; with one statement."""
    rows = connection.execute(STANDINGS, {"sessions": [session for session, _ in keys]})
    return {
        (row.id, row.user): Standing(
            row.role,
            row.active and row.ended_at is None and row.expires_at > now,
            now,
            row.last_used_at,
        )
        for row in rows
    }


def get_authenticator(kernel: Kernel) -> Authenticator:
    """The kernel's authenticator, made when first asked for."""
    found = kernel.extensions.get("authenticator")
    if not isinstance(found, Authenticator):
        found = kernel.extensions["authenticator"] = Authenticator(kernel)
    return found


async def authenticate(kernel: Kernel, token: str, address: str) -> tuple[Caller, int]:
    """As `Authenticator.authenticate`."""
    return await get_authenticator(kernel).authenticate(token, address)


def address_of(request: Request) -> str:
    return str(request.scope["state"]["address"])


def anonymous_caller(request: Request) -> Caller:
    return Caller("", "", "", address_of(request))


async def limit(request: Request, name: str, *keys: str) -> None:
    """Counts the call and notes what is left for the answer's headers. Raises TooMany."""
    left = await get_kernel(request).limits.hit(name, *keys)
    request.scope["state"]["rate_limit"] = left


async def limit_anonymous(request: Request) -> None:
    await limit(request, "anonymous", address_of(request))


async def current_caller(request: Request) -> Caller:
    """The caller of a signed-in route. Raises Unauthenticated or TooMany."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        await limit_anonymous(request)
        raise Unauthenticated("Sign in first.")
    try:
        caller, _ = await authenticate(get_kernel(request), token, address_of(request))
    except Unauthenticated:
        await limit_anonymous(request)
        raise
    request.scope["state"]["user"] = caller.id
    await limit(request, "read" if request.method == "GET" else "write", caller.id)
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]


async def limit_search(request: Request, caller: CurrentCaller) -> None:
    await limit(request, "search", caller.id)


def require_role(caller: Caller, *roles: str) -> None:
    """Raises Forbidden unless the caller has one of the roles."""
    if caller.role not in roles:
        raise Forbidden("Your role does not allow this.")
