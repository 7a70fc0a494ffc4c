"""What every mail of ours begins with, and how foreign words are made fit to stand in it (RFC 5322, RFC 3834 §5).

In: values. Out: header lines, and single lines of text without keys and control characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from gateway.writing.mime import address_line, ids_line, text_line, whole

_KEY = re.compile(r"[0-9a-fA-F]{32,}")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_MAX_REFERENCES = 20
"""Message ids in References: the first, which names the thread, and the latest."""
FROM_PEOPLE = "DR, RN, NRN, OOF, AutoReply"
"""Suppressed in answer to mail whose bounces we want: "All" would keep Exchange from telling that a mailbox is gone."""
FROM_NOBODY = "All"
"""Suppressed in answer to mail with a null return path (X-Auto-Response-Suppress, MS-OXCMAIL)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Who writes to whom, when, and in answer to which mail (message ids with or without angle brackets)."""

    display_name: str
    sender: str
    recipient: str
    message_id: str
    now: float
    in_reply_to: str | None = None
    references: Sequence[str] = ()
    suppress: str = FROM_PEOPLE
    submitted: str = "auto-generated"

    def lines(self, subject: str) -> list[bytes]:
        """The header. It has no Precedence: "bulk" would file a customer's answer as junk."""
        own_id = ids_line("Message-ID", [self.message_id])
        if not own_id:
            raise ValueError("a mail needs a Message-ID of its own (RFC 5322 §3.6.4)")
        parent = [self.in_reply_to] if self.in_reply_to else []
        return [
            text_line("Date", date(self.now)),
            address_line("From", self.display_name, self.sender),
            address_line("To", "", self.recipient),
            text_line("Subject", subject),
            own_id,
            ids_line("In-Reply-To", parent),
            ids_line("References", _shortened([*self.references, *parent])),
            text_line("Auto-Submitted", self.submitted),
            text_line("X-Auto-Response-Suppress", self.suppress),
        ]


def _shortened(references: Sequence[str]) -> list[str]:
    unique = list(dict.fromkeys(each.strip().removeprefix("<").removesuffix(">") for each in references))
    return unique if len(unique) <= _MAX_REFERENCES else [unique[0], *unique[1 - _MAX_REFERENCES :]]


def date(seconds: float) -> str:
    """A moment as Date writes it, in UTC."""
    return _date(int(seconds))


@lru_cache(maxsize=16)
def _date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def masked(value: str) -> str:
    """A text in which no key is left."""
    return _KEY.sub("[key]", value)


def indented(text: str) -> str:
    """A foreign text of several lines, set apart from ours, in which no key is left."""
    return "\n".join(f"  {line}" for line in masked(text).split("\n"))


def for_people(value: str) -> str:
    """One line of a foreign text, in which no key and no control character is left."""
    return masked(_CONTROLS.sub(" ", whole(value))).strip()


def ascii_line(value: str) -> str:
    """The same for machines: ASCII, at most 400 characters."""
    return for_people(value).encode("ascii", "replace").decode()[:400]
