"""The spool and delivery reports, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.accounts import Accounts
from gateway.errors import Outcome
from gateway.handover import path_of
from gateway.keyring import Keyring
from gateway.model import Account, ApiKey, MailKind, OutgoingMail
from gateway.settings import DialogSettings, LimitSettings, PoolSettings
from gateway.sms import (
    DeliveryReport,
    Encoding,
    LateAnswer,
    MessageState,
    OutgoingSms,
    Priority,
    ReportStatus,
    SmsText,
    SubmitResult,
)
from gateway.spending import DAY, OverCap, charge
from gateway.spool import FORGOTTEN_SECONDS, Spool
from gateway.store import directory_sql, optout_sql, report_sql, trace_sql
from gateway.store.database import Database, alone
from gateway.store.mail_queue_sql import Claim, NewMails, claim, put
from gateway.store.report_sql import Received
from gateway.store.schema import processes
from gateway.store.spool_items import Acceptance, Departure, MailRecord, Settlement

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
async def spool(database: Database, clock: Clock, tmp_path: Path):
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    yield spool
    await spool.stop()


def acceptance(
    clock: Clock,
    phones: int = 1,
    dedupe: str = "",
    mails: tuple[OutgoingMail, ...] = (),
    *,
    departs: bool = False,
    priority: Priority = Priority.DIALOG,
) -> Acceptance:
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
            priority=priority,
            created_at=clock.now(),
        )
        for n in range(phones)
    )
    return Acceptance(
        record, messages, tuple(f"{dedupe or mail_id}/{n}" for n in range(phones)), mails, departs=departs
    )


async def an_account(database: Database, clock: Clock) -> tuple[Accounts, Account]:
    pools = [PoolSettings(provider="p", range="+45609946000000..+45609946999999")]
    accounts = Accounts(database, Keyring(b"s" * 32), pools, DialogSettings(), clock)
    organisation = await accounts.create_organisation("Firma")
    key, _ = await accounts.create_key(organisation)
    return accounts, await accounts.open_account(key.id, "anna@firm.example")


async def key_of(accounts: Accounts, account: Account) -> ApiKey:
    await accounts.refresh()
    key = await accounts.key(account.key_id)
    assert key is not None
    return key


def with_account(accepted: Acceptance, account: Account) -> Acceptance:
    ids = {"org_id": account.org_id, "account_id": account.id, "key_id": account.key_id}
    return replace(accepted, messages=tuple(replace(message, **ids) for message in accepted.messages))


async def state(database: Database, message: OutgoingSms) -> str:
    story = await database.read(lambda connection: trace_sql.about_mail(connection, message.id))
    assert story is not None
    return next(one["state"] for one in story["messages"] if one["id"] == message.id)


async def submit(spool: Spool, clock: Clock, message: OutgoingSms, *refs: str) -> None:
    """An answer with these ids to an attempt that began with the message's commit."""
    result = SubmitResult(Outcome.ACCEPTED, refs)
    await spool.settle(Settlement(message, result, MessageState.SUBMITTED, clock.now(), clock.now()))


async def report(database: Database, ref: str, status: ReportStatus, at: float = 0.0) -> report_sql.Moved | None:
    return await database.write(report_sql.store_reports, Received(DeliveryReport("p", ref, status, at), at))


@pytest.mark.proves("resent mail")
async def test_a_message_with_a_known_identity_is_not_stored_again(spool: Spool, database: Database, clock: Clock):
    letter = OutgoingMail("L1", MailKind.REPORT, "", "a@b", b"x")
    first, second = acceptance(clock, 2, "same"), acceptance(clock, 3, "same", (letter,))
    third = acceptance(clock, 3, "same", (OutgoingMail("L2", MailKind.REPORT, "", "a@b", b"x"),))
    assert (await spool.put(first)).new == {message.id for message in first.messages}
    assert (await spool.put(second)).new == {second.messages[2].id}, "only the new recipient"
    assert (await spool.put(third)).new == frozenset()
    assert await database.read(trace_sql_mail(third)) is None
    claimed = await database.write(claim, Claim(clock.now(), "anybody", clock.now() + 60, 10))
    assert [each.mail.id for each in claimed] == ["L1"], "no report about a mail that was nothing new"


