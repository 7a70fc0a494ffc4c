"""The secret file and everything that is derived from it: look-up digests, sealed texts, signed tokens.

In: 32 random bytes from a file that only the service can read. Out: one derived key per purpose (HKDF, RFC 5869), so
that what one purpose gives away helps nobody with another. Nothing here is ever stored beside the database.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIZE = 32
"""Bytes in the secret file."""
LEAVING = "leaving"
"""The purpose of tokens that unsubscribe from campaigns."""
_SEALED = "v1."
_NONCE = 12
_MAC = 10
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_PLAIN, _PACKED = b"\0", b"\1"


class KeyringError(Exception):
    """The secret file is missing, readable by others or the wrong one; the text says what to do."""


class Keyring:
    """Digests, seals and signs with keys derived from one secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SIZE:
            raise KeyringError(f"the secret must be {SIZE} bytes long, this one is {len(secret)}")
        self._secret = secret
        self._made: Path | None = None
        self.path: Path | None = None
        """The secret file; None where the secret came from elsewhere."""
        self._subkey = lru_cache(maxsize=32)(self._derive)
        self._aead = ChaCha20Poly1305(self._derive("seal"))

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Read the secret file; make it at the first start, mode 0600, on the disk before it is used."""
        try:
            is_new = not path.exists()
            if is_new:
                _make(path)
            ring = cls(_read(path))
        except OSError as error:
            raise KeyringError(f"cannot use the secret file {path}: {error.strerror or error}") from error
        ring._made = path if is_new else None
        ring.path = path
        return ring

    def discard_new(self) -> bool:
        """Remove the secret file if `load` has just made it: the database has another one's seals."""
        if self._made is None:
            return False
        self._made.unlink(missing_ok=True)
        return True

    def digest(self, value: str, purpose: str = "key") -> str:
        """HMAC-SHA256, hex: finds a key without storing it. The same value differs from purpose to purpose."""
        return hmac.digest(self._subkey(f"digest:{purpose}"), value.encode(), "sha256").hex()

    def seal(self, text: str, about: str = "") -> str:
        """Encrypt (ChaCha20-Poly1305, RFC 8439). `about` is authenticated with it: what the text belongs to."""
        nonce = secrets.token_bytes(_NONCE)
        box = self._aead.encrypt(nonce, text.encode(), about.encode())
        return _SEALED + base64.urlsafe_b64encode(nonce + box).decode()

    def open(self, sealed: str, about: str = "") -> str:
        """Decrypt what `seal` made, or raise KeyringError: another secret file, another owner, or altered."""
        try:
            _, _, text = sealed.partition(_SEALED)
            box = base64.b64decode(text, altchars=b"-_", validate=True)
            return self._aead.decrypt(box[:_NONCE], box[_NONCE:], about.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise KeyringError(
                "this was not sealed with the secret file in use: put back the file that belongs to this database"
            ) from error

    def token(self, purpose: str, value: str) -> str:
        """A short MAC (80 bits) as 16 lower-case base32 characters."""
        return _base32(self._mac(purpose, value.encode()))

    def check(self, purpose: str, value: str, token: str) -> bool:
        """Whether `token` is the one for the value, in constant time, in upper or lower case."""
        return hmac.compare_digest(self.token(purpose, value).encode(), token.lower().encode())

    def sign_token(self, value: str, purpose: str = "token") -> str:
        """A value and its MAC in the letters a-z and 2-7: fit for a local part, whatever relays do to its case.

        A message id (ULID) becomes 44 characters, so that a prefix still fits (RFC 5321 §4.5.3.1.1: 64 octets).
        """
        packed = _pack(value)
        return _base32(packed + self._mac(purpose, packed))

    def open_token(self, token: str, purpose: str = "token") -> str | None:
        """The value of a token that `sign_token` made for this purpose, else None."""
        try:
            raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
            packed, mac = raw[:-_MAC], raw[-_MAC:]
            if _base32(raw) != token.lower() or not hmac.compare_digest(mac, self._mac(purpose, packed)):
                return None
            return _unpack(packed)
        except (ValueError, binascii.Error):
            return None

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes for a craft of its own."""
        return self._subkey(f"key:{purpose}")

    def _mac(self, purpose: str, value: bytes) -> bytes:
        return hmac.digest(self._subkey(f"mac:{purpose}"), value, "sha256")[:_MAC]

    def _derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), SIZE, salt=None, info=f"brevdue {purpose}".encode()).derive(self._secret)


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _pack(value: str) -> bytes:
    """A leading ULID as its 16 bytes, the rest as text."""
    head, tail = value[:26], value[26:]
    if not _ULID.fullmatch(head):
        return _PLAIN + value.encode()
    number = 0
    for letter in head:
        number = number << 5 | _CROCKFORD.index(letter)
    return _PACKED + number.to_bytes(16) + tail.encode()


def _unpack(packed: bytes) -> str:
    if packed[:1] == _PLAIN:
        return packed[1:].decode()
    number = int.from_bytes(packed[1:17])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)) + packed[17:].decode()


def _make(path: Path) -> None:
    """Write beside it and link it into place: whoever starts at the same time sees all of it, and only one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyringError(f"others can read the secret file {path} (mode {mode:04o}): run chmod 600 {path}")
        secret = file.read(SIZE + 1)
    if len(secret) != SIZE:
        raise KeyringError(
            f"the secret file {path} is not {SIZE} bytes long: put back the file that belongs to this database"
        )
    return secret
