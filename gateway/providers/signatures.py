"""How Twilio and Vonage sign what they send us, and Vonage what it is sent. Pure.

Both sign fields under a secret that both sides know. Signatures are compared in constant time.
Source: twilio.com/docs/usage/security; developer.vonage.com/en/getting-started/concepts/signing-messages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum
from urllib.parse import urlsplit

# --- Twilio --------------------------------------------------------------------------------------------------------

_PORTS = {"https": 443, "http": 80}
_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def twilio_signature(key: str, url: str, pairs: Iterable[tuple[str, str]], digest: str = "sha1") -> str:
    """Base64 of an HMAC over the address and the form's fields, in the order of names and of one name's values."""
    signed = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(errors="replace"), digest)).decode()


def is_twilio(given: str, settings: str, key: str, url: str, pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether Twilio has signed a call: its address counts with and without the port, for Twilio does either.

    `settings` is the header X-Twilio-Webhooks-Signature-Settings, which names the algorithm.
    """
    if (digest := _digest(settings)) is None:
        return False
    fields = list(pairs)
    made = [twilio_signature(key, form, fields, digest) for form in _with_and_without_port(url)]
    return any(_same(each, given) for each in made)


def _digest(settings: str) -> str | None:
    named = [value.strip() for name, _, value in (part.partition("=") for part in settings.split(","))
             if name.strip() == "algorithm"]  # fmt: skip
    return _DIGESTS.get(next(filter(None, named), "HMAC_SHA1").upper())


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    bare = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    port = parts.port or _PORTS.get(parts.scheme, 443)
    return parts._replace(netloc=bare).geturl(), parts._replace(netloc=f"{bare}:{port}").geturl()


# --- Vonage --------------------------------------------------------------------------------------------------------


class Method(StrEnum):
    """The methods that an account's settings offer."""

    MD5_HASH = "md5hash"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


def vonage_signature(secret: str, method: Method, fields: Mapping[str, str]) -> str:
    """Hex over the fields in the order of their names, all but `sig`: an HMAC, or the plain MD5 of old."""
    signed = "".join(f"&{name}={_flat(value)}" for name, value in sorted(fields.items()) if name != "sig")
    text = signed.encode(errors="replace")
    if method is Method.MD5_HASH:
        return hashlib.md5(text + secret.encode(), usedforsecurity=False).hexdigest()
    return hmac.digest(secret.encode(), text, method.value).hex()


def is_vonage(secret: str, method: Method, fields: Mapping[str, str]) -> bool:
    """Whether the fields bear their signature; it may be written in capitals."""
    return _same(vonage_signature(secret, method, fields), fields.get("sig", "").lower())


def _flat(value: str) -> str:
    return value.replace("&", "_").replace("=", "_")


def _same(made: str, given: str) -> bool:
    return hmac.compare_digest(made.encode(), given.encode(errors="replace"))
