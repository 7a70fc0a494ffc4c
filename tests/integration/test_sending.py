"""SMS that no mail stands behind: the rules of the dialog, one commit, and what is kept of them; on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.accounts import Accounts
from gateway.dialog import Problem
from gateway.errors import Refusal
from gateway.keyring import Keyring
from gateway.model import Account, Author, Origin, SystemClock
from gateway.outbox import Outbox
from gateway.sending import Sending, Sent, Wish
from gateway.settings import DialogSettings, GatewaySettings, LimitSettings, MailSettings, PoolSettings
from gateway.sms_out import SmsOut
from gateway.spool import Spool
from gateway.store import optout_sql
from gateway.store.database import Database, alone
from gateway.store.schema import mails, messages, thread_refs
from gateway.threads import Threads
from gateway.trace import trace
from tests.integration.test_sms_out import NOT_NOW, Told
from tests.log import log_into
from tests.waiting import until

pytestmark = pytest.mark.proves("sending without a mail")

OURS = PoolSettings(provider="a", range="+45609946000000..+45609946000999")
PERSON = Author(Origin.PAGE, "person", "01PERSON", "anna@firm.example", "192.0.2.7")
KEY = Author(Origin.API, "key", "01KEY", "Invoices")


class Desk:
    """One process: accounts, a spool, a dispatcher and a provider that does as it is told."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.clock = SystemClock()
        self.accounts = Accounts(database, Keyring(bytes(32)), (OURS,), DialogSettings(), self.clock)
        self.spool = Spool(database, self.clock, folder)
        self.provider = Told("a")
        self.out = SmsOut(spool=self.spool, database=database, providers={"a": self.provider}, clock=self.clock)
        self.sending = self.with_settings()

    def with_settings(self, *, out: SmsOut | None = None, **tables: Any) -> Sending:
        settings = GatewaySettings(
            mail=MailSettings(domains=("sms.example.com",), hostname="mx.example.com"),
            dialog=tables.pop("dialog", DialogSettings()),
            **tables,
        )
        outbox = Outbox(
            settings=settings,
            accounts=self.accounts,
            spool=self.spool,
            threads=Threads(self.database, "mx.example.com"),
            departures=out or self.out,
            mail_queued=lambda: None,
        )
        return Sending(settings=settings, accounts=self.accounts, outbox=outbox, spool=self.spool, clock=self.clock)

    async def account(self) -> Account:
        organisation = await self.accounts.ensure_organisation("Acme", "DK", "da")
        key, _ = await self.accounts.create_key(organisation)
        return await self.accounts.open_account(key.id, "anna@firm.example")

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        rows = await self.database.read(lambda connection: connection.execute(select(table)).mappings().all())
        return [dict(row) for row in rows]


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(database, tmp_path)
    await made.spool.start()
    await made.out.start()
    yield made
    await made.out.stop()
    await made.spool.stop()


@pytest.fixture
async def account(desk: Desk) -> Account:
    return await desk.account()


def wish(account: Account, *phones: str, text: str = "Hej Anders", author: Author = PERSON, **more: Any) -> Wish:
    return Wish(account.id, phones or ("30643064",), text, author, **more)


async def stop(desk: Desk, account: Account, phone: str) -> None:
    words = {(account.org_id, phone): "stop"}
    await desk.database.write(alone(lambda connection: optout_sql.opt_out_all(connection, words, 1.0)), None)


async def refusal(sending: Sending, wanted: Wish) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await sending.send(wanted)
    return caught.value


@pytest.fixture
def log() -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """The lines of an event so far."""
    written: list[bytes] = []
    with log_into(written.append) as lines:

        def events(name: str) -> list[dict[str, Any]]:
            lines.flush()
            found = [json.loads(line) for line in b"".join(written).splitlines()]
            return [line for line in found if line["event"] == name]

        yield events


# --- the same rails ------------------------------------------------------------------------------------------------


@pytest.mark.proves("D8", "D9", "X2")
async def test_what_is_written_reaches_the_phones_from_the_accounts_number(desk: Desk, account: Account):
    sent = await desk.sending.send(wish(account, "30 64 30 64; +49 171 1234567", "0046 70 123 45 67", text=" Hej\n"))
    assert [each.phone for each in sent.phones] == ["+4530643064", "+491711234567", "+46701234567"]
    assert [each.message_id for each in sent.phones] == [f"{sent.id}.{n}" for n in (1, 2, 3)]
    assert (sent.text.text, sent.text.parts, sent.new) == ("Hej", 1, True)
    await until(lambda: len(desk.provider.given) == 3)
    assert {(each.from_number, each.text.text) for each in desk.provider.given} == {(account.number, "Hej")}
    assert {each["mail_id"] for each in await desk.rows(messages)} == {sent.id}


