"""SASL PLAIN (RFC 4616) and LOGIN as SMTP carries them (RFC 4954).

In: the mechanism, what the client sent with it, and a way to ask for more. Out: user and password, or the Refusal.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from gateway.errors import Refusal

MECHANISMS = ("PLAIN", "LOGIN")

MAX_RESPONSE = 12_288
"""Bytes of one response line (RFC 4954 §4)."""

Ask = Callable[[str], Awaitable[str]]
"""Sends a challenge (base64) and gives the client's line."""


async def credentials(mechanism: str, initial: str | None, ask: Ask) -> tuple[str, str]:
    """Run the exchange and give (user, password)."""
    match mechanism.upper():
        case "PLAIN":
            return await _plain(initial, ask)
        case "LOGIN":
            return await _login(initial, ask)
        case _:
            raise Refusal(504, "5.5.4", "sign in with PLAIN or LOGIN", cause="unknown mechanism")


async def _plain(initial: str | None, ask: Ask) -> tuple[str, str]:
    parts = _decode(initial if initial is not None else await ask("")).split("\0")
    if len(parts) != 3 or not parts[1]:
        raise Refusal(501, "5.5.2", "PLAIN wants three fields", cause="bad PLAIN response")
    if parts[0] not in {"", parts[1]}:
        raise Refusal(535, "5.7.8", "signing in for somebody else is not possible here", cause="foreign authzid")
    return parts[1], parts[2]


async def _login(initial: str | None, ask: Ask) -> tuple[str, str]:
    user = _decode(initial if initial is not None else await ask(_encode("Username:")))
    password = _decode(await ask(_encode("Password:")))
    return user, password


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decode(response: str) -> str:
    if response == "*":
        raise Refusal(501, "5.7.0", "sign-in cancelled", cause="cancelled")
    if response == "=":
        return ""
    try:
        return base64.b64decode(response, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refusal(501, "5.5.2", "that is not base64 of UTF-8", cause="bad base64") from None