def trace_sql_mail(accepted: Acceptance):
    return lambda connection: trace_sql.about_mail(connection, accepted.mail.id)


@pytest.mark.proves("resent mail")
async def test_two_copies_at_once_are_one_message(spool: Spool, clock: Clock):
    results = await asyncio.gather(*(spool.put(acceptance(clock, 1, "twin")) for _ in range(20)))
    assert sum(len(verdict.new) for verdict in results) == 1


async def due(spool: Spool, room: int = 10) -> list[str]:
    return [message.id for message in (await spool.depart("p", room)).go]


@pytest.mark.proves("resent mail")
async def test_only_what_is_new_departs_with_its_commit(spool: Spool, database: Database, clock: Clock):
    waiting, known = acceptance(clock, 1, "same"), acceptance(clock, 2, "same", departs=True)
    await spool.put(waiting)
    assert (await spool.put(known)).new == {known.messages[1].id}
    assert await state(database, waiting.messages[0]) == "queued"
    assert await due(spool) == [waiting.messages[0].id]


@pytest.mark.proves("leases")
async def test_two_processes_never_draw_the_same_message(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path
):
    other = Spool(database, clock, tmp_path)
    await other.start()
    accepted = acceptance(clock, 40)
    await spool.put(accepted)
    drawn = await asyncio.gather(*(one.depart("p", 7) for one in (spool, other) * 5))
    ids = [message.id for departure in drawn for message in departure.go]
    assert sorted(ids) == sorted(message.id for message in accepted.messages)
    await other.stop()


@pytest.mark.proves("leases")
async def test_what_waits_is_drawn_once_and_by_room(spool: Spool, clock: Clock):
    accepted = acceptance(clock, 3)
    await spool.put(accepted)
    first = await spool.depart("p", 2)
    assert (len(first.go), first.more) == (2, True)
    second = await spool.depart("p", 2)
    assert (len(second.go), second.more) == (1, False)
    assert await spool.depart("p", 2) == Departure()
    assert await spool.depart("another", 2) == Departure()


@pytest.mark.proves("leases")
async def test_an_attempt_is_unknown_when_the_heartbeat_of_its_process_ends(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path
):
    accepted = acceptance(clock, departs=True)
    await spool.put(accepted)
    other = Spool(database, clock, tmp_path)
    await other.start()
    assert await state(database, accepted.messages[0]) == "submitting"
    clock.time += 3600
    await other.recover()
    assert await state(database, accepted.messages[0]) == "unknown"
    await other.stop()


@pytest.mark.proves("never sent again blindly")
@pytest.mark.parametrize("departs", [True, False])
async def test_what_was_in_flight_when_a_process_died_is_unknown(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path, departs: bool
):
    accepted = acceptance(clock, departs=departs)
    (message,) = accepted.messages
    await spool.put(accepted)
    assert await due(spool) == ([] if departs else [message.id])
    assert await due(spool) == [], "an attempt begins once"
    await spool.stop()
    other = Spool(database, clock, tmp_path)
    await other.start()
    assert await state(database, message) == "unknown"
    assert await due(other) == []
    await other.stop()


@pytest.mark.proves("leases")
async def test_dialog_goes_first_and_what_is_not_due_waits(spool: Spool, clock: Clock):
    campaign = acceptance(clock, 2, priority=Priority.CAMPAIGN)
    dialog = acceptance(clock, 2)
    for accepted in (campaign, dialog):
        await spool.put(accepted)
    (first,) = await due(spool, 1)
    assert first == dialog.messages[0].id
    refused = SubmitResult(Outcome.TEMPORARY, cause="busy")
    await spool.settle(Settlement(dialog.messages[0], refused, MessageState.QUEUED, clock.now(), clock.now() + 5))
    assert await due(spool, 2) == [dialog.messages[1].id, campaign.messages[0].id]
    clock.time += 6
    assert await due(spool, 2) == [dialog.messages[0].id, campaign.messages[1].id]


