"""Frozen records of who asks: people, sessions, one-time links, what was changed. Pure.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from web.identity.roles import Role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    id: str
    org_id: str | None
    """Their organisation; None for operators."""
    email: str
    name: str
    role: Role
    language: str
    timezone: str
    created_at: float
    disabled_at: float | None = None
    has_password: bool = False
    has_second_factor: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person proves themselves by, as it is kept."""

    person: Person
    password: str = field(repr=False)
    """argon2id in PHC form; "" for none."""
    totp: str = field(repr=False)
    """The sealed secret of the second factor; "" for none."""
    totp_step: int
    """The last time step whose code was used."""


class Awaits(StrEnum):
    """What a session still has to prove before it is one."""

    NOTHING = ""
    CODE = "code"
    """A code of the second factor."""
    ENROLMENT = "enrolment"
    """A second factor that has to be set up first, because the configuration asks for one."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser in which somebody is signed in, as lists show it."""

    id: str
    person_id: str | None
    account_id: str | None
    created_at: float
    seen_at: float
    expires_at: float
    peer_ip: str
    user_agent: str
    awaits: Awaits = Awaits.NOTHING
    email: str = ""
    """Where an employee's link was mailed to."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key that a person's device keeps (WebAuthn), as lists show it."""

    id: str
    person_id: str
    public_key: str
    sign_count: int
    label: str
    created_at: float
    used_at: float | None = None


class LinkKind(StrEnum):
    """What a one-time link is for."""

    OPERATOR = "operator"
    """Makes an operator, or an owner where it names an organisation: given out on the terminal alone."""
    INVITATION = "invitation"
    """Makes the person who was invited."""
    RESET = "reset"
    """A new password for a person who forgot theirs; the second factor stays."""
    RESCUE = "rescue"
    """A new password for a person who also lost the second factor, which goes: given out on the terminal alone."""
    SIGN_IN = "sign-in"
    """Opens an employee's own account."""


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link without its token."""

    id: str
    kind: LinkKind
    created_at: float
    expires_at: float
    org_id: str | None = None
    person_id: str | None = None
    account_id: str | None = None
    email: str = ""
    name: str = ""
    role: Role | None = None
    language: str = ""
    made_by: str = ""
    """Who gave it out, as the audit log names them."""
    used_at: float | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, once."""

    id: str
    at: float
    org_id: str | None
    actor_kind: str
    actor_id: str
    actor_name: str
    peer_ip: str
    action: str
    subject: str
    detail: Mapping[str, str]
