"""Sessions: who a browser's cookie belongs to. 256 random bits in the cookie, their HMAC in the database.

A session ends 12 hours after it was last used, 30 days after it began, when it is ended, and with the person or account
that it belongs to; an employee's also when the account gets another address. What somebody may do is looked up at each
request, so that a change of role counts at once.
"""

from __future__ import annotations

import secrets
from functools import partial

from gateway.keyring import Keyring
from gateway.model import Account, Clock, new_id
from gateway.store.database import Database
from web.identity.actor import Actor, ActorKind
from web.identity.model import Awaits, Person, Session
from web.identity.roles import SCOPES
from web.store import session_sql
from web.store.session_sql import Ending, Holder, NewSession

IDLE_SECONDS = 12 * 3600.0
"""A session that nobody uses so long is over."""
LIFE_SECONDS = 30 * 86_400.0
"""A session that is used all the time ends as well."""
HALF_SECONDS = 15 * 60.0
"""Time to prove what a session still awaits."""
SEEN_SECONDS = 60.0
"""How exactly it is kept when a session was last used."""
_MAX_AGENT = 200


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def start(
        self, whose: Person | Account, peer_ip: str, user_agent: str, *, awaits: Awaits = Awaits.NOTHING
    ) -> str:
        """Begin a session and return its token for the cookie: 64 hex digits."""
        return await self._start(whose, peer_ip, user_agent, awaits=awaits, instead=None)

    async def renew(
        self, token: str, whose: Person, peer_ip: str, user_agent: str, *, awaits: Awaits = Awaits.NOTHING
    ) -> str:
        """Begin a session instead of another: after each change of what somebody has proven, or proves themselves by.

        Whoever had learned the old token has nothing.
        """
        return await self._start(whose, peer_ip, user_agent, awaits=awaits, instead=self._digest(token))

    async def actor_of(self, token: str, peer_ip: str = "") -> Actor | None:
        """Who asks, from an address; None for a session that is over, never was, or still awaits something."""
        held = await self._holder(token)
        if held is None or held.session.awaits is not Awaits.NOTHING:
            return None
        actor = _actor(held, peer_ip)
        now = self._clock.now()
        if actor is not None and now - held.session.seen_at >= SEEN_SECONDS:
            await self._database.write(session_sql.see, (self._digest(token), now))
        return actor

    async def half_of(self, token: str) -> tuple[Person, Awaits] | None:
        """The person of a session that still awaits something, and what."""
        held = await self._holder(token)
        if held is None or held.session.awaits is Awaits.NOTHING or _actor(held, "") is None or held.person is None:
            return None
        return held.person, held.session.awaits

    async def end(self, token: str) -> None:
        """Sign out."""
        await self._database.write(session_sql.end_by_token, self._digest(token))

    async def list_sessions(self, *, person_id: str | None = None, account_id: str | None = None) -> list[Session]:
        """A person's or an account's live sessions, the latest used first."""
        now = self._clock.now()
        return await self._database.read(
            partial(
                session_sql.list_sessions,
                person_id=person_id,
                account_id=account_id,
                seen_since=now - IDLE_SECONDS,
                now=now,
            )
        )

    async def end_one(self, session_id: str, *, person_id: str | None = None, account_id: str | None = None) -> bool:
        """End one session by its id, if it is theirs."""
        return bool(await self._end(Ending(person_id, account_id, only=session_id)))

    async def end_all(
        self, *, person_id: str | None = None, account_id: str | None = None, but: str | None = None
    ) -> int:
        """End all of somebody's sessions, but the one with the id `but`; how many they were."""
        return await self._end(Ending(person_id, account_id, but=but))

    async def was_here(self, person_id: str, peer_ip: str) -> bool:
        """Whether a person is signed in, or was lately, at an address."""
        return await self._database.read(lambda connection: session_sql.was_here(connection, person_id, peer_ip))

    async def _start(
        self, whose: Person | Account, peer_ip: str, user_agent: str, *, awaits: Awaits, instead: str | None
    ) -> str:
        now, token = self._clock.now(), secrets.token_hex(32)
        person_id, account_id = (whose.id, None) if isinstance(whose, Person) else (None, whose.id)
        session = Session(
            id=new_id(now),
            person_id=person_id,
            account_id=account_id,
            created_at=now,
            seen_at=now,
            expires_at=now + (LIFE_SECONDS if awaits is Awaits.NOTHING else HALF_SECONDS),
            peer_ip=peer_ip,
            user_agent=user_agent[:_MAX_AGENT],
            awaits=awaits,
            email="" if isinstance(whose, Person) else whose.email,
        )
        await self._database.write(session_sql.put, NewSession(session, self._digest(token), instead))
        return token

    async def _holder(self, token: str) -> Holder | None:
        digest, now = self._digest(token), self._clock.now()
        return await self._database.read(
            lambda connection: session_sql.holder(connection, digest, now - IDLE_SECONDS, now)
        )

    async def _end(self, ending: Ending) -> int:
        return await self._database.write(session_sql.end, ending)

    def _digest(self, token: str) -> str:
        return self._keyring.digest(token, "session")


def _actor(held: Holder, peer_ip: str) -> Actor | None:
    """Whoever a session belongs to, unless they are let in no more."""
    if held.person is not None:
        return None if held.person.disabled_at is not None else person_actor(held.person, peer_ip, held.session.id)
    account = held.account
    if account is None or account.closed_at is not None or account.email != held.session.email:
        return None  # an account that was given to somebody else is theirs alone
    return Actor(
        kind=ActorKind.EMPLOYEE,
        id=account.id,
        name=account.email,
        scopes=frozenset(),  # everything that needs one is about an organisation; what an employee sees goes by account
        org_id=account.org_id,
        session_id=held.session.id,
        account_id=account.id,
        peer_ip=peer_ip,
        language=account.language,
    )


def person_actor(person: Person, peer_ip: str = "", session_id: str | None = None) -> Actor:
    """A person as who asks."""
    return Actor(
        kind=ActorKind.PERSON,
        id=person.id,
        name=person.email,
        scopes=SCOPES[person.role],
        org_id=person.org_id,
        role=person.role,
        session_id=session_id,
        peer_ip=peer_ip,
        language=person.language,
        timezone=person.timezone,
    )