@pytest.mark.proves("D14")
async def test_a_paused_key_puts_its_messages_off_and_gives_them_up_in_the_end(
    spool: Spool, database: Database, clock: Clock
):
    accounts, account = await an_account(database, clock)
    accepted = with_account(acceptance(clock), account)
    await spool.put(accepted)
    await accounts.pause_key(await key_of(accounts, account))
    departure = await spool.depart("p", 5)
    assert [(message.id, word) for message, word in departure.rested] == [(accepted.messages[0].id, "paused")]
    assert await spool.depart("p", 5) == Departure(), "it rests"
    clock.time += 2 * 86400
    departure = await spool.depart("p", 5)
    assert [word for _, word in departure.failed] == ["paused"]
    assert await state(database, accepted.messages[0]) == "failed"


@pytest.mark.proves("STOP")
async def test_stop_is_obeyed_in_the_transaction_that_takes_and_in_the_one_that_sends(
    spool: Spool, database: Database, clock: Clock
):
    _, account = await an_account(database, clock)
    accepted = with_account(acceptance(clock, 2), account)
    await spool.put(accepted)
    stopped = accepted.messages[1].to_number
    await database.write(alone(lambda c: optout_sql.opt_out(c, account.org_id, stopped, "STOP", clock.now())), None)
    refused = with_account(acceptance(clock, 2, departs=True), account)
    verdict = await spool.put(refused)
    assert (verdict.stored, verdict.opted_out) == (False, frozenset({stopped}))
    assert await database.read(trace_sql_mail(refused)) is None, "nothing of it is stored"
    departure = await spool.depart("p", 5)
    assert [message.id for message in departure.go] == [accepted.messages[0].id]
    assert [(message.id, word) for message, word in departure.failed] == [(accepted.messages[1].id, "opted-out")]


@pytest.mark.proves("D14")
async def test_a_decision_made_on_an_older_directory_does_not_stand(spool: Spool, database: Database, clock: Clock):
    accounts, account = await an_account(database, clock)
    decided = replace(acceptance(clock, departs=True), revision=await database.read(directory_sql.revision))
    await accounts.pause_key(await key_of(accounts, account))
    verdict = await spool.put(decided)
    assert (verdict.stale, verdict.stored) == (True, False)
    assert await database.read(trace_sql_mail(decided)) is None


@pytest.mark.proves("no route")
async def test_messages_whose_provider_is_not_configured_rest_and_are_given_up(
    spool: Spool, database: Database, clock: Clock
):
    accepted = acceptance(clock)
    await spool.put(accepted)
    assert await spool.turn_away(["p"], "no-route") == Departure()
    departure = await spool.turn_away(["another"], "no-route")
    assert [word for _, word in departure.rested] == ["no-route"]
    clock.time += 2 * 86400
    departure = await spool.turn_away([], "no-route")
    assert [word for _, word in departure.failed] == ["no-route"]
    assert await state(database, accepted.messages[0]) == "failed"


@pytest.mark.proves("reports")
async def test_a_message_is_delivered_with_its_last_part(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, departs=True)
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
    accepted = acceptance(clock, departs=True)
    await spool.put(accepted)
    await submit(spool, clock, accepted.messages[0], "r")
    for status in order:
        await report(database, "r", status)
    assert await state(database, accepted.messages[0]) == end


@pytest.mark.proves("reports")
async def test_a_report_may_come_before_the_answer_that_names_its_id(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, departs=True)
    await spool.put(accepted)
    assert await report(database, "early", ReportStatus.DELIVERED) is None
    await submit(spool, clock, accepted.messages[0], "early")
    assert await state(database, accepted.messages[0]) == "delivered"


