"""Why somebody is not let in, or a person cannot be changed as asked: one sentence each, shown as it is."""

from __future__ import annotations

import math

from gateway.registry.errors import AccountError


class PersonExists(AccountError):
    """The mail address is somebody's already."""


class LastOfTheirKind(AccountError):
    """Without this person nobody could manage the organisation, or the gateway."""


class WeakPassword(AccountError):
    """Too short, too long, or among the first that anybody would guess."""


class DeadLink(AccountError):
    """Unknown, used, or too old: which of them is not told."""

    def __init__(self) -> None:
        super().__init__("this link does not work any more: it was used, or is too old; ask for a new one")


class WrongCredentials(AccountError):
    """Who the address belongs to, or whether it is anybody's, is not told."""

    def __init__(self) -> None:
        super().__init__("mail address and password do not fit together")


class WrongCode(AccountError):
    """Not a code of the second factor, or one that was used."""

    def __init__(self) -> None:
        super().__init__("that code does not fit, or was used already: take the one that your app shows next")


class DeadForm(AccountError):
    """A form whose sealed part is not ours, or too old."""

    def __init__(self) -> None:
        super().__init__("this page was open for too long: begin again")


class TooManyAttempts(AccountError):
    """Too many failures from this address or for this account."""

    def __init__(self, seconds: float) -> None:
        wait = f"{math.ceil(seconds)} seconds" if seconds <= 90 else f"{math.ceil(seconds / 60)} minutes"
        super().__init__(f"too many attempts: try again in {wait}")
        self.seconds = seconds


class TooBusy(AccountError):
    """More passwords at once than can be checked."""

    def __init__(self) -> None:
        super().__init__("too many people sign in right now: try again in a moment")
