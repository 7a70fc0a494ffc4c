"""DKIM (RFC 6376, RFC 8301, RFC 8463): whether a signature is genuine, and says enough.

Comes in: a mail's header and bytes, and the TXT records of its keys, already fetched. Goes out: the signatures worth a
key look-up, and for each whether it holds or the reason why not.
Promises: no network and no event loop; l=, SHA-1, keys under 1024 bits, keys in test mode and expired signatures never
hold; the work is linear in the size of the mail, and no single step holds the interpreter for long. dkimpy reads and
canonicalises, `cryptography` verifies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import dkim
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError
from dkim.util import InvalidTagValueList, parse_tag_value

from gateway.proof.alignment import ascii_domain
from gateway.proof.signed_headers import Header

CLOCK_SKEW = 300
"""Seconds that a signer's clock may differ from ours (RFC 6376 §3.5, t= and x=)."""

_LARGEST_SIGNATURE = 8_192
_MOST_SIGNED_NAMES = 128
_LONG_SPACE = re.compile(rb"\s{64}")
_SMALLEST_RSA, _LARGEST_RSA = 1_024, 8_192
_LARGEST_EXPONENT = 2**32 - 1


class BadSignatureError(Exception):
    """A signature that proves nothing. The text says why, in words for the sender."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM-Signature or ARC-Message-Signature that breaks no rule that can be checked without its key."""

    domain: str
    """d= in A-labels."""
    selector: str
    algorithm: str
    signed: tuple[bytes, ...]
    """h=: field names in lower case."""
    canonicalization: str
    """c=, header/body."""
    tags: dict[bytes, bytes] = field(repr=False)
    source: tuple[bytes, bytes] = field(repr=False)
    """The field itself: name and raw value."""

    @property
    def key_name(self) -> str:
        """Where DNS has the key (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that may verify mail."""

    key: RSAPublicKey | Ed25519PublicKey
    algorithm: str


# --- reading a signature -------------------------------------------------------------------------------------------


def read_signature(source: tuple[bytes, bytes], now: float, *, arc: bool = False) -> Signature:
    """Read one signature field and hold it against every rule that needs no key. Raises BadSignatureError."""
    tags = read_tags(source[1])
    _check_times(tags, now)
    try:
        names = [b"i", b"a", b"b", b"bh", b"d", b"h", b"s"] if arc else [b"v", b"a", b"b", b"bh", b"d", b"h", b"s"]
        dkim.validate_signature_fields(tags, names, arc)
        policy = CanonicalizationPolicy.from_c_value(tags.get(b"c", b"relaxed/relaxed" if arc else None))
    except (dkim.DKIMException, InvalidCanonicalizationPolicyError, ValueError) as fault:
        raise BadSignatureError("the signature is malformed") from fault
    if b"l" in tags:
        raise BadSignatureError("the signature covers only a part of the body (l=)")
    signed = tuple(name.lower() for name in re.split(rb"\s*:\s*", tags[b"h"]))
    if len(signed) > _MOST_SIGNED_NAMES or b"from" not in signed:
        raise BadSignatureError("the signature does not cover the From header")
    return Signature(
        domain=signature_domain(tags[b"d"]),
        selector=signature_domain(tags[b"s"]),
        algorithm=signature_algorithm(tags[b"a"]),
        signed=signed,
        canonicalization=policy.to_c_value().decode(),
        # In ARC i= counts the sets; only in DKIM it names a user.
        tags={name: value for name, value in tags.items() if not (arc and name == b"i")},
        source=source,
    )


def read_tags(value: bytes) -> dict[bytes, bytes]:
    """Read a tag=value list (RFC 6376 §3.2) of bounded size. Raises BadSignatureError."""
    # The expressions that dkimpy reads and empties b= with are quadratic in a run of white space.
    if len(value) > _LARGEST_SIGNATURE or _LONG_SPACE.search(value):
        raise BadSignatureError("the signature is too large")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
    except (InvalidTagValueList, ValueError, IndexError) as fault:
        raise BadSignatureError("the signature is malformed") from fault
    return tags