@pytest.mark.proves("reports", "duplicates count once")
async def test_a_batch_of_reports_moves_each_message_once(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, 9, departs=True)
    await spool.put(accepted)
    for number, message in enumerate(accepted.messages):
        await submit(spool, clock, message, f"x{number}", f"y{number}")
    moves = await asyncio.gather(
        *(report(database, f"{part}{number}", ReportStatus.DELIVERED) for number in range(9) for part in "xyx")
    )
    assert sorted(move.message_id for move in moves if move) == sorted(message.id for message in accepted.messages)


@pytest.mark.proves("never sent again blindly")
async def test_a_report_resolves_what_was_unknown(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, departs=True)
    (message,) = accepted.messages
    await spool.put(accepted)
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
async def test_an_idempotent_provider_is_simply_asked_again(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path
):
    accepted = acceptance(clock, departs=True)
    (message,) = accepted.messages
    await spool.put(accepted)
    await spool.stop()
    other = Spool(database, clock, tmp_path, idempotent=["p"])
    await other.start()
    (again,) = (await other.depart("p", 10)).go
    assert (again.id, again.attempts) == (message.id, 1)
    await other.stop()


def charged(accepted: Acceptance, account: str = "A", **caps: int) -> Acceptance:
    spent = charge(
        Account(account, "O", "K", "a@b", "+45609946000001", "p", "da", "DK", cut_signature=False, opened_at=0),
        accepted.messages,
        LimitSettings(part_cost={"other": 10}, **caps),
        accepted.mail.received_at,
    )
    return replace(accepted, charge=spent)


@pytest.mark.proves("toll fraud", "daily caps", "refused before it costs")
@pytest.mark.parametrize(
    ("caps", "over"),
    [
        ({"account_parts": 3}, OverCap("account", 3, "SMS parts")),
        ({"key_parts": 3}, OverCap("key", 3, "SMS parts")),
        ({"organisation_cost": 39}, OverCap("organisation", 39, "minor units of money")),
    ],
)
async def test_a_cap_refuses_before_anything_is_stored(
    spool: Spool, database: Database, clock: Clock, caps: dict[str, int], over: OverCap
):
    assert (await spool.put(charged(acceptance(clock, 2), **caps))).stored
    refused = charged(acceptance(clock, 2), **caps)
    assert (await spool.put(refused)).over == over
    assert await database.read(trace_sql_mail(refused)) is None
    assert (await spool.put(charged(acceptance(clock, 1), **caps))).stored, "what still fits goes"


@pytest.mark.proves("toll fraud", "daily caps")
async def test_many_at_once_pass_a_cap_by_nothing(spool: Spool, clock: Clock):
    verdicts = await asyncio.gather(
        *(spool.put(charged(acceptance(clock), account_parts=7)) for _ in range(40)),
    )
    assert sum(verdict.stored for verdict in verdicts) == 7


@pytest.mark.proves("toll fraud", "daily caps")
async def test_a_cap_holds_for_a_day_and_a_copy_costs_nothing(spool: Spool, clock: Clock):
    for _ in range(3):
        verdict = await spool.put(charged(acceptance(clock, 1, "same"), account_parts=2))
        assert verdict.stored
    assert (await spool.put(charged(acceptance(clock, 1), account_parts=2))).stored
    assert not (await spool.put(charged(acceptance(clock, 1), account_parts=2))).stored
    clock.time += DAY
    assert (await spool.put(charged(acceptance(clock, 1), account_parts=2))).stored


