"""Webhooks, from what happens to what a receiver reads: what is told, once, in order of need, on both databases."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select
from standardwebhooks.webhooks import Webhook as Reader

from gateway.dns import DnsResolver
from gateway.errors import Outcome
from gateway.hooks.caller import Caller
from gateway.hooks.events import CHOICES
from gateway.hooks.schedule import DELAYS, GIVE_UP_AFTER
from gateway.keyring import Keyring
from gateway.public_http import PublicHttp
from gateway.registry.errors import BadValue, NotFound
from gateway.settings import DnsSettings
from gateway.sms import OPTED_OUT, DeliveryReport, InboundSms, MessageState, OutgoingSms, ReportStatus, SubmitResult
from gateway.sms_text import measure
from gateway.spool import Spool
from gateway.store import (
    erase_sql,
    inbound_sql,
    optout_sql,
    overdue_sql,
    process_sql,
    report_sql,
    retention_sql,
    settle_sql,
)
from gateway.store.database import Database, alone
from gateway.store.inbound_sql import Arrival, InboundState, Wished
from gateway.store.person_sql import Found, Person
from gateway.store.report_sql import Received
from gateway.store.schema import organisations
from gateway.store.spool_items import Acceptance, MailRecord, Settlement
from gateway.store.webhook_schema import webhook_calls
from gateway.store.webhook_sql import Webhook, WebhookState
from gateway.webhook_endpoints import MOST, WebhookEndpoints
from gateway.webhooks_out import WebhooksOut
from tests.receiver import Drip, Hang, Heard, Receiver, Says
from tests.waiting import until

PHONE = "+4530643064"
OURS, THEIRS = "ORG1", "ORG2"
DAY = 86_400.0
_ids = itertools.count(1)


class Clock:
    """The machine's, set forward."""

    ahead = 0.0

    def now(self) -> float:
        import time

        return time.time() + self.ahead


class House:
    """The rooms of webhooks over one database, and a receiver."""

    def __init__(self, database: Database, receiver: Receiver, http: PublicHttp, spool: Spool, clock: Clock) -> None:
        self.database, self.receiver, self.spool, self.clock = database, receiver, spool, clock
        keyring = Keyring(b"s" * 32)
        caller = Caller(http, keyring, clock)
        self.endpoints = WebhookEndpoints(database=database, keyring=keyring, clock=clock, http=http, caller=caller)
        self.caller = caller
        self.secrets: dict[str, str] = {}

    def give_receivers(self, seconds: float) -> None:
        """So long for an answer, from before the first call on."""
        assert self.caller._http._session is None
        self.caller._http._timeout = seconds

    def service(self) -> WebhooksOut:
        return WebhooksOut(database=self.database, caller=self.caller, clock=self.clock, keep_days=7)

    async def hook(self, path: str = "/", *events: str, org: str = OURS) -> Webhook:
        made, self.secrets[path] = await self.endpoints.create(org, self.receiver.url + path, events)
        return made

    async def sends(self, org: str = OURS) -> OutgoingSms:
        """A message of an organisation whose first attempt has begun."""
        mail, now = f"M{next(_ids)}", self.clock.now()
        record = MailRecord(mail, now, "sms", "smtp", "::1", "x", False, "a@b", "a@b", f"{mail}@b", "trusted", "", 1)
        message = OutgoingSms(f"{mail}.1", org, "A", "K", "+4560", PHONE, measure("Hej ö"), "p", created_at=now)
        await self.spool.put(Acceptance(record, (message,), (mail,), departs=True))
        return message

    async def settle(self, message: OutgoingSms, outcome: Outcome, state: MessageState, **more) -> None:
        result = SubmitResult(outcome, **more)
        await self.spool.settle(Settlement(message, result, state, self.clock.now(), self.clock.now()))

    async def submitted(self, org: str = OURS) -> OutgoingSms:
        message = await self.sends(org)
        await self.settle(message, Outcome.ACCEPTED, MessageState.SUBMITTED, refs=(message.id,))
        return message

    async def reported(self, message: OutgoingSms, status: ReportStatus, **more) -> None:
        report = DeliveryReport("p", message.id, status, self.clock.now(), **more)
        await self.database.write(report_sql.store_reports, Received(report, self.clock.now()))

    async def calls(self, state: str | None = None) -> int:
        query = select(func.count()).select_from(webhook_calls)
        if state is not None:
            query = query.where(webhook_calls.c.state == state)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())

    async def count(self, state: str, number: int) -> None:
        async with asyncio.timeout(15):
            while await self.calls(state) != number:
                await asyncio.sleep(0.02)

    def read(self, call: Heard) -> dict:
        """What a receiver reads, once the standard's library has found the signature good."""
        return Reader(self.secrets[call.path]).verify(call.body, dict(call.headers))

    def types(self, path: str = "/") -> list[str]:
        return [self.read(call)["type"] for call in self.receiver.to(path)]


