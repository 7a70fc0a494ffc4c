"""The closed list of log events: one JSON line per decision, one id from mail to delivery report.

Keys, tokens and message texts never reach a line. Phone numbers are shortened to country code and last two digits, and
digits that could be one to the last two; of a mail address stand the first letter and the domain. Who it was stands in
the database, under the line's id.
Whoever counts what happens watches the same events (`watch`), so that log and figures cannot disagree.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict

from gateway.log_lines import LogLines, Write, to_descriptor


class Event(StrEnum):
    """Everything that the transport ever logs at INFO or above."""

    STARTED = "started"
    STOPPED = "stopped"
    WORKER_DIED = "worker-died"
    CONNECTION_REFUSED = "connection-refused"
    SESSION_FAULT = "session-fault"
    LOGIN_FAILED = "login-failed"
    RECIPIENT_REFUSED = "recipient-refused"
    MAIL_ACCEPTED = "mail-accepted"
    MAIL_REFUSED = "mail-refused"
    MAIL_DUPLICATE = "mail-duplicate"
    MAIL_AUTOMATIC = "mail-automatic"
    ACCOUNT_OPENED = "account-opened"
    ACCOUNT_CLOSED = "account-closed"
    ADJACENT_NUMBERS = "adjacent-numbers"
    SMS_WRITTEN = "sms-written"
    SMS_REFUSED = "sms-refused"
    SMS_DUPLICATE = "sms-duplicate"
    SMS_SUBMITTED = "sms-submitted"
    SMS_DELAYED = "sms-delayed"
    SMS_MOVED = "sms-moved"
    SMS_FAILED = "sms-failed"
    SMS_UNKNOWN = "sms-unknown"
    SMS_LOOKED_UP = "sms-looked-up"
    SMS_RULED = "sms-ruled"
    CAMPAIGN = "campaign"
    SMS_REPORT = "sms-report"
    SMS_RECEIVED = "sms-received"
    SMS_HELD = "sms-held"
    SMS_ASKED = "sms-asked"
    SMS_UNROUTED = "sms-unrouted"
    OPTED_OUT = "opted-out"
    OPTED_IN = "opted-in"
    MAIL_SENT = "mail-sent"
    MAIL_DELAYED = "mail-delayed"
    MAIL_FAILED = "mail-failed"
    MAILBOX_BOUNCED = "mailbox-bounced"
    CERTIFICATE_RELOADED = "certificate-reloaded"
    CERTIFICATE_SELF_SIGNED = "certificate-self-signed"
    WEBHOOK_REFUSED = "webhook-refused"
    WEBHOOK_DELIVERED = "webhook-delivered"
    WEBHOOK_DELAYED = "webhook-delayed"
    WEBHOOK_FAILED = "webhook-failed"
    WEBHOOK_DISABLED = "webhook-disabled"
    PROVIDER_STATE = "provider-state"
    REMOVED_BY_AGE = "removed-by-age"
    PERSON_EXPORTED = "person-exported"
    PERSON_ERASED = "person-erased"
    FAULT = "fault"


BREAKER = "breaker"
"""The `bind` of a provider-state that is about no connection but about the provider's breaker: "open" or "closed"."""
_KEY = re.compile(r"[0-9a-fA-F]{24,}")
"""Keys, and what was meant as one: a digit too many or too few hides the others badly."""
_PHONE = re.compile(r"\+(\d{2})\d{4,12}(\d{2})(?!\d)")
_DIGITS = re.compile(r"(?<![\w.])\d{6,13}(\d{2})(?!\w|\.\d)")
"""A number without its plus, as providers write it: eight to fifteen digits that are no part of a word or fraction."""
_ADDRESS = re.compile(r"""(?<![^\s<>()[\]{}"',;:=])([^\s<>()[\]{}"',;:=])[^\s<>()[\]{}"',;:=@]*@(?=[\w[])""")
"""A mail address, its local part a word (RFC 5321 §4.1.2, and what is written in its place)."""
_QUOTED = re.compile(r'"[^"\n]*"@(?=[\w[])')
_SUSPECT = re.compile(r"[0-9a-fA-F]{24}|\d{8}|@")
"""What every key, phone number and mail address contains: the one look that a harmless text costs."""
_SHORTEST = len("a@b.c")
_OURS = frozenset({"id", "timestamp", "level", "account", "org", "provider"})
"""Fields that hold our own ids, words and names of the configuration."""
_STDERR = 2


