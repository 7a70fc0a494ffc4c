"""What administrators are told when a change of the directory cannot be done: one sentence each, shown as it is."""

from __future__ import annotations


class AccountError(Exception):
    """What was asked for cannot be done; the text says why and what to do."""


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
