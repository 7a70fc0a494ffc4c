"""The bytes of one mail in, what it says out: who wrote it, to whom, about what, in which words.

Promises: nothing but a ParsedMail or a Refusal ever comes out; limits are checked before the work that they bound; cost
is linear in the size. Sources: RFC 5322 (headers), RFC 2045-2047 (MIME), RFC 5321 §6.3 (loops).
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from gateway import errors
from gateway.model import ParsedMail
from gateway.reading.automatic import why_automatic
from gateway.reading.body import Written, read_body
from gateway.reading.headers import Headers, decode_words, for_people
from gateway.reading.mailboxes import addresses, one_mailbox
from gateway.reading.mime import ParseLimits, Reader

__all__ = ["ParseLimits", "parse"]

_MESSAGE_ID: Final = re.compile(r"<([^<>\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,998})>")
_MAX_REFERENCES: Final = 100
"""Message-IDs of one field that are kept: the newest, which stand last."""
_MAX_SUBJECT: Final = 4000
"""Characters."""


_LIMITS: Final = ParseLimits()


def parse(content: bytes, limits: ParseLimits = _LIMITS) -> ParsedMail:
    """Read one mail as received.

    Raises Refusal: unreadable_mail (encrypted, beyond the limits, or nothing that MIME explains), bad_from_header,
    mail_loop.
    """
    try:
        return _parse(content, limits)
    except errors.Refusal:
        raise
    except Exception as error:
        raise errors.unreadable_mail("its structure cannot be understood") from error


def _parse(content: bytes, limits: ParseLimits) -> ParsedMail:
    reader = Reader(limits)
    root = reader.read(_line_ends(content))
    headers = root.headers
    if len(headers.all("received")) > limits.max_received:
        raise errors.mail_loop()
    from_address, from_name = one_mailbox(headers.all("from"))
    subject = for_people(decode_words(headers.first("subject"), root.params.get("charset", "")))[:_MAX_SUBJECT]
    written = read_body(root, reader)
    message_ids = _ids(headers, "message-id")
    return ParsedMail(
        message_id=message_ids[0] if len(message_ids) == 1 else None,
        from_address=from_address,
        from_name=from_name,
        recipients=addresses(headers.all("to") + headers.all("cc")),
        subject=subject,
        in_reply_to=_ids(headers, "in-reply-to"),
        references=_ids(headers, "references"),
        automatic=why_automatic(headers, written.parts, (from_address, from_name), subject, written.text),
        text=written.text,
        cut=written.cut,
        attachments=written.attachments,
        attached=written.attached,
        content_hash=_content_hash(from_address, headers, subject, written),
    )


def _line_ends(content: bytes) -> bytes:
    """LF line ends; a mail that knows no LF at all has its CR for them."""
    if b"\r" not in content:
        return content
    content = content.replace(b"\r\n", b"\n")
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def _ids(headers: Headers, name: str) -> tuple[str, ...]:
    values = headers.all(name)
    if not values:
        return ()
    found = [match for value in values for match in _MESSAGE_ID.findall(value)]
    return tuple(dict.fromkeys(found[-_MAX_REFERENCES:]))


def _content_hash(sender: str, headers: Headers, subject: str, written: Written) -> str:
    """Over decoded text, so that a relay that only changes the transfer encoding does not make another mail of it."""
    when, answered = (" ".join(headers.first(name).split()) for name in ("date", "in-reply-to"))
    fields = (sender, when, answered, subject, written.text, written.cut, *written.attachments)
    return hashlib.sha256("\0".join(fields).encode("utf-8", "surrogateescape")).hexdigest()
