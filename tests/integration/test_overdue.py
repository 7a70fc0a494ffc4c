"""Messages of which no word comes: they expire, are asked about, or decided by hand; and what parts cost."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text

from gateway.errors import Outcome
from gateway.inbound_form import tidy_report
from gateway.money import Money
from gateway.overdue import ASK_AFTER, Overdue
from gateway.providers.base import Provider
from gateway.providers.options import HOUR
from gateway.providers.simulator import SimulatorProvider
from gateway.sms import OPTED_OUT, DeliveryReport, InboundEvent, MessageState, OutgoingSms, ReportStatus, SubmitResult
from gateway.sms_text import measure
from gateway.spool import Spool
from gateway.store import failure_sql, optout_sql, overdue_sql, report_sql, settle_sql, trace_sql
from gateway.store.database import Database, alone
from gateway.store.opening import open_database
from gateway.store.report_sql import Received
from gateway.store.schema import messages, organisations
from gateway.store.spool_items import Acceptance, MailRecord, Settlement
from tests.providers.peer import Answer, Peer
from tests.providers.table_infobip import make as infobip

START = 1_800_000_000.0
PHONE = "+4530643064"
_ids = itertools.count(1)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def spool(database: Database, clock: Clock, tmp_path: Path):
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    yield spool
    await spool.stop()


async def sent(
    spool: Spool, clock: Clock, provider: str = "p", refs: Sequence[str] = ("a",), price: Money | None = None
) -> OutgoingSms:
    """A message that a provider has taken; without refs it is in doubt."""
    mail = f"M{next(_ids)}"
    record = MailRecord(
        mail, clock.now(), "sms", "smtp", "::1", "x", False, "a@b", "a@b", f"{mail}@b", "trusted", "", 1
    )
    message = OutgoingSms(
        f"{mail}.1", "O", "A", "K", "+45609946000001", PHONE, measure("hej"), provider, created_at=clock.now()
    )
    await spool.put(Acceptance(record, (message,), (mail,), departs=True))
    if refs:
        result, state = SubmitResult(Outcome.ACCEPTED, tuple(refs), price=price), MessageState.SUBMITTED
    else:
        result, state = SubmitResult(Outcome.UNKNOWN, cause="no answer in time"), MessageState.UNKNOWN
    await spool.settle(Settlement(message, result, state, clock.now(), clock.now()))
    return message


async def row(database: Database, message: OutgoingSms):
    query = select(messages).where(messages.c.id == message.id)
    return await database.read(lambda connection: connection.execute(query).one())


async def report(database: Database, ref: str, status: ReportStatus, price: Money | None = None, provider: str = "p"):
    item = Received(DeliveryReport(provider, ref, status, START, price=price), START)
    return await database.write(report_sql.store_reports, item)


def overdue(database: Database, clock: Clock, *providers: Provider) -> Overdue:
    async def hear(events: Sequence[InboundEvent]) -> None:
        for event in events:
            if isinstance(event, DeliveryReport):
                await database.write(report_sql.store_reports, Received(tidy_report(event), clock.now()))
            else:
                await database.write(settle_sql.resolve, event)

    return Overdue(
        database=database,
        providers={provider.name: provider for provider in providers},
        clock=clock,
        hear=hear,
        failed=asyncio.Event(),
    )


def simulator(path: Path, name: str = "p", hours: float = 48) -> Provider:
    return SimulatorProvider(name, {"path": str(path / f"{name}.jsonl"), "validity": hours * HOUR})


# --- no report -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("no report")
async def test_a_message_expires_when_its_provider_reports_no_more(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path
):
    short, long, gone = (
        await sent(spool, clock, "short", ["a"]),
        await sent(spool, clock, "long", ["b"]),
        await sent(spool, clock, "gone", ["c"]),
    )
    sweep = overdue(database, clock, simulator(tmp_path, "short", 1), simulator(tmp_path, "long", 72))
    clock.time += HOUR - 1
    await sweep.expire()
    assert [(await row(database, each)).state for each in (short, long, gone)] == ["submitted"] * 3
    clock.time += 1
    await asyncio.gather(sweep.expire(), overdue(database, clock, simulator(tmp_path, "short", 1)).expire())
    now = await row(database, short)
    assert (now.state, now.cause, now.reason) == ("expired", "no report within 1 hours", "no-word")
    clock.time = START + 48 * HOUR
    await sweep.expire()
    assert [(await row(database, each)).state for each in (long, gone)] == ["submitted", "expired"]
    untold = await database.read(lambda connection: failure_sql.untold(connection, clock.now(), 0.0, 10))
    assert {(failure.message_id, failure.reason) for failure in untold} == {(short.id, "no-word"), (gone.id, "no-word")}


@pytest.mark.proves("no report")
async def test_silence_of_a_provider_that_never_reports_means_nothing(spool: Spool, database: Database, clock: Clock):
    message = await sent(spool, clock)
    silence = overdue_sql.Silence({"p": math.inf}, 48 * HOUR, clock.now() + 1e9, 10)
    assert await database.write(overdue_sql.expire, silence) == []
    assert (await row(database, message)).state == "submitted"


@pytest.mark.proves("no report", "reports")
async def test_a_report_that_comes_after_all_counts(spool: Spool, database: Database, clock: Clock, tmp_path: Path):
    late, reported = await sent(spool, clock, refs=["a"]), await sent(spool, clock, refs=["b"])
    await report(database, "b", ReportStatus.EXPIRED)
    clock.time += 49 * HOUR
    await overdue(database, clock, simulator(tmp_path)).expire()
    assert await report(database, "a", ReportStatus.DELIVERED) is not None
    assert await report(database, "b", ReportStatus.DELIVERED) is None, "the provider itself has said that it expired"
    now = await row(database, late)
    assert (now.state, now.reason) == ("delivered", "")
    assert (await row(database, reported)).state == "expired"


@pytest.mark.proves("no report")
async def test_more_than_a_batch_expires_in_one_sweep(spool: Spool, database: Database, clock: Clock):
    await asyncio.gather(*(sent(spool, clock, refs=[f"r{n}"]) for n in range(25)))
    silence = overdue_sql.Silence({"p": 1.0}, 1.0, clock.now() + 2, 10)
    assert [len(await database.write(overdue_sql.expire, silence)) for _ in range(4)] == [10, 10, 5, 0]


LOOKS = {
    "ix_messages_submitted": (
        (
            "SELECT id FROM messages WHERE messages.state = 'submitted' AND provider = 'p' AND state_at <= 1 "
            "ORDER BY state_at LIMIT 10"
        ),
        "SELECT min(provider) FROM messages WHERE messages.state = 'submitted'",
        (
            "SELECT * FROM messages WHERE messages.state = 'submitted' AND provider = 'p' AND state_at >= 0 "
            "AND state_at <= 1 AND (state_at > 0 OR id > '') ORDER BY state_at, id LIMIT 50"
        ),
    ),
    "ix_messages_untold": (
        (
            "SELECT * FROM messages WHERE messages.state IN ('failed', 'expired', 'unknown') AND messages.told_at IS NULL "
            "AND messages.state = 'unknown' AND provider IN ('p') ORDER BY state_at LIMIT 500"
        ),
    ),
}


@pytest.mark.proves("a million waiting")
async def test_the_sweeps_ask_indexes(database: Database):
    """Among many that have arrived, and many that wait."""
    row = {
        "org_id": "O", "account_id": "A", "key_id": "K", "provider": "p", "from_number": "1", "to_number": "2",
        "text": "x", "encoding": "gsm7", "parts": 1, "units": 1, "priority": 0, "created_at": 1.0, "available_at": 1.0,
    }  # fmt: skip
    states = ["delivered"] * 8 + ["submitted", "unknown"]
    rows = [row | {"id": f"m{n}", "state": states[n % 10], "state_at": float(n), "told_at": 1.0} for n in range(20_000)]

    def plans(connection: Connection) -> dict[str, list[str]]:
        explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[connection.dialect.name]
        return {
            index: [str(connection.execute(text(f"{explain} {look}")).all()) for look in looks]
            for index, looks in LOOKS.items()
        }

    await database.write(alone(lambda connection: connection.execute(insert(messages), rows)), None)
    await database.write(alone(lambda connection: connection.execute(text("ANALYZE messages"))), None)
    for index, found in (await database.read(plans)).items():
        assert all(index in plan for plan in found), found


# --- in doubt ------------------------------------------------------------------------------------------------------


def log_of(message: OutgoingSms, *groups: int) -> Answer:
    """Infobip's log of a message, by its documentation."""
    results = [
        {"messageId": message.id, "destination": PHONE[1:], "status": {"groupId": group, "groupName": "X", "name": "X"}}
        for group in groups
    ]
    return Answer(200, json.dumps({"results": results}))


