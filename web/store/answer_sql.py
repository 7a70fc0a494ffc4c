"""SQL of answers that are given again: who is at a call, and what it was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from gateway.store.dialect import insert
from gateway.store.schema import processes
from web.store.api_schema import api_answers


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody wants to answer a call."""

    key_id: str
    name: str
    request: str
    claim: str
    process: str
    """The lease of who wants it."""
    now: float
    kept_since: float
    """What was claimed before this is forgotten."""
    running_since: float
    """Who claimed before this and has not answered never will, also where the process lives."""


@dataclass(frozen=True, slots=True)
class Known:
    """How a call stands: the claim is the caller's own where nobody else is at it."""

    claim: str
    request: str
    status: int | None
    answer: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered."""

    key_id: str
    name: str
    claim: str
    status: int
    answer: str


def claim(connection: Connection, items: Sequence[Claim]) -> list[Known]:
    """Work: take calls that nobody is at, forget old ones; how each stands then."""
    connection.execute(delete(api_answers).where(api_answers.c.claimed_at < min(each.kept_since for each in items)))
    return [_claim(connection, each) for each in items]


def _claim(connection: Connection, wanted: Claim) -> Known:
    mine = {"request": wanted.request, "claim": wanted.claim, "process": wanted.process, "claimed_at": wanted.now}
    row = insert(connection, api_answers).values(key_id=wanted.key_id, name=wanted.name, **mine)
    gone = api_answers.c.process.not_in(select(processes.c.token))
    dead = and_(api_answers.c.status.is_(None), or_(gone, api_answers.c.claimed_at < wanted.running_since))
    same = api_answers.c.request == wanted.request
    connection.execute(row.on_conflict_do_update(index_elements=["key_id", "name"], set_=mine, where=and_(dead, same)))
    found = connection.execute(
        select(api_answers).where(api_answers.c.key_id == wanted.key_id, api_answers.c.name == wanted.name)
    ).one()
    return Known(found.claim, found.request, found.status, found.answer)


def keep(connection: Connection, items: Sequence[Answer]) -> list[None]:
    """Work: keep what calls were answered."""
    for each in items:
        mine = _is(each.key_id, each.name, each.claim)
        connection.execute(update(api_answers).where(mine).values(status=each.status, answer=each.answer))
    return [None] * len(items)


def drop(connection: Connection, items: Sequence[tuple[str, str, str]]) -> list[None]:
    """Work: give up claims (key, name, claim), so that the same call may be made again."""
    for key_id, name, mine in items:
        connection.execute(delete(api_answers).where(_is(key_id, name, mine)))
    return [None] * len(items)


def _is(key_id: str, name: str, claim: str) -> ColumnElement[bool]:
    return and_(api_answers.c.key_id == key_id, api_answers.c.name == name, api_answers.c.claim == claim)
