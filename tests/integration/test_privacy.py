"""One person's data: all of it is given, and after its end nothing of it is left where it was."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import String, Text, update

from gateway import privacy
from gateway.optout import read_wish
from gateway.privacy import Person, StillUnderWay
from gateway.registry.errors import NotFound
from gateway.sms import InboundSms
from gateway.store import inbound_sql, optout_sql, schema
from gateway.store.database import Database
from gateway.store.inbound_sql import Arrival, InboundState
from gateway.store.tables import all_tables
from gateway.store.webhook_schema import webhook_calls
from tests.kept import NOW, NUMBER, PHONE, TEXT, Clock, Kept, an_account, kept_in

OTHER = "+4530643065"
CLOCK = Clock()
ANNA = privacy.employee("anna@FIRM.example")


@pytest.fixture
async def kept(database: Database) -> Kept:
    """A conversation with one phone, of one account; another phone's beside it."""
    kept = await kept_in(database)
    mail = await kept.sent(30)
    await kept.sent(20, phones=[OTHER])
    await kept.sent(10, phones=[PHONE, OTHER])
    inbound = await kept.came(29)
    await kept.came(28, phone=OTHER)
    await kept.letter(29, about=inbound)
    await kept.letter(28, about=f"{mail}.1", state="sent", content=b"")
    await kept.put(schema.claims, {"number": NUMBER, "phone": PHONE, "account_id": kept.account, "since": NOW})
    await kept.put(schema.automatic_replies, {"phone": PHONE, "about": "", "at": NOW})
    stop = {"phone": PHONE, "since": NOW, "word": "stop nu, jeg er syg"}
    await kept.put(schema.optouts, stop | {"org_id": "01ORG"}, stop | {"org_id": "01OTHER"})
    for n, body in enumerate((f'{{"from": "{PHONE}"}}', f'{{"from": "{OTHER}"}}')):
        call = {"id": f"01CALL{n}", "webhook_id": "01HOOK", "event_id": f"e{n}", "type": "message.received"}
        late = {"state": "delivered", "created_at": NOW, "available_at": NOW}
        await kept.put(webhook_calls, call | late | {"body": body})
    return kept


ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
"""Most of one is drawn by lot: once in a while four of its letters are a name."""


async def everything(kept: Kept) -> str:
    """Every word of every table."""
    found = []
    for table in all_tables().sorted_tables:
        for column in table.c:
            if isinstance(column.type, String | Text):
                found += await kept.all(column)
    found += [content.decode() for content in await kept.all(schema.mail_queue.c.content)]
    return "\n".join(str(value) for value in found)


# --- export --------------------------------------------------------------------------------------------------------


@pytest.mark.proves("person export")
async def test_all_about_a_phone_is_given(kept: Kept):
    given = await privacy.export(kept.database, privacy.phone(PHONE), CLOCK)
    json.dumps(given)
    assert given["format"] == "brevdue.person/1"
    assert given["made_at"] == "2027-01-15T08:00:00.000Z"
    assert (given["person"], given["organisation"]) == ({"phone": PHONE}, None)
    counts = {name: len(rows) for name, rows in given.items() if isinstance(rows, list)}
    assert counts == {
        "accounts": 0, "mails": 2, "messages": 2, "attempts": 2, "provider_ids": 2, "reports": 2, "incoming": 1,
        "incoming_parts": 2, "letters": 2, "conversations": 2, "claims": 1, "opt_outs": 2, "automatic_answers": 1,
        "webhook_calls": 1, "organisation_numbers": 0, "keywords": 0,
    }  # fmt: skip
    message = given["messages"][0]
    assert (message["text"], message["to_number"], message["price"]) == (TEXT, PHONE, 790)
    assert message["created_at"] == "2026-12-16T08:00:00.000Z"
    assert not {"lease", "dedupe", "available_at"} & message.keys()
    assert OTHER not in {row["to_number"] for row in given["messages"]}


@pytest.mark.proves("person export")
async def test_all_about_an_employee_is_given(kept: Kept):
    await kept.put(schema.accounts, an_account("01ELSE", "01OTHER", "01OTHERKEY", "+45609946000002"))
    await kept.sent(5, org_id="01OTHER", account_id="01ELSE")
    given = await privacy.export(kept.database, ANNA, CLOCK)
    counts = {name: len(rows) for name, rows in given.items() if isinstance(rows, list)}
    assert (counts["accounts"], counts["mails"], counts["messages"], counts["incoming"]) == (2, 4, 5, 2)
    assert (counts["letters"], counts["claims"], counts["conversations"]) == (2, 1, 5)
    assert "login_digest" not in given["accounts"][0]
    within = await privacy.export(kept.database, privacy.employee("anna@firm.example", "01OTHER"), CLOCK)
    assert [row["id"] for row in within["accounts"]] == ["01ELSE"]
    assert len(within["messages"]) == 1


