"""SMS come in: once each, in their conversation, durable before the provider hears so, however many come at once."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, update

from gateway.sms import InboundPart, InboundSms
from gateway.store import mail_queue_sql as queue
from gateway.store import schema
from gateway.store.database import alone
from gateway.store.inbound_sql import InboundState
from tests.inbound import PHONE, gateway, sms
from tests.smarthost import Smarthost

pytestmark = pytest.mark.proves("D11", "X1")


async def test_many_at_once_become_one_mail_each(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=5) as there:
        await asyncio.sleep(0.1)  # the service has looked at the queue for once
        there.database.works.clear()
        coming = [
            sms(there.accounts[n % 5], f"r{n // 2}-{n % 5}", f"nr {n // 2}", f"+45306430{n:02}") for n in range(60)
        ]
        again = [
            sms(each.to_number and there.accounts[n % 5], each.ref, each.text, each.from_number)
            for n, each in enumerate(coming)
        ]
        await asyncio.gather(*(there.receive(each) for each in coming + again), there.receive(*coming))
        await there.sent(60)
        assert sorted(mail.message["Subject"] for mail in host.mails) == sorted(
            f"[SMS] Besked fra +45 306430{n:02}" for n in range(60)
        )
        assert queue.claim not in there.database.works, "what was stored here is handed on from memory"
        counted = await there.all(schema.accounts.c.received_count)
        assert [row.received_count for row in counted] == [12] * 5


async def test_each_answer_refers_to_what_came_before(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        for n in range(9):
            await there.receive(sms(account, f"r{n}"), sms(account, f"other{n}", phone="+4520123456"))
        await there.sent(18)
        mails = {mail.message["Message-ID"]: mail.message for mail in host.mails}
        own = [mail for mail in mails.values() if mail["Subject"].endswith("30643064")]
        assert len(own) == 9
        roots = {mail["References"].split()[0] for mail in own}
        assert len(roots) == 1
        for mail in own:
            known = mail["References"].split()
            assert len(known) <= 7
            assert mail["In-Reply-To"] == known[-1]
            assert all(mails[each]["Subject"] == mail["Subject"] for each in known[1:])
        assert max(len(mail["References"].split()) for mail in own) >= 6


async def test_an_id_that_a_provider_gives_twice_loses_no_message(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        one, other = sms(account, "same", "one"), sms(account, "same", "other")
        await there.receive(one, other, one, other)
        await there.receive(other)
        await there.sent(2)
        assert sorted(mail.message.get_content().strip() for mail in host.mails) == ["one", "other"]


async def test_parts_become_one_mail(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        parts = [sms(account, f"p{n}", f"{n}", part=InboundPart("77", 3, n)) for n in (3, 1, 2)]
        await asyncio.gather(*(there.receive(part) for part in parts), there.receive(*parts))
        await there.sent(1)
        assert [mail.message.get_content().strip() for mail in host.mails] == ["123"]


async def test_a_pause_holds_what_comes_and_lets_it_go(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        key = await there.rooms.accounts.key(account.key_id)
        paused = await there.rooms.accounts.pause_key(key)
        await there.receive(*(sms(account, f"r{n}", f"nr {n}") for n in range(5)))
        await there.rooms.sms_in.sweep()
        states = await there.all(schema.inbound.c.state)
        assert [row.state for row in states] == [InboundState.HELD] * 5
        assert await there.all(schema.mail_queue.c.id) == []
        await there.rooms.accounts.resume_key(paused)
        await asyncio.gather(there.rooms.sms_in.sweep(), there.rooms.sms_in.sweep())
        await there.sent(5)
        assert sorted(mail.message.get_content().strip() for mail in host.mails) == [f"nr {n}" for n in range(5)]


async def test_stop_and_start_are_durable_with_the_sms(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        await there.receive(sms(account, "r1", "STOP"))
        assert await there.has_stopped(account)
        await there.receive(sms(account, "r2", "start"), sms(account, "r3", "stop"), sms(account, "r4", "Start"))
        assert not await there.has_stopped(account)


async def test_one_that_cannot_be_written_keeps_nobody_out(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2) as there:
        ill, well = there.accounts
        bad = await there.rooms.accounts.create_key(await there.rooms.accounts.organisation(ill.org_id))
        moved = await there.rooms.accounts.change_account(ill, key=bad[0])
        gone = delete(schema.key_secrets).where(schema.key_secrets.c.key_id == bad[0].id)
        await there.database.write(alone(lambda connection: connection.execute(gone).rowcount), None)
        with pytest.raises(LookupError):
            await there.receive(sms(moved, "r1"), sms(well, "r2"))
        await there.sent(1)
        assert [row.ref for row in await there.all(schema.inbound.c.ref)] == ["r2"], "r1 must be sent again"


async def test_a_number_that_nobody_has_is_kept_for_the_operator(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        await there.receive(InboundSms("simulator", "r1", PHONE, "+4560994699999", "Hvem?", 0.0))
        await there.sent(1)
        [mail] = host.mails
        assert (mail.mail_from, mail.recipient) == ("", "ops@example.com")
        [row] = await there.all(schema.inbound.c.state)
        assert row.state == InboundState.UNROUTED


@pytest.mark.proves("no second copy")
async def test_while_the_smarthost_is_away_mail_waits_for_anybody(database, tmp_path):
    async with Smarthost(greeting="421 4.3.2 away") as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        await there.receive(sms(account, "r1"))
        async with asyncio.timeout(10):
            while there.rooms.mail_out.hold() is not None:
                await asyncio.sleep(0.01)
        await there.receive(*(sms(account, f"r{n}") for n in range(2, 8)))
        rows = await there.all(schema.mail_queue.c.lease, schema.mail_queue.c.attempts)
        assert sum(row.lease is None for row in rows) >= 6
        host.greeting = None
        there.rooms.mail_out._relay._client._health.clear()  # the pause is over
        await there.sent(7)


async def test_where_no_mail_leaves_it_waits_for_a_process_that_sends(database, tmp_path):
    async with gateway(database, tmp_path, "mail.example.com:25", sends=False) as there:
        [account] = there.accounts
        await there.receive(sms(account, "r1"))
        [row] = await there.all(schema.mail_queue.c.state, schema.mail_queue.c.lease)
        assert tuple(row) == (queue.QUEUED, None)


@pytest.mark.proves("no second copy")
async def test_what_a_dead_process_held_is_free_and_goes_once(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        [account] = there.accounts
        await there.receive(sms(account, "r1"))
        await there.sent(1)
        orphan = update(schema.mail_queue).values(
            state=queue.QUEUED, lease="dead", lease_until=9e9, available_at=9e9, content=host.mails[0].content
        )
        await there.database.write(alone(lambda connection: connection.execute(orphan).rowcount), None)
        await there.rooms.spool.recover()
        there.rooms.mail_out.nudge()
        await there.sent(1)
        assert len(host.mails) == 2
