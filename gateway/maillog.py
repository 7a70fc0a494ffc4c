"""The closed list of log events: one JSON line per decision, one id from mail to delivery report.

Keys, tokens and message texts never reach a line; phone numbers are shortened to country code and last two digits.
"""

from __future__ import annotations

import re
import sys
from enum import StrEnum

import structlog


class Event(StrEnum):
    """Everything that the transport ever logs at INFO or above."""

    STARTED = "started"
    STOPPED = "stopped"
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
    SMS_SUBMITTED = "sms-submitted"
    SMS_DELAYED = "sms-delayed"
    SMS_FAILED = "sms-failed"
    SMS_UNKNOWN = "sms-unknown"
    SMS_REPORT = "sms-report"
    SMS_RECEIVED = "sms-received"
    SMS_HELD = "sms-held"
    SMS_UNROUTED = "sms-unrouted"
    OPTED_OUT = "opted-out"
    OPTED_IN = "opted-in"
    MAIL_SENT = "mail-sent"
    MAIL_DELAYED = "mail-delayed"
    MAIL_FAILED = "mail-failed"
    MAILBOX_BOUNCED = "mailbox-bounced"
    CERTIFICATE_RELOADED = "certificate-reloaded"
    CERTIFICATE_SELF_SIGNED = "certificate-self-signed"
    PROVIDER_STATE = "provider-state"
    FAULT = "fault"


_KEY = re.compile(r"[0-9a-fA-F]{24,}")
"""Keys, and what was meant as one: a digit too many or too few hides the others badly."""
_PHONE = re.compile(r"\+(\d{2})\d{4,12}(\d{2})(?!\d)")


def redact(value: str) -> str:
    """Mask API keys and shorten phone numbers wherever they stand in a text."""
    return _PHONE.sub(r"+\1…\2", _KEY.sub("[key]", value))


def _redact_processor(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str) and name not in {"id", "timestamp"}:
            event[name] = redact(value)
        elif isinstance(value, BaseException):
            event[name] = redact(repr(value))
    return event


def configure(*, as_json: bool, level: str) -> None:
    """Set up structlog for the whole process; called once at start."""
    numbers = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_processor,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numbers[level]),
        cache_logger_on_first_use=True,
    )


_log = structlog.get_logger()


def note(event: Event, **fields: object) -> None:
    """Write one line. `id` names the mail, message or session that the decision is about."""
    _log.info(str(event), **fields)


def warn(event: Event, **fields: object) -> None:
    """Write one line that an operator should look at."""
    _log.warning(str(event), **fields)


def fault(event: Event, error: BaseException, **fields: object) -> None:
    """Write one line with a traceback: something that should not happen did."""
    _log.error(str(event), exc_info=error, **fields)
