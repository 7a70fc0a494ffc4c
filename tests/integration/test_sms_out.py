"""The dispatcher between a real spool and providers that do as they are told: routes, health, pace."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.errors import Outcome
from gateway.lane import PATIENCE
from gateway.model import SystemClock
from gateway.numbers import NumberRange
from gateway.pace import BURST
from gateway.providers.base import Capability, EventSink, Provider
from gateway.routing.choice import Book
from gateway.routing.router import Router
from gateway.routing.rules import Rule, Way
from gateway.sms import MessageState, OutgoingSms, Priority, SubmitResult
from gateway.sms_out import SmsOut
from gateway.spool import Spool
from gateway.store import schema, trace_sql
from gateway.store.database import Database
from gateway.store.spool_items import Acceptance, Settlement
from tests.integration.test_spool import acceptance, die
from tests.waiting import until

pytestmark = pytest.mark.proves("routes")

TAKEN = SubmitResult(Outcome.ACCEPTED, ("r",))
NOT_NOW = SubmitResult(Outcome.TEMPORARY, cause="no credit")
PERHAPS = SubmitResult(Outcome.UNKNOWN, cause="time-out")
OURS = NumberRange.parse("+45609946000000..+45609946000999")


class Told:
    """An adapter that answers as it is told, and remembers what it was given and how many had it at once."""

    capabilities: frozenset[Capability] = frozenset()
    window = 50
    validity = 3600.0

    def __init__(self, name: str, answer: SubmitResult = TAKEN) -> None:
        self.name = name
        self.answer = answer
        self.given: list[OutgoingSms] = []
        self.at: list[float] = []

    async def start(self, sink: EventSink) -> None: ...

    async def stop(self) -> None: ...

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        self.given.append(message)
        self.at.append(time.monotonic())
        await asyncio.sleep(0)
        refs = (f"{self.name}-{message.id}",) if self.answer.outcome is Outcome.ACCEPTED else ()
        return replace(self.answer, refs=refs)


def first_then_second(**more: object) -> Router:
    """From a, which owns the numbers, to b."""
    rule = Rule("both", (Way("a"),), (Way("b", sender="Firma"),), **more)  # type: ignore[arg-type]  # what a test varies
    return Router(Book((rule,), frozenset({"a", "b"})), [("a", OURS)])


@asynccontextmanager
async def dispatcher(
    database: Database,
    folder: Path,
    *providers: Told,
    router: Router | None = None,
    paces: Mapping[str, tuple[float, float]] | None = None,
) -> AsyncIterator[tuple[Spool, SmsOut]]:
    clock = SystemClock()
    spool = Spool(database, clock, folder)
    made: dict[str, Provider] = {provider.name: provider for provider in providers}
    out = SmsOut(spool=spool, database=database, providers=made, clock=clock, router=router, paces=paces)
    await spool.start()
    await out.start()
    yield spool, out
    await out.stop()
    await spool.stop()


async def take(spool: Spool, out: SmsOut, accepted: Acceptance) -> Sequence[OutgoingSms]:
    """What the intake does with a mail."""
    with out.reserve(accepted.messages) as room:
        verdict = await spool.put(replace(accepted, messages=room.messages, departs=room.granted))
        room.committed(verdict.new)
    return room.messages


def mail_of(phones: int = 1, provider: str = "a", priority: Priority = Priority.DIALOG) -> Acceptance:
    made = acceptance(SystemClock(), phones, priority=priority)  # type: ignore[arg-type]  # any clock will do
    return replace(made, messages=tuple(replace(each, provider=provider) for each in made.messages))


async def about(database: Database, message: OutgoingSms) -> dict[str, object]:
    query = select(schema.messages).where(schema.messages.c.id == message.id)
    return dict(await database.read(lambda connection: connection.execute(query).mappings().one()))


async def attempts(database: Database, message: OutgoingSms) -> list[tuple[str, str]]:
    story = await database.read(lambda connection: trace_sql.about_mail(connection, message.id))
    assert story is not None
    (found,) = [each for each in story["messages"] if each["id"] == message.id]
    return [(attempt["provider"], attempt["outcome"]) for attempt in found["history"]]


async def all_of(database: Database, state: str) -> int:
    query = select(func.count()).select_from(schema.messages).where(schema.messages.c.state == state)
    return await database.read(lambda connection: connection.execute(query).scalar_one())


async def until_all(database: Database, count: int, state: str = "submitted", seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while await all_of(database, state) < count:
            await asyncio.sleep(0.02)


# --- one message -------------------------------------------------------------------------------------------------------


@pytest.mark.stopwatch
async def test_what_the_first_does_not_take_goes_on_at_once_and_its_attempts_tell_it(
    database: Database, tmp_path: Path
):
    a, b = Told("a", NOT_NOW), Told("b")
    async with dispatcher(database, tmp_path, a, b, router=first_then_second()) as (spool, out):
        began = time.monotonic()
        (message,) = await take(spool, out, mail_of())
        await until_all(database, 1)
        assert time.monotonic() - began < 1.5, "without the pause of another attempt at the first"
    assert await attempts(database, message) == [("a", "temporary"), ("b", "accepted")]
    row = await about(database, message)
    assert (row["provider"], row["sender"], row["from_number"]) == ("b", "Firma", "+45609946000001")
    assert [each.from_number for each in (*a.given, *b.given)] == ["+45609946000001", "Firma"]


@pytest.mark.proves("never sent again blindly")
async def test_what_may_have_been_sent_goes_nowhere(database: Database, tmp_path: Path):
    a, b = Told("a", PERHAPS), Told("b")
    async with dispatcher(database, tmp_path, a, b, router=first_then_second()) as (spool, out):
        (message,) = await take(spool, out, mail_of())
        await until_all(database, 1, "unknown")
    assert await attempts(database, message) == [("a", "unknown")]
    assert b.given == []


async def test_a_refusal_of_the_route_goes_on_and_one_of_the_phone_fails(database: Database, tmp_path: Path):
    a, b = Told("a", SubmitResult(Outcome.PERMANENT, cause="not to this country", reason="not-allowed")), Told("b")
    async with dispatcher(database, tmp_path, a, b, router=first_then_second()) as (spool, out):
        (message,) = await take(spool, out, mail_of())
        await until_all(database, 1)
        assert (await about(database, message))["refused_by"] == "a"
        a.answer = SubmitResult(Outcome.PERMANENT, cause="no such phone", reason="bad-number")
        (other,) = await take(spool, out, mail_of())
        await until_all(database, 1, "failed")
    assert await attempts(database, other) == [("a", "permanent")]


async def test_without_rules_nothing_leaves_the_owner(database: Database, tmp_path: Path):
    a, b = Told("a", NOT_NOW), Told("b")
    async with dispatcher(database, tmp_path, a, b) as (spool, out):
        (message,) = await take(spool, out, mail_of())
        await until(lambda: a.given, "an attempt")
        await until_all(database, 1, "queued")
    assert (await about(database, message))["provider"] == "a"
    assert b.given == []


async def test_phones_of_one_mail_may_go_different_ways(database: Database, tmp_path: Path):
    a, b = Told("a"), Told("b")
    rule = Rule("one phone", (Way("b", sender="Firma"),), prefixes=("+4530643061",))
    router = Router(Book((rule,), frozenset({"a", "b"})), [("a", OURS)])
    async with dispatcher(database, tmp_path, a, b, router=router) as (spool, out):
        await take(spool, out, mail_of(3))
        await until_all(database, 3)
    assert (len(a.given), len(b.given)) == (2, 1)


async def test_what_nobody_may_carry_fails_soon_and_says_why(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.sms_out.REST_SECONDS", 0.05)
    router = Router(Book((Rule("b only", (Way("b"),)),), frozenset({"a", "b"})), [("a", OURS)])
    async with dispatcher(database, tmp_path, Told("a"), Told("b"), router=router) as (spool, out):
        (message,) = await take(spool, out, mail_of())
        await until_all(database, 1, "failed")
    assert (await about(database, message))["reason"] == "no-route"


async def test_what_waits_for_a_provider_that_is_no_more_finds_another(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.sms_out.REST_SECONDS", 0.05)
    b = Told("b")
    router = Router(Book((Rule("", (Way("gone"),), (Way("b", sender="Firma"),)),), frozenset({"b"})), [("gone", OURS)])
    async with dispatcher(database, tmp_path, b, router=router) as (spool, _out):
        await spool.put(mail_of(3, "gone"))
        await until_all(database, 3)
    assert Counter(each.from_number for each in b.given) == {"Firma": 3}


# --- many ----------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("other routes unaffected", "never sent again blindly")
async def test_what_waits_for_a_provider_that_takes_nothing_moves_in_batches_and_nothing_goes_twice(
    database: Database, tmp_path: Path
):
    a, b = Told("a", NOT_NOW), Told("b")
    async with dispatcher(database, tmp_path, a, b, router=first_then_second()) as (spool, out):
        for priority in (Priority.CAMPAIGN, Priority.DIALOG):
            for _ in range(12):
                await spool.put(mail_of(60, priority=priority))
        for _ in range(PATIENCE):
            await take(spool, out, mail_of())
        await until_all(database, 24 * 60 + PATIENCE)
        assert len(a.given) <= a.window + 2 * PATIENCE, "the others were not spoiled"
        asked = len(a.given)
        await take(spool, out, mail_of(2))
        await until_all(database, 24 * 60 + PATIENCE + 2)
        assert len(a.given) == asked, "new messages choose the other at once"
        a.answer = TAKEN
        async with asyncio.timeout(15):
            while len(a.given) < asked + 3:  # a probe finds out, then all go there again
                await take(spool, out, mail_of())
                await asyncio.sleep(0.1)
    counts = Counter(each.id for each in b.given)
    assert set(counts.values()) == {1}


async def test_a_message_of_two_attempts_is_known_by_the_second(database: Database, tmp_path: Path):
    """The outcome of the first attempt is committed; the second has begun and not left when the process dies."""
    clock = SystemClock()
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    accepted = replace(mail_of(2), departs=True)
    await spool.put(accepted)
    spool.leaves(accepted.messages)
    for message in accepted.messages:
        onward = replace(message, provider="b", sender="Firma")
        now = clock.now()
        await spool.settle(Settlement(message, NOT_NOW, MessageState.QUEUED, now, now, onward))
    left, waiting = (await spool.depart("b", 10)).go
    assert (left.provider, left.sender, left.attempts) == ("b", "Firma", 1)
    spool.leaves([left])
    await die(spool, database)
    other = Spool(database, clock, tmp_path)
    await other.start()
    assert [message.id for message in (await other.depart("b", 10)).go] == [waiting.id]
    assert (await about(database, left))["state"] == "unknown"
    await other.stop()


@pytest.mark.proves("leases")
async def test_an_outcome_that_comes_late_does_not_move_a_message_from_under_its_next_attempt(
    database: Database, tmp_path: Path
):
    clock = SystemClock()
    slow, quick = Spool(database, clock, tmp_path / "1", ["a"]), Spool(database, clock, tmp_path / "2", ["a"])
    await slow.start()
    accepted = replace(mail_of(), departs=True)
    await slow.put(accepted)
    (message,) = accepted.messages
    await slow.stop()  # its heartbeat is gone, its attempt is not over
    await quick.start()
    assert [each.attempts for each in (await quick.depart("a", 10)).go] == [1]
    now = clock.now()
    onward = replace(message, provider="b")
    await slow.settle(Settlement(message, NOT_NOW, MessageState.QUEUED, now, now, onward))
    row = await about(database, message)
    assert (row["state"], row["provider"]) == ("submitting", "a")
    await quick.stop()


@pytest.mark.proves("never sent again blindly")
async def test_what_a_provider_may_have_already_is_nobody_elses(database: Database, tmp_path: Path):
    """A provider that knows a message again is asked again after a crash; another one would send it twice."""
    clock = SystemClock()
    before = Spool(database, clock, tmp_path, ["a"])
    await before.start()
    accepted = replace(mail_of(), departs=True)
    await before.put(accepted)
    (message,) = accepted.messages
    before.leaves([message])
    await die(before, database)
    a, b = Told("a", NOT_NOW), Told("b")
    a.capabilities = frozenset({Capability.IDEMPOTENT})
    after = Spool(database, clock, tmp_path, ["a"])
    out = SmsOut(spool=after, database=database, providers={"a": a, "b": b}, clock=clock, router=first_then_second())
    await after.start()
    await out.start()
    for _ in range(PATIENCE):
        await take(after, out, mail_of())
    await until_all(database, PATIENCE)
    await until(lambda: message.id in [each.id for each in a.given], "the same again")
    a.answer = TAKEN
    await until_all(database, PATIENCE + 1)
    await out.stop()
    await after.stop()
    assert message.id not in [each.id for each in b.given]


async def test_a_provider_that_is_well_again_before_anything_moved_goes_on(database: Database, tmp_path: Path):
    a, b = Told("a", PERHAPS), Told("b")
    async with dispatcher(database, tmp_path, a, b, router=first_then_second()) as (spool, out):
        lane = out._lanes["a"]
        lane.taken = PATIENCE + 1
        for outcome in [Outcome.UNKNOWN] * PATIENCE + [Outcome.ACCEPTED]:  # the answers of one turn of the loop
            out._heed(lane, SubmitResult(outcome, cause="no credit"))
        a.answer = TAKEN
        await spool.put(mail_of(20))
        await until_all(database, 20)
    assert (len(a.given), len(b.given)) == (20, 0)


# --- pace ----------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("pace")
async def test_a_pace_holds_what_leaves_with_its_commit_and_what_is_drawn_dialog_first(
    database: Database, tmp_path: Path
):
    a, b = Told("a"), Told("b")
    async with dispatcher(database, tmp_path, a, b, paces={"a": (20.0, 0.0)}) as (spool, out):
        began = time.monotonic()  # not the first one's moment: it may be late, and the last one not
        await spool.put(mail_of(40, priority=Priority.CAMPAIGN))
        await until(lambda: len(a.given) > 4, "some of the campaign")
        (dialog,) = await take(spool, out, mail_of())
        before = len(a.given)
        (free,) = await take(spool, out, mail_of(provider="b"))
        await until(lambda: b.given, "the other lane")
        assert len(a.given) < 41, "another provider's messages do not wait for this one's pace"
        await until_all(database, 42)
    assert a.at[-1] - began >= 41 / 20 - BURST - 0.01
    place = [each.id for each in a.given].index(dialog.id)
    assert place <= before + 3, "it went past what was left of the campaign"
    assert [each.id for each in b.given] == [free.id]


@pytest.mark.stopwatch
@pytest.mark.proves("pace")
async def test_a_numbers_pace_holds_up_no_other_number(database: Database, tmp_path: Path):
    a = Told("a")
    async with dispatcher(database, tmp_path, a, paces={"a": (0.0, 10.0)}) as (spool, _out):
        began = time.monotonic()
        await spool.put(mail_of(12))
        other = mail_of()
        await spool.put(replace(other, messages=(replace(other.messages[0], from_number="+45609946000002"),)))
        await until_all(database, 13)
    ours = [at for at, each in zip(a.at, a.given, strict=True) if each.from_number == "+45609946000001"]
    (its,) = set(a.at) - set(ours)
    assert 11 / 10 - BURST - 0.01 <= ours[-1] - began < 6
    assert its < ours[2]