@pytest.mark.proves("person export")
@pytest.mark.parametrize("org", ["01ORG", "01OTHER"])
async def test_one_organisation_learns_nothing_of_another(kept: Kept, org: str):
    given = await privacy.export(kept.database, privacy.phone(PHONE, org), CLOCK)
    assert len(given["messages"]) == (2 if org == "01ORG" else 0)
    assert {row["org_id"] for name in ("messages", "mails", "incoming", "opt_outs") for row in given[name]} <= {org}
    assert len(given["opt_outs"]) == 1
    assert len(given["conversations"]) == len(given["claims"]) * 2 == (2 if org == "01ORG" else 0)


@pytest.mark.proves("person export")
async def test_of_a_stranger_nothing_is_given(kept: Kept):
    given = await privacy.export(kept.database, privacy.phone("+4511111111"), CLOCK)
    assert not any(rows for rows in given.values() if isinstance(rows, list))


# --- erase ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("erase")
async def test_of_a_phone_only_the_stop_is_left(kept: Kept):
    done = await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
    assert done.counts == {
        "letters": 2, "mails": 2, "incoming": 1, "conversations": 2, "messages": 2, "accounts": 0,
    }  # fmt: skip
    assert (done.opt_outs_kept, done.left) == (2, 0)
    assert re.fullmatch(r"erased-[0-9a-f]{16}", done.pseudonym)
    assert await kept.all(schema.optouts.c.phone, schema.optouts.c.word) == [(PHONE, "STOP")] * 2
    await kept.do(schema.optouts.delete())
    words = await everything(kept)
    for trace in (PHONE, PHONE[1:], PHONE[-8:]):
        assert trace not in words.replace(OTHER, "")
    assert "syg" not in words
    assert words.count(done.pseudonym) >= 2 + 1 + 2 + 2 + 2


@pytest.mark.proves("erase")
async def test_counts_money_states_and_others_stay(kept: Kept):
    await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
    rows = await kept.all(
        schema.messages.c.to_number, schema.messages.c.state, schema.messages.c.price, schema.messages.c.text
    )
    assert rows[:2] == [(OTHER, "delivered", 790, TEXT)] * 2
    assert {row[1:] for row in rows[2:]} == {("delivered", 790, "")}
    assert len({row[0] for row in rows[2:]}) == 1
    assert await kept.all(schema.accounts.c.sent_count) == [7]
    assert await kept.count(schema.reports) == await kept.count(schema.provider_refs) == 4
    assert sorted(await kept.all(schema.inbound.c.text)) == ["", TEXT]
    # The mail to both phones has lost its text, the message to the other one has not.
    assert sorted(await kept.all(schema.mails.c.text)) == ["", "", TEXT]
    assert await kept.count(schema.thread_refs) == 2


@pytest.mark.proves("erase")
async def test_one_organisation_erases_nothing_of_another(kept: Kept):
    with pytest.raises(NotFound):
        await privacy.erase(kept.database, privacy.phone(PHONE, "01OTHER"), CLOCK)
    assert (await kept.all(schema.messages.c.to_number)).count(PHONE) == 2
    await privacy.erase(kept.database, privacy.phone(PHONE, "01ORG"), CLOCK)
    assert PHONE not in await kept.all(schema.messages.c.to_number)
    assert await kept.all(schema.optouts.c.org_id, schema.optouts.c.word) == [
        ("01ORG", "STOP"),
        ("01OTHER", "stop nu, jeg er syg"),
    ]


@pytest.mark.proves("erase", "STOP")
async def test_who_was_erased_is_not_written_to(kept: Kept):
    await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
    assert await kept.database.read(lambda c: optout_sql.stopped(c, {("01ORG", PHONE)})) == {("01ORG", PHONE)}
    assert read_wish("STOP") is not None


