"""Bytes in, a tree of MIME parts out (RFC 2045, RFC 2046 §5.1), as mail arrives: torn, mislabelled, unterminated.

Why not the standard library's parser: it tests every line against every open boundary and has no limits, so that
1 MB of hostile nesting costs it seconds or a RecursionError, and the depth is only known after the cost. This reader
counts before it descends, and its cost is linear: every limit exceeded is a Refusal.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway import errors
from gateway.reading.headers import Headers, decode_base64, decode_words, for_people, parameters, raw_bytes, read_block


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """How much of a mail is read. More than the first six is refused; text beyond `max_text` bytes is left unread."""

    max_depth: int = 20
    max_parts: int = 200
    max_header_bytes: int = 256 * 1024
    """Of one header block."""
    max_headers: int = 1000
    max_received: int = 50
    max_delimiters: int = 5000
    """Lines that begin like a boundary, in the whole mail."""
    max_text: int = 1_000_000
    """Bytes of one text part, once decoded."""


@dataclass(slots=True)
class Part:
    """One MIME entity. `body` is still transfer-encoded; `children` is empty for leaves."""

    headers: Headers
    kind: str
    """Media type in lower case, "text/plain" where it is missing or malformed (RFC 2045 §5.2)."""
    params: Mapping[str, str]
    body: bytes = field(repr=False)
    disposition: str = ""
    filename: str = ""
    children: list[Part] = field(default_factory=list)

    def decoded(self) -> bytes:
        """The body without its transfer encoding."""
        return transfer_decode(self.body, self.headers.first("content-transfer-encoding"))


@dataclass(slots=True)
class Reader:
    """Counts parts and delimiters over one mail, also through signed containers that are unwrapped later."""

    limits: ParseLimits
    parts: int = 0
    delimiters: int = 0

    def read(self, content: bytes, depth: int = 0, default: str = "text/plain") -> Part:
        """Read one entity with LF line ends and everything below it. Raises Refusal beyond the limits."""
        self.parts += 1
        if self.parts > self.limits.max_parts:
            raise errors.unreadable_mail("too many parts")
        if depth > self.limits.max_depth:
            raise errors.unreadable_mail("nested too deeply")
        headers, body = self._split_head(content)
        part = _describe(headers, body, default)
        if part.kind.startswith("multipart/") or _lost_its_head(part):
            self._read_children(part, depth)
        return part

    def _split_head(self, content: bytes) -> tuple[Headers, bytes]:
        if content.startswith(b"\n"):
            return Headers([]), content[1:]
        limit = self.limits.max_header_bytes
        end = content.find(b"\n\n")
        block = content[: end if 0 <= end <= limit else limit + 1]
        headers, used = read_block(block)
        if used > limit or headers.count > self.limits.max_headers:
            raise errors.unreadable_mail("header too large")
        return headers, content[end + 2 :] if 0 <= end == used else content[used:]

    def _read_children(self, part: Part, depth: int) -> None:
        boundary = raw_bytes(part.params.get("boundary", "")).rstrip()
        sections = self._sections(part.body, boundary) if boundary else []
        if not sections:
            part.body = part.decoded()
            guessed = _guess_boundary(part.body)
            sections = self._sections(part.body, guessed) if guessed else []
        if not sections:
            part.kind = "text/plain"
            return
        if not part.kind.startswith("multipart/"):
            part.kind = "multipart/alternative" if _HTML_PART.search(part.body) else "multipart/mixed"
        default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        part.children = [self.read(section, depth + 1, default) for section in sections]

    def _sections(self, body: bytes, boundary: bytes) -> list[bytes]:
        """Cut a multipart body at its delimiter lines; a missing end is the end (RFC 2046 §5.1.1)."""
        body = b"\n" + body
        mark = b"\n--" + boundary
        sections: list[bytes] = []
        start: int | None = None
        at = body.find(mark)
        while at >= 0:
            self.delimiters += 1
            if self.delimiters > self.limits.max_delimiters:
                raise errors.unreadable_mail("too many boundary lines")
            end = body.find(b"\n", at + len(mark))
            end = len(body) if end < 0 else end
            rest = body[at + len(mark) : end].rstrip(b" \t\r")
            if rest in {b"", b"--"}:
                if start is not None:
                    sections.append(body[start:at])
                start = end + 1 if not rest else None
                if rest:
                    break
            at = body.find(mark, end)
        if start is not None:
            sections.append(body[start:])
        return sections


def _describe(headers: Headers, body: bytes, default: str) -> Part:
    kind, params = parameters(headers.first("content-type"))
    if "/" not in kind:
        kind = default if not kind else "text/plain"
    disposition, named = parameters(headers.first("content-disposition"))
    filename = named.get("filename") or params.get("name") or ""
    return Part(headers, kind, params, body, disposition, _file_name(filename))


def _file_name(raw: str) -> str:
    name = for_people(decode_words(raw)) if raw else ""
    return re.split(r"[/\\]", name)[-1][:120]


_GUESS: Final = re.compile(rb"(?:\A|\n)--([^\s][^\n]{0,69})\n(?=Content-|\n)", re.IGNORECASE)


def _guess_boundary(body: bytes) -> bytes:
    """The boundary of a multipart whose Content-Type does not tell it: the first line that a part head follows."""
    match = _GUESS.search(body)
    return match[1].rstrip() if match else b""


_HTML_PART: Final = re.compile(rb"\nContent-Type:[ \t]*text/html", re.IGNORECASE)


def _lost_its_head(part: Part) -> bool:
    """A body that is plainly a multipart although no Content-Type says so: some relay dropped the MIME fields."""
    if "content-type" in part.headers or not part.body.lstrip(b"\n").startswith(b"--"):
        return False
    boundary = _guess_boundary(part.body)
    return bool(boundary) and b"\n--" + boundary + b"--" in part.body


_SOFT_BREAK: Final = re.compile(rb"=[ \t]+(?=\n)")


def transfer_decode(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding (RFC 2045 §6), tolerantly; an unknown one is taken as none."""
    name = encoding.partition(";")[0].partition("(")[0].strip(" \t\"'").lower()
    if name == "quoted-printable":
        return binascii.a2b_qp(_SOFT_BREAK.sub(b"=", body) if b"= " in body or b"=\t" in body else body)
    if name == "base64" and not _reads_as_words(body):
        return decode_base64(body)
    if name in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _uudecode(body)
    return body


def _reads_as_words(body: bytes) -> bool:
    """Whether a body that claims to be base64 is in clear: base64 has no blanks between words and little else."""
    line = body[:1000].strip().partition(b"\n")[0].strip()
    return len(line.translate(None, _ALPHABET)) * 10 > len(line)


_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def _uudecode(body: bytes) -> bytes:
    _, begin, lines = (b"\n" + body).partition(b"\nbegin ")
    out: list[bytes] = []
    for line in lines.split(b"\n")[1:] if begin else ():
        if line.rstrip() in {b"end", b"`", b""}:
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(out)
