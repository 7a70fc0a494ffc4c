"""Texts of a campaign with short links in them, each contact's own. Pure.

In: texts, the numbers of their links, a secret. Out: texts that read, beside the fields of a contact, the addresses of
its short links. All addresses are equally long, so that a text has as many parts for whoever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from campaigns.links import PREFIX, shortened
from campaigns.model import Recipient
from campaigns.short_codes import MOST_CONTACTS, ShortCodes

if TYPE_CHECKING:
    from campaigns.macros import Fields, Macros

NO_LINKS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ShortText:
    """A text in which macros stand for links."""

    macros: Macros
    links: tuple[tuple[str, int], ...]
    """What the macros are called, and the numbers of their links."""
    shortener: Shortener

    def fields(self, member: Recipient) -> Fields:
        """What the text reads for a contact."""
        if not self.links:
            return member.fields
        found = dict(member.fields)
        for name, link in self.links:
            found[name] = self.shortener.address(link, member.contact_id)
        return found


class Shortener:
    """Makes short links."""

    def __init__(self, base: str, codes: ShortCodes) -> None:
        """`base` is what they begin with, with the final slash."""
        self._base = base
        self._codes = codes

    def address(self, link: int, contact_id: int) -> str:
        """A contact's link; one whose number is beyond all codes gets nobody's."""
        number = contact_id & 0xFFFFFFFF
        return self._base + self._codes.code(link, number if number <= MOST_CONTACTS else 0)

    def texts(self, texts: Mapping[str, str], numbers: Mapping[str, int]) -> dict[str, ShortText]:
        """Texts by variant; a link that has no number yet is as long as one that has. Raises TextError."""
        return {variant: self.text(source, numbers) for variant, source in texts.items()}

    def text(self, source: str, numbers: Mapping[str, int]) -> ShortText:
        """One text."""
        from campaigns import macros  # the library behind it is paid for by who has campaigns

        short = shortened(source)
        links = tuple((f"{PREFIX}{place}", numbers.get(link, 0)) for place, link in enumerate(short.links))
        return ShortText(macros.read(short.source), links, self)