@pytest.mark.proves("asked beside sending", "unknown is resolved or shown")
async def test_a_provider_that_can_be_asked_resolves_a_doubt(spool: Spool, database: Database, clock: Clock):
    async with Peer() as peer:
        provider = infobip(peer.url)
        await provider.start(lambda _events: asyncio.sleep(0))
        message = await sent(spool, clock, "infobip", refs=())
        asking = overdue(database, clock, provider)
        await asking.ask()
        assert not peer.requests, "an answer may still come by itself"
        clock.time += ASK_AFTER[0]
        peer.script = [log_of(message)]
        await asking.ask()
        await asking.ask()
        assert len(peer.requests) == 1, "asked once, and not again so soon"
        assert (await row(database, message)).state == "unknown"
        clock.time = START + ASK_AFTER[1]
        peer.script = [log_of(message, 3)]
        await asking.ask()
        assert (await row(database, message)).state == "delivered"
        await provider.stop()


@pytest.mark.proves("unknown is resolved or shown", "never sent again blindly")
async def test_asking_ends_and_sends_nothing(spool: Spool, database: Database, clock: Clock):
    async with Peer() as peer:
        provider = infobip(peer.url)
        await provider.start(lambda _events: asyncio.sleep(0))
        message = await sent(spool, clock, "infobip", refs=())
        asking = overdue(database, clock, provider)
        peer.script = [Answer(500)]
        for _ in range(40):
            clock.time += 60
            await asking.ask()
        assert [request.method for request in peer.requests] == ["GET"] * len(ASK_AFTER)
        assert (await row(database, message)).state == "unknown"
        await provider.stop()


