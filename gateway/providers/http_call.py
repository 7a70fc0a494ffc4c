"""A request to a provider and its answer, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus

_LONGEST_PAUSE = 3600.0
"""Seconds: no provider's Retry-After holds a message longer."""


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request. `url` is percent-encoded already."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `text` is its body."""

    status: int
    text: str
    retry_after: str | None = None

    @property
    def phrase(self) -> str:
        """The status as people read it: "HTTP 404 Not Found"."""
        try:
            return f"HTTP {self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"HTTP {self.status}"

    def pause(self, now: float) -> float | None:
        """Seconds that Retry-After asks for (RFC 9110 §10.2.3); None where it says nothing that can be used."""
        if not self.retry_after:
            return None
        if self.retry_after.isascii() and self.retry_after.isdecimal():
            wait = float(self.retry_after[:10])
        else:
            try:
                wait = parsedate_to_datetime(self.retry_after).timestamp() - now
            except (ValueError, OverflowError, TypeError):
                return None
        return min(wait, _LONGEST_PAUSE) if wait > 0 else None
