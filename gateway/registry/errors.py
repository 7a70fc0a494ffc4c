"""What administrators are told when a change of the directory cannot be done: one sentence each."""

from __future__ import annotations

from gateway.translation import Sentence, Translations


class AccountError(Exception):
    """What was asked for cannot be done; the text says why and what to do: str() in English, `say` in any language."""

    def __init__(self, told: Sentence | str) -> None:
        super().__init__(told)
        self.told = told

    def say(self, words: Translations) -> str:
        """The text in a person's language; what only operators at a terminal are told has no other than English."""
        return words.say(self.told) if isinstance(self.told, Sentence) else self.told


class NotFound(AccountError):
    """No such organisation, key, account or number."""


class BadAddress(AccountError):
    """Not a mail address."""


class BadValue(AccountError):
    """A value that cannot be meant."""


class PausedKey(AccountError):
    """The key is paused: nothing goes there, and only an administrator opens accounts on it (D14)."""


class NoFreeNumber(AccountError):
    """Every number of the pool is in use or in quarantine."""


class AccountExists(AccountError):
    """The address has an open account under that key."""


class NumberInUse(AccountError):
    """The number belongs to an open account."""


class TooManySecrets(AccountError):
    """The key is being rotated already: two secrets are live."""


class WrongSecretFile(AccountError):
    """The secret file in use is not the one that this database was written with."""
