"""Which attachments senders are told of that stayed behind: each once, as far as this process remembers.

What a mail program attaches to every mail is told of once and then no more. In memory and bounded; after a restart an
attachment may be told of once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.model import Attachment

MANY: Final = 20_000
"""Attachments that are remembered; the oldest are forgotten first."""


class Attachments:
    """Remembers by account and attachment."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], None] = {}

    def untold(self, account_id: str, attached: Sequence[Attachment]) -> tuple[str, ...]:
        """The names of those that the account has not been told of."""
        return tuple(each.name for each in attached if (account_id, each.mark) not in self._told)

    def told(self, account_id: str, attached: Sequence[Attachment]) -> None:
        """The account has been told of these."""
        for each in attached:
            self._told[account_id, each.mark] = None
        while len(self._told) > MANY:
            del self._told[next(iter(self._told))]
