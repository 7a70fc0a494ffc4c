"""A filter that cannot be understood: what is wrong, where, and what could stand there."""

from __future__ import annotations

from gateway.registry.errors import BadValue
from gateway.translation import Sentence


class BadFilter(BadValue):
    """`at` is the place in the text, from 0; `length` how many letters are meant, at least 1."""

    def __init__(self, told: Sentence, at: int, length: int = 1) -> None:
        super().__init__(told)
        self.at = at
        self.length = max(1, length)
