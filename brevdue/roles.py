"""What a process does of all that the program does."""

from __future__ import annotations

from enum import StrEnum

from brevdue.console import CommandError


class Role(StrEnum):
    """What a process does: all of it, unless `--roles` says less. Processes meet in the database."""

    SMTP = "smtp"
    """Takes mail."""
    HTTP = "http"
    """Answers browsers and providers."""
    SMS = "sms"
    """Sends SMS."""
    MAIL = "mail"
    """Sends mail."""
    SCHEDULE = "schedule"
    """Looks after what is due: campaigns, failures and webhooks to be told, SMS that were held, what is old."""


ALL_ROLES = frozenset(Role)


def read_roles(text: str) -> frozenset[Role]:
    """Read a list with commas. Raises CommandError."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names or names - set(Role):
        raise CommandError(f"--roles takes a list of {', '.join(Role)}, not '{text}'")
    return frozenset(Role(name) for name in names)
