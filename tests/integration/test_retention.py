"""What is old enough goes: texts first, rows later, and nothing that somebody still waits for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Table, update

from gateway.model import new_id
from gateway.retention import BATCH, Retention
from gateway.settings import RetentionSettings
from gateway.sms import InboundPart, InboundSms, MessageState
from gateway.spool import Spool
from gateway.store import inbound_sql, overdue_sql, part_sql, retention_sql, schema
from gateway.store.database import Database
from gateway.store.inbound_sql import Arrival, InboundState
from gateway.store.retention_schema import spent_identities
from gateway.store.spool_items import Acceptance
from tests.integration.test_spool import Clock as SpoolClock
from tests.integration.test_spool import acceptance
from tests.kept import NOW, NUMBER, PHONE, TEXT, Clock, Kept, an_account, kept_in

pytestmark = pytest.mark.proves("retention")

ROWS: tuple[Table, ...] = (
    schema.messages,
    schema.attempts,
    schema.provider_refs,
    schema.reports,
    schema.mails,
    schema.inbound,
    schema.inbound_parts,
    schema.mail_queue,
    schema.thread_refs,
)


@pytest.fixture
async def kept(database: Database) -> Kept:
    return await kept_in(database)


def retention(kept: Kept, texts: int = 30, metadata: int = 60) -> Retention:
    settings = RetentionSettings(texts_days=texts, metadata_days=metadata)
    return Retention(database=kept.database, settings=settings, clock=Clock())


async def test_nothing_goes_by_default(kept: Kept):
    await kept.sent(10_000)
    await kept.came(10_000)
    await kept.letter(10_000)
    swept = Retention(database=kept.database, settings=RetentionSettings(), clock=Clock())
    assert await swept.sweep() == {}
    assert await kept.all(schema.messages.c.text) == [TEXT]


async def test_texts_go_first_and_what_is_younger_stays(kept: Kept):
    for days in (29.9, 30.1):
        await kept.sent(days)
        await kept.came(days)
        await kept.letter(days)
    removed = await retention(kept).sweep()
    assert removed == {"messages_texts": 1, "mails_texts": 1, "inbound_texts": 1, "mail_queue_texts": 1}
    for table in (schema.messages, schema.inbound):
        assert await kept.all(table.c.text, table.c.text_removed_at) == [("", NOW), (TEXT, None)]
    mails = schema.mails.c
    assert await kept.all(mails.subject, mails.text, mails.cut, mails.attachments) == [
        ("", "", "", ""),
        ("30643064", TEXT, f"> {TEXT}", "kontrakt.pdf"),
    ]
    assert await kept.all(schema.mail_queue.c.content) == [b"", TEXT.encode()]
    assert len([text for text in await kept.all(schema.inbound_parts.c.text) if text == '""']) == 2
    assert [await kept.count(table) for table in ROWS] == [2, 2, 2, 2, 2, 2, 4, 2, 2]
    assert await retention(kept).sweep() == {}


async def test_rows_go_later_with_all_that_hangs_on_them(kept: Kept):
    for days in (59, 61):
        await kept.sent(days)
        await kept.came(days)
        await kept.letter(days)
    await kept.put(
        schema.reports,
        {"provider": "p", "ref": "x", "to_number": PHONE, "status": "delivered", "at": 0.0, "received_at": 0.0},
    )
    removed = await retention(kept).sweep()
    assert {name: count for name, count in removed.items() if not name.endswith("_texts")} == {
        "messages": 1, "inbound": 1, "mails": 1, "mail_queue": 1, "reports": 1, "thread_refs": 1,
    }  # fmt: skip
    assert [await kept.count(table) for table in ROWS] == [1, 1, 1, 1, 1, 1, 2, 1, 1]
    assert await kept.count(schema.accounts) == 1


@pytest.mark.parametrize(
    "busy",
    [
        {"state": "queued"},
        {"state": "submitting"},
        {"state": "unknown", "told_at": None},
        {"state": "failed", "told_at": None},
        {"state": "expired", "told_at": None},
        {"state": "delivered", "receipt_at": NOW},
    ],
    ids=lambda busy: "-".join(map(str, busy.values())),
)
async def test_what_somebody_waits_for_stays(kept: Kept, busy: dict[str, object]):
    await kept.sent(1000, **busy)
    await retention(kept).sweep()
    assert [await kept.count(table) for table in ROWS[:5]] == [1, 1, 1, 1, 1]
    assert await kept.all(schema.messages.c.text) == [TEXT]
    assert await kept.all(schema.mails.c.text) == [TEXT]


@pytest.mark.parametrize("state", ["unknown", "failed", "expired"])
async def test_what_was_told_goes(kept: Kept, state: str):
    await kept.sent(1000, state=state, told_at=NOW)
    await retention(kept).sweep()
    assert await kept.count(schema.messages) == 0


async def test_a_mail_stays_while_one_of_its_messages_does(kept: Kept):
    mail = await kept.sent(1000, phones=[PHONE, "+4530643065"])
    await kept.do(update(schema.messages).where(schema.messages.c.id == f"{mail}.2").values(state="queued"))
    await retention(kept).sweep()
    assert await kept.all(schema.messages.c.id) == [f"{mail}.2"]
    assert await kept.all(schema.mails.c.text) == [TEXT]


async def test_what_is_held_or_waits_to_leave_stays_and_what_nobody_took_goes(kept: Kept):
    await kept.came(1000, state="held")
    await kept.letter(1000, state="queued")
    await kept.came(1000, state="unrouted", org_id=None, account_id=None)
    await kept.came(1000, state="asked")
    await retention(kept).sweep()
    assert await kept.all(schema.inbound.c.state, schema.inbound.c.text) == [("held", TEXT)]
    assert await kept.all(schema.mail_queue.c.content) == [TEXT.encode()]


async def test_a_message_whose_provider_never_reports_goes_when_no_report_can_come(kept: Kept):
    await kept.sent(1000, state="submitted")
    await kept.sent(1000, state="submitted", state_at=NOW - 1)
    await retention(kept).sweep()
    assert await kept.all(schema.messages.c.state_at) == [NOW - 1]


async def test_each_organisation_has_days_of_its_own(kept: Kept):
    await kept.put(schema.accounts, an_account("01ELSE", "01OTHER", "01OTHERKEY", "+45609946000002"))
    other = {"org_id": "01OTHER", "account_id": "01ELSE"}
    await kept.do(
        update(schema.organisations).where(schema.organisations.c.id == "01OTHER").values(texts_days=5, metadata_days=0)
    )
    for days in (6, 1000):
        await kept.sent(days)
        await kept.sent(days, **other)
        await kept.came(days, **other)
        await kept.letter(days, account_id="01ELSE")
    await retention(kept).sweep()
    assert await kept.all(schema.messages.c.org_id, schema.messages.c.text) == [
        ("01ORG", TEXT),
        ("01OTHER", ""),
        ("01OTHER", ""),
    ]
    assert await kept.all(schema.inbound.c.text) == ["", ""]
    assert await kept.all(schema.mail_queue.c.content) == [b"", b""]
    assert await kept.all(schema.thread_refs.c.account_id) == ["01ACCOUNT", "01ELSE", "01ELSE"]


async def test_many_batches_and_two_processes_remove_all_once(kept: Kept):
    first = await kept.sent(40)
    mails, messages = await kept.all(*schema.mails.c), await kept.all(*schema.messages.c)
    names = [column.name for column in schema.messages.c]
    row = dict(zip(names, messages[0], strict=True))
    rows = [row | {"id": f"{first}.{n}", "dedupe": f"d{n}"} for n in range(2, 2 * BATCH + 50)]
    await kept.put(schema.messages, *rows)
    assert len(mails) == 1
    both = await asyncio.gather(retention(kept).sweep(), retention(kept).sweep())
    assert sum(each.get("messages_texts", 0) for each in both) == len(rows) + 1
    assert await kept.all(schema.messages.c.id, where=schema.messages.c.text != "") == []


async def test_what_became_busy_since_it_was_found_stays(kept: Kept):
    mail = await kept.sent(40, state="unknown", told_at=NOW)
    terms = retention_sql.Terms(30, 60, NOW)
    [texts, *_] = retention_sql.SUBJECTS
    keys = await kept.database.read(lambda c: retention_sql.find(c, texts, terms, 30, None, 10))
    assert keys == [(f"{mail}.1",)]
    ruling = overdue_sql.Ruling(f"{mail}.1", MessageState.QUEUED, NOW)
    assert await kept.database.write(overdue_sql.rule, ruling)
    assert await kept.database.write(retention_sql.remove, retention_sql.Removal(texts, tuple(keys), terms)) == 0


# --- what is without its text --------------------------------------------------------------------------------------


@pytest.mark.proves("never sent again blindly")
async def test_a_message_without_its_text_is_not_sent_again(kept: Kept):
    mail = await kept.sent(40, state="unknown", told_at=NOW)
    await retention(kept).sweep()
    again = overdue_sql.Ruling(f"{mail}.1", MessageState.QUEUED, NOW)
    assert not await kept.database.write(overdue_sql.rule, again)
    assert await kept.all(schema.attempts.c.cause) == [""]
    assert await kept.database.write(overdue_sql.rule, overdue_sql.Ruling(f"{mail}.1", MessageState.FAILED, NOW))


@pytest.mark.proves("duplicates count once")
async def test_what_a_provider_sends_again_after_its_text_is_gone_is_known(kept: Kept):
    inbound = await kept.came(40, state="unrouted")
    await retention(kept).sweep()
    sms = InboundSms("p", f"in-{inbound}", PHONE, NUMBER, TEXT, NOW)
    assert not await kept.database.write(inbound_sql.arrive, Arrival("01AGAIN", sms, NOW, InboundState.MAILED))
    part = InboundSms("p", f"part-1-{inbound}", PHONE, NUMBER, TEXT[:9], NOW, InboundPart("1", 2, 1))
    await kept.database.write(part_sql.keep, (part, NOW))
    assert await kept.count(schema.inbound) == 1
    assert await kept.count(schema.inbound_parts) == 2
    assert await kept.database.read(lambda c: inbound_sql.stranded(c, inbound)) is None


@pytest.mark.proves("signed mail again")
@pytest.mark.parametrize("proof", ["dkim", "arc"])
async def test_a_signed_mail_that_comes_again_after_its_rows_are_gone_is_known(kept: Kept, tmp_path: Path, proof: str):
    clock = Clock()
    spool = Spool(kept.database, clock, tmp_path)
    await spool.start()
    first = signed(clock, proof)
    assert len((await spool.put(first)).new) == 2
    await kept.do(update(schema.messages).values(state="delivered"))
    clock.time += 31 * 86_400
    await Retention(database=kept.database, settings=RetentionSettings(metadata_days=30), clock=clock).sweep()
    assert await kept.count(schema.messages) == await kept.count(schema.mails) == 0
    assert await kept.count(spent_identities) == 2
    again = replace(signed(clock, proof), dedupe=first.dedupe)
    assert (await spool.put(again)).new == frozenset()
    assert await kept.count(schema.messages) == await kept.count(schema.mails) == 0
    await spool.stop()


def signed(clock: Clock, proof: str) -> Acceptance:
    """A mail to two phones, as it is taken."""
    taken, mail = acceptance(SpoolClock(), 2), new_id(clock.now())
    messages = tuple(replace(each, id=f"{mail}.{n}") for n, each in enumerate(taken.messages, 1))
    record = replace(taken.mail, id=mail, proof=proof)
    return replace(taken, mail=record, messages=messages)
