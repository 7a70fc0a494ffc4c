"""Codes of short links: nine letters and digits that say, with a secret, which link whose click it is. Pure.

In: the number of a link and of a contact. Out: a code; and from a code the numbers, or None. No table has a row per
code: a code is its numbers, moved about by a keyed permutation of all words of nine characters, so that each is as long
as every other, no two are the same, and who has one cannot tell or make another. A word that was not made by us leads
to numbers that nobody has: of 1,000,000 contacts and 1,000 links one in 13,000,000 would be somebody's.

The permutation is a Feistel network over two halves of different size (Black & Rogaway, "Ciphers with Arbitrary Finite
Domains", CT-RSA 2002) with BLAKE2b as its round function.
"""

from __future__ import annotations

import string
from hashlib import blake2b
from typing import Final

LENGTH: Final = 9
"""Characters of a code."""
_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PLACES: Final = {letter: place for place, letter in enumerate(_LETTERS)}
_LEFT: Final = 62**4
_RIGHT: Final = 62**5
_ROUNDS: Final = 6
_CONTACTS: Final = 1 << 28
MOST_CONTACTS: Final = _CONTACTS - 1
"""The highest number of a contact within its book that a code can say."""
MOST_LINKS: Final = _LEFT * _RIGHT // _CONTACTS - 1
"""The highest number of a link that a code can say."""
_PAIRS: Final = [first + second for first in _LETTERS for second in _LETTERS]


class ShortCodes:
    """Makes and reads codes with one secret."""

    def __init__(self, secret: bytes) -> None:
        """`secret` has up to 64 bytes."""
        self._rounds = [blake2b(key=secret, digest_size=8, salt=bytes([turn])) for turn in range(_ROUNDS)]

    def code(self, link: int, contact: int) -> str:
        """The code of a contact's link. Numbers above the highest raise ValueError."""
        if not (0 <= link <= MOST_LINKS and 0 <= contact <= MOST_CONTACTS):
            raise ValueError(f"no code can say link {link} and contact {contact}")
        left, right = divmod(link * _CONTACTS + contact, _RIGHT)
        for turn in range(0, _ROUNDS, 2):
            left = (left + self._mixed(turn, right)) % _LEFT
            right = (right + self._mixed(turn + 1, left)) % _RIGHT
        ahead, behind = divmod(left, 3844), divmod(right, 238_328)
        high, low = divmod(behind[1], 62)
        return _PAIRS[ahead[0]] + _PAIRS[ahead[1]] + _PAIRS[behind[0]] + _PAIRS[high] + _LETTERS[low]

    def read(self, code: str) -> tuple[int, int] | None:
        """The numbers of the link and of the contact; None for what cannot be a code."""
        if len(code) != LENGTH or any(letter not in _PLACES for letter in code):
            return None
        left, right = _number(code[:4]), _number(code[4:])
        for turn in reversed(range(0, _ROUNDS, 2)):
            right = (right - self._mixed(turn + 1, left)) % _RIGHT
            left = (left - self._mixed(turn, right)) % _LEFT
        link, contact = divmod(left * _RIGHT + right, _CONTACTS)
        return (link, contact) if link <= MOST_LINKS else None

    def _mixed(self, turn: int, half: int) -> int:
        mixing = self._rounds[turn].copy()
        mixing.update(half.to_bytes(4))
        return int.from_bytes(mixing.digest())


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 62 + _PLACES[letter]
    return number