@pytest.mark.proves("provider answers late")
async def test_a_late_answer_resolves_what_was_unknown_and_its_report_finds_it(
    spool: Spool, database: Database, clock: Clock
):
    accepted = acceptance(clock, 2, departs=True)
    one, two = accepted.messages
    await spool.put(accepted)
    for message in accepted.messages:
        lost = SubmitResult(Outcome.UNKNOWN, cause="time-out")
        await spool.settle(Settlement(message, lost, MessageState.UNKNOWN, clock.now(), clock.now()))
    await report(database, "r1", ReportStatus.DELIVERED)
    assert await spool.resolve(LateAnswer("p", one.id, "r1", clock.now()))
    assert await state(database, one) == "delivered", "its report came first"
    assert await spool.resolve(LateAnswer("p", two.id, "r2", clock.now()))
    assert await state(database, two) == "submitted"
    assert not await spool.resolve(LateAnswer("p", two.id, "r2", clock.now())), "twice is once"
    assert not await spool.resolve(LateAnswer("p", "nobody's", "r3", clock.now()))


async def long_message(spool: Spool, clock: Clock) -> OutgoingSms:
    """A message of three parts whose attempt has begun."""
    accepted = acceptance(clock, departs=True)
    long = replace(accepted.messages[0], text=SmsText("x" * 400, Encoding.GSM7, 3, 400))
    await spool.put(replace(accepted, messages=(long,)))
    return long


def in_doubt(message: OutgoingSms, clock: Clock, *refs: str) -> Settlement:
    result = SubmitResult(Outcome.UNKNOWN, refs, cause="time-out")
    return Settlement(message, result, MessageState.UNKNOWN, clock.now(), clock.now())


def late(message: OutgoingSms, part: int, clock: Clock) -> LateAnswer:
    return LateAnswer("p", message.id, f"{message.id}/{part}", clock.now(), part, 3)


@pytest.mark.proves("provider answers late")
@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
async def test_late_answers_to_all_parts_resolve_a_message(
    spool: Spool, database: Database, clock: Clock, order: tuple[int, ...]
):
    long = await long_message(spool, clock)
    await spool.settle(in_doubt(long, clock))
    for part in order[:2]:
        assert not await spool.resolve(late(long, part, clock))
        assert not await spool.resolve(late(long, part, clock)), "twice is once"
        assert await state(database, long) == "unknown"
    assert await spool.resolve(late(long, order[2], clock))
    assert await state(database, long) == "submitted"
    for part in (1, 2, 3):
        assert await state(database, long) == "submitted"
        await report(database, f"{long.id}/{part}", ReportStatus.DELIVERED)
    assert await state(database, long) == "delivered"


@pytest.mark.proves("provider answers late")
async def test_a_part_that_was_answered_in_time_needs_no_late_answer(spool: Spool, database: Database, clock: Clock):
    long = await long_message(spool, clock)
    await report(database, f"{long.id}/1", ReportStatus.DELIVERED)
    await spool.settle(in_doubt(long, clock, f"{long.id}/1", "", f"{long.id}/3"))
    await report(database, f"{long.id}/3", ReportStatus.DELIVERED)
    await report(database, f"{long.id}/2", ReportStatus.DELIVERED)
    assert await state(database, long) == "unknown", "nobody knows whose the last report is"
    assert await spool.resolve(late(long, 2, clock))
    assert await state(database, long) == "delivered", "all three reports came before"


@pytest.mark.proves("provider answers late")
async def test_an_answer_that_comes_before_the_outcome_is_written_down_counts(
    spool: Spool, database: Database, clock: Clock
):
    long, short = await long_message(spool, clock), await long_message(spool, clock)
    assert not await spool.resolve(late(long, 2, clock))
    assert await state(database, long) == "submitting"
    await spool.settle(in_doubt(long, clock, f"{long.id}/1", "", f"{long.id}/3"))
    assert await state(database, long) == "submitted"
    assert not await spool.resolve(LateAnswer("p", short.id, "one id for all", clock.now()))
    await spool.settle(in_doubt(short, clock))
    assert await state(database, short) == "submitted"