def _organisations(connection: Connection) -> None:
    for number, org_id in enumerate((OURS, THEIRS)):
        connection.execute(
            insert(organisations).values(id=org_id, name=f"Firma {number}", region="DK", language="da", created_at=0)
        )


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    await database.write(alone(_organisations), None)
    clock = Clock()
    http = PublicHttp(
        DnsResolver(DnsSettings(servers=("127.0.0.1:1",), timeout=1)),
        [IPv4Network("127.0.0.0/8")],
        plain=True,
        timeout=10.0,
    )
    spool = Spool(database, clock, tmp_path)
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        for room in (http, spool):
            await room.start()
            stack.push_async_callback(room.stop)
        yield House(database, receiver, http, spool, clock)


@pytest.fixture
async def running(house: House) -> AsyncIterator[House]:
    """The same, with the service that calls."""
    service = house.service()
    await service.start()
    yield house
    await service.stop()


# --- what is told --------------------------------------------------------------------------------------------------


@pytest.mark.proves("webhooks tell")
async def test_a_message_on_its_way_and_at_its_end(running: House):
    await running.hook()
    message = await running.submitted()
    await running.reported(message, ReportStatus.ACCEPTED)
    await running.reported(message, ReportStatus.DELIVERED)
    await running.reported(message, ReportStatus.DELIVERED)
    await running.count("delivered", 2)
    first, second = sorted((running.read(call) for call in running.receiver.calls), key=lambda read: read["timestamp"])
    assert (first["type"], second["type"]) == ("message.submitted", "message.delivered")
    assert second["data"] == {
        "id": message.id,
        "state": "delivered",
        "reason": "",
        "account": "A",
        "from": "+4560",
        "to": PHONE,
        "text": "Hej ö",
        "parts": 1,
        "created_at": first["data"]["created_at"],
        "mail_message_id": f"{message.id[:-2]}@b",
    }
    call = running.receiver.calls[0]
    assert call.headers["content-type"] == "application/json"
    assert "." not in call.headers["webhook-id"]


@pytest.mark.proves("webhooks tell")
async def test_every_end_of_a_message(running: House):
    await running.hook("/", "message")
    refused = await running.sends()
    await running.settle(refused, Outcome.PERMANENT, MessageState.FAILED, cause="no", reason="no-such-number")
    in_doubt = await running.sends()
    await running.settle(in_doubt, Outcome.UNKNOWN, MessageState.UNKNOWN)
    lost = await running.submitted()
    await running.reported(lost, ReportStatus.FAILED, reason="unreachable")
    late = await running.submitted()
    await running.reported(late, ReportStatus.EXPIRED)
    silent = await running.submitted()
    wish = overdue_sql.Silence({"p": 0.0}, 0.0, running.clock.now() + 1, 10)
    assert [each.message_id for each in await running.database.write(overdue_sql.expire, wish)] == [silent.id]
    by_hand = await running.sends()
    await running.settle(by_hand, Outcome.UNKNOWN, MessageState.UNKNOWN)
    ruling = overdue_sql.Ruling(by_hand.id, MessageState.FAILED, running.clock.now())
    assert await running.database.write(overdue_sql.rule, ruling)
    await running.count("delivered", 10)
    told = sorted((read["data"]["id"], read["type"]) for read in map(running.read, running.receiver.calls))
    assert told == sorted(
        [
            (refused.id, "message.failed"),
            (in_doubt.id, "message.unknown"),
            (lost.id, "message.submitted"),
            (lost.id, "message.failed"),
            (late.id, "message.submitted"),
            (late.id, "message.expired"),
            (silent.id, "message.submitted"),
            (silent.id, "message.expired"),
            (by_hand.id, "message.unknown"),
            (by_hand.id, "message.failed"),
        ]
    )


