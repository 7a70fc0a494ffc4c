"""What one may do: the words that keys of the kind REST, people's roles and pages share.

A word is "what:how", such as "messages:send". What a key or person does not hold, it may not do.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One thing that one may do, within one's organisation."""

    MESSAGES_READ = "messages:read"
    """See messages, conversations and their traces, with their texts."""
    MESSAGES_SEND = "messages:send"
    """Send an SMS from an account's number."""
    MESSAGES_RESOLVE = "messages:resolve"
    """Decide about what is held, unknown or unrouted."""
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    """Open, edit and close accounts."""
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    """Make, pause and rotate keys, and see their secrets."""
    NUMBERS_READ = "numbers:read"
    NUMBERS_WRITE = "numbers:write"
    OPTOUTS_READ = "optouts:read"
    OPTOUTS_WRITE = "optouts:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    PROVIDERS_READ = "providers:read"
    """See providers, routes and prices; they belong to the whole gateway."""
    SPEND_READ = "spend:read"
    """See limits, what was spent, and figures."""
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    """Invite people, change their roles, end their sessions."""
    AUDIT_READ = "audit:read"
    CONTACTS_READ = "contacts:read"
    """See contacts, groups and what became of imports."""
    CONTACTS_WRITE = "contacts:write"
    """Change, import and remove contacts, their fields and groups."""
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    """Write campaigns, and send their text to oneself."""
    CAMPAIGNS_RUN = "campaigns:run"
    """Start, pause, resume and cancel campaigns."""
    PRIVACY_WRITE = "privacy:write"
    """Set how long texts are kept, export and erase a person."""
    GATEWAY = "gateway:manage"
    """Organisations, providers and routes: for who runs the gateway."""


KEY_SCOPES = tuple(
    scope for scope in Scope if scope not in {Scope.GATEWAY, Scope.PEOPLE_READ, Scope.PEOPLE_WRITE, Scope.AUDIT_READ}
)
"""Those that a key of the kind REST can hold: programs run neither the gateway nor people."""

DEFAULT_KEY_SCOPES = frozenset({Scope.MESSAGES_SEND, Scope.MESSAGES_READ})
"""What a key of the kind REST holds where nobody says otherwise."""


def read_scopes(words: str) -> frozenset[Scope]:
    """Scopes as they are kept, separated by spaces. A word of a later version grants nothing."""
    known = set(Scope)
    return frozenset(Scope(word) for word in words.split() if word in known)


def write_scopes(scopes: Iterable[Scope]) -> str:
    """The same, in the order of `Scope`."""
    held = set(scopes)
    return " ".join(scope for scope in Scope if scope in held)


def with_reading(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The same, where whoever may change things of a kind may see them as well."""
    held = frozenset(scopes)
    seen = {f"{scope.removesuffix(':write')}:read" for scope in held if scope.endswith(":write")}
    return held | {scope for scope in Scope if scope in seen}
