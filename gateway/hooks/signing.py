"""Secrets and signatures of Standard Webhooks, symmetric kind. Pure.

A secret is "whsec_" and 24 to 64 bytes in base64. What is signed is id, time and body with full stops between
(HMAC-SHA256); while a secret is being rotated the header holds a signature for each, with a space between.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """Make a secret: 256 random bits."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature_headers(event: str, now: float, body: bytes, live: Sequence[str]) -> dict[str, str]:
    """The headers of one try. `live` are the secrets that receivers may hold, the newest first."""
    moment = str(int(now))
    signed = f"{event}.{moment}.".encode() + body
    return {
        "webhook-id": event,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in live),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