@pytest.mark.proves("webhooks tell")
async def test_a_report_that_came_before_the_answer_is_told_once(running: House):
    await running.hook()
    message = await running.sends()
    await running.reported(message, ReportStatus.DELIVERED)
    await running.settle(message, Outcome.ACCEPTED, MessageState.SUBMITTED, refs=(message.id,))
    await running.count("delivered", 1)
    assert running.types() == ["message.delivered"]


@pytest.mark.proves("webhooks tell")
async def test_what_was_in_flight_in_a_process_that_died(running: House, tmp_path: Path):
    await running.hook()
    message = await running.sends()
    await running.database.write(process_sql.leave, running.spool.lease)
    (tmp_path / "other").mkdir()
    other = Spool(running.database, running.clock, tmp_path / "other")
    await other.recover()
    await running.count("delivered", 1)
    [call] = running.receiver.calls
    assert (running.read(call)["type"], running.read(call)["data"]["id"]) == ("message.unknown", message.id)


@pytest.mark.proves("webhooks tell")
async def test_what_may_not_leave_fails(running: House):
    await running.hook()
    message = await running.sends()
    await running.settle(message, Outcome.TEMPORARY, MessageState.QUEUED)
    await running.database.write(
        alone(lambda connection: optout_sql.opt_out(connection, OURS, PHONE, "STOP", running.clock.now())), None
    )
    departure = await running.spool.depart("p", 10)
    assert [each.id for each, _ in departure.failed] == [message.id]
    await running.count("delivered", 2)
    read = [running.read(call) for call in running.receiver.calls]
    assert {each["type"] for each in read} == {"optout.created", "message.failed"}
    assert next(each["data"]["reason"] for each in read if each["type"] == "message.failed") == OPTED_OUT


def arrival(ref: str, state: InboundState = InboundState.MAILED, org: str | None = OURS, **more) -> Arrival:
    sms = InboundSms("p", ref, PHONE, "+4560", "Hej\nigen 🎈", 1_700_000_000.0)
    return Arrival(f"IN{next(_ids)}", sms, 1_700_000_001.0, state, org, "A", **more)


@pytest.mark.proves("webhooks tell")
async def test_an_sms_that_comes_in_is_told_once(running: House):
    await running.hook()
    came = arrival("r1")
    assert await running.database.write(inbound_sql.arrive, came)
    assert not await running.database.write(inbound_sql.arrive, replace(came, id="IN0"))
    await running.count("delivered", 1)
    [call] = running.receiver.calls
    assert running.read(call) == {
        "type": "message.received",
        "timestamp": "2023-11-14T22:13:21.000Z",
        "data": {
            "id": came.id,
            "state": "mailed",
            "account": "A",
            "from": PHONE,
            "to": "+4560",
            "text": "Hej\nigen 🎈",
            "incomplete": False,
            "sent_at": "2023-11-14T22:13:20.000Z",
            "received_at": "2023-11-14T22:13:21.000Z",
        },
    }


@pytest.mark.proves("webhooks tell")
async def test_what_is_held_is_told_once_and_what_is_nobodys_when_it_is_handed_on(running: House):
    await running.hook()
    held, stray = arrival("r1", InboundState.HELD), arrival("r2", InboundState.UNROUTED)
    for each in (held, stray):
        assert await running.database.write(inbound_sql.arrive, each)
    assert await running.calls() == 1
    for each in (held, stray):
        gone_on = replace(each, state=InboundState.MAILED, was=each.state)
        assert await running.database.write(inbound_sql.release, gone_on)
    await running.count("delivered", 2)
    assert {running.read(call)["data"]["id"] for call in running.receiver.calls} == {held.id, stray.id}


@pytest.mark.proves("webhooks tell")
async def test_stop_and_start(running: House):
    await running.hook("/", "optout")
    wishes = ("stop", "stop", None, None, "stop")
    for number, word in enumerate(wishes):
        await running.database.write(inbound_sql.arrive, arrival(f"r{number}", wished=Wished(OURS, PHONE, word)))
    await running.database.write(optout_sql.remove, (OURS, PHONE, running.clock.now()))
    await running.count("delivered", 4)
    assert sorted(running.types()) == ["optout.created"] * 2 + ["optout.ended"] * 2
    assert all(running.read(call)["data"] == {"phone": PHONE} for call in running.receiver.calls)


