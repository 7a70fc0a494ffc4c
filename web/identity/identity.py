"""Everything about who asks, put together once: what pages, API and command line are given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gateway.keyring import Keyring
from gateway.model import Clock
from gateway.store.database import Database
from web.identity.audit import Audit
from web.identity.links import Links
from web.identity.passkeys import Passkeys
from web.identity.passwords import Passwords
from web.identity.people import People
from web.identity.roles import Role
from web.identity.second_factor import SecondFactor
from web.identity.sessions import Sessions
from web.identity.sign_in import SignIn
from web.identity.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Identity:
    """The rooms."""

    people: People
    sessions: Sessions
    links: Links
    throttle: Throttle
    second_factor: SecondFactor
    passkeys: Passkeys
    sign_in: SignIn
    audit: Audit


def make_identity(
    database: Database,
    keyring: Keyring,
    clock: Clock,
    public_url: str,
    *,
    must_have_second: Collection[Role] = (),
    passwords: Passwords | None = None,
) -> Identity:
    """Make them. `public_url` is where browsers find the gateway, `must_have_second` as for `SignIn`."""
    people = People(database, keyring, passwords or Passwords(), clock)
    sessions = Sessions(database, keyring, clock)
    throttle = Throttle(database, keyring, clock)
    second_factor = SecondFactor(database, keyring, clock)
    return Identity(
        people=people,
        sessions=sessions,
        links=Links(database, keyring, clock, public_url),
        throttle=throttle,
        second_factor=second_factor,
        passkeys=Passkeys(database, keyring, clock, public_url),
        sign_in=SignIn(people, sessions, throttle, second_factor, must_have_second),
        audit=Audit(database, clock),
    )
