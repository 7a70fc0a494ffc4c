"""Rows of `campaigns`: a campaign written as columns, and read from them. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from campaigns.approval import Approval, Who
from campaigns.campaign import UNDECIDED, Campaign, Content, Counts, Launch, Limits, State
from campaigns.model import Audience, Channel
from campaigns.schedule import read_window, write_window
from campaigns.trial import Rule, Trial, Verdict, VersionFigures
from gateway.money import Money


def fingerprint(content: Content) -> str:
    """What tells contents apart, SHA-256 in hexadecimal digits: whoever has seen one says by it which it was."""
    return hashlib.sha256(json.dumps(content_row(content), sort_keys=True, default=str).encode()).hexdigest()


def asked_row(who: Who | None, at: float | None, contacts: int) -> dict[str, Any]:
    """The columns of who has started a campaign for how many, instead of all that was asked and answered before.

    `at` is when they asked somebody else; None where nobody has to be asked.
    """
    return {
        "asked_by": who.name if who else "",
        "asked_id": who.token if who else "",
        "asked_person": who.person_id if who else "",
        "asked_at": at,
        "asked_for": contacts,
        "answered_by": "",
        "answered_id": "",
        "answered_at": None,
        "approved": False,
        "answer": "",
    }


def answered_row(who: Who, at: float, *, approved: bool, word: str = "") -> dict[str, Any]:
    """The columns of what somebody else has answered."""
    return {
        "answered_by": who.name,
        "answered_id": who.token,
        "answered_at": at,
        "approved": approved,
        "answer": word,
    }


def _audience_text(audience: Audience) -> str:
    said = {"contacts": audience.contacts, "groups": audience.groups, "without": audience.without}
    return json.dumps(said | ({"filter": audience.filter} if audience.filter is not None else {}), ensure_ascii=False)


def _audience(text: str) -> Audience:
    said = json.loads(text)
    return Audience(tuple(said["contacts"]), tuple(said["groups"]), said.get("filter"), tuple(said["without"]))


def _trial(text: str) -> Trial | None:
    if not text:
        return None
    said = json.loads(text)
    return Trial(said["share"], Rule(said["rule"]), said["hours"])


def _verdict(row: Any) -> Verdict:
    if not row.winner:
        return UNDECIDED
    figures = tuple(VersionFigures(**each) for each in json.loads(row.decided_on))
    return Verdict(row.winner, row.decided_at, row.decided_by, figures)


def content_row(content: Content) -> dict[str, Any]:
    """The columns that hold what people write and choose."""
    limits = content.limits
    return {
        "name": content.name,
        "account_id": content.account_id,
        "texts": json.dumps(dict(content.texts), ensure_ascii=False),
        "channel": content.channel,
        "subjects": json.dumps(dict(content.subjects), ensure_ascii=False) if content.subjects else "",
        "audience": _audience_text(content.audience),
        "consent": content.consent,
        "launch": content.launch,
        "start_at": content.start_at,
        "send_window": write_window(content.window),
        "zone": content.window.zone,
        "any_hour": content.any_hour,
        "any_day": content.any_day,
        "smart": content.smart,
        "short_links": content.short_links,
        "trial": json.dumps(asdict(content.trial)) if content.trial is not None else "",
        "per_minute": limits.per_minute,
        "per_week": limits.per_week,
        **budget_row(limits),
    }


def budget_row(limits: Limits) -> dict[str, Any]:
    """The columns of what a campaign may spend."""
    return {
        "max_parts": limits.parts,
        "max_cost": limits.cost.thousandths if limits.cost else None,
        "currency": limits.cost.currency if limits.cost else "",
    }


def campaign_of(row: Any) -> Campaign:
    """Read a row of `campaigns`."""
    cost = Money(row.max_cost, row.currency) if row.max_cost is not None else None
    content = Content(
        name=row.name,
        account_id=row.account_id,
        texts=json.loads(row.texts),
        audience=_audience(row.audience),
        consent=row.consent,
        launch=Launch(row.launch),
        start_at=row.start_at,
        window=read_window(row.send_window, row.zone),
        limits=Limits(row.per_minute, row.per_week, row.max_parts, cost),
        any_hour=bool(row.any_hour),
        any_day=bool(row.any_day),
        channel=Channel(row.channel),
        subjects=json.loads(row.subjects) if row.subjects else {},
        smart=bool(row.smart),
        short_links=bool(row.short_links),
        trial=_trial(row.trial),
    )
    return Campaign(
        id=row.id,
        org_id=row.org_id,
        content=content,
        state=State(row.state),
        state_at=row.state_at,
        created_at=row.created_at,
        created_by=row.created_by,
        cause=row.cause,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cursor=row.cursor,
        exhausted=bool(row.exhausted),
        available_at=row.available_at,
        verdict=_verdict(row),
        counts=Counts(row.recipients, row.messages, row.waiting, row.skipped, row.parts, row.cost),
        approval=Approval(
            asked_by=row.asked_by,
            asked_id=row.asked_id,
            asked_person=row.asked_person,
            asked_at=row.asked_at,
            recipients=row.asked_for,
            answered_by=row.answered_by,
            answered_at=row.answered_at,
            approved=bool(row.approved),
            word=row.answer,
        ),
    )