@pytest.mark.proves("webhooks tell")
async def test_only_what_was_chosen_and_only_ones_own(running: House):
    await running.hook("/ours", "message.delivered")
    await running.hook("/theirs", org=THEIRS)
    for org in (OURS, THEIRS):
        await running.reported(await running.submitted(org), ReportStatus.DELIVERED)
    await running.count("delivered", 3)
    assert running.types("/ours") == ["message.delivered"]
    assert sorted(running.types("/theirs")) == ["message.delivered", "message.submitted"]


@pytest.mark.proves("webhooks tell")
async def test_what_is_not_committed_is_not_told(house: House):
    await house.hook()
    message = await house.sends()

    def breaks(connection: Connection) -> None:
        result = SubmitResult(Outcome.ACCEPTED, (message.id,))
        settle_sql.settle(connection, [Settlement(message, result, MessageState.SUBMITTED, 1.0, 1.0)])
        raise ValueError("after all")

    with pytest.raises(ValueError, match="after all"):
        await house.database.write(alone(breaks), None)
    assert await house.calls() == 0
    await house.settle(message, Outcome.ACCEPTED, MessageState.SUBMITTED, refs=(message.id,))
    assert await house.calls() == 1


@pytest.mark.proves("webhooks tell")
async def test_without_webhooks_nothing_is_written(house: House):
    await house.reported(await house.submitted(), ReportStatus.DELIVERED)
    await house.database.write(inbound_sql.arrive, arrival("r", wished=Wished(OURS, PHONE, "stop")))
    assert await house.calls() == 0


# --- receivers that misbehave --------------------------------------------------------------------------------------


@pytest.mark.proves("webhooks are tried again")
async def test_a_receiver_that_fails_hears_of_it_again_under_the_same_id(running: House):
    hook = await running.hook("/", "message.submitted")
    running.receiver.answer("/", Says(500, {}, b"out of order"))
    await running.submitted()
    for tries, delay in enumerate(DELAYS, 1):
        await until(lambda tries=tries: len(running.receiver.calls) == tries, f"try {tries}")
        await running.count("queued", 1)
        async with asyncio.timeout(5):
            while (record := (await running.endpoints.calls(OURS, hook.id))[0]).attempts != tries:
                await asyncio.sleep(0.01)
        assert (record.status, record.cause) == (500, "HTTP 500 Internal Server Error: out of order")
        assert record.due_at is not None
        assert record.tried_at is not None
        assert delay * 0.9 < record.due_at - record.tried_at < delay * 1.1
        running.clock.ahead += delay * 1.1
    await running.count("failed", 1)
    assert len(running.receiver.calls) == len(DELAYS) + 1
    assert len({call.headers["webhook-id"] for call in running.receiver.calls}) == 1
    assert len({call.body for call in running.receiver.calls}) == 1
    assert (await running.endpoints.get(OURS, hook.id)).state is WebhookState.ACTIVE


@pytest.mark.proves("webhooks are tried again")
async def test_by_hand_it_is_made_once_more(running: House):
    hook = await running.hook("/", "message.submitted")
    await running.submitted()
    await running.count("delivered", 1)
    [record] = await running.endpoints.calls(OURS, hook.id)
    await running.endpoints.call_again(OURS, record.id)
    await until(lambda: len(running.receiver.calls) == 2, "the second call")
    first, second = running.receiver.calls
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    with pytest.raises(NotFound):
        await running.endpoints.call_again(THEIRS, record.id)


@pytest.mark.proves("webhooks are tried again")
async def test_retry_after_is_honoured(running: House):
    hook = await running.hook("/", "message.submitted")
    running.receiver.answer("/", Says(429, {"Retry-After": "1200"}))
    await running.submitted()
    async with asyncio.timeout(10):
        while not (calls := await running.endpoints.calls(OURS, hook.id)) or not calls[0].attempts:
            await asyncio.sleep(0.01)
    assert calls[0].due_at is not None
    assert 1100 < calls[0].due_at - running.clock.now() <= 1200


