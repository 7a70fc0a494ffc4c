"""What is wrong with a text of a campaign: as it was written, or for one contact. Pure."""

from __future__ import annotations

from gateway.registry.errors import BadValue
from gateway.translation import Sentence


class TextError(BadValue):
    """A text that cannot be read, and where: `line` from 1, `column` from 1; 0 for the text as a whole."""

    def __init__(self, told: Sentence | str, line: int = 0, column: int = 0) -> None:
        super().__init__(told)
        self.line = line
        self.column = column


class TooMuch(Exception):
    """A text that grows or works beyond all bounds for one contact; the others may get theirs."""
