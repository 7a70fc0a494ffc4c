"""Why somebody is not let in, or a person cannot be changed as asked: one sentence each, shown as it is."""

from __future__ import annotations

from math import ceil

from gateway.registry.errors import AccountError
from gateway.translation import sentence, sentences

_SECONDS = 90
"""Waits that are told in seconds; longer ones in minutes."""


class PersonExists(AccountError):
    """The mail address is somebody's already."""


class LastOfTheirKind(AccountError):
    """Without this person nobody could manage the organisation, or the gateway."""


class WeakPassword(AccountError):
    """Too short, too long, or among the first that anybody would guess."""


class DeadLink(AccountError):
    """Unknown, used, or too old: which of them is not told."""

    def __init__(self) -> None:
        super().__init__(sentence("this link does not work any more: it was used, or is too old; ask for a new one"))


class WrongCredentials(AccountError):
    """Who the address belongs to, or whether it is anybody's, is not told."""

    def __init__(self) -> None:
        super().__init__(sentence("mail address and password do not fit together"))


class WrongCode(AccountError):
    """Not a code of the second factor, or one that was used."""

    def __init__(self) -> None:
        super().__init__(sentence("that code does not fit, or was used already: take the one that your app shows next"))


class WrongPasskey(AccountError):
    """Not a passkey of anybody's here, or not the answer that was asked for."""

    def __init__(self) -> None:
        super().__init__(sentence("that passkey is not known here: sign in another way"))


class DeadForm(AccountError):
    """A form whose sealed part is not ours, or too old."""

    def __init__(self) -> None:
        super().__init__(sentence("this page was open for too long: begin again"))


class ProviderAway(AccountError):
    """The OpenID Connect provider cannot be asked, or its configuration cannot be used."""

    def __init__(self, cause: str) -> None:
        super().__init__(sentence("the sign-in service does not answer as it should: try again later"))
        self.cause = cause


class ProviderRefused(AccountError):
    """The provider has not proven that somebody is let in; `cause` is for the log."""

    def __init__(self, cause: str) -> None:
        super().__init__(sentence("the sign-in service does not let you in here: ask your administrator"))
        self.cause = cause


class TooManyAttempts(AccountError):
    """Too many failures from this address or for this account."""

    def __init__(self, seconds: float) -> None:
        told = (
            sentences(
                "too many attempts: try again in a second",
                "too many attempts: try again in %(num)s seconds",
                ceil(seconds),
            )
            if seconds <= _SECONDS
            else sentences(
                "too many attempts: try again in a minute",
                "too many attempts: try again in %(num)s minutes",
                ceil(seconds / 60),
            )
        )
        super().__init__(told)
        self.seconds = seconds


class TooBusy(AccountError):
    """More passwords at once than can be checked."""

    def __init__(self) -> None:
        super().__init__(sentence("too many people sign in right now: try again in a moment"))