@pytest.mark.proves("webhooks are tried again")
async def test_one_that_hangs_delays_nobody_else(running: House):
    running.give_receivers(60.0)
    for path in ("/hangs", "/fine"):
        await running.hook(path, "message.submitted")
    running.receiver.answer("/hangs", Hang())
    messages = [await running.sends() for _ in range(30)]
    await asyncio.gather(
        *(running.settle(each, Outcome.ACCEPTED, MessageState.SUBMITTED, refs=(each.id,)) for each in messages)
    )
    await until(lambda: len(running.receiver.to("/fine")) == 30, "the other's calls")
    assert len(running.receiver.to("/hangs")) <= 4, "those in hand, which still hang"
    running.receiver.answer("/hangs", Says())
    for under_way in tuple(running.receiver._tasks):
        under_way.cancel()  # the service lets its calls end before it stops


@pytest.mark.proves("webhooks are tried again")
async def test_410_is_the_end(running: House):
    hook = await running.hook("/", "message.submitted")
    running.receiver.answer("/", Says(410))
    await running.submitted()
    async with asyncio.timeout(10):
        while (await running.endpoints.get(OURS, hook.id)).state is not WebhookState.DISABLED:
            await asyncio.sleep(0.01)
    assert (await running.endpoints.get(OURS, hook.id)).state_reason == "the receiver answered 410 Gone"
    assert await running.calls("queued") == 0
    with pytest.raises(BadValue, match="disabled"):
        await running.endpoints.pause(OURS, hook.id)
    running.receiver.answer("/", Says(204))
    resumed = await running.endpoints.resume(OURS, hook.id)
    assert (resumed.state, resumed.state_reason) == (WebhookState.ACTIVE, "")
    await asyncio.sleep(1.1)  # for so long a connection may trust what it knows of webhooks
    await running.submitted()
    await running.count("delivered", 1)


@pytest.mark.proves("webhooks are tried again")
async def test_one_that_takes_nothing_for_days_is_disabled_and_one_that_recovers_is_not(running: House):
    hook = await running.hook("/", "message.submitted")
    running.receiver.answer("/", Says(503))
    await running.submitted()
    await until(lambda: len(running.receiver.calls) == 1, "the first try")
    async with asyncio.timeout(10):
        while (await running.endpoints.get(OURS, hook.id)).failing_since is None:
            await asyncio.sleep(0.01)
    running.receiver.answer("/", Says(200))
    running.clock.ahead += 10
    await running.count("delivered", 1)
    assert (await running.endpoints.get(OURS, hook.id)).failing_since is None
    running.receiver.answer("/", Says(503))
    for _ in range(2):
        await running.submitted()
    await until(lambda: len(running.receiver.calls) >= 4, "the next messages' first tries")
    async with asyncio.timeout(10):
        while not all(each.attempts for each in (await running.endpoints.calls(OURS, hook.id))[:2]):
            await asyncio.sleep(0.01)
    running.clock.ahead += GIVE_UP_AFTER + 60
    async with asyncio.timeout(10):
        while (found := await running.endpoints.get(OURS, hook.id)).state is not WebhookState.DISABLED:
            await asyncio.sleep(0.01)
    assert found.state_reason.startswith("nothing was taken for 5 days; at last: HTTP 503")
    assert await running.calls("queued") == 0, "what waited was given up, and shows as failed"


@pytest.mark.proves("webhooks are tried again")
async def test_odd_answers(running: House):
    await running.hook("/drips", "message.submitted")
    await running.hook("/away", "message.submitted")
    running.receiver.answer("/drips", Drip())
    running.receiver.answer("/away", Says(307, {"Location": f"{running.receiver.url}/secret"}))
    await running.submitted()
    await running.count("delivered", 1)
    await until(lambda: running.receiver.to("/away"), "the other's call")
    await running.count("queued", 1)
    assert running.receiver.to("/secret") == []


@pytest.mark.proves("webhooks are tried again")
async def test_two_processes_make_each_call_once(house: House):
    await house.hook("/", "message.submitted")
    messages = [await house.sends() for _ in range(60)]
    await asyncio.gather(
        *(house.settle(each, Outcome.ACCEPTED, MessageState.SUBMITTED, refs=(each.id,)) for each in messages)
    )
    services = [house.service(), house.service()]
    for service in services:
        await service.start()
    await house.count("delivered", 60)
    for service in services:
        await service.stop()
    told = [call.headers["webhook-id"] for call in house.receiver.calls]
    assert (len(told), len(set(told))) == (60, 60)


