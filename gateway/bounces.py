"""Reads what comes back to our return path, to know whether a mailbox refuses our mail for good or for now.

In: a mail as received. Out: a `Bounce`, or None for anything that is no bounce (an out-of-office note, a receipt, a
report of success). Understood: RFC 3464 reports, as Postfix, Exim, sendmail, Exchange, Office 365, Gmail and most
others send them, and the plain texts of qmail, older Exim and older sendmail.

Promises: never raises, reads at most 256 kB, and returns no key and no control character in `diagnostic`.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from html import unescape

from gateway.writing.frame import for_people

_MAX_SIZE = 262_144
"""Bytes that are read: a report comes first, the original behind it."""
_MAX_DIAGNOSTIC = 300
_MAX_PARTS = 50
_REPORT_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.])([45])\d\d[ -]")
_DIAGNOSTIC_TYPE = re.compile(r"^[A-Za-z][\w-]{0,20}\s*;\s*")
_TAG = re.compile(r"<[^<>]{0,500}>")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a server said about a mail of ours. `status` is RFC 3463 ("5.1.1"), `diagnostic` its words on one line."""

    permanent: bool
    status: str
    diagnostic: str


def read_bounce(content: bytes) -> Bounce | None:
    """Understand a mail that came to a return path; None when it is no bounce."""
    try:
        mail = message_from_bytes(content[:_MAX_SIZE])
        return _understood(mail, list(_parts(mail)))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return None  # the library's ways of saying that this is no mail that a server wrote


def is_complaint(content: bytes) -> bool:
    """Whether a mail says that its reader called one of ours junk (RFC 5965)."""
    try:
        mail = message_from_bytes(content[:_MAX_SIZE])
        kind = str(mail.get_param("report-type", "")).lower()
        if mail.get_content_type() != "multipart/report" or kind != "feedback-report":
            return False
        reports = [part for part in _parts(mail) if part.get_content_type() == "message/feedback-report"]
        # The library reads a message/* part as a mail with fields; others than "not-spam" are complaints.
        return any("feedback-type: not-spam" not in part.as_string().lower() for part in reports)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _understood(mail: Message, parts: list[Message]) -> Bounce | None:
    reports = [part for part in parts if part.get_content_type() in _REPORT_TYPES]
    if reports:
        return _from_reports(reports)
    if _is_other_report(mail):
        return None
    return _from_text(mail, parts)


