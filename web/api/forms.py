"""How values are written in calls and answers: times RFC 3339 in UTC, phones E.164, money as decimal text. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from gateway.money import Money

T = TypeVar("T")


class Form(BaseModel):
    """What a call carries: a field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """What an answer carries."""

    model_config = ConfigDict(frozen=True)


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time", "examples": ["2026-11-26T10:00:00.000Z"]})]
"""RFC 3339, UTC, to the millisecond."""
Id = Annotated[str, Field(json_schema_extra={"examples": ["01KB0V3Y8QF6ZC5RCA3N4M7T2E"]})]
Phone = Annotated[str, Field(json_schema_extra={"examples": ["+4530643064"]})]
"""E.164."""
Line = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text without line ends."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""The same, not empty."""


def _rfc3339(value: object) -> object:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("a time is written like 2026-11-26T10:00:00Z (RFC 3339)")
    return value


_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{8,20}(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
"""A time in a call; a number would be a guess."""


class Amount(Shown):
    """Money."""

    amount: str = Field(
        examples=["0.0079"], description="Decimal, in major units; often with more places than the currency's own."
    )
    currency: str = Field(examples=["EUR"], description="ISO 4217.")


class Listed(Shown, Generic[T]):
    """A page of a list."""

    items: list[T]
    next: str | None = Field(
        None, description="Pass it on as `cursor` for the page that follows; null on the last one.", examples=[None]
    )


def moment(seconds: float) -> str:
    """A time as it is written."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_or_none(seconds: float | None) -> str | None:
    """The same where there is one."""
    return None if seconds is None else moment(seconds)


def amount(money: Money | None) -> Amount | None:
    """Money as it is written."""
    if money is None:
        return None
    number, _, currency = str(money).rpartition(" ")
    return Amount(amount=number, currency=currency)