async def test_what_has_room_leaves_with_its_commit_and_what_has_none_is_nobodys(desk: Desk, account: Account):
    queueing = desk.with_settings(out=SmsOut(spool=desk.spool, database=desk.database, providers={}, clock=desk.clock))
    await desk.out.stop()
    await queueing.send(wish(account))
    (row,) = await desk.rows(messages)
    assert (row["state"], row["lease"], row["attempts"]) == ("queued", None, 0)


async def test_its_record_says_who_wrote_it_and_its_story_is_told(desk: Desk, account: Account):
    sent = await desk.sending.send(wish(account))
    (row,) = await desk.rows(mails)
    assert (row["listener"], row["peer_ip"], row["proof"]) == ("page", "192.0.2.7", "person")
    assert (row["account_id"], row["org_id"], row["message_id"]) == (
        account.id, account.org_id, f"{sent.id}@mx.example.com"
    )  # fmt: skip
    for name in (sent.id, f"{sent.id}.1", row["message_id"]):
        story = await trace(desk.database, name)
        assert story is not None
        assert story.steps[0].event == "SMS written"
        assert story.steps[0].facts["name"] == "anna@firm.example (01PERSON)"
        assert not any(step.event.startswith("mail") for step in story.steps)


@pytest.mark.proves("threads")
async def test_answers_refer_to_it(desk: Desk, account: Account):
    sent = await desk.sending.send(wish(account))
    (row,) = await desk.rows(thread_refs)
    assert (row["account_id"], row["phone"], row["message_id"]) == (
        account.id, "+4530643064", f"{sent.id}@mx.example.com"
    )  # fmt: skip
    threads = Threads(desk.database, "mx.example.com")
    thread = (await threads.continue_with([(account.id, "+4530643064")]))[account.id, "+4530643064"]
    assert thread.in_reply_to == f"{sent.id}@mx.example.com"


async def test_the_log_names_its_event_and_no_phone(
    desk: Desk, account: Account, log: Callable[[str], list[dict[str, Any]]]
):
    sent = await desk.sending.send(wish(account, author=KEY))
    (line,) = log("sms-written")
    assert (line["id"], line["account"], line["origin"], line["by"]) == (sent.id, account.id, "api", "key")
    assert "30643064" not in str(line)
    await refusal(desk.sending, wish(account, text=" "))
    (line,) = log("sms-refused")
    assert line["cause"] == "empty text"


# --- the same rules ------------------------------------------------------------------------------------------------


@pytest.mark.proves("refusals help")
@pytest.mark.parametrize(
    ("phones", "text", "said"),
    [
        ((), "Hej", "name at least one mobile number"),
        ((" , ;\n",), "Hej", "name at least one mobile number"),
        (("12",), "Hej", "'12' cannot be a mobile number"),
        (("+45609946000001",), "Hej", "cannot be a mobile number"),
        (("30643064",), " \n", "write a text"),
        (("30643064",), "ż" * 800, "the text needs 12 SMS parts, at most 8 are allowed"),
        (tuple(f"3064{n:04}" for n in range(51)), "Hej", "at most 50 at once"),
        (("+8613812345678",), "Hej", "does not send SMS to numbers in CN"),
    ],
    ids=["nobody", "only separators", "no number", "ours", "no text", "too long", "too many", "abroad"],
)
async def test_what_cannot_go_is_refused_with_what_to_do(
    desk: Desk, account: Account, phones: tuple[str, ...], text: str, said: str
):
    refused = await refusal(desk.sending, Wish(account.id, phones, text, PERSON))
    assert said in refused.public_text
    assert await desk.rows(mails) == await desk.rows(messages) == []


@pytest.mark.proves("partial failure")
async def test_the_good_phones_go_and_the_others_are_named(desk: Desk, account: Account):
    await stop(desk, account, "+4530111111")
    sent = await desk.sending.send(wish(account, "30643064", "12", "30111111", "+8613812345678", "+4530643064"))
    assert [(each.written, each.phone, each.problem) for each in sent.phones] == [
        ("30643064", "+4530643064", None),
        ("12", None, Problem.BAD_NUMBER),
        ("30111111", "+4530111111", Problem.OPTED_OUT),
        ("+8613812345678", "+8613812345678", Problem.COUNTRY),
    ]
    assert [bool(each.message_id) for each in sent.phones] == [True, False, False, False]
    assert [each.public_text[:20] for each in sent.phones[1:]] == [
        "'12' cannot be a mob", "the recipient has sa", "'+8613812345678': yo"
    ]  # fmt: skip
    assert [row["to_number"] for row in await desk.rows(messages)] == ["+4530643064"]