@pytest.mark.proves("no report", "asked beside sending")
async def test_a_provider_is_asked_once_before_a_message_expires(spool: Spool, database: Database, clock: Clock):
    async with Peer() as peer:
        provider = infobip(peer.url)
        await provider.start(lambda _events: asyncio.sleep(0))
        found, lost = [await sent(spool, clock, "infobip", refs=[f"i{n}"]) for n in range(2)]
        asking = overdue(database, clock, provider)
        clock.time += 0.9 * provider.validity - 1
        await asking.ask_before_expiry()
        assert not peer.requests, "not before most of its time is over"
        clock.time += 1
        peer.script = [log_of(replace(found, id="i0"), 3), Answer(500)]
        for _ in range(3):
            await asking.ask_before_expiry()
            clock.time += 60
        assert len(peer.requests) == 2, "about each of them once"
        clock.time = START + provider.validity
        await asking.expire()
        assert [(await row(database, each)).state for each in (found, lost)] == ["delivered", "expired"]
        await provider.stop()


@pytest.mark.proves("unknown is resolved or shown")
async def test_what_is_sent_again_is_delivered_by_its_own_reports(spool: Spool, database: Database, clock: Clock):
    message = await sent(spool, clock, refs=())
    half = SubmitResult(Outcome.UNKNOWN, ("half",), cause="the second part had no answer")
    await spool.settle(Settlement(message, half, MessageState.UNKNOWN, clock.now(), clock.now()))
    await database.write(overdue_sql.rule, overdue_sql.Ruling(message.id, MessageState.QUEUED, clock.now(), "anna"))
    (again,) = (await spool.depart("p", 10)).go
    whole = SubmitResult(Outcome.ACCEPTED, ("x", "y"))
    await spool.settle(Settlement(again, whole, MessageState.SUBMITTED, clock.now(), clock.now()))
    for ref in ("half", "x", "y"):
        await report(database, ref, ReportStatus.DELIVERED)
    assert (await row(database, message)).state == "delivered"
    story = await database.read(lambda connection: trace_sql.about_mail(connection, message.id))
    assert story is not None
    first, second = story["messages"][0]["history"]
    assert first["cause"] == "the second part had no answer; anna decided: queued"
    assert second["cause"] == ""