def signature_domain(value: bytes) -> str:
    """Read d= or s=: A-labels, or U-labels in UTF-8 (RFC 8616 §4). Raises BadSignatureError."""
    name = ascii_domain(value.decode("utf-8", "replace"))
    if name is None:
        raise BadSignatureError("the signature names no valid domain")
    return name


def signature_algorithm(value: bytes) -> str:
    """Read a=. Raises BadSignatureError for SHA-1, which RFC 8301 §3.1 withdrew, and for anything unknown."""
    if value not in {b"rsa-sha256", b"ed25519-sha256"}:
        raise BadSignatureError("the signature uses an outdated algorithm")
    return value.decode()


def _check_times(tags: dict[bytes, bytes], now: float) -> None:
    try:
        if b"t" in tags and int(tags[b"t"]) > now + CLOCK_SKEW:
            raise BadSignatureError("the signature is from the future")
        if b"x" in tags and int(tags[b"x"]) < now - CLOCK_SKEW:
            raise BadSignatureError("the signature has expired")
    except ValueError as fault:
        raise BadSignatureError("the signature is malformed") from fault


# --- keys ----------------------------------------------------------------------------------------------------------


def read_key(records: Sequence[bytes], signature: Signature) -> PublicKey:
    """Choose and read the key record of a signature (RFC 6376 §3.6.1). Raises BadSignatureError."""
    tags = _key_tags(records)
    algorithm = signature.algorithm.removesuffix("-sha256")
    flags = _listed(tags.get(b"t", b""))
    if not tags[b"p"]:
        raise BadSignatureError("the signing key was revoked")
    if b"y" in flags:
        raise BadSignatureError("the signing key is in test mode (t=y)")
    if b"s" in flags and not _same_domain(signature):
        raise BadSignatureError("the signing key does not allow subdomains")
    if tags.get(b"k", b"rsa").decode("ascii", "replace") != algorithm:
        raise BadSignatureError("the signing key is of another kind than the signature")
    if not {b"*", b"email"} & _listed(tags.get(b"s", b"*")) or b"sha256" not in _listed(tags.get(b"h", b"sha256")):
        raise BadSignatureError("the signing key is not for mail with SHA-256")
    return decode_key(tags[b"p"], algorithm)


def decode_key(text: bytes, algorithm: str) -> PublicKey:
    """Decode p=: 32 raw bytes for "ed25519" (RFC 8463 §4.2), DER for "rsa". Raises BadSignatureError."""
    try:
        data = base64.b64decode(re.sub(rb"\s+", b"", text), validate=True)
        if algorithm == "ed25519":
            return PublicKey(Ed25519PublicKey.from_public_bytes(data), algorithm)
        key = load_der_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error) as fault:
        raise BadSignatureError("the signing key cannot be read") from fault
    if not isinstance(key, RSAPublicKey):
        raise BadSignatureError("the signing key cannot be read")
    if key.key_size < _SMALLEST_RSA:
        raise BadSignatureError(f"the signing key has only {key.key_size} bits")
    if key.key_size > _LARGEST_RSA or key.public_numbers().e > _LARGEST_EXPONENT:
        raise BadSignatureError("the signing key is too large to check")
    return PublicKey(key, algorithm)


def _key_tags(records: Sequence[bytes]) -> dict[bytes, bytes]:
    """Find the first record that is a key: other TXT records may share the name (a wildcard, say)."""
    for record in records:
        try:
            tags: dict[bytes, bytes] = parse_tag_value(record)
        except (InvalidTagValueList, ValueError, IndexError):
            continue
        if b"p" in tags and tags.get(b"v", b"DKIM1") == b"DKIM1":
            return tags
    raise BadSignatureError("the signing key is not published")


def _listed(value: bytes) -> set[bytes]:
    return {item.strip().lower() for item in value.split(b":")}


def _same_domain(signature: Signature) -> bool:
    identity = signature.tags.get(b"i", b"@" + signature.domain.encode())
    return ascii_domain(identity.rpartition(b"@")[2].decode("utf-8", "replace")) == signature.domain


