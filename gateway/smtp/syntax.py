"""What the lines of an SMTP or LMTP session say: arguments of MAIL and RCPT, and the bytes of a message (pure).

In: what stood on the wire. Out: values, or the Refusal that the peer is to get. The grammar is RFC 5321 §4.1.2 with
the liberties that mail programs take (a space after the colon, no angle brackets, dots anywhere in a local part) and
none that change meaning: no comments, no folding, no control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import Refusal, bad_address_syntax, too_big, unreadable_mail

_ATOM = r"[^\s\x00-\x20\x7f<>()\[\],;:@\"\\]+"
_LOCAL = rf"(?:{_ATOM}|\"(?:[^\"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*\")"
_DOMAIN = rf"(?:{_ATOM}|\[[^\s\[\]\\<>]+\])"
_ROUTE = rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"
_MAILBOX = rf"{_LOCAL}@{_DOMAIN}"
_REVERSE_PATH = re.compile(rf" *(?:<{_ROUTE}({_MAILBOX})?>|({_MAILBOX}))((?: +[^\s]+)*) *\Z")
_FORWARD_PATH = re.compile(rf" *(?:<{_ROUTE}({_MAILBOX}|postmaster)>|({_MAILBOX}))((?: +[^\s]+)*) *\Z", re.IGNORECASE)

MAX_PATH = 320
"""Characters of an address: RFC 5321 §4.5.3.1 promises 256, return paths that wrap another address use more."""

PIECE = 512 * 1024
"""Bytes of a message that are put right in one go: about 2 ms."""

_CUT_WINDOW = 64 * 1024
_MID_LINE = re.compile(rb"[^\r\n.]{2}")


@dataclass(frozen=True, slots=True)
class ReversePath:
    """A MAIL command, understood. `address` is "" for the null sender; `size` is what the client announced."""

    address: str
    size: int = 0
    utf8: bool = False
    options: tuple[str, ...] = ()


def reverse_path(argument: str, max_size: int) -> ReversePath:
    """Read what follows MAIL (RFC 5321 §4.1.1.2, RFC 1870, RFC 6152, RFC 6531, RFC 4954 §5)."""
    if argument[:5].upper() != "FROM:":
        raise syntax_error("MAIL FROM:<address>")
    match = _REVERSE_PATH.match(argument, 5)
    if match is None or len(match[1] or match[2] or "") > MAX_PATH:
        raise Refusal(553, "5.1.7", "that sender is not a mail address", cause="bad sender syntax")
    address = match[1] or match[2] or ""
    if not match[3]:
        _check_characters(address, utf8=False)
        return ReversePath(address)
    options = tuple(match[3].split())
    size, utf8 = _mail_parameters(options, max_size)
    _check_characters(address, utf8=utf8)
    return ReversePath(address, size, utf8, options)


def _mail_parameters(options: tuple[str, ...], max_size: int) -> tuple[int, bool]:
    size, utf8 = 0, False
    for option in options:
        name, equals, value = option.partition("=")
        match name.upper():
            case "SIZE" if re.fullmatch(r"[0-9]{1,20}", value):
                size = int(value)
            case "BODY" if value.upper() in {"7BIT", "8BITMIME"}:
                pass
            case "SMTPUTF8" if not equals:
                utf8 = True
            case "AUTH" if value:
                pass
            case "SIZE" | "BODY" | "SMTPUTF8" | "AUTH":
                raise Refusal(501, "5.5.4", f"bad value of {name.upper()}", cause="bad MAIL parameter")
            case _:
                raise Refusal(555, "5.5.4", "MAIL parameter not known here", cause="unknown MAIL parameter")
    if size > max_size:
        raise too_big(max_size)
    return size, utf8


def forward_path(argument: str, *, utf8: bool) -> str:
    """Read what follows RCPT: the address without route or brackets; "postmaster" alone is one (RFC 5321 §4.1.1.3)."""
    if argument[:3].upper() != "TO:":
        raise syntax_error("RCPT TO:<address>")
    match = _FORWARD_PATH.match(argument, 3)
    if match is None or len(match[1] or match[2]) > MAX_PATH:
        raise bad_address_syntax()
    if match[3]:
        raise Refusal(555, "5.5.4", "RCPT parameter not known here", cause="unknown RCPT parameter")
    address = match[1] or match[2]
    _check_characters(address, utf8=utf8)
    return address


def _check_characters(address: str, *, utf8: bool) -> None:
    if address.isascii():
        return
    if not utf8:
        raise Refusal(553, "5.6.7", "that address needs the SMTPUTF8 parameter of MAIL", cause="SMTPUTF8 not asked for")
    if not address.isprintable():  # also bytes that were not UTF-8: they arrive as lone surrogates
        raise bad_address_syntax()


def syntax_error(right: str) -> Refusal:
    """The command's arguments make no sense; `right` shows what would."""
    return Refusal(501, "5.5.4", f"write {right}", cause="syntax error")


def client_name(argument: str) -> str:
    """Read what follows EHLO, HELO or LHLO: never refused for its form, made harmless for headers and logs."""
    if not argument:
        raise syntax_error("your host name after the command")
    name = argument.split(maxsplit=1)[0][:255]
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name)


def message_pieces(wire: bytes) -> Iterator[bytes]:
    """Do what message_content does, half a megabyte at a time, so that a caller can let others run in between.

    Raises a Refusal for long stretches of nothing but line ends, which are no mail and dear to put right.
    """
    start = 0
    while len(wire) - start > PIECE:
        end = _cut(wire, start + PIECE)
        yield message_content(wire[start:end])
        start = end
    yield message_content(wire[start:])


def _cut(wire: bytes, near: int) -> int:
    """Find where a piece can end: behind a CRLF, or else in the middle of a line."""
    window = min(len(wire), near + _CUT_WINDOW)
    line_end = wire.find(b"\r\n", near, window)
    if line_end >= 0:
        return line_end + 2
    if window == len(wire):
        return window
    match = _MID_LINE.search(wire, near, window)
    if match is None:
        raise unreadable_mail("nothing but line ends")
    return match.start() + 1


def message_content(wire: bytes) -> bytes:
    """Turn what stood between 354 and the final dot into a message.

    Dots that the client doubled are taken back after CRLF only (RFC 5321 §4.5.2). Then every line ends in CRLF: a bare
    LF becomes CRLF, a doubled CR before LF becomes one, and a CR in the middle of a line becomes a space, because
    readers disagree on whether it ends the line and a header that only some of them see is a forgery.
    """
    if wire.startswith(b"."):
        wire = wire[1:]
    if b"\r\n." in wire:
        wire = wire.replace(b"\r\n.", b"\r\n")
    lines = wire.count(b"\r\n")
    if wire.count(b"\n") == lines and wire.count(b"\r") == lines:
        return wire
    lone_feeds = wire.replace(b"\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b" ")
    return lone_feeds.replace(b"\n", b"\r\n")