@pytest.mark.proves("never sent again blindly")
async def test_ids_of_some_parts_say_nothing_of_the_whole_save_that_it_failed(
    spool: Spool, database: Database, clock: Clock
):
    one, two = await long_message(spool, clock), await long_message(spool, clock)
    for message in (one, two):
        await spool.settle(in_doubt(message, clock, f"{message.id}/1", f"{message.id}/2", ""))
        await report(database, f"{message.id}/1", ReportStatus.DELIVERED)
    await report(database, f"{one.id}/2", ReportStatus.DELIVERED)
    assert await state(database, one) == "unknown"
    await report(database, f"{two.id}/2", ReportStatus.FAILED)
    assert await state(database, two) == "failed", "what lacks a part has not arrived"


@pytest.mark.proves("provider answers late")
async def test_answers_and_outcomes_that_are_committed_at_once_see_each_other(
    spool: Spool, database: Database, clock: Clock
):
    sent = [await long_message(spool, clock) for _ in range(40)]
    await asyncio.gather(
        *(
            step
            for message in sent
            for step in (
                spool.resolve(late(message, 3, clock)),
                spool.settle(in_doubt(message, clock, f"{message.id}/1", "", "")),
                report(database, f"{message.id}/2", ReportStatus.DELIVERED),
                spool.resolve(late(message, 2, clock)),
            )
        )
    )
    assert {await state(database, message) for message in sent} == {"submitted"}


@pytest.mark.proves("never sent again blindly")
@pytest.mark.parametrize("departs", [True, False])
async def test_what_had_not_left_a_process_that_died_is_sent_by_the_next(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path, departs: bool
):
    accepted = acceptance(clock, 3, departs=departs)
    await spool.put(accepted)
    if not departs:
        assert len(await due(spool)) == 3
    gone, waiting, also = accepted.messages
    spool.leaves([gone])
    await die(spool, database)
    other = Spool(database, clock, tmp_path)
    await other.start()
    assert await state(database, gone) == "unknown"
    again = (await other.depart("p", 10)).go
    assert {(message.id, message.attempts) for message in again} == {(waiting.id, 0), (also.id, 0)}
    story = await database.read(lambda connection: trace_sql.about_mail(connection, waiting.id))
    assert story is not None
    assert [len(message["history"]) for message in story["messages"]] == [1, 1, 1], "an attempt that was none is none"
    assert not path_of(tmp_path, spool.lease).exists()
    await other.stop()


async def die(spool: Spool, database: Database) -> None:
    """As if its process had been killed: a pid that nobody has."""
    nobody = subprocess.Popen(["true"])
    nobody.wait()
    await database.write(
        alone(lambda c: c.execute(update(processes).where(processes.c.token == spool.lease).values(pid=nobody.pid))),
        None,
    )


@pytest.mark.proves("never sent again blindly")
@pytest.mark.parametrize("how", ["silent", "another boot", "no file", "half a file"])
async def test_where_nobody_knows_what_left_all_is_unknown(
    spool: Spool, database: Database, clock: Clock, tmp_path: Path, how: str
):
    accepted = acceptance(clock, departs=True)
    await spool.put(accepted)
    file = path_of(tmp_path, spool.lease)
    match how:
        case "another boot":
            file.write_text("some other boot\n")
        case "no file":
            file.unlink()
        case "half a file":
            file.write_bytes(b"\xff\xfe")
    if how == "silent":
        clock.time += 3600  # it may still be there, and go on
    else:
        await die(spool, database)
    other = Spool(database, clock, tmp_path)
    await other.start()
    assert await state(database, accepted.messages[0]) == "unknown"
    await other.stop()


@pytest.mark.proves("never sent again blindly")
async def test_a_commit_that_looked_failed_is_found_and_sent(spool: Spool, database: Database, clock: Clock):
    accepted = acceptance(clock, 2, departs=True)
    known, forgotten = accepted.messages
    await spool.put(accepted)
    spool.leaves([known])
    await spool.recover()
    assert await state(database, forgotten) == "submitting", "its commit may be under way"
    clock.time += FORGOTTEN_SECONDS + 1
    await spool.recover()
    assert await state(database, known) == "submitting"
    assert await due(spool) == [forgotten.id]