@pytest.mark.parametrize(
    ("ruled", "state"),
    [(MessageState.SUBMITTED, "submitted"), (MessageState.FAILED, "failed"), (MessageState.QUEUED, "queued")],
)
@pytest.mark.proves("unknown is resolved or shown")
async def test_people_decide_once(spool: Spool, database: Database, clock: Clock, ruled: MessageState, state: str):
    doubtful, plain = await sent(spool, clock, refs=()), await sent(spool, clock, refs=["b"])
    rulings = [overdue_sql.Ruling(each.id, ruled, clock.now()) for each in (doubtful, doubtful, plain)]
    assert [await database.write(overdue_sql.rule, each) for each in rulings] == [True, False, False]
    assert (await row(database, doubtful)).state == state
    assert (await row(database, plain)).state == "submitted"
    now = await row(database, doubtful)
    assert now.reason == ("not-sent" if ruled is MessageState.FAILED else "")
    drawn = (await spool.depart("p", 10)).go
    assert [each.id for each in drawn] == ([doubtful.id] if ruled is MessageState.QUEUED else [])


# --- what parts cost -----------------------------------------------------------------------------------------------


def oere(amount: int) -> Money:
    return Money(amount * 1000, "DKK")


async def price(database: Database, message: OutgoingSms) -> Money | None:
    now = await row(database, message)
    return None if now.price is None else Money(now.price, now.currency)


@pytest.mark.proves("what parts cost")
async def test_parts_add_up_once_all_have_told(spool: Spool, database: Database, clock: Clock):
    message = await sent(spool, clock, refs=["a", "b"], price=oere(50))
    assert await price(database, message) == oere(50)
    for _ in range(3):
        await report(database, "a", ReportStatus.DELIVERED, oere(30))
        assert await price(database, message) == oere(50), "the other part has not told"
    for _ in range(3):
        await report(database, "b", ReportStatus.DELIVERED, oere(31))
        assert await price(database, message) == oere(61)


@pytest.mark.proves("what parts cost")
async def test_reports_in_two_currencies_change_nothing(spool: Spool, database: Database, clock: Clock):
    message = await sent(spool, clock, refs=["a", "b"], price=oere(50))
    await report(database, "a", ReportStatus.DELIVERED, oere(30))
    await report(database, "b", ReportStatus.DELIVERED, Money(1, "EUR"))
    assert await price(database, message) == oere(50)


@pytest.mark.proves("what parts cost", "reports")
async def test_a_price_that_comes_before_the_answer_is_kept(spool: Spool, database: Database, clock: Clock):
    await report(database, "early", ReportStatus.DELIVERED, oere(30))
    message = await sent(spool, clock, refs=["early"])
    assert (await row(database, message)).state == "delivered"
    assert await price(database, message) == oere(30)


