"""The options of a `[[provider]]` with kind "smpp": defaults, and what each must be."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field, SecretStr

from gateway.providers.options import Table, read_table
from gateway.smpp.pdu import c_octets
from gateway.smpp.receipt import IdForm
from gateway.smpp.text import GsmEncoding, LongText

PORT, TLS_PORT = 2775, 8775


class BindKind(StrEnum):
    """What is bound."""

    TRANSCEIVER = "transceiver"
    SEPARATE = "separate"
    """A transmitter and a receiver, on connections of their own."""


def _octets(size: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            c_octets(text, size)
        except ValueError as error:
            raise ValueError(f"must be at most {size - 1} characters of Latin-1") from error
        return text

    return check


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _password(secret: SecretStr) -> SecretStr:
    _octets(9)(secret.get_secret_value())
    return secret


def _region(code: str) -> str:
    if code.upper() not in SUPPORTED_REGIONS:
        raise ValueError('must be a country code of two letters ("DK", "GB")')
    return code.upper()


def _certificates(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"cannot be read as certificates: {error.strerror or error}") from error
    return path


_Ton = Annotated[int, Field(ge=0, le=6)]
_Npi = Annotated[int, Field(ge=0, le=18)]


class SmppOptions(Table):
    """Every option with its default. Times are seconds."""

    host: Annotated[str, AfterValidator(_filled)]
    tls: bool = False
    port: int = Field(default_factory=lambda options: TLS_PORT if options.get("tls") else PORT, ge=1, le=65535)
    ca_file: Annotated[Path, AfterValidator(_certificates)] | None = None
    system_id: Annotated[str, AfterValidator(_filled), AfterValidator(_octets(16))]
    password: Annotated[SecretStr, AfterValidator(_password)] = SecretStr("")
    system_type: Annotated[str, AfterValidator(_octets(13))] = ""
    bind: BindKind = BindKind.TRANSCEIVER
    binds: int = Field(1, ge=1, le=32)
    window: int = Field(64, ge=1, le=10_000)
    response_timeout: float = Field(10, ge=0.1, le=300)
    enquire_link: float = Field(30, ge=0.1, le=3600)
    long_text: LongText = LongText.UDH8
    gsm_encoding: GsmEncoding = GsmEncoding.GSM7
    message_id: IdForm = IdForm.TEXT
    source_ton: _Ton = 1
    source_npi: _Npi = 1
    dest_ton: _Ton = 1
    dest_npi: _Npi = 1
    region: Annotated[str, AfterValidator(_region)] = ""
    service_type: Annotated[str, AfterValidator(_octets(6))] = ""
    validity: float = Field(0, ge=0, le=30 * 86400)
    """0 for the message centre's own."""
    registered_delivery: int = Field(1, ge=0, le=31)
    temporary: frozenset[Annotated[int, Field(gt=0, le=0xFFFFFFFF)]] = frozenset()
    """A vendor's own command statuses that pass."""
    query_sm: bool = False
    """Whether the message centre may be asked what became of a message."""


def read_options(written: Mapping[str, Any]) -> SmppOptions:
    """Check what was written. Raises ValueError with a sentence for each wrong option, and never a secret's value."""
    return read_table(SmppOptions, written)


def tls_context(options: SmppOptions) -> ssl.SSLContext | None:
    """How the message centre's certificate is checked; None without TLS. Raises OSError for an unreadable file."""
    return ssl.create_default_context(cafile=options.ca_file) if options.tls else None
