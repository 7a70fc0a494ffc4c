"""Passwords of people: what is too weak, and argon2id (RFC 9106) to keep the others.

A hash costs 46 MiB of memory and some 70 ms of a processor: it runs in a thread, only so many at once, so that a flood
of attempts takes neither from those who send mail. Checking takes as long where there is no password to compare with.
"""

from __future__ import annotations

import asyncio
import string
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.translation import sentence
from web.identity.errors import TooBusy, WeakPassword

MIN_LENGTH = 10
MAX_LENGTH = 200
AT_ONCE = 2
"""Hashes that are computed at the same time in one process."""
MAX_WAITING = 40
"""Callers that may wait for their turn: the last waits some two seconds on a slow machine."""
_FEWEST_DIFFERENT = 5

_HASHER = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)  # KiB; more than OWASP's least
_T = TypeVar("_T")

_COMMON = frozenset((Path(__file__).parent / "common_passwords.txt").read_text("utf-8").split())
"""What passwords are made of that everybody tries first; digits and signs around them help nobody."""
_ROWS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopåasdfghjkløzxcvbnm",
    "qwertzuiopüasdfghjklöyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
)
"""Keys in the order in which fingers find them; backwards as well."""
_AROUND = string.digits + string.punctuation + string.whitespace


def refuse_weak(password: str, email: str) -> None:
    """Raise WeakPassword for one that its owner should not take."""
    text = normal(password)
    if len(text) < MIN_LENGTH:
        raise WeakPassword(
            sentence(
                "a password needs at least %(least)s characters: take four words that do not belong together",
                least=MIN_LENGTH,
            )
        )
    if len(text) > MAX_LENGTH:
        raise WeakPassword(sentence("a password has at most %(most)s characters", most=MAX_LENGTH))
    plain = text.casefold()
    if plain.strip(_AROUND) in _own_words(email):
        raise WeakPassword(sentence("that is your mail address: take something that nobody knows of you"))
    if _is_common(plain):
        raise WeakPassword(sentence("that is one of the first passwords that anybody tries: take four words instead"))


def _own_words(email: str) -> set[str]:
    address = email.strip().casefold()
    return {word.strip(_AROUND) for word in (address, address.partition("@")[0]) if word.strip(_AROUND)}


def _is_common(plain: str) -> bool:
    core = plain.strip(_AROUND)
    repeated = any(core and core == word * (len(core) // len(word)) for word in _COMMON)
    return repeated or len(set(plain)) < _FEWEST_DIFFERENT or any(plain in row or plain in row[::-1] for row in _ROWS)


def normal(password: str) -> str:
    """The password as every keyboard writes it: composed characters, plain spaces (RFC 8265 §4.2.2)."""
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    return unicodedata.normalize("NFC", spaced)


class Passwords:
    """Hashes and checks, a few at once."""

    def __init__(self, hasher: PasswordHasher = _HASHER) -> None:
        """`hasher` says what a hash costs."""
        self._hasher = hasher
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._dummy = ""

    async def hash(self, password: str) -> str:
        """The password as it is kept. Raises TooBusy."""
        return await self._in_turn(partial(self._hasher.hash, normal(password)))

    async def fits(self, password: str, kept: str) -> bool:
        """Whether it is the password of which `kept` is the hash; "" is nobody's, and takes as long. Raises TooBusy."""
        return await self._in_turn(partial(self._fits, password, kept))

    def is_outdated(self, kept: str) -> bool:
        """Whether hashes are made in another way today, so that the password should be hashed anew."""
        return self._hasher.check_needs_rehash(kept)

    def _fits(self, password: str, kept: str) -> bool:
        if not self._dummy:
            self._dummy = self._hasher.hash("nobody's password")
        text = normal(password[: MAX_LENGTH + 1])
        with suppress(VerificationError, InvalidHashError):
            return self._hasher.verify(kept or self._dummy, text) and bool(kept) and len(password) <= MAX_LENGTH
        return False

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= MAX_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