def _parts(mail: Message) -> Iterator[Message]:
    """Every part outside attached mails, which are the original and not the server's words."""
    waiting = [mail]
    for _ in range(_MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [each for each in payload if isinstance(each, Message)]


def _is_other_report(mail: Message) -> bool:
    """Read receipts (RFC 8098) and complaints (RFC 5965) look like reports and say nothing about delivery."""
    kind = str(mail.get_param("report-type", "")).lower()
    return mail.get_content_type() == "multipart/report" and kind not in {"", "delivery-status"}


# --- RFC 3464 ------------------------------------------------------------------------------------------------------


def _from_reports(reports: list[Message]) -> Bounce | None:
    found = [bounce for report in reports for fields in _groups(report) if (bounce := _from_fields(fields))]
    # One recipient per mail is what we send; a report of several is taken at its worst.
    return max(found, key=lambda bounce: bounce.permanent, default=None)


def _groups(report: Message) -> list[Message]:
    """The groups of fields, one for the message and one per recipient (RFC 3464 §2.1)."""
    payload = report.get_payload()
    groups = [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
    if any("action" in group or "status" in group for group in groups):
        return groups
    raw = "\n\n".join(str(each.get_payload()) for each in groups) if groups else str(payload)
    text = _decoded(raw, str(report.get("content-transfer-encoding", "")))
    return [message_from_string(block.strip() + "\n\n") for block in re.split(r"\r?\n[ \t]*\r?\n", text)]


def _decoded(text: str, encoding: str) -> str:
    """RFC 3464 §2.1 wants 7bit, some send base64."""
    raw = text.encode("latin-1", "replace")
    try:
        if encoding.strip().lower() == "base64":
            raw = base64.b64decode(raw)
        elif encoding.strip().lower() == "quoted-printable":
            raw = quopri.decodestring(raw)
    except (binascii.Error, ValueError):
        return ""
    return raw.decode("utf-8", "replace")


def _from_fields(fields: Message) -> Bounce | None:
    action = _field(fields, "action").lower().partition(" ")[0]
    status = _STATUS.search(_field(fields, "status"))
    if not action and status is None:
        return None
    diagnostic = _field(fields, "diagnostic-code")
    code = status[1] if status else _status_in(diagnostic)
    if action in {"delivered", "relayed", "expanded"} or (not action and code.startswith("2")):
        return None
    # The action says whether the server has given up; "failed" with 4.4.7 is a mail that waited too long.
    permanent = action == "failed" if action in {"failed", "delayed"} else code.startswith("5")
    if code.endswith(".0.0") and (better := _status_in(diagnostic)).startswith(code[0]):
        code = better
    if not code:
        code = "5.0.0" if permanent else "4.0.0"
    words = _DIAGNOSTIC_TYPE.sub("", diagnostic)
    return Bounce(permanent, code, _line(words or f"{action} {code}"))


def _field(fields: Message, name: str) -> str:
    return " ".join(str(fields.get(name, "")).split())


def _status_in(text: str) -> str:
    status = _STATUS.search(text)
    if status:
        return status[1]
    reply = _REPLY_CODE.search(text + " ")
    return f"{reply[1]}.0.0" if reply else ""


# --- plain text ----------------------------------------------------------------------------------------------------

_FOR_GOOD = re.compile(
    r"permanent (?:fatal )?errors?|permanently rejected|couldn'?t be delivered|could not be delivered|"
    r"wasn'?t able to deliver|unable to deliver|undeliverable|has been (?:rejected|returned)|"
    r"delivery (?:to the following recipients? |has )?failed|delivery failure|giving up|given up|returned mail|"
    r"kunne ikke leveres|kan ikke leveres|konnte nicht zugestellt|unzustellbar|n'a pas pu être (?:remis|distribué)|"
    r"kunde inte levereras|не удалось доставить|не доставлено",
    re.IGNORECASE,
)
_FOR_NOW = re.compile(
    r"transient non-fatal errors|has not (?:yet )?been delivered|not yet been delivered|still being tried|"
    r"will (?:be retried|keep trying)|(?<!no further )(?<!no more )attempts will be made|no action is required|"
    r"warning: (?:could not send message|message .{1,40}delayed)|"
    r"delivery (?:is |has been |status notification \()delay",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"mailer-?daemon|postmaster|mail delivery|mdaemon|microsoftexchange|mail-?system", re.IGNORECASE)
_RECIPIENT_LINE = re.compile(
    r"^[ \t]{0,8}(?:<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?:?[ \t]*$|<[^<>\n]{3,320}>:?\s)", re.MULTILINE
)
_ORIGINAL = re.compile(
    r"^-{2,}\s?(?:below this line|this is a copy|the header of|original message|transcript of.*copy|forwarded)|"
    r"^-{4,} this is|^return-path:|^received: ",
    re.IGNORECASE | re.MULTILINE,
)


def _from_text(mail: Message, parts: list[Message]) -> Bounce | None:
    """Servers that write prose: believed only when the sender is a mail system and the words are a known habit."""
    if not _from_a_mail_system(mail):
        return None
    text = "\n".join(_text(part) for part in parts if part.get_content_maintype() == "text")
    told = _ORIGINAL.split(text, maxsplit=1)[0][:20_000]
    subject = " ".join(str(mail.get("subject", "")).split())
    for_now, for_good = _FOR_NOW.search(f"{subject}\n{told}"), _FOR_GOOD.search(f"{subject}\n{told}")
    if for_now is None and for_good is None:
        return None
    permanent = for_now is None
    status = _status_in(told)
    if not status or (status[0] == "5") != permanent:
        status = "5.0.0" if permanent else "4.0.0"
    return Bounce(permanent, status, _line(_reason(told) or subject))


def _from_a_mail_system(mail: Message) -> bool:
    if mail.get("x-failed-recipients"):
        return True
    sender = str(mail.get("from", ""))
    return sender.strip() in {"", "<>"} or _DAEMON.search(sender) is not None


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = str(part.get_content_charset() or "utf-8")
    try:
        text = raw.decode(charset, "replace")
    except LookupError:
        text = raw.decode("latin-1")
    return unescape(_TAG.sub(" ", text)) if part.get_content_subtype() == "html" else text.replace("\r\n", "\n")


def _reason(told: str) -> str:
    """The words behind the failed address, else the line that holds a status or reply code."""
    named = _RECIPIENT_LINE.search(told)
    if named:
        behind = told[named.end() :].lstrip("\n").partition("\n\n")[0]
        if behind.strip():
            return behind
    for line in told.splitlines():
        if _STATUS.search(line) or _REPLY_CODE.search(line + " "):
            return line
    return ""


def _line(text: str) -> str:
    return " ".join(for_people(text).split())[:_MAX_DIAGNOSTIC]
