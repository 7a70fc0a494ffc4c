"""Links in a campaign's text, and the same text with short ones in their place. Pure.

In: a text as a person wrote it. Out: its links, as they are written, macros and all; and the text in which a macro of
ours stands for each of them, so that a text is shortened once and not for each contact. What is shortened is a link
that stands in the text itself, begins with http:// or https:// and names its host: what it leads to is nobody else's
choice, whatever fields of contacts are called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

PREFIX: Final = "short-link-"
"""Of the macros that stand for links. Keys of attributes have no hyphen, so nobody's field is called so."""

_MACRO: Final = r"\{\{(?:[^{}]|\}(?!\})|\{(?!\{))*+\}\}"
_FOUND: Final = re.compile(
    rf"\{{%.*?%\}}|(?P<link>(?<![\w@])https?://(?:{_MACRO}|[^\s{{}}<>\"'`|\\^])+)|{_MACRO}", re.IGNORECASE | re.DOTALL
)
"""A tag, a link with the macros in it, or any other macro: a link within a tag or a filter is a value, not a link."""
_GOES_ON: Final = re.compile(
    r"(?:\{%-?\s*(?:else|elsif|when)\b(?:(?!\{%-?\s*end).)*+\{%-?\s*end\w+\s*-?%\}|\{%(?:(?!%\}).)*+%\})++[\w/?#&=%+~-]",
    re.DOTALL,
)
"""A link that only a branch of the text ends. Nothing in it is tried a second way: there would be 2^n of n tags."""
_HOST: Final = re.compile(r"https?://[^/?#{]+(?:[/?#]|$)", re.IGNORECASE)
_BEHIND: Final = ".,;:!?…*_~"
"""Ends a sentence, not a link."""
_BRACKETS: Final = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Shortened:
    """A text in which macros stand for its links."""

    source: str
    links: tuple[str, ...]
    """As they are written in the text, each once: the macro `PREFIX` and its place stands for one."""


@lru_cache(256)
def shortened(source: str) -> Shortened:
    """Replace the links of a text."""
    pieces: list[str] = []
    links: dict[str, int] = {}
    end = 0
    for found in _FOUND.finditer(source):
        if found["link"] is None:
            continue
        link = _without_what_follows(found["link"])
        goes_on = link == found["link"] and _GOES_ON.match(source, found.end())
        if goes_on or not _leads_somewhere(link):
            continue
        place = links.setdefault(link, len(links))
        pieces += source[end : found.start()], f"{{{{ {PREFIX}{place} }}}}"
        end = found.start() + len(link)
    return Shortened("".join((*pieces, source[end:])), tuple(links))


def links_of(texts: Sequence[str]) -> tuple[str, ...]:
    """All links of several texts, each once."""
    return tuple(dict.fromkeys(link for text in texts for link in shortened(text).links))


def is_target(url: str) -> bool:
    """Whether a link may be led to as it is, all macros filled in: http or https, with a host and nothing odd."""
    if any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_personal(link: str) -> bool:
    """Whether it leads elsewhere for each contact."""
    return "{{" in link


def _leads_somewhere(link: str) -> bool:
    """Whether it can be a target, of a host that the text names: what contacts are called must not choose it."""
    return bool(_HOST.match(link)) and is_target(re.sub(_MACRO, "x", link, flags=re.DOTALL))


def _without_what_follows(link: str) -> str:
    """A link without the punctuation of the sentence that it ends."""
    while link:
        last = link[-1]
        opening = _BRACKETS.get(last)
        if last in _BEHIND or (opening and link.count(last) > link.count(opening)):
            link = link[:-1]
        else:
            break
    return link