@pytest.mark.proves("webhooks are tried again")
async def test_what_a_process_held_when_it_died_is_due_again_after_its_lease(house: House):
    await house.hook("/", "message.submitted")
    house.receiver.answer("/", Hang())
    await house.submitted()
    dying = house.service()
    await dying.start()
    await until(lambda: house.receiver.calls, "the call that is under way")
    for task in (*dying._in_hand.values(), dying._rounds._task, dying._pruning._task):
        assert task is not None
        task.cancel()
    house.receiver.answer("/", Says())
    other = house.service()
    await other.start()
    house.clock.ahead += 31
    await house.count("delivered", 1)
    await other.stop()
    assert len({call.headers["webhook-id"] for call in house.receiver.calls}) == 1


@pytest.mark.proves("webhooks are tried again")
async def test_a_stop_gives_back_what_it_could_not_finish(house: House):
    house.give_receivers(2.0)
    await house.hook("/", "message.submitted")
    house.receiver.answer("/", Hang())
    await house.submitted()
    service = house.service()
    await service.start()
    await until(lambda: house.receiver.calls, "the call")
    await service.stop()
    assert await house.calls("queued") == 1


# --- by hand -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("webhooks by hand")
async def test_a_pause_keeps_what_happens_meanwhile(running: House):
    hook = await running.hook("/", "message.submitted")
    assert (await running.endpoints.pause(OURS, hook.id)).state is WebhookState.PAUSED
    await running.submitted()
    await asyncio.sleep(1.2)  # a look at what is due has come and gone
    assert running.receiver.calls == []
    await running.endpoints.resume(OURS, hook.id)
    await running.count("delivered", 1)


@pytest.mark.proves("webhooks are signed")
async def test_after_a_rotation_both_secrets_are_good_for_a_while(running: House):
    hook = await running.hook("/", "message.submitted")
    old = running.secrets["/"]
    fresh = await running.endpoints.rotate(OURS, hook.id, hours=1)
    assert await running.endpoints.secrets(OURS, hook.id) == [fresh, old]
    await running.endpoints.ping(OURS, hook.id)
    [call] = running.receiver.calls
    for secret in (fresh, old):
        Reader(secret).verify(call.body, dict(call.headers))
    assert len(call.headers["webhook-signature"].split(" ")) == 2
    running.clock.ahead += 3700
    assert await running.endpoints.secrets(OURS, hook.id) == [fresh]


@pytest.mark.proves("webhooks by hand")
async def test_a_ping_tells_at_once_what_comes_of_it(house: House):
    hook = await house.hook("/", "optout")
    assert (await house.endpoints.ping(OURS, hook.id)).taken
    assert house.types() == ["webhook.ping"]
    house.receiver.answer("/", Says(404, {}, b"nobody here"))
    came = await house.endpoints.ping(OURS, hook.id)
    assert (came.taken, came.status, came.cause) == (False, 404, "HTTP 404 Not Found: nobody here")
    assert [(each.type, each.state) for each in await house.endpoints.calls(OURS, hook.id)] == [
        ("webhook.ping", "failed"),
        ("webhook.ping", "delivered"),
    ]


@pytest.mark.proves("webhooks by hand")
async def test_edit_list_and_delete(house: House):
    hook = await house.hook("/")
    assert hook.events == CHOICES
    url = f"{house.receiver.url}/new"
    changed = await house.endpoints.edit(OURS, hook.id, url=url, events=["optout"], description=" the  shop ")
    assert (changed.url, changed.events, changed.description) == (url, CHOICES[-2:], "the shop")
    assert await house.endpoints.all_of(OURS) == await house.endpoints.all_of(None) == [changed]
    assert await house.endpoints.all_of(THEIRS) == []
    assert await house.endpoints.edit(OURS, hook.id) == changed
    for wrong in ({"url": "http://10.0.0.1/"}, {"events": []}, {"events": ["x"]}, {"description": "x" * 201}):
        with pytest.raises(BadValue):
            await house.endpoints.edit(OURS, hook.id, **wrong)
    await house.endpoints.ping(OURS, hook.id)
    await house.endpoints.delete(OURS, hook.id)
    assert (await house.endpoints.all_of(OURS), await house.calls()) == ([], 0)