# --- verifying -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class BodyHashes:
    """The SHA-256 of a mail's body, computed once per way of canonicalising it, however many signatures there are."""

    content: bytes = field(repr=False)
    start: int
    _known: dict[bool, bytes] = field(default_factory=dict)

    def get(self, *, relaxed: bool) -> bytes:
        """The digest under the "relaxed" or "simple" algorithm (RFC 6376 §3.4.3, §3.4.4)."""
        if relaxed not in self._known:
            self._known[relaxed] = body_hash(self.content, self.start, relaxed=relaxed)
        return self._known[relaxed]


def check_body(signature: Signature, bodies: BodyHashes) -> None:
    """Hold the body against bh=. Raises BadSignatureError."""
    relaxed = signature.canonicalization.endswith("/relaxed")
    if bodies.get(relaxed=relaxed) != _unbase64(signature.tags[b"bh"]):
        raise BadSignatureError("the body was changed after it was signed")


def check_fields(signature: Signature, header: Header, key: PublicKey) -> None:
    """Hold the signed header fields against b=. Raises BadSignatureError."""
    policy = CanonicalizationPolicy.from_c_value(signature.canonicalization.encode())
    wanted = set(signature.signed)
    fields = [list(item) for item in header.fields if item[0].lower() in wanted]
    digest = hashlib.sha256()
    dkim.hash_headers(
        digest, policy, policy.canonicalize_headers(fields), list(signature.signed), signature.source, signature.tags
    )
    check_digest(digest.digest(), signature.tags[b"b"], key)


def check_digest(digest: bytes, signature: bytes, key: PublicKey) -> None:
    """Verify a base64 signature over a SHA-256 digest. Raises BadSignatureError."""
    try:
        if isinstance(key.key, Ed25519PublicKey):
            key.key.verify(_unbase64(signature), digest)
        else:
            key.key.verify(_unbase64(signature), digest, PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature as fault:
        raise BadSignatureError("the signature does not match the mail") from fault


def _unbase64(text: bytes) -> bytes:
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", text))
    except binascii.Error as fault:
        raise BadSignatureError("the signature is malformed") from fault


# --- the body ------------------------------------------------------------------------------------------------------

_PIECE = 128 * 1024
_TORN = re.compile(rb"[ \t]*\r?\n?")
_SPACES = partial(re.compile(rb"[ \t]+").sub, b" ")


def body_hash(content: bytes, start: int, *, relaxed: bool) -> bytes:
    """Hash a body piece by piece, so that a large mail does not hold the interpreter's lock in one long step."""
    digest: Any = hashlib.sha256()
    held = 0
    """CRLFs that count only when another line follows."""
    empty = True
    for piece in _pieces(content, start):
        text = _SPACES(piece).replace(b" \r\n", b"\r\n") if relaxed else piece
        lines, ends = _split_line_ends(text)
        if lines:
            digest.update(b"\r\n" * held)
            digest.update(lines)
            held, empty = 0, False
        held += len(ends) // 2
    # An empty body is one CRLF when "simple", nothing when "relaxed"; any other ends with exactly one CRLF.
    if not (relaxed and empty):
        digest.update(b"\r\n")
    result: bytes = digest.digest()
    return result


def _pieces(content: bytes, start: int) -> Iterator[bytes]:
    """Cut a body where neither a line end nor a run of white space is torn apart."""
    while start < len(content):
        end = min(start + _PIECE, len(content))
        rest = _TORN.match(content, end) if content[end - 1] in b" \t\r" else None
        if rest:
            end = rest.end()
        yield content[start:end]
        start = end


def _split_line_ends(text: bytes) -> tuple[bytes, bytes]:
    """Split off the CRLFs that a text ends with."""
    lines = text.rstrip(b"\r\n")
    ends = text[len(lines) :]
    if ends == b"\r\n" * (len(ends) // 2):
        return lines, ends
    cut = len(ends)
    while ends.endswith(b"\r\n", 0, cut):
        cut -= 2
    return lines + ends[:cut], ends[cut:]
