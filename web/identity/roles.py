"""Roles of people, and what each may do. Pure."""

from __future__ import annotations

from enum import StrEnum

from gateway.scopes import Scope


class Role(StrEnum):
    """What a person is to an organisation, the most powerful first."""

    OPERATOR = "operator"
    """Runs the gateway: all organisations."""
    OWNER = "owner"
    """Everything within one organisation, its owners too."""
    ADMINISTRATOR = "administrator"
    """Everything within one organisation but its owners."""
    SENDER = "sender"
    """Writes messages, contacts and campaigns."""
    READER = "reader"
    """Sees, and changes nothing."""


_READS = frozenset(
    {
        Scope.MESSAGES_READ,
        Scope.ACCOUNTS_READ,
        Scope.NUMBERS_READ,
        Scope.OPTOUTS_READ,
        Scope.PROVIDERS_READ,
        Scope.SPEND_READ,
        Scope.CONTACTS_READ,
        Scope.CAMPAIGNS_READ,
    }
)
_SENDS = _READS | {Scope.MESSAGES_SEND, Scope.CONTACTS_WRITE, Scope.CAMPAIGNS_WRITE, Scope.CAMPAIGNS_RUN}
_ALL_BUT_GATEWAY = frozenset(Scope) - {Scope.GATEWAY}

SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OPERATOR: frozenset(Scope),
    Role.OWNER: _ALL_BUT_GATEWAY,
    Role.ADMINISTRATOR: _ALL_BUT_GATEWAY,
    Role.SENDER: _SENDS,
    Role.READER: _READS,
}
"""What each role may do."""


def may_grant(giver: Role, given: Role) -> bool:
    """Whether a person of one role may make somebody another: nobody gives more than they have."""
    order = list(Role)
    return order.index(given) >= order.index(giver) and giver in {Role.OPERATOR, Role.OWNER, Role.ADMINISTRATOR}


def must_have_second(word: str) -> frozenset[Role]:
    """Whom `[web] require_second_factor` means."""
    return {"nobody": frozenset[Role](), "operators": frozenset({Role.OPERATOR})}.get(word, frozenset(Role))