@pytest.mark.proves("webhooks by hand")
async def test_another_organisations_webhook_is_not_there(house: House):
    hook, endpoints = await house.hook("/"), house.endpoints
    for deed in (
        endpoints.get(THEIRS, hook.id),
        endpoints.edit(THEIRS, hook.id, description="x"),
        endpoints.edit(THEIRS, hook.id),
        endpoints.pause(THEIRS, hook.id),
        endpoints.resume(THEIRS, hook.id),
        endpoints.delete(THEIRS, hook.id),
        endpoints.secrets(THEIRS, hook.id),
        endpoints.rotate(THEIRS, hook.id),
        endpoints.ping(THEIRS, hook.id),
        endpoints.calls(THEIRS, hook.id),
    ):
        with pytest.raises(NotFound, match="there is no such webhook"):
            await deed
    assert await endpoints.all_of(OURS) == [hook]
    assert house.receiver.calls == []


@pytest.mark.proves("webhooks by hand")
async def test_an_organisation_has_only_so_many(house: House):
    for number in range(MOST):
        await house.hook(f"/{number}")
    with pytest.raises(BadValue, match="delete one first"):
        await house.hook("/more")
    await house.hook("/theirs", org=THEIRS)


@pytest.mark.proves("webhooks by hand")
async def test_the_database_alone_gives_no_secret_away(house: House):
    await house.hook("/")
    secret = house.secrets["/"]
    dump = await house.database.read(
        lambda connection: json.dumps(
            [
                list(map(str, row))
                for table in ("webhooks", "webhook_calls")
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
            ]
        )
    )
    assert secret.removeprefix("whsec_")[:20] not in dump


@pytest.mark.proves("webhooks by hand")
async def test_what_is_old_is_forgotten(house: House):
    hook = await house.hook("/", "message.submitted")
    await house.submitted()
    house.clock.ahead += 5 * DAY
    await house.submitted()
    house.clock.ahead += 3 * DAY
    service = house.service()
    await service._prune()
    assert len(await house.endpoints.calls(OURS, hook.id)) == 1


@pytest.mark.proves("erase")
@pytest.mark.parametrize("org", [OURS, None])
async def test_who_is_erased_is_in_no_call_that_is_kept(house: House, org: str | None):
    ours, theirs = await house.hook("/ours"), await house.hook("/theirs", org=THEIRS)
    for owner in (OURS, THEIRS):
        await house.submitted(owner)
    rest = erase_sql.Rest(Person(phone="+4530643065", org_id=org), "erased", Found())
    await house.database.write(erase_sql.erase_marks, rest)
    assert await house.calls() == 2, "somebody else"
    await house.database.write(erase_sql.erase_marks, replace(rest, person=Person(phone=PHONE, org_id=org)))
    assert await house.endpoints.calls(OURS, ours.id) == []
    assert len(await house.endpoints.calls(THEIRS, theirs.id)) == (0 if org is None else 1)
    await house.submitted()
    employee = erase_sql.Rest(Person(email="anna@firm.example", org_id=org), "erased", Found(accounts=("A",)))
    await house.database.write(erase_sql.erase_marks, employee)
    assert await house.endpoints.calls(OURS, ours.id) == []


@pytest.mark.proves("retention")
async def test_calls_go_when_an_organisations_texts_go(house: House):
    await house.hook("/", "message.submitted")
    await house.hook("/theirs", "message.submitted", org=THEIRS)
    await house.database.write(retention_sql.set_days, (OURS, retention_sql.Days(1, None)))
    for org in (OURS, THEIRS):
        await house.submitted(org)
    [subject] = [each for each in retention_sql.SUBJECTS if each.table is webhook_calls]

    async def gone() -> int:
        terms = retention_sql.Terms(30, 0, house.clock.now())
        keys = await house.database.read(lambda connection: retention_sql.find(connection, subject, terms, 1, None, 10))
        return await house.database.write(retention_sql.remove, retention_sql.Removal(subject, tuple(keys), terms))

    house.clock.ahead += 2 * DAY
    assert await gone() == 0, "what waits is told first"
    service = house.service()
    await service.start()
    await house.count("delivered", 2)
    await service.stop()
    assert (await gone(), await house.calls()) == (1, 1)
