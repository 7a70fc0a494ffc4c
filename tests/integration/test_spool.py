"""The spool and delivery reports, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.errors import Outcome
from gateway.model import (
    DeliveryReport,
    Encoding,
    MailKind,
    MessageState,
    OutgoingMail,
    OutgoingSms,
    ReportStatus,
    SmsText,
    SubmitResult,
)
from gateway.spool import Spool
from gateway.store import report_sql, trace_sql
from gateway.store.database import Database
from gateway.store.mail_queue_sql import Claim, NewMails, claim, counts, put
from gateway.store.report_sql import Received
from gateway.store.spool_items import Acceptance, MailRecord, Permit, Settlement

_ids = itertools.count(1)


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def spool(database: Database, clock: Clock):
    spool = Spool(database, clock)
    await spool.start()
    yield spool
    await spool.stop()


def acceptance(clock: Clock, phones: int = 1, dedupe: str = "", mails: tuple[OutgoingMail, ...] = ()) -> Acceptance:
    mail_id = f"M{next(_ids)}"
    record = MailRecord(
        mail_id, clock.now(), "sms", "smtp", "127.0.0.1", "x", False, "a@b", "a@b", f"{mail_id}@b", "trusted", "", 1
    )
    messages = tuple(
        OutgoingSms(
            id=f"{mail_id}.{n}",
            org_id="O",
            account_id="A",
            key_id="K",
            from_number="+45609946000001",
            to_number=f"+453064306{n}",
            text=SmsText("hej", Encoding.GSM7, 1, 3),
            provider="p",
            created_at=clock.now(),
        )
        for n in range(phones)
    )
    return Acceptance(record, messages, tuple(f"{dedupe or mail_id}/{n}" for n in range(phones)), mails)


async def state(database: Database, message: OutgoingSms) -> str:
    story = await database.read(lambda connection: trace_sql.about_mail(connection, message.id))
    assert story is not None
    return next(one["state"] for one in story["messages"] if one["id"] == message.id)


async def submit(spool: Spool, clock: Clock, message: OutgoingSms, *refs: str) -> None:
    assert await spool.begin(message) is Permit.GO
    result = SubmitResult(Outcome.ACCEPTED, refs)
    await spool.settle(Settlement(message, result, MessageState.SUBMITTED, clock.now(), clock.now()))


async def report(database: Database, ref: str, status: ReportStatus, at: float = 0.0) -> report_sql.Moved | None:
    return await database.write(report_sql.store_reports, Received(DeliveryReport("p", ref, status, at), at))


@pytest.mark.proves("the same mail again")
async def test_a_message_with_a_known_identity_is_not_stored_again(spool: Spool, database: Database, clock: Clock):
    letter = OutgoingMail("L1", MailKind.REPORT, "", "a@b", b"x")
    first, second = acceptance(clock, 2, "same"), acceptance(clock, 3, "same", (letter,))
    third = acceptance(clock, 3, "same", (OutgoingMail("L2", MailKind.REPORT, "", "a@b", b"x"),))
    assert await spool.put(first) == {message.id for message in first.messages}
    assert await spool.put(second) == {second.messages[2].id}, "only the new recipient"
    assert await spool.put(third) == frozenset()
    assert await database.read(trace_sql_mail(third)) is None
    assert (await database.read(counts)).waiting == 1, "no report about a mail that was nothing new"


def trace_sql_mail(accepted: Acceptance):
    return lambda connection: trace_sql.about_mail(connection, accepted.mail.id)


@pytest.mark.proves("the same mail again")
async def test_two_copies_at_once_are_one_message(spool: Spool, clock: Clock):
    results = await asyncio.gather(*(spool.put(acceptance(clock, 1, "twin")) for _ in range(20)))
    assert sum(len(new) for new in results) == 1


@pytest.mark.proves("leases")
async def test_what_one_process_holds_no_other_claims_until_it_dies(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, 2)
    await spool.put(accepted)
    other = Spool(database, clock)
    await other.start()
    assert await other.claim(10) == []
    assert await spool.claim(10) == [], "its own are in its memory already"
    await spool.stop()
    assert {message.id for message in await other.claim(10)} == {message.id for message in accepted.messages}
    assert await other.claim(10) == []
    await other.stop()


@pytest.mark.proves("leases")
async def test_a_lease_ends_with_the_heartbeat(spool: Spool, database: Database, clock: Clock):
    await spool.put(acceptance(clock))
    other = Spool(database, clock)
    await other.start()
    clock.time += 3600
    await other.recover()
    assert len(await other.claim(10)) == 1
    await other.stop()


@pytest.mark.proves("never sent again blindly")
async def test_what_was_in_flight_when_a_process_died_is_unknown(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock)
    (message,) = accepted.messages
    await spool.put(accepted)
    assert await spool.begin(message) is Permit.GO
    assert await spool.begin(message) is Permit.GONE, "an attempt begins once"
    await spool.stop()
    other = Spool(database, clock)
    await other.start()
    assert await state(database, message) == "unknown"
    assert await other.claim(10) == []
    await other.stop()


@pytest.mark.proves("leases")
async def test_dialog_goes_first_and_what_is_not_due_waits(spool: Spool, clock: Clock):
    early, late = acceptance(clock), acceptance(clock)
    for accepted in (early, late):
        await spool.put(accepted)
    await spool.delay(early.messages[0].id, clock.now() + 5, "later")
    await spool.delay(late.messages[0].id, clock.now() + 1, "soon")
    assert await spool.claim(10) == []
    clock.time += 6
    assert [message.id for message in await spool.claim(10)] == [late.messages[0].id, early.messages[0].id]


@pytest.mark.proves("reports")
async def test_a_message_is_delivered_with_its_last_part(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock)
    (message,) = accepted.messages
    await spool.put(accepted)
    await submit(spool, clock, message, "a", "b")
    assert await report(database, "b", ReportStatus.DELIVERED) is None
    assert await report(database, "b", ReportStatus.DELIVERED) is None, "twice is once"
    assert await report(database, "a", ReportStatus.ACCEPTED) is None
    moved = await report(database, "a", ReportStatus.DELIVERED)
    assert moved == report_sql.Moved(message.id, MessageState.DELIVERED)


@pytest.mark.proves("reports")
@pytest.mark.parametrize(
    ("order", "end"),
    [
        ([ReportStatus.DELIVERED, ReportStatus.FAILED], "delivered"),
        ([ReportStatus.FAILED, ReportStatus.DELIVERED], "failed"),
        ([ReportStatus.DELIVERED, ReportStatus.ACCEPTED], "delivered"),
        ([ReportStatus.EXPIRED, ReportStatus.ACCEPTED], "expired"),
        ([ReportStatus.ACCEPTED], "submitted"),
    ],
)
async def test_reports_never_move_a_message_backwards(
    spool: Spool, database: Database, clock: Clock, order: list[ReportStatus], end: str
):
    accepted = acceptance(clock)
    await spool.put(accepted)
    await submit(spool, clock, accepted.messages[0], "r")
    for status in order:
        await report(database, "r", status)
    assert await state(database, accepted.messages[0]) == end


@pytest.mark.proves("reports")
async def test_a_report_may_come_before_the_answer_that_names_its_id(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock)
    await spool.put(accepted)
    assert await report(database, "early", ReportStatus.DELIVERED) is None
    await submit(spool, clock, accepted.messages[0], "early")
    assert await state(database, accepted.messages[0]) == "delivered"


@pytest.mark.proves("reports")
async def test_a_batch_of_reports_moves_each_message_once(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, 9)
    await spool.put(accepted)
    for number, message in enumerate(accepted.messages):
        await submit(spool, clock, message, f"x{number}", f"y{number}")
    moves = await asyncio.gather(
        *(report(database, f"{part}{number}", ReportStatus.DELIVERED) for number in range(9) for part in "xyx")
    )
    assert sorted(move.message_id for move in moves if move) == sorted(message.id for message in accepted.messages)


@pytest.mark.proves("never sent again blindly")
async def test_a_report_resolves_what_was_unknown(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock)
    (message,) = accepted.messages
    await spool.put(accepted)
    assert await spool.begin(message) is Permit.GO
    result = SubmitResult(Outcome.UNKNOWN, ("late",), cause="time-out")
    await spool.settle(Settlement(message, result, MessageState.UNKNOWN, clock.now(), clock.now()))
    assert await state(database, message) == "unknown"
    await report(database, "late", ReportStatus.DELIVERED)
    assert await state(database, message) == "delivered"


@pytest.mark.proves("leases")
async def test_mails_that_a_dead_process_held_are_free_at_once(spool: Spool, database: Database, clock: Clock):
    letter = OutgoingMail("L9", MailKind.DIALOG, "", "a@b", b"x", created_at=clock.now())
    await database.write(put, NewMails((letter,)))
    now = clock.now()
    assert len(await database.write(claim, Claim(now, "dead", now + 120, 10))) == 1
    await spool.recover()
    (again,) = await database.write(claim, Claim(now + 1, spool.lease, now + 121, 10))
    assert again.mail.id == "L9"
    await spool.recover()
    assert await database.write(claim, Claim(now + 2, "other", now + 122, 10)) == [], "the living keep theirs"


@pytest.mark.proves("never sent again blindly")
async def test_an_idempotent_provider_is_simply_asked_again(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock)
    (message,) = accepted.messages
    await spool.put(accepted)
    assert await spool.begin(message) is Permit.GO
    await spool.stop()
    other = Spool(database, clock, idempotent=["p"])
    await other.start()
    (again,) = await other.claim(10)
    assert (again.id, again.attempts) == (message.id, 1)
    assert await other.begin(again) is Permit.GO
    await other.stop()
