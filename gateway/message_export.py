"""The log of SMS as a CSV file, however long: a page of it in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, tzinfo
from decimal import Decimal

from gateway import csv_cells
from gateway.listed_sms import ListedSms, LogFilter
from gateway.message_log import MessageLog

HEADER = (
    "id", "time", "way", "account", "number", "phone", "state", "changed", "provider", "parts", "price", "currency",
    "reason", "cause", "text",
)  # fmt: skip


async def export(
    log: MessageLog, wanted: LogFilter, zone: tzinfo, form: csv_cells.Form = csv_cells.COMMAS
) -> AsyncIterator[bytes]:
    """What is wanted as CSV, with times (ISO 8601) in the reader's zone."""

    async def rows() -> AsyncIterator[tuple[object, ...]]:
        async for sms in log.rows(wanted):
            yield _row(sms, zone)

    async for piece in csv_cells.lines(HEADER, rows(), form):
        yield piece


def _row(sms: ListedSms, zone: tzinfo) -> tuple[object, ...]:
    return (
        sms.id,
        _moment(sms.at, zone),
        sms.way,
        sms.email,
        sms.sender or sms.number,
        sms.phone,
        sms.state,
        _moment(sms.state_at, zone),
        sms.provider,
        sms.parts,
        *_price(sms),
        sms.reason,
        sms.cause,
        sms.text,
    )


def _price(sms: ListedSms) -> tuple[Decimal | None, str]:
    """Major units and their currency; empty for a price that is not known."""
    amount, _, currency = str(sms.price or "").partition(" ")
    return Decimal(amount) if amount else None, currency


def _moment(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")