@pytest.mark.proves("erase", "duplicates count once")
async def test_what_a_provider_sends_again_does_not_come_back(kept: Kept):
    [inbound] = [
        each for each, phone in await kept.all(schema.inbound.c.id, schema.inbound.c.from_number) if phone == PHONE
    ]
    await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
    sms = InboundSms("p", f"in-{inbound}", PHONE, NUMBER, TEXT, NOW)
    assert not await kept.database.write(inbound_sql.arrive, Arrival("01AGAIN", sms, NOW, InboundState.MAILED))


@pytest.mark.proves("erase")
async def test_of_an_employee_neither_address_nor_text_is_left(kept: Kept):
    done = await privacy.erase(kept.database, ANNA, CLOCK)
    assert done.counts == {
        "letters": 2, "mails": 3, "incoming": 2, "conversations": 4, "messages": 4, "accounts": 1,
    }  # fmt: skip
    words = ULID.sub("", await everything(kept)).lower()
    for trace in ("anna", TEXT.lower(), "annas-pc", "192.0.2.7", "kontrakt"):
        assert trace not in words
    assert await kept.all(schema.accounts.c.number, schema.accounts.c.sent_count) == [(NUMBER, 7)]
    assert set(await kept.all(schema.accounts.c.email)) == {done.pseudonym}
    assert set(await kept.all(schema.messages.c.to_number)) == {PHONE, OTHER}
    with pytest.raises(NotFound):
        await privacy.erase(kept.database, ANNA, CLOCK)


@pytest.mark.proves("erase")
@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"state": "queued"}, "2 SMS still waiting to leave"),
        ({"state": "submitting"}, "2 SMS still waiting to leave"),
        ({"state": "submitted", "state_at": NOW - 60}, "of 2 SMS a report may still come"),
        ({"state": "unknown", "told_at": None}, "of 2 SMS the sender is still to be told"),
        ({"state": "failed", "told_at": None}, "of 2 SMS the sender is still to be told"),
    ],
)
@pytest.mark.parametrize("person", [privacy.phone(PHONE), ANNA], ids=["phone", "employee"])
async def test_what_is_on_its_way_comes_first(kept: Kept, values: dict[str, object], why: str, person: Person):
    theirs = schema.messages.c.to_number == PHONE
    await kept.do(update(schema.messages).where(theirs).values(values))
    with pytest.raises(StillUnderWay, match=f"nothing was erased: {why}"):
        await privacy.erase(kept.database, person, CLOCK)
    assert TEXT in await everything(kept)
    assert (await kept.all(schema.messages.c.to_number)).count(PHONE) == 2


@pytest.mark.proves("erase")
async def test_a_mail_to_several_phones_waits_for_all_of_them(kept: Kept):
    await kept.do(update(schema.messages).where(schema.messages.c.to_number == OTHER).values(state="queued"))
    with pytest.raises(StillUnderWay, match="1 SMS still waiting to leave"):
        await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)


@pytest.mark.proves("erase")
async def test_receipts_pauses_and_mails_come_first_too(kept: Kept):
    await kept.do(update(schema.mails).values(receipt_at=NOW))
    await kept.do(update(schema.inbound).values(state="held"))
    await kept.do(update(schema.mail_queue).values(state="queued"))
    with pytest.raises(StillUnderWay) as refused:
        await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
    for why in ("owed a receipt", "1 SMS still held", "2 of our mails still waiting"):
        assert why in str(refused.value)


@pytest.mark.proves("erase")
async def test_an_open_account_and_a_reader_are_not_erased(kept: Kept):
    await kept.do(update(schema.accounts).values(closed_at=None))
    number = {"number": "+4560994600", "org_id": "01ORG", "provider": "p", "email": "Anna@firm.example", "since": NOW}
    await kept.put(schema.organisation_numbers, number)
    with pytest.raises(StillUnderWay, match=r"brevdue account close anna@firm\.example.*another reader first"):
        await privacy.erase(kept.database, ANNA, CLOCK)


@pytest.mark.proves("erase")
async def test_what_was_interrupted_is_found_again(kept: Kept):
    """Whatever the first try had done before it was cut off, the second finds the rest."""
    whole = kept.database.write
    for after in range(5):
        calls = 0

        async def cut_off(work, item, limit=after):
            nonlocal calls
            calls += 1
            if calls > limit:
                raise ConnectionError
            return await whole(work, item)

        kept.database.write = cut_off
        with pytest.raises(ConnectionError):
            await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
        kept.database.write = whole
    await privacy.erase(kept.database, privacy.phone(PHONE), CLOCK)
    await kept.do(schema.optouts.delete())
    words = (await everything(kept)).replace(OTHER, "")
    assert PHONE[-8:] not in words