@pytest.mark.proves("clock stepping")
async def test_a_clock_that_steps_back_delays_nothing_that_was_not_tried(spool: Spool, clock: Clock):
    accepted = acceptance(clock)
    await spool.put(accepted)
    clock.time -= 86400
    assert await due(spool) == [accepted.messages[0].id]


@pytest.mark.proves("provider throttles")
async def test_a_provider_that_takes_messages_again_gets_those_that_it_refused(spool: Spool, clock: Clock):
    accepted = acceptance(clock, 2, departs=True)
    await spool.put(accepted)
    busy = SubmitResult(Outcome.TEMPORARY, cause="busy")
    for message in accepted.messages:
        await spool.settle(Settlement(message, busy, MessageState.QUEUED, clock.now(), clock.now() + 3600))
    await spool.hurry("another")
    assert await due(spool) == []
    await spool.hurry("p")
    assert len(await due(spool)) == 2


# --- copies cost nothing, and what is closed sends nothing -----------------------------------------------------------


@pytest.mark.proves("resent mail", "daily caps")
async def test_a_copy_of_the_mail_that_filled_a_cap_was_taken_before(spool: Spool, clock: Clock):
    assert (await spool.put(charged(acceptance(clock, 2, "same"), account_parts=2))).stored
    copy = await spool.put(charged(acceptance(clock, 2, "same"), account_parts=2))
    assert (copy.stored, copy.new) == (True, frozenset())
    assert not (await spool.put(charged(acceptance(clock), account_parts=2))).stored


@pytest.mark.proves("resent mail", "daily caps")
async def test_copies_take_no_room_from_others_beside_them(spool: Spool, clock: Clock):
    assert (await spool.put(charged(acceptance(clock, 1, "same"), account_parts=2))).stored
    verdicts = await asyncio.gather(
        *(
            spool.put(charged(acceptance(clock, 1, dedupe), account_parts=2))
            for dedupe in ("same", "new", "new", "more")
        )
    )
    assert [verdict.stored for verdict in verdicts] == [True, True, True, False]


@pytest.mark.proves("resent mail", "daily caps")
async def test_of_a_copy_with_one_more_phone_the_new_one_is_charged(spool: Spool, clock: Clock):
    assert (await spool.put(charged(acceptance(clock, 1, "same"), account_parts=2))).stored
    assert len((await spool.put(charged(acceptance(clock, 2, "same"), account_parts=2))).new) == 1
    assert (await spool.put(charged(acceptance(clock, 3, "same"), account_parts=2))).over is not None


@pytest.mark.proves("resent mail", "STOP")
async def test_a_copy_that_comes_after_the_stop_was_taken_before(spool: Spool, database: Database, clock: Clock):
    _, account = await an_account(database, clock)
    taken = with_account(acceptance(clock, 1, "same"), account)
    await spool.put(taken)
    phone = taken.messages[0].to_number
    await database.write(
        alone(lambda connection: optout_sql.opt_out(connection, account.org_id, phone, "STOP", clock.now())), None
    )
    assert (await spool.put(with_account(acceptance(clock, 1, "same"), account))).stored
    assert (await spool.put(with_account(acceptance(clock, 1), account))).opted_out == {phone}


@pytest.mark.proves("obeyed at once")
async def test_what_waits_of_a_closed_account_does_not_leave(spool: Spool, database: Database, clock: Clock):
    accounts, account = await an_account(database, clock)
    accepted = with_account(acceptance(clock), account)
    await spool.put(accepted)
    await accounts.close_account(account)
    departure = await spool.depart("p", 5)
    assert [word for _, word in departure.failed] == ["account-closed"]
    assert not departure.go
    assert await state(database, accepted.messages[0]) == "failed"