@pytest.mark.proves("obeyed at once")
async def test_a_pause_a_closed_account_and_a_stop_are_obeyed_by_a_process_that_has_not_heard(
    desk: Desk, account: Account
):
    await desk.sending.send(wish(account))
    other = Accounts(desk.database, Keyring(bytes(32)), (OURS,), DialogSettings(), desk.clock)
    key = await other.key(account.key_id)
    assert key is not None
    await other.pause_key(key)
    assert "paused by your administrator" in (await refusal(desk.sending, wish(account))).public_text
    await other.resume_key(key)
    await desk.sending.send(wish(account))
    await stop(desk, account, "+4530643064")
    assert "said STOP" in (await refusal(desk.sending, wish(account))).public_text
    await other.close_account(account)
    assert "the account is closed" in (await refusal(desk.sending, wish(account, "30643065"))).public_text
    assert "the account is closed" in (await refusal(desk.sending, replace(wish(account), account_id="x"))).public_text


@pytest.mark.proves("daily caps", "refused before it costs")
async def test_caps_count_what_pages_and_mails_send_together(desk: Desk, account: Account):
    sending = desk.with_settings(limits=LimitSettings(account_parts=2))
    await sending.send(wish(account, "30643064", "30643065"))
    assert "today's limit of your account (2 SMS parts a day)" in (await refusal(sending, wish(account))).public_text


async def test_one_account_cannot_write_too_often(desk: Desk, account: Account):
    sending = desk.with_settings(dialog=DialogSettings(mails_per_minute=3))
    for _ in range(3):
        await sending.send(wish(account))
    refused = await refusal(sending, wish(account))
    assert (refused.code, refused.public_text[:37]) == (450, "too many SMS from this account right ")


@pytest.mark.proves("adjacent numbers")
async def test_a_run_of_numbers_is_told(desk: Desk, account: Account, log: Callable[[str], list[dict[str, Any]]]):
    for n in range(10):
        await desk.sending.send(wish(account, f"3064306{n}"))
    (line,) = log("adjacent-numbers")
    assert (line["account"], line["phones"]) == (account.id, 10)


# --- sent once -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("sent once")
async def test_the_same_identity_is_one_sms_and_answers_alike(
    desk: Desk, account: Account, log: Callable[[str], list[dict[str, Any]]]
):
    wanted = wish(account, "30643064", "30643065", author=KEY, identity="order 7")
    first = await desk.sending.send(wanted)
    again = await desk.sending.send(wanted)
    assert again == replace(first, new=False)
    assert len(await desk.rows(messages)) == 2
    assert [line["id"] for line in log("sms-duplicate")] == [first.id]
    assert len(await desk.rows(mails)) == 1


@pytest.mark.proves("sent once")
async def test_it_answers_alike_when_the_key_is_paused_meanwhile(desk: Desk, account: Account):
    wanted = wish(account, author=KEY, identity="order 7")
    first = await desk.sending.send(wanted)
    key = await desk.accounts.key(account.key_id)
    assert key is not None
    await desk.accounts.pause_key(key)
    assert await desk.sending.send(wanted) == replace(first, new=False)
    await refusal(desk.sending, replace(wanted, identity="order 8"))


@pytest.mark.proves("sent once")
async def test_many_at_once_are_one_sms(desk: Desk, account: Account):
    wanted = wish(account, "30643064", "30643065", author=KEY, identity="order 7")
    sent: list[Sent] = await asyncio.gather(*(desk.sending.send(wanted) for _ in range(20)))
    assert len({each.id for each in sent}) == 1
    assert len({each.phones for each in sent}) == 1
    assert sum(each.new for each in sent) == 1
    assert len(await desk.rows(messages)) == 2


@pytest.mark.proves("sent once")
async def test_the_same_identity_with_another_text_is_refused(desk: Desk, account: Account):
    await desk.sending.send(wish(account, author=KEY, identity="order 7"))
    refused = await refusal(desk.sending, wish(account, text="Hej Bo", author=KEY, identity="order 7"))
    assert "sent before with another text" in refused.public_text
    assert len(await desk.rows(messages)) == 1


@pytest.mark.proves("sent once")
async def test_identities_are_each_authors_own_and_nothing_without_one_is_the_same(desk: Desk, account: Account):
    for author in (KEY, replace(KEY, id="01OTHER"), replace(KEY, origin=Origin.PAGE)):
        assert (await desk.sending.send(wish(account, author=author, identity="order 7"))).new
    for _ in range(2):
        assert (await desk.sending.send(wish(account, author=KEY))).new


async def test_what_the_provider_does_not_take_now_waits(desk: Desk, account: Account):
    desk.provider.answer = NOT_NOW
    sent = await desk.sending.send(wish(account))
    await until(lambda: len(desk.provider.given) == 1)
    (row,) = await desk.rows(messages)
    assert row["id"] == sent.phones[0].message_id
    assert row["state"] in {"queued", "submitting"}
