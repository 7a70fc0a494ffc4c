"""What a signature vouches for: the header of a mail, read so that no two programs can read it differently.

Comes in: a mail's bytes. Goes out: its header fields, or the reason why they are ambiguous; which of the fields that
decide about an SMS a signature leaves open; which mailboxes To and Cc name.
Promises: linear time; nothing that only looks like an address (a display name, a comment) counts as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

LARGEST_HEADER = 256 * 1024
"""Bytes. Larger headers are not looked at: no person's mail program writes them."""
MOST_FIELDS = 1_000

DECISIVE = (b"from", b"subject", b"to", b"cc", b"date", b"message-id", b"in-reply-to", b"references")
"""Fields that choose the phones, the thread, or the identity by which a second copy of the mail is recognised."""

_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+):(.*)", re.DOTALL)
_AMBIGUOUS = re.compile(rb"[\x00\x0b\x0c\x1c-\x1e]|\r(?!\n)|(?<!\r)\n")
"""What some programs take for the end of a line and others do not."""


class AmbiguousHeaderError(Exception):
    """The header is too large, or can be read in more than one way. The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a mail in order, values raw (everything after the colon, with the final CRLF)."""

    fields: tuple[tuple[bytes, bytes], ...]
    body_start: int
    """Where the body begins in the mail, in bytes."""

    def values(self, name: bytes) -> list[bytes]:
        """The values of every field of this name (lower case), top first."""
        return [value for field, value in self.fields if field.lower() == name]


def read_header(content: bytes) -> Header:
    """Read the header of a mail with CRLF line ends. Raises AmbiguousHeaderError."""
    end = content.find(b"\r\n\r\n", 0, LARGEST_HEADER)
    if end < 0:
        raise AmbiguousHeaderError("the header does not end, or is too large")
    block = content[: end + 2]
    if _AMBIGUOUS.search(block):
        raise AmbiguousHeaderError("there are control characters in the header")
    texts = re.split(rb"\r\n(?![ \t])", block[:-2])
    if len(texts) > MOST_FIELDS:
        raise AmbiguousHeaderError("there are too many header fields")
    fields: list[tuple[bytes, bytes]] = []
    for text in texts:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise AmbiguousHeaderError("a header line has no field name")
        fields.append((field[1], field[2] + b"\r\n"))
    return Header(tuple(fields), end + 4)


def left_open(header: Header, signed: Collection[bytes]) -> str | None:
    """Name the first reason why these signed field names (lower case) do not fix the mail's meaning, or None.

    Each decisive field stands at most once, so that there is no second one to believe, and is signed where it stands;
    From stands exactly once (RFC 6376 §5.4, §8.15).
    """
    for name in DECISIVE:
        count = len(header.values(name))
        label = name.decode().title().replace("-Id", "-ID")
        if count > 1 or (name == b"from" and count == 0):
            return f"the mail has {count} {label} headers"
        if count and name not in signed:
            return f"the signature does not cover the {label} header"
    return None


def mailboxes(header: Header) -> frozenset[str]:
    """Collect the addresses that To and Cc name, in lower case, quotes in local parts removed."""
    folded = [*header.values(b"to"), *header.values(b"cc")]
    values = [value.replace(b"\r\n", b"") for value in folded]  # RFC 5322 §2.2.3, within quotes too
    return frozenset(address for value in values for address in _addresses(value.decode("utf-8", "replace")))


def plain_address(address: str) -> str:
    """Bring an address into the form that `mailboxes` gives: lower case, local part without quotes."""
    local, at, domain = address.strip().rpartition("@")
    if len(local) >= 2 and local.startswith('"') and local.endswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return f"{local}{at}{domain.removesuffix('.')}".lower()


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[<>()@,;:"]|\s+|[^<>()@,;:"\\\s]+|.', re.DOTALL)


def _addresses(value: str) -> Iterable[str]:
    """Read an address list (RFC 5322 §3.4), skipping every mailbox that is not plainly one address."""
    for mailbox in _mailbox_tokens(value):
        address = _one_address(mailbox)
        if address:
            yield address


def _mailbox_tokens(value: str) -> list[list[str]]:
    """Split a list at its commas, semicolons and group colons, comments left out; nothing after a fault."""
    found: list[list[str]] = [[]]
    depth = 0
    for match in _TOKEN.finditer(value):
        piece = match[0]
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth -= 1
        elif depth == 0 and piece in {",", ";", ":"}:
            found.append([])
        elif depth == 0:
            found[-1].append(piece)
        if depth < 0 or piece == '"':
            return found[:-1]
    return found if depth == 0 else []


def _one_address(tokens: Sequence[str]) -> str | None:
    if tokens.count("<") > 1 or tokens.count(">") != tokens.count("<"):
        return None
    if "<" in tokens:
        start, end = tokens.index("<"), tokens.index(">")
        if any(not token.isspace() for token in tokens[end + 1 :]):
            return None
        tokens = tokens[start + 1 : end]
    words = [token for token in tokens if not token.isspace()]
    if words.count("@") != 1 or words[-2:-1] != ["@"]:
        return None
    if len(tokens) != len(words) and "".join(tokens).strip() != "".join(words):
        return None
    return plain_address("".join(words))
