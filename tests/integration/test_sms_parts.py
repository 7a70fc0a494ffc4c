"""Long SMS: parts that come in any order, to any process, twice, late, or not all; each message reaches its inbox once."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from gateway.concatenation import assemble
from gateway.sms import InboundPart
from gateway.store import part_sql, schema
from gateway.store.opening import open_database
from tests.inbound import Gateway, gateway, sms
from tests.smarthost import Smarthost

pytestmark = pytest.mark.proves("parts")
AT = 1_764_000_000.0


def part(
    there: Gateway, number: int, text: str, *, total: int = 3, ref: str = "", reference: str = "77", at: float = AT
):
    [account] = there.accounts
    return replace(sms(account, ref or f"p{number}", text, part=InboundPart(reference, total, number)), at=at)


def texts(host: Smarthost) -> list[str]:
    return sorted(mail.message.get_content().replace("\r\n", "\n").strip() for mail in host.mails)


@pytest.mark.proves("workers")
@pytest.mark.parametrize("seed", range(4))
async def test_parts_that_reach_two_processes_become_one_mail(database_url, tmp_path, seed):
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(Smarthost())
        both = []
        for _ in range(2):
            database = await open_database(database_url)
            stack.push_async_callback(database.close)
            both.append(await stack.enter_async_context(gateway(database, tmp_path, host.address)))
        messages = [[f"{m}{letter}" for letter in "abcd"] for m in range(6)]
        coming = [
            part(both[0], n, text, total=4, ref=f"m{m}.{n}.{again}", reference=str(m))
            for m, message in enumerate(messages)
            for n, text in enumerate(message, 1)
            for again in range(chance.choice((1, 1, 2)))
        ]
        chance.shuffle(coming)
        await asyncio.gather(*(chance.choice(both).receive(each) for each in coming))
        for there in both:
            await there.rooms.sms_in.sweep()
        await both[0].sent(len(messages))
        for there in both:  # what came twice has not become a message of its own, now or when its time is over
            there.clock.seconds = 700
            await there.rooms.sms_in.sweep()
        assert await both[0].all(schema.inbound_parts.c.ref, inbound_id=None) == []
        await asyncio.sleep(0.1)
        assert texts(host) == sorted("".join(message) for message in messages)


@pytest.mark.proves("workers")
@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_processes_that_have_seen_different_doubles_one_makes_the_message(database_url, tmp_path, first):
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(Smarthost())
        seen = []
        both = []
        for n in range(2):
            database = await open_database(database_url)
            stack.push_async_callback(database.close)
            there = await stack.enter_async_context(gateway(database, tmp_path, host.address))
            await there.rooms.sms_in.stop()  # no sweep of its own: what is decided is decided here
            both.append(there)
            mine = [part(both[0], 1, "en ", total=2, ref="z1"), part(both[0], 2, "to", total=2, ref="z2")]
            double = [part(both[0], 1, "en ", total=2, ref="a1")] if n else []
            for each in (*double, *mine):
                await database.write(part_sql.keep, (each, there.clock.now()))
            seen.append(assemble([*double, *mine]))
        assert seen[0].sms.ref != seen[1].sms.ref, "by their ids alone they would be two messages"
        pairs = list(zip(both, seen, strict=True))
        results = await asyncio.gather(*(there.rooms.sms_in._take(whole) for there, whole in pairs[:: 1 - 2 * first]))
        assert sorted(results) == [False, True]
        both[0].clock.seconds = 700
        await both[0].rooms.sms_in.sweep()
        await both[0].sent(1)
        assert texts(host) == ["en to"]
        assert await both[0].all(schema.inbound_parts.c.ref, inbound_id=None) == []


@pytest.mark.proves("restart")
async def test_what_a_crash_left_behind_is_put_together(database, tmp_path):
    """The process dies when the last part is stored and nothing more has happened."""
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        for number, text in ((2, "b"), (1, "a"), (3, "c")):
            await database.write(part_sql.keep, (part(there, number, text), there.clock.now()))
        await there.rooms.sms_in.sweep()
        await there.sent(1)
        assert texts(host) == ["abc"]


async def test_what_never_comes_whole_is_mailed_and_says_so(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        await there.receive(part(there, 3, "tre"), part(there, 1, "en "))
        await there.rooms.sms_in.sweep()
        assert await there.all(schema.inbound.c.id) == []
        there.clock.seconds = 601
        await there.rooms.sms_in.sweep()
        await there.sent(1)
        [text] = texts(host)
        assert text.startswith("en tre\n")
        assert "(En del af denne besked er ikke nået frem.)" in text

        await there.receive(part(there, 1, "en "), part(there, 1, "en ", ref="once more"))
        assert len(await there.all(schema.inbound.c.id)) == 1, "what came before is known"

        await there.receive(part(there, 2, "to "))
        await there.sent(2)
        [late] = [text for text in texts(host) if text.startswith("en to tre\n")]
        assert "(En del af denne besked manglede. Den er kommet: dette er hele teksten.)" in late
        rows = await there.all(schema.inbound.c.incomplete, schema.inbound.c.late)
        assert sorted(map(tuple, rows)) == [(False, True), (True, False)]
        there.clock.seconds = 2000
        await there.rooms.sms_in.sweep()
        assert len(await there.all(schema.inbound.c.id)) == 2


async def test_a_late_part_that_makes_nothing_whole_is_mailed_too(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        await there.receive(part(there, 1, "en ", total=4))
        there.clock.seconds = 601
        await there.rooms.sms_in.sweep()
        await there.receive(part(there, 3, "tre ", total=4))
        there.clock.seconds = 1300
        await there.rooms.sms_in.sweep()
        await there.receive(part(there, 4, "fire", total=4), part(there, 2, "to ", total=4))
        await there.sent(3)
        assert [text.partition("\n")[0].strip() for text in texts(host)] == ["en", "en to tre fire", "tre"]


async def test_a_reference_that_comes_round_again_is_another_message(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        await there.receive(part(there, 1, "gammel ", total=2, ref="1"))
        there.clock.seconds = 601
        await there.rooms.sms_in.sweep()
        tomorrow = AT + 86_400
        await there.receive(part(there, 2, "dag", total=2, ref="2", at=tomorrow))
        await there.receive(part(there, 1, "ny ", total=2, ref="3", at=tomorrow))
        await there.sent(2)
        assert [text.partition("\n")[0].strip() for text in texts(host)] == ["gammel", "ny dag"]


@pytest.mark.proves("provider with a bug")
async def test_a_provider_that_gives_all_parts_one_id_loses_none(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address) as there:
        parts = [part(there, number, text, ref="same") for number, text in ((2, "b"), (3, "c"), (1, "a"))]
        await there.receive(*parts)
        await there.receive(*parts)
        await there.sent(1)
        there.clock.seconds = 700
        await there.rooms.sms_in.sweep()
        assert texts(host) == ["abc"]
        assert len(await there.all(schema.inbound.c.id)) == 1