def redact(value: str) -> str:
    """Mask API keys, phone numbers and mail addresses wherever they stand in a text."""
    masked = _DIGITS.sub(r"…\1", _PHONE.sub(r"+\1…\2", _KEY.sub("[key]", value)))
    return _QUOTED.sub('"…"@', _ADDRESS.sub(_first_letter, masked)) if "@" in masked else masked


def _first_letter(address: re.Match[str]) -> str:
    return address[0] if "…" in address[0] else f"{address[1]}…@"


def _clean(value: object) -> Any:
    """A field's value as a line may hold it."""
    if isinstance(value, str):
        # An enum's words are ours, and a text too short or without suspicious digits hides nothing.
        harmless = isinstance(value, Enum) or len(value) < _SHORTEST or _SUSPECT.search(value) is None
        return value if harmless else redact(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return redact(repr(value))


def _complete(_logger: object, method: str, event: EventDict) -> EventDict:
    """Add level and time, and make every field one that may leave."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(_logger, method, event)
    for name, value in event.items():
        if name not in _OURS:
            event[name] = _clean(value)
    event["level"] = method
    event["timestamp"] = datetime.now(UTC)
    return event


def _as_json(_logger: object, _method: str, event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, option=orjson.OPT_UTC_Z)
    except TypeError:  # half a surrogate pair, an endless integer: what the fast encoder refuses
        event["timestamp"] = _iso(event["timestamp"])
        return json.dumps(event, default=str).encode()


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _as_text(*, colors: bool) -> Callable[[object, str, EventDict], bytes]:
    """For people: the event, then its fields."""
    draw = structlog.dev.ConsoleRenderer(colors=colors)

    def render(logger: object, method: str, event: EventDict) -> bytes:
        event["timestamp"] = _iso(event["timestamp"])
        return draw(logger, method, event).encode(errors="replace")

    return render


def configure(*, as_json: bool, level: str, write: Write | None = None) -> LogLines:
    """Set up structlog for the whole process; called once at start.

    Lines go to `write`, else to standard error. Whoever ends without `exit` flushes what this returns.
    """
    global _log  # noqa: PLW0603 - the log is the process's
    lines = LogLines(write or to_descriptor(_STDERR))
    structlog.configure(
        processors=[_complete, _as_json if as_json else _as_text(colors=sys.stderr.isatty())],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    _log = structlog.get_logger().bind()
    return lines


_log: Any = structlog.get_logger()

Watcher = Callable[[Event, Mapping[str, Any]], None]
"""Hears of every event with its fields, also of those below the log's level. Must not fail, nor take long."""
_watchers: tuple[Watcher, ...] = ()


def watch(watcher: Watcher) -> None:
    """Let a watcher hear of every event from now on."""
    global _watchers  # noqa: PLW0603 - like the log itself
    _watchers = (*_watchers, watcher)


def unwatch(watcher: Watcher) -> None:
    """Let it hear no more."""
    global _watchers  # noqa: PLW0603 - like the log itself
    _watchers = tuple(each for each in _watchers if each != watcher)


def note(event: Event, **fields: object) -> None:
    """Write one line. `id` names the mail, message or session that the decision is about."""
    for watcher in _watchers:
        watcher(event, fields)
    _log.info(event, **fields)


def warn(event: Event, **fields: object) -> None:
    """Write one line that an operator should look at."""
    for watcher in _watchers:
        watcher(event, fields)
    _log.warning(event, **fields)


def fault(event: Event, error: BaseException, **fields: object) -> None:
    """Write one line with a traceback: something that should not happen did."""
    for watcher in _watchers:
        watcher(event, fields)
    _log.error(event, exc_info=error, **fields)