# --- what a report says of the phone -------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.proves("STOP", "reports")
async def test_a_report_may_say_why_and_that_the_phone_said_stop(
    spool: Spool, database: Database, clock: Clock, *, early: bool
):
    firm = insert(organisations).values(id="O", name="Firma", region="DK", language="da", created_at=START)
    await database.write(alone(lambda connection: connection.execute(firm)), None)
    told = DeliveryReport("p", "a", ReportStatus.FAILED, START, PHONE, "21610", reason=OPTED_OUT)
    if not early:
        await sent(spool, clock, refs=["a"])
    await database.write(report_sql.store_reports, Received(told, START))
    message = await sent(spool, clock, refs=["a"]) if early else None
    untold = await database.read(lambda connection: failure_sql.untold(connection, clock.now(), 0.0, 10))
    assert [failure.reason for failure in untold] == [OPTED_OUT]
    pairs = {("O", PHONE), ("another", PHONE)}
    assert await database.read(lambda connection: optout_sql.stopped(connection, pairs)) == {("O", PHONE)}
    assert message is None or (await row(database, message)).state == "failed"


# --- any order -----------------------------------------------------------------------------------------------------

EVENTS = (
    "answer",
    *((ref, status) for ref in ("a", "b") for status in (ReportStatus.ACCEPTED, ReportStatus.DELIVERED)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS[1:]), max_size=4))
@pytest.mark.proves("reports")
async def test_any_order_of_answer_and_reports_ends_alike(database_url: str, tmp_path: Path, order: list, again: list):
    """Two parts, each reported as accepted and as delivered, before or after the answer, some of it twice."""
    clock, run = Clock(), next(_ids)
    database = await open_database(database_url)
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    message = None
    for event in [*order, *again]:
        if event == "answer":
            message = await sent(spool, clock, refs=[f"a{run}", f"b{run}"])
        else:
            await report(database, f"{event[0]}{run}", event[1], oere(10))
    assert message is not None
    now = await row(database, message)
    assert (now.state, now.price, now.currency) == ("delivered", 20_000, "DKK")
    await spool.stop()
    await database.close()


@pytest.mark.parametrize("order", list(itertools.permutations(["answer", "good", "bad"])))
@pytest.mark.proves("reports")
async def test_one_failed_part_fails_the_message_in_any_order(
    order: tuple[str, ...], spool: Spool, database: Database, clock: Clock
):
    message = None
    for event in order:
        if event == "answer":
            message = await sent(spool, clock, refs=["good", "bad"])
        else:
            status = ReportStatus.DELIVERED if event == "good" else ReportStatus.FAILED
            await report(database, event, status, oere(10))
    assert message is not None
    now = await row(database, message)
    assert (now.state, now.price) == ("failed", 20_000)


@pytest.mark.proves("reports", "two-writers")
async def test_an_answer_and_its_reports_may_meet(spool: Spool, database: Database, clock: Clock):
    """All at once, each part reported twice: whatever sees what first, the end is the same."""
    for run in range(20):
        told = [
            report(database, f"{ref}{run}", status, oere(10))
            for ref in "ab"
            for status in (ReportStatus.ACCEPTED, ReportStatus.DELIVERED, ReportStatus.DELIVERED)
        ]
        message, *_ = await asyncio.gather(sent(spool, clock, refs=[f"a{run}", f"b{run}"]), *told)
        now = await row(database, message)
        assert (now.state, now.price, now.currency) == ("delivered", 20_000, "DKK")


@pytest.mark.proves("reports")
async def test_a_report_of_another_provider_or_for_another_phone_moves_nothing(
    spool: Spool, database: Database, clock: Clock
):
    message = await sent(spool, clock, refs=["a"])
    strange = DeliveryReport("p", "a", ReportStatus.FAILED, START, "+4599999999", "not ours", oere(99))
    await database.write(report_sql.store_reports, Received(strange, START))
    await report(database, "a", ReportStatus.FAILED, oere(99), provider="q")
    now = await row(database, message)
    assert (now.state, now.price) == ("submitted", None)
    await report(database, "a", ReportStatus.DELIVERED)
    assert (await row(database, message)).state == "delivered"
