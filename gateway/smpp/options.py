"""The options of a `[[provider]]` with kind "smpp": defaults, and what each must be."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from phonenumbers import SUPPORTED_REGIONS

from gateway.smpp.pdu import c_octets
from gateway.smpp.receipt import IdForm
from gateway.smpp.text import GsmEncoding, LongText

_Check = Callable[[object], object]
"""Gives the value in its type, or raises ValueError with words that complete "port …"."""
TLS_PORT = 8775


class BindKind(StrEnum):
    """What is bound."""

    TRANSCEIVER = "transceiver"
    SEPARATE = "separate"
    """A transmitter and a receiver, on connections of their own."""


@dataclass(frozen=True, slots=True)
class SmppOptions:
    """Every option with its default. Times are seconds."""

    host: str = ""
    port: int = 2775
    tls: bool = False
    ca_file: str = ""
    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    bind: BindKind = BindKind.TRANSCEIVER
    binds: int = 1
    window: int = 64
    response_timeout: float = 10.0
    enquire_link: float = 30.0
    long_text: LongText = LongText.UDH8
    gsm_encoding: GsmEncoding = GsmEncoding.GSM7
    message_id: IdForm = IdForm.TEXT
    source_ton: int = 1
    source_npi: int = 1
    dest_ton: int = 1
    dest_npi: int = 1
    region: str = ""
    service_type: str = ""
    validity: float = 0.0
    registered_delivery: int = 1
    temporary: frozenset[int] = frozenset()


def read_options(written: Mapping[str, object]) -> SmppOptions:
    """Check what was written. Raises ValueError with words for each wrong option, and never the value of a secret."""
    mistakes = list(_unknown(written))
    values: dict[str, Any] = {}
    for name, value in written.items():
        if check := _CHECKS.get(name):
            try:
                values[name] = check(value)
            except ValueError as error:
                mistakes.append(f"{name} {error}")
    mistakes += [f"{name} is missing: {what}" for name, what in _REQUIRED.items() if name not in written]
    if mistakes:
        raise ValueError("; ".join(mistakes))
    if values.get("tls") and "port" not in values:
        values["port"] = TLS_PORT
    return SmppOptions(**values)


def tls_context(options: SmppOptions) -> ssl.SSLContext | None:
    """How the message centre's certificate is checked; None without TLS. Raises OSError for an unreadable file."""
    return ssl.create_default_context(cafile=options.ca_file or None) if options.tls else None


def _unknown(written: Mapping[str, object]) -> Iterator[str]:
    if strangers := sorted(set(written) - set(_CHECKS)):
        known = ", ".join(each.name for each in fields(SmppOptions))
        yield f"smpp has no option {', '.join(strangers)}: {known}"


def _octets(size: int) -> _Check:
    def check(value: object) -> str:
        text = _string(value)
        try:
            c_octets(text, size)
        except ValueError as error:
            raise ValueError(f"must be at most {size - 1} characters of Latin-1") from error
        return text

    return check


def _number(least: float, most: float, what: str) -> _Check:
    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"must be {what}, {least:.10g} to {most:.10g}")
        return float(value)

    return check


def _integer(least: int, most: int) -> _Check:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"must be a whole number, {least} to {most}")
        return value

    return check


def _one_of(kind: type[StrEnum]) -> _Check:
    def check(value: object) -> StrEnum:
        try:
            return kind(str(value))
        except ValueError as error:
            raise ValueError("must be " + " or ".join(f'"{each}"' for each in kind)) from error

    return check


def _flag(value: object) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError("must be true or false")


def _text(value: object) -> str:
    text = _string(value)
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be a text in quotes")


def _region(value: object) -> str:
    code = str(value).upper()
    if code not in SUPPORTED_REGIONS:
        raise ValueError('must be a country code of two letters ("DK", "GB")')
    return code


def _ca_file(value: object) -> str:
    path = _text(value)
    if not Path(path).is_absolute():
        raise ValueError("must be an absolute path")
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"cannot be read as certificates: {error.strerror or error}") from error
    return path


def _statuses(value: object) -> frozenset[int]:
    if not isinstance(value, list) or not all(type(each) is int and 0 < each <= 0xFFFFFFFF for each in value):
        raise ValueError("must be a list of command statuses ([0x0401, 0x0402])")
    return frozenset(value)


_REQUIRED = {
    "host": "the name or address of the message centre",
    "system_id": "the name that the message centre knows us by",
}
_CHECKS: Mapping[str, _Check] = {
    "host": _text,
    "port": _integer(1, 65535),
    "tls": _flag,
    "ca_file": _ca_file,
    "system_id": _octets(16),
    "password": _octets(9),
    "system_type": _octets(13),
    "bind": _one_of(BindKind),
    "binds": _integer(1, 32),
    "window": _integer(1, 10_000),
    "response_timeout": _number(0.1, 300, "seconds"),
    "enquire_link": _number(0.1, 3600, "seconds"),
    "long_text": _one_of(LongText),
    "gsm_encoding": _one_of(GsmEncoding),
    "message_id": _one_of(IdForm),
    "source_ton": _integer(0, 6),
    "source_npi": _integer(0, 18),
    "dest_ton": _integer(0, 6),
    "dest_npi": _integer(0, 18),
    "region": _region,
    "service_type": _octets(6),
    "validity": _number(0, 30 * 86400, "seconds (0 for the message centre's own)"),
    "registered_delivery": _integer(0, 31),
    "temporary": _statuses,
}
