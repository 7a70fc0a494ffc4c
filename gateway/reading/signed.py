"""Signed and encrypted mail: what was signed is unwrapped and read, what was encrypted is refused in words.

S/MIME opaque signing (RFC 8551 §3.5.2, RFC 5652), PGP clearsigned text (RFC 9580 §7). Whether a signature holds is not
asked here: who wrote a mail is proven elsewhere. The DER and BER walk is iterative over a handful of headers and never
allocates more than its input.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from gateway.errors import Refusal, unreadable_mail

_SIGNED: Final = bytes.fromhex("2a864886f70d010702")
_COMPRESSED: Final = bytes.fromhex("2a864886f70d0109100109")
_ENCRYPTED: Final = frozenset(
    bytes.fromhex(oid) for oid in ("2a864886f70d010703", "2a864886f70d010706", "2a864886f70d0109100117")
)
_MAX_INFLATED: Final = 10_000_000

_SEQUENCE, _OID, _OCTETS, _CONTEXT_0 = 0x30, 0x06, 0x04, 0xA0
_MAX_ELEMENTS: Final = 50_000
"""Of one walk; a streamed mail of 10 MB has some 10,000 segments."""


def encrypted() -> Refusal:
    """The refusal for a mail that only its recipient could read."""
    return unreadable_mail("encrypted mail cannot be read")


class _Walk:
    """A cursor over BER elements; a length may be indefinite (X.690 §8.1.3.6)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def head(self) -> tuple[int, int]:
        """Step over one identifier and length: (tag, length), -1 for an indefinite length."""
        data, at = self.data, self.at
        if at + 2 > len(data):
            raise unreadable_mail("damaged S/MIME")
        tag, length = data[at], data[at + 1]
        at += 2
        if length == 0x80:
            length = -1
        elif length > 0x80:
            size = length & 0x7F
            if size > 4:
                raise unreadable_mail("damaged S/MIME")
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        self.at = at
        return tag, length

    def expect(self, wanted: int) -> int:
        """Step into an element that must have this tag; its length."""
        tag, length = self.head()
        if tag != wanted:
            raise unreadable_mail("damaged S/MIME")
        return length

    def take(self, length: int) -> bytes:
        """The content of a primitive element."""
        if length < 0 or self.at + length > len(self.data):
            raise unreadable_mail("damaged S/MIME")
        value = self.data[self.at : self.at + length]
        self.at += length
        return value

    def skip(self) -> None:
        """Step over one element, whatever is inside."""
        open_ends = 0
        for _ in range(_MAX_ELEMENTS):
            tag, length = self.head()
            if tag == 0 and length == 0:
                open_ends -= 1
            elif length < 0:
                open_ends += 1
            else:
                self.at += length
            if open_ends <= 0:
                return
        raise unreadable_mail("damaged S/MIME")

    def octets(self) -> bytes:
        """An OCTET STRING in one piece or, as streaming signers write it, in nested segments (X.690 §8.7.3)."""
        tag, length = self.head()
        if tag == _OCTETS:
            return self.take(length)
        if tag != _OCTETS | 0x20:
            raise unreadable_mail("damaged S/MIME")
        end = self.at + length if length >= 0 else len(self.data)
        pieces: list[bytes] = []
        depth = 1
        for _ in range(_MAX_ELEMENTS):
            if not depth or self.at >= min(end, len(self.data)):
                return b"".join(pieces)
            tag, length = self.head()
            if tag == _OCTETS:
                pieces.append(self.take(length))
            elif tag == _OCTETS | 0x20:
                depth += length < 0
            elif tag == 0 and length == 0:
                depth -= 1
            else:
                break
        raise unreadable_mail("damaged S/MIME")


def signed_content(blob: bytes) -> bytes | None:
    """The MIME entity inside an application/pkcs7-mime blob; None where it holds none (certificates only).

    Raises Refusal for encrypted or damaged blobs.
    """
    if blob.lstrip().startswith(b"-----BEGIN"):
        raise unreadable_mail("damaged S/MIME")
    walk = _Walk(blob)
    walk.expect(_SEQUENCE)
    kind = walk.take(walk.expect(_OID))
    if kind in _ENCRYPTED:
        raise encrypted()
    if kind not in {_SIGNED, _COMPRESSED}:
        return None
    walk.expect(_CONTEXT_0)
    walk.expect(_SEQUENCE)
    walk.skip()  # version
    walk.skip()  # digest or compression algorithms
    length = walk.expect(_SEQUENCE)
    inner_end = walk.at + length if length >= 0 else len(blob)
    walk.skip()  # the content's type
    if walk.at >= min(inner_end, len(blob)) or blob[walk.at] != _CONTEXT_0:
        return None
    walk.expect(_CONTEXT_0)
    content = walk.octets()
    return _inflate(content) if kind == _COMPRESSED else content


def _inflate(content: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(content, _MAX_INFLATED)
    except zlib.error as error:
        raise unreadable_mail("damaged S/MIME") from error
    if inflater.unconsumed_tail:
        raise unreadable_mail("compressed content too large")
    return data


_ARMOR: Final = re.compile(r"(?m)^-----BEGIN PGP (SIGNED )?MESSAGE-----[ ]*$")
_SIGNATURE: Final = "\n-----BEGIN PGP SIGNATURE-----"
_DASH: Final = re.compile(r"(?m)^- ")


def without_armor(text: str) -> str:
    """Unwrap PGP clearsigned text (LF line ends) and undo its dash-escapes; words around it stay.

    Raises Refusal where the text is, or begins with, an encrypted block; one further down was quoted by somebody.
    """
    begin = _ARMOR.search(text) if "-----BEGIN PGP " in text else None
    if not begin:
        return text
    before = text[: begin.start()]
    if not begin[1]:
        if before.strip():
            return text
        raise encrypted()
    signed = text[begin.end() + 1 :]
    head, blank, rest = ("", "", "") if signed.startswith("\n") else signed.partition("\n\n")
    if blank and all(":" in line for line in head.split("\n")):
        signed = rest
    signed, _, rest = signed.partition(_SIGNATURE)
    after = rest.partition("-----END PGP SIGNATURE-----")[2]
    return before + _DASH.sub("", signed) + ("\n" + after.strip("\n") if after.strip() else "")
