"""Signs mail with DKIM: RSA (RFC 6376) and Ed25519 (RFC 8463), either or both.

In: `[mail_out.dkim]` and a complete message, as `gateway.writing` makes it: header fields, an empty line, a body, CRLF.
Out: the message with a DKIM-Signature per key on top. Both keys share one reading of the message, so that the second
costs its arithmetic alone; `cryptography` does that, and lets other threads run meanwhile.

Promises: RSA keys below 2048 bits are refused when they are loaded (RFC 8301 §3.2); From and the other fields that a
reader sees are signed once more than they occur, so that a second one breaks the signature; a signature ends (`x=`);
the whole body is signed (no `l=`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

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
_OVERSIGNED = ("from", "to", "cc", "reply-to", "subject", "date", "message-id")
_SIGNED = frozenset(_OVERSIGNED) | {
    "sender", "in-reply-to", "references", "auto-submitted", "mime-version", "content-type",
    "content-transfer-encoding", "content-id", "content-description", "list-unsubscribe", "list-unsubscribe-post",
}  # fmt: skip
"""RFC 6376 §5.4.1: what a reader or a reader's program sees; RFC 8058 §4: what unsubscribes must be signed."""
_BASE64_LINE = 72
_BLANKS = re.compile(rb"[ \t]+")
_BLANKS_AT_END = re.compile(rb"[ \t]+(?=\r\n)")


class DkimKeyError(Exception):
    """A signing key cannot be used; the text says which, why, and what would be right."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, its selector and its algorithm as DKIM names it."""

    selector: str
    algorithm: str
    key: RSAPrivateKey | Ed25519PrivateKey

    def sign(self, digest: bytes) -> bytes:
        """Sign the SHA-256 digest of the header."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        return self.key.sign(digest)


class Signer:
    """Signs for one domain with every key that it has; without keys mail passes unchanged."""

    def __init__(self, domain: str, keys: Sequence[SigningKey]) -> None:
        self._domain = domain.encode("idna").decode()
        self._keys = tuple(keys)

    @property
    def signs(self) -> bool:
        """Whether there is anything to sign with."""
        return bool(self._keys)

    def sign(self, content: bytes, now: float) -> bytes:
        """The message (CRLF) with its signatures on top."""
        header, _, body = content.partition(b"\r\n\r\n")
        names, fields = _chosen(_relaxed_fields(header))
        body_hash = base64.b64encode(sha256(_relaxed_body(body)).digest()).decode()
        lines = [self._line(key, int(now), names, fields, body_hash) for key in self._keys]
        return b"".join([*lines, content])

    def _line(self, key: SigningKey, now: int, names: Sequence[str], fields: bytes, body_hash: str) -> bytes:
        tags = [
            f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={self._domain};",
            f"s={key.selector}; t={now}; x={now + VALID_FOR};",
            *_folded_names(names),
            f"bh={body_hash};",
            "b=",
        ]
        # Its own line is signed as well, without the signature: folds become spaces (RFC 6376 §3.4.2, §3.7).
        digest = sha256(fields + b"dkim-signature:" + " ".join(tags).encode()).digest()
        signature = base64.b64encode(key.sign(digest)).decode()
        pieces = [signature[at : at + _BASE64_LINE] for at in range(0, len(signature), _BASE64_LINE)]
        return ("DKIM-Signature: " + "\r\n ".join(tags) + "\r\n ".join(pieces) + "\r\n").encode()


def _folded_names(names: Sequence[str]) -> list[str]:
    """The tag of signed fields in lines of a bearable length: white space may stand around its colons (§3.5)."""
    lines = ["h="]
    for at, name in enumerate(names):
        piece = name + (";" if at == len(names) - 1 else ":")
        if len(lines[-1]) + len(piece) > _BASE64_LINE:
            lines.append("")
        lines[-1] += piece
    return lines


def _relaxed_fields(header: bytes) -> list[tuple[str, bytes]]:
    """Header fields from top to bottom, by lower-case name, in "relaxed" form (RFC 6376 §3.4.2)."""
    unfolded = header.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    fields = []
    for line in unfolded.split(b"\r\n"):
        name, _, value = line.partition(b":")
        low = name.strip().lower()
        fields.append((low.decode("latin-1"), low + b":" + _BLANKS.sub(b" ", value).strip() + b"\r\n"))
    return fields


def _chosen(fields: Sequence[tuple[str, bytes]]) -> tuple[list[str], bytes]:
    """The names of the signed fields, and those fields in that order.

    A name that stands more often than its field says that there is no further one; of several fields with one name
    the last is the first that is signed (RFC 6376 §5.4.2).
    """
    names = [name for name, _ in fields if name in _SIGNED]
    left: dict[str, list[bytes]] = {}
    for name, line in fields:
        left.setdefault(name, []).append(line)
    return [*names, *_OVERSIGNED], b"".join(left[name].pop() for name in names)


def _relaxed_body(body: bytes) -> bytes:
    """A body in "relaxed" form: runs of blanks are one, none at line ends, no empty lines at the end (§3.4.4)."""
    # A body that blanks end is not one of ours, but must not be signed wrongly either.
    closed = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    if b"  " in closed or b"\t" in closed:
        closed = _BLANKS.sub(b" ", closed)
    if b" \r\n" in closed:
        closed = _BLANKS_AT_END.sub(b"", closed)
    stripped = closed.rstrip(b"\r\n")
    return stripped + b"\r\n" if stripped else b""


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
    return SigningKey(selector, "rsa-sha256", key)


def _ed25519(path: Path, selector: str) -> SigningKey:
    key = _read(path, "ed25519_key")
    if not isinstance(key, Ed25519PrivateKey):
        raise DkimKeyError(f"[mail_out.dkim] ed25519_key: {path} holds no Ed25519 key")
    return SigningKey(selector, "ed25519-sha256", key)


def _read(path: Path, setting: str) -> object:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise DkimKeyError(f"[mail_out.dkim] {setting}: cannot read {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DkimKeyError(
            f"[mail_out.dkim] {setting}: {path} is no private key in PEM ('-----BEGIN PRIVATE KEY-----', no password)"
        ) from error
