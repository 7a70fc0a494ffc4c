"""Writes RFC 5322 and MIME: header lines, parts, whole messages, as bytes with CRLF.

In: text and bytes of any kind. Out: lines that every mail server passes on unharmed: at most 998 octets, 7-bit but for
attached mails and for addresses that need SMTPUTF8.
Sources: RFC 5322, RFC 2045-2047, RFC 2231, RFC 6532.

Promises: CR, LF, NUL and other control characters in a header value or address raise `UnsafeHeaderError`; a body
cannot end its part early, for boundaries hold "=_", which neither quoted-printable nor base64 can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.header import Header
from functools import lru_cache
from urllib.parse import quote

import idna

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_BODY_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s<>"(),:;@\\\[\]]+)@(?:[^\s<>"(),:;@\\\[\]]+|\[[0-9A-Za-z.:]+\])')
_MESSAGE_ID = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
_WIDTH = 76
"""Characters of a header line that we aim at (RFC 5322 §2.1.1 asks for at most 78)."""
_LONGEST_PLAIN_LINE = 900
"""Octets of a body line that may travel unencoded; 998 is the limit (RFC 5322 §2.1.1), servers add to lines."""
_LONGEST_MESSAGE_ID = 250


class UnsafeHeaderError(ValueError):
    """A value that must not stand in a header: it could become a header of its own (CVE-2024-6923)."""


@lru_cache(maxsize=1024)
def text_line(name: str, value: str) -> bytes:
    """An unstructured header line; RFC 2047 words where the value is not plain ASCII."""
    return _line(name, _words(_safe(name, value), offset=len(name) + 2))


@lru_cache(maxsize=1024)
def address_line(name: str, display_name: str, address: str) -> bytes:
    """A header line with one mailbox (From, To). The domain is written in A-labels (RFC 5890)."""
    phrase, spec = _phrase(_safe(name, display_name), len(name) + 2), f"<{wire_address(address)}>"
    if not phrase:
        return _line(name, spec[1:-1])
    last = phrase.rpartition("\r\n")[2]
    gap = " " if len(last) + len(spec) + len(name) + 3 <= _WIDTH else "\r\n "
    return _line(name, f"{phrase}{gap}{spec}")


def ids_line(name: str, ids: Sequence[str]) -> bytes:
    """A header line of message ids, one per line; nothing when none of them is a message id.

    Ids come with or without angle brackets. What cannot be an id of a mail is left out.
    """
    bare = [_safe(name, each).strip().removeprefix("<").removesuffix(">") for each in ids]
    good = [f"<{each}>" for each in bare if len(each) <= _LONGEST_MESSAGE_ID and _MESSAGE_ID.fullmatch(each)]
    return _line(name, "\r\n ".join(good)) if good else b""


def wire_address(address: str) -> str:
    """An address as SMTP and headers carry it: the domain in A-labels. Raises UnsafeHeaderError for anything else."""
    if _CONTROL.search(address) or len(address) > 320 or not _ADDRESS.fullmatch(address):
        raise UnsafeHeaderError("not a mail address that can stand in a header")
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError as error:
        raise UnsafeHeaderError("not a mail domain") from error


def whole(text: str) -> str:
    """Text that UTF-8 can carry: halves of a UTF-16 pair are joined, lone ones become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _safe(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise UnsafeHeaderError(f"control character in {name}")
    return whole(value)


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode()


def _words(value: str, offset: int) -> str:
    """Fold plain ASCII at spaces; encode what is not plain, or could be taken for an encoded word."""
    if not value.isascii() or "=?" in value or max(map(len, value.split(" "))) > _LONGEST_PLAIN_LINE:
        return _encoded(value, offset)
    lines, room = [""], _WIDTH - offset
    for word in re.findall(r" *[^ ]+ *$| *[^ ]+", value):
        if lines[-1] and len(lines[-1]) + len(word) > room and word.startswith(" "):
            lines.append("")
            room = _WIDTH
        lines[-1] += word
    return "\r\n".join(lines)


def _encoded(value: str, offset: int) -> str:
    header = Header(value, "utf-8", maxlinelen=_WIDTH, header_name="x" * max(offset - 2, 0))
    return header.encode(linesep="\r\n", splitchars="")


def _phrase(display_name: str, offset: int) -> str:
    if not display_name.strip():
        return ""
    if not display_name.isascii() or "=?" in display_name or len(display_name) > _WIDTH - 10:
        return _encoded(display_name, offset)
    if _ATOMS.fullmatch(display_name) and display_name == display_name.strip():
        return display_name
    escaped = display_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# --- parts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A MIME part: its Content-* lines and its encoded body."""

    lines: tuple[bytes, ...]
    body: bytes = field(repr=False)


def text_part(text: str, subtype: str = "plain") -> Part:
    """Text in UTF-8. Line ends of every kind become CRLF; control characters that no mail may hold become U+FFFD."""
    unified = whole(text).replace("\r\n", "\n").replace("\r", "\n")
    if not unified.endswith("\n"):
        unified += "\n"
    raw = _BODY_CONTROL.sub("\ufffd", unified).encode()
    encoding, body = _transfer(raw)
    charset = "us-ascii" if raw.isascii() and encoding == "7bit" else "utf-8"
    return Part(
        (
            _line("Content-Type", f'text/{subtype}; charset="{charset}"'),
            _line("Content-Transfer-Encoding", encoding),
        ),
        body,
    )


def _transfer(raw: bytes) -> tuple[str, bytes]:
    """As it is where that is safe, else quoted-printable: text in base64 looks like spam to filters."""
    lines = raw.split(b"\n")
    harmless = raw.isascii() and max(map(len, lines)) <= _LONGEST_PLAIN_LINE
    if harmless and not any(line.startswith((b"From ", b".")) or line.endswith((b" ", b"\t")) for line in lines):
        return "7bit", raw.replace(b"\n", b"\r\n")
    # Mailboxes in one file put ">" before a line that begins with "From ", some relays lose a leading dot.
    printable = binascii.b2a_qp(raw, quotetabs=False, istext=True)
    printable = re.sub(rb"^(?:From |\.)", lambda at: b"=%02X" % at[0][0] + at[0][1:], printable, flags=re.MULTILINE)
    return "quoted-printable", printable.replace(b"\n", b"\r\n")


def file_part(content: bytes, media_type: str, filename: str, *, content_id: str | None = None) -> Part:
    """A file, attached; or shown where the HTML refers to `content_id`."""
    _safe("filename", filename)
    shown = "attachment" if content_id is None else "inline"
    name = f'filename="{filename}"' if _ATOMS.fullmatch(filename.replace(".", "")) else _extended(filename)
    lines = [
        _line("Content-Type", media_type),
        _line("Content-Transfer-Encoding", "base64"),
        _line("Content-Disposition", f"{shown}; {name}"),
    ]
    if content_id is not None:
        lines.append(ids_line("Content-ID", [content_id]))
    return Part(tuple(lines), base64.encodebytes(content).replace(b"\n", b"\r\n"))


def _extended(filename: str) -> str:
    return "filename*=utf-8''" + quote(whole(filename), safe="")


def mail_part(content: bytes) -> Part:
    """Another mail: message/rfc822, or a plain file where its lines cannot travel as they are (RFC 2046 §5.2.1)."""
    crlf = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if b"\x00" in crlf or any(len(line) > 998 for line in crlf.split(b"\r\n")):
        return file_part(content, "application/octet-stream", "original.eml")
    lines = (
        _line("Content-Type", "message/rfc822"),
        _line("Content-Transfer-Encoding", "7bit" if crlf.isascii() else "8bit"),
        _line("Content-Disposition", 'attachment; filename="original.eml"'),
    )
    return Part(lines, crlf)


def raw_part(media_type: str, lines: Sequence[bytes]) -> Part:
    """A part whose body is header lines itself: delivery status, headers of an original."""
    encoding = "7bit" if all(line.isascii() for line in lines) else "8bit"
    return Part((_line("Content-Type", media_type), _line("Content-Transfer-Encoding", encoding)), b"".join(lines))


def multipart(subtype: str, parts: Sequence[Part], seed: str, **parameters: str) -> Part:
    """Parts in one. `seed` makes the boundary: a message id with a word of its own for each level."""
    boundary = "=_" + hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:32]
    extra = "".join(f'; {name.replace("_", "-")}="{value}"' for name, value in parameters.items())
    opening, closing = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()
    chunks = [opening + b"".join(part.lines) + b"\r\n" + _closed(part.body) for part in parts]
    eight_bit = any(not chunk.isascii() for chunk in chunks)
    return Part(
        (
            _line("Content-Type", f'multipart/{subtype}{extra};\r\n boundary="{boundary}"'),
            _line("Content-Transfer-Encoding", "8bit" if eight_bit else "7bit"),
        ),
        b"".join(chunks) + closing,
    )


def _closed(body: bytes) -> bytes:
    """The CRLF before a boundary belongs to the boundary (RFC 2046 §5.1.1)."""
    return body + b"\r\n"


def message(lines: Sequence[bytes], part: Part) -> bytes:
    """A whole mail."""
    return b"".join((*lines, b"MIME-Version: 1.0\r\n", *part.lines, b"\r\n", part.body))
