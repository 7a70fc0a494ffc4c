"""The menu: what an actor may look at. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.scopes import Scope
from web.identity.actor import Actor
from web.language import gettext as _


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu."""

    words: str
    path: str
    icon: str
    here: bool
    count: str = ""
    """Where it is told how many wait there."""


@dataclass(frozen=True, slots=True)
class Section:
    """Entries that belong together."""

    words: str
    entries: tuple[Entry, ...]


def menu(actor: Actor | None, path: str, *, phones: bool) -> tuple[Section, ...]:
    """Sections with at least one entry; `phones` where a simulator is configured."""
    if actor is None or actor.account_id is not None:
        return ()
    sections = (
        (
            _("Messages"),
            (
                (_("Overview"), "/", "home", Scope.MESSAGES_READ),
                (_("Message log"), "/messages", "messages", Scope.MESSAGES_READ),
                (_("Conversations"), "/conversations", "message-circle", Scope.MESSAGES_READ),
                (_("Write an SMS"), "/write", "send", Scope.MESSAGES_SEND),
                (_("Needs attention"), "/attention", "bell", Scope.MESSAGES_READ),
                (_("Figures"), "/figures", "chart-bar", Scope.SPEND_READ),
            ),
        ),
        (
            _("Campaigns"),
            ((_("Groups"), "/groups", "users-group", Scope.CONTACTS_READ),),
        ),
        (
            _("SMS Dialog"),
            (
                (_("Accounts"), "/accounts", "address-book", Scope.ACCOUNTS_READ),
                (_("Keys"), "/keys", "key", Scope.KEYS_READ),
                (_("Numbers"), "/numbers", "phone", Scope.NUMBERS_READ),
                (_("Opt-outs"), "/optouts", "ban", Scope.OPTOUTS_READ),
            ),
        ),
        (
            _("Gateway"),
            (
                (_("Organisations"), "/organisations", "building", Scope.GATEWAY),
                (_("Providers"), "/providers", "plug", Scope.PROVIDERS_READ),
                (_("Routes"), "/routes", "route", Scope.PROVIDERS_READ),
                *(((_("Phones"), "/sim", "device-mobile", Scope.GATEWAY),) if phones else ()),
            ),
        ),
        (
            _("Settings"),
            (
                (_("People"), "/people", "users", Scope.PEOPLE_READ),
                (_("Webhooks"), "/webhooks", "webhook", Scope.WEBHOOKS_READ),
                (_("Limits"), "/limits", "coins", Scope.SPEND_READ),
                (_("Data protection"), "/privacy", "shield-lock", Scope.PRIVACY_WRITE),
                (_("Audit log"), "/audit", "history", Scope.AUDIT_READ),
            ),
        ),
    )
    shown = (
        Section(
            words,
            tuple(
                Entry(name, target, icon, _is_here(target, path), _COUNTED.get(target, ""))
                for name, target, icon, scope in entries
                if actor.may(scope)
            ),
        )
        for words, entries in sections
    )
    return tuple(section for section in shown if section.entries)


_COUNTED = {"/attention": "/attention/count"}


def _is_here(target: str, path: str) -> bool:
    return path == target or (target != "/" and path.startswith(f"{target}/"))
