"""Whoever asks for something: a person, a program with a key, or an employee who sees their own account alone.

Every page and every call of the API acts through an `Actor`; what it may not see is not there for it (404), and what
it may see but not do is refused (403).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.scopes import Scope
from web.identity.roles import Role


class ActorKind(StrEnum):
    """What sort of somebody."""

    PERSON = "person"
    KEY = "key"
    EMPLOYEE = "employee"
    TERMINAL = "terminal"
    """Whoever gives commands on the machine itself."""


class NotAllowed(Exception):
    """The actor may not do this; the scope says what it would need."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"this needs the permission {scope}")
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks, as it was proven for this one request."""

    kind: ActorKind
    id: str
    """Of the person, key or account."""
    name: str
    """As others see it in the audit log: a mail address, or a key's label."""
    scopes: frozenset[Scope]
    org_id: str | None
    """The only organisation that it sees; None for all of them."""
    role: Role | None = None
    session_id: str | None = None
    account_id: str | None = None
    """The only account that an employee sees."""
    peer_ip: str = ""
    language: str = ""
    """ISO 639-1, as the person chose; empty: as the browser asks."""
    timezone: str = ""
    """IANA name, as the person chose; empty: as the browser is set."""
    made_by: str = ""
    """The id of the person who has made the key; empty where nobody knows."""

    @property
    def person_id(self) -> str:
        """The id of the person who acts, or who has made the key that does; empty where there is none."""
        return self.id if self.kind is ActorKind.PERSON else self.made_by

    def may(self, scope: Scope) -> bool:
        """Whether it may do something at all."""
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise NotAllowed unless it may."""
        if scope not in self.scopes:
            raise NotAllowed(scope)

    def require_for(self, scope: Scope, account_id: str) -> None:
        """Raise NotAllowed unless it may do that with an account: employees may with their own."""
        if self.account_id != account_id:
            self.require(scope)

    def sees(self, org_id: str | None) -> bool:
        """Whether an organisation's things are there for it; those of no organisation are the operator's."""
        return self.org_id is None or self.org_id == org_id
