"""Several messages in one call, from a full spool to a provider's door and back: on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Outcome
from gateway.model import Account
from gateway.providers.base import Capability, EventSink
from gateway.providers.gatewayapi import GatewayApiProvider
from gateway.providers.smsru import SmsRuProvider
from gateway.sms import DeliveryReport, OutgoingSms, ReportStatus, SubmitResult
from gateway.sms_out import SmsOut
from gateway.spool import Spool
from gateway.store.database import Database
from tests.integration.test_spool import Clock, acceptance, an_account, state, with_account
from tests.providers.contract import form_of
from tests.providers.peer import Answer, Fault, Peer, Request

TIMES = {"timeout": 2, "connect_timeout": 2}


@asynccontextmanager
async def sending(provider: Any, database: Database, clock: Clock, folder: Path) -> AsyncIterator[tuple[Spool, SmsOut]]:
    """A dispatcher with a spool of its own."""
    spool = Spool(database, clock, folder)
    sms_out = SmsOut(spool=spool, database=database, providers={"p": provider}, clock=clock)
    await spool.start()
    await provider.start(sms_out.report)
    try:
        yield spool, sms_out
    finally:
        await sms_out.stop()
        await provider.stop()
        await spool.stop()


async def states(database: Database, messages: Sequence[OutgoingSms]) -> list[str]:
    return [await state(database, message) for message in messages]


async def settled(database: Database, messages: Sequence[OutgoingSms], wanted: Sequence[str]) -> None:
    """Wait until the messages stand so."""
    async with asyncio.timeout(20):
        while await states(database, messages) != list(wanted):
            await asyncio.sleep(0.05)


async def waiting(spool: Spool, clock: Clock, account: Account, phones: int) -> tuple[OutgoingSms, ...]:
    """Messages that wait in the spool."""
    accepted = with_account(acceptance(clock, phones), account)
    await spool.put(accepted)
    return accepted.messages


@pytest.mark.proves("batches", "partial failure")
async def test_each_message_of_a_call_is_settled_for_itself(
    database: Database, clock: Clock, account: Account, peer: Peer, tmp_path: Path
):
    told = {
        "4530643060": {"status": "OK", "status_code": 100, "sms_id": "201523-0"},
        "4530643061": {"status": "ERROR", "status_code": 202, "status_text": "no such number"},
        "4530643062": {"status": "ERROR", "status_code": 231},
        "4530643064": {"status": "OK", "status_code": 100, "sms_id": "201523-4", "cost": "3.80"},
    }
    peer.script = [Answer(200, json.dumps({"status": "OK", "status_code": 100, "sms": told}))]
    provider = SmsRuProvider("p", {"url": peer.url, "api_id": "x"} | TIMES)
    async with sending(provider, database, clock, tmp_path) as (spool, sms_out):
        messages = await waiting(spool, clock, account, 5)
        await sms_out.start()
        await settled(database, messages, ["submitted", "failed", "queued", "unknown", "submitted"])
        await sms_out.report([DeliveryReport("p", "201523-4", ReportStatus.DELIVERED, clock.now())])
        assert await state(database, messages[4]) == "delivered"
    (request,) = peer.requests
    assert sum(name.startswith("to[") for name in form_of(request)) == 5


@pytest.mark.proves("batches", "never sent again blindly")
async def test_a_call_that_was_cut_off_leaves_no_second_time(
    database: Database, clock: Clock, account: Account, peer: Peer, tmp_path: Path
):
    peer.script = [Fault.HALF_BODY, all_taken]
    provider = GatewayApiProvider("p", {"url": peer.url, "token": "x"} | TIMES)
    async with sending(provider, database, clock, tmp_path) as (spool, sms_out):
        messages = await waiting(spool, clock, account, 4)
        await sms_out.start()
        await settled(database, messages, ["unknown"] * 4)
        clock.time += 3600
        later = await waiting(spool, clock, account, 2)
        await settled(database, later, ["submitted"] * 2)
        assert await states(database, messages) == ["unknown"] * 4
    assert [len(json.loads(request.body)) for request in peer.requests] == [4, 2]


@pytest.mark.proves("batches")
async def test_a_full_spool_leaves_in_few_calls(
    database: Database, clock: Clock, account: Account, peer: Peer, tmp_path: Path
):
    peer.script = [all_taken]
    provider = GatewayApiProvider("p", {"url": peer.url, "token": "x", "batch": 20} | TIMES)
    async with sending(provider, database, clock, tmp_path) as (spool, sms_out):
        messages = [message for _ in range(12) for message in await waiting(spool, clock, account, 10)]
        await sms_out.start()
        await settled(database, messages, ["submitted"] * 120)
    said = [each["userref"] for request in peer.requests for each in json.loads(request.body)]
    assert Counter(said) == Counter(message.id for message in messages), "each once"
    for request in peer.requests:
        phones = [each["recipients"][0]["msisdn"] for each in json.loads(request.body)]
        assert len(set(phones)) == len(phones) <= 20
    assert len(peer.requests) < 40


class Broken:
    """An adapter with a bug: it forgets a message, or fails."""

    name, capabilities, window, validity, batch = "p", frozenset[Capability](), 10, 60.0, 10

    def __init__(self, fault: Exception | None) -> None:
        self.fault = fault
        self.calls = 0

    async def start(self, sink: EventSink) -> None: ...

    async def stop(self) -> None: ...

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        return (await self.submit_many([message]))[0]

    async def submit_many(self, messages: Sequence[OutgoingSms]) -> Sequence[SubmitResult]:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return [SubmitResult(Outcome.ACCEPTED, ("a1",))] * (len(messages) - 1)


@pytest.mark.parametrize("fault", [None, RuntimeError("forgot something")])
@pytest.mark.proves("batches", "provider with a bug")
async def test_an_adapter_that_loses_count_leaves_all_unknown(
    database: Database, clock: Clock, account: Account, tmp_path: Path, fault: Exception | None
):
    """The bytes may have left, and whose result is whose nobody knows."""
    provider = Broken(fault)
    async with sending(provider, database, clock, tmp_path) as (spool, sms_out):
        messages = await waiting(spool, clock, account, 3)
        await sms_out.start()
        await settled(database, messages, ["unknown"] * 3)
    assert provider.calls == 1


def all_taken(request: Request) -> Answer:
    """GatewayAPI takes whatever comes."""
    messages = [
        {"id": each["userref"], "recipients": [{"msisdn": each["recipients"][0]["msisdn"], "parts": 1}]}
        for each in json.loads(request.body)
    ]
    return Answer(200, json.dumps({"ids": [each["id"] for each in messages], "details": {"messages": messages}}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def account(database: Database, clock: Clock) -> Account:
    return (await an_account(database, clock))[1]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as server:
        yield server
