"""A request to a provider and its answer, as values."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome

_NOT_TAKEN = frozenset({401, 402, 403, 404, 405, 407, 421, 425, 429})
"""Refusals that are about us, our configuration or the moment, not about the message: trying again may help."""
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

    @property
    def outcome(self) -> Outcome:
        """What the status says of a message where nothing else does: what is no refusal leaves it unknown."""
        if 200 <= self.status < 300:
            return Outcome.ACCEPTED
        if self.status in _NOT_TAKEN:
            return Outcome.TEMPORARY
        return Outcome.PERMANENT if 400 <= self.status < 500 and self.status != 408 else Outcome.UNKNOWN

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


def json_call(url: str, headers: Mapping[str, str], document: Any) -> Call:
    """A POST of JSON."""
    body = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    return Call("POST", url, {**headers, "Content-Type": "application/json"}, body)


def form_call(url: str, fields: Mapping[str, str]) -> Call:
    """A POST of a form."""
    body = urlencode(fields, errors="replace").encode()
    return Call("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body)


def basic(user: str, password: str) -> str:
    """The Authorization of somebody with a password (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
