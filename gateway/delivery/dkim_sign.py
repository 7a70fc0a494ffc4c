"""Signs mail with DKIM: RSA (RFC 6376) and Ed25519 (RFC 8463), either or both.

In: `[mail_out.dkim]` and a complete message. Out: the message with a DKIM-Signature per key on top. dkimpy knows the
format; `cryptography` does the arithmetic, which takes a seventh of the time.

Promises: RSA keys below 2048 bits are refused when they are loaded (RFC 8301 §3.2); From and the other fields that a
reader sees are signed once more than they occur, so that a second one breaks the signature; a signature ends (`x=`);
the whole body is signed (no `l=`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dkim
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.settings import DkimSettings

SMALLEST_RSA = 2048
"""Bits."""
VALID_FOR = 7 * 86_400
"""Seconds from signing to `x=`: longer than any server queues a mail."""
_OVERSIGNED = (b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id")
_STAND_IN = {
    b"rsa-sha256": b"--\nMBsCAQACAQACAQACAQACAQACAQACAQACAQACAQA=\n--",
    b"ed25519-sha256": base64.b64encode(bytes(32)),
}
"""What dkimpy reads, slowly, instead of the private key, which never leaves `cryptography`."""
_SIGNED = (*dkim.DKIM.SHOULD, b"auto-submitted")


class DkimKeyError(Exception):
    """A signing key cannot be used; the text says which, why, and what would be right."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, its selector and its algorithm as DKIM names it."""

    selector: bytes
    algorithm: bytes
    key: RSAPrivateKey | Ed25519PrivateKey

    def sign(self, digest: bytes) -> _Signature:
        """Sign the SHA-256 digest of the header."""
        if isinstance(self.key, RSAPrivateKey):
            return _Signature(self.key.sign(digest, PKCS1v15(), Prehashed(SHA256())))
        return _Signature(self.key.sign(digest))


@dataclass(frozen=True, slots=True)
class _Signature:
    signature: bytes


class Signer:
    """Signs for one domain with every key that it has; without keys mail passes unchanged."""

    def __init__(self, domain: str, keys: Sequence[SigningKey]) -> None:
        self._domain = domain.encode("idna")
        self._keys = tuple(keys)

    def sign(self, content: bytes, now: float) -> bytes:
        """The message (CRLF) with its signatures on top."""
        signatures = [_Signing(content, key, int(now)).line(self._domain) for key in self._keys]
        return b"".join([*signatures, content])


class _Signing(dkim.DKIM):  # type: ignore[misc]  # dkimpy has no types
    """One signature over one message."""

    def __init__(self, content: bytes, key: SigningKey, now: int) -> None:
        super().__init__(content, signature_algorithm=key.algorithm)
        self._key = key
        self._now = now

    def line(self, domain: bytes) -> bytes:
        present = [name.lower() for name, _ in self.headers]
        included = [name for name in present if name in _SIGNED] + list(_OVERSIGNED)
        signed: bytes = self.sign(
            self._key.selector,
            domain,
            _STAND_IN[self._key.algorithm],
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=included,
        )
        return signed

    def gen_header(self, fields: list[tuple[bytes, bytes]], *rest: Any, **options: Any) -> bytes:
        """Set our own time and an end, and hand dkimpy a key that signs by itself, as its Ed25519 keys do."""
        times = [(b"t", b"%d" % self._now), (b"x", b"%d" % (self._now + VALID_FOR))]
        at = next(i for i, (name, _) in enumerate(fields) if name == b"t")
        include_headers, policy, name, _ = rest
        self.signature_algorithm = b"ed25519-sha256"
        timed = [*fields[:at], *times, *fields[at + 1 :]]
        line: bytes = super().gen_header(timed, include_headers, policy, name, self._key, **options)
        return line


def load_signer(settings: DkimSettings, default_domain: str) -> Signer:
    """Read the configured keys. Raises DkimKeyError."""
    keys = []
    if settings.rsa_key is not None:
        keys.append(_rsa(settings.rsa_key, settings.rsa_selector))
    if settings.ed25519_key is not None:
        keys.append(_ed25519(settings.ed25519_key, settings.ed25519_selector))
    return Signer(settings.domain or default_domain, keys)


def _rsa(path: Path, selector: str) -> SigningKey:
    key = _read(path, "rsa_key")
    if not isinstance(key, RSAPrivateKey):
        raise DkimKeyError(f"[mail_out.dkim] rsa_key: {path} holds no RSA key")
    if key.key_size < SMALLEST_RSA:
        raise DkimKeyError(
            f"[mail_out.dkim] rsa_key: {path} holds {key.key_size} bits, receivers want at least {SMALLEST_RSA}: "
            f"make one with 'openssl genrsa -out {path.name} {SMALLEST_RSA}'"
        )
    return SigningKey(selector.encode(), b"rsa-sha256", key)


def _ed25519(path: Path, selector: str) -> SigningKey:
    key = _read(path, "ed25519_key")
    if not isinstance(key, Ed25519PrivateKey):
        raise DkimKeyError(f"[mail_out.dkim] ed25519_key: {path} holds no Ed25519 key")
    return SigningKey(selector.encode(), b"ed25519-sha256", key)


def _read(path: Path, setting: str) -> object:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise DkimKeyError(f"[mail_out.dkim] {setting}: cannot read {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DkimKeyError(
            f"[mail_out.dkim] {setting}: {path} is no private key in PEM ('-----BEGIN PRIVATE KEY-----', no password)"
        ) from error
