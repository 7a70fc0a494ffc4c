"""Characters that cannot be seen: whether a text has any, and a line of a mail without those that only disturb."""

from __future__ import annotations

import re
from typing import Final

_INVISIBLE: Final[re.Pattern[str]] = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u2060-\u2064\ufeff]")
_JOINERS: Final[re.Pattern[str]] = re.compile(r"(?<![^\x00-\xff\s])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\xff\s])")
_DIRECTION: Final[re.Pattern[str]] = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT: Final[re.Pattern[str]] = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def only_visible(text: str) -> bool:
    """Whether a text holds line ends and what can be seen, and nothing else: true of most, and quickly told."""
    return text.replace("\n", "").replace("\r", "").isprintable()


def tidy_characters(text: str) -> str:
    """Turn no-break spaces into spaces and drop soft hyphens, zero-width and stray direction marks."""
    if text.isascii():
        stripped = text.rstrip()
        return "-- " if stripped == "--" and text != stripped else stripped
    text = _INVISIBLE.sub("", text.replace("\xa0", " ").replace("\u202f", " "))
    if "\u200c" in text or "\u200d" in text:
        text = _JOINERS.sub("", text)
    if _DIRECTION.search(text) and not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTION.sub("", text)
    stripped = text.rstrip()
    return "-- " if stripped == "--" and text != stripped else stripped
