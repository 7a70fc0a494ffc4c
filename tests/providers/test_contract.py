"""Every row of every adapter's table, against a real server and through the real door."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import math
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from gateway.errors import Outcome
from gateway.providers.base import (
    Batching,
    Capability,
    Funded,
    LooksUp,
    Priced,
    Provider,
    Reachable,
    WebhookRequest,
)
from gateway.sms import DeliveryReport, InboundSms, ReportStatus
from gateway.store.database import StoreUnavailableError
from tests.providers.contract import (
    BATCHES,
    ID,
    NOW,
    QUESTIONS,
    SUBMITS,
    WEBHOOKS,
    Batch,
    Contract,
    Heard,
    Question,
    Submit,
    form_of,
    repeated,
    sms,
)
from tests.providers.door import Sink, door
from tests.providers.peer import Answer, Fault, Peer, Step
from tests.waiting import until

Told = TypeVar("Told")


def table_at(path: Path) -> Contract:
    """The table in a file of another package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    contract: Contract = module.CONTRACT
    return contract


def tables() -> list[Contract]:
    """Our own, or those that CONTRACT_TABLES names: files, separated as in PATH."""
    if named := os.environ.get("CONTRACT_TABLES"):
        return [table_at(Path(path)) for path in named.split(os.pathsep)]
    return [
        importlib.import_module(f"tests.providers.{path.stem}").CONTRACT
        for path in sorted(Path(__file__).parent.glob("table_*.py"))
    ]


CONTRACTS = tables()
each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
each_that_calls_us = pytest.mark.parametrize(
    "contract", [contract for contract in CONTRACTS if contract.heard], ids=lambda contract: contract.name
)
each_with_batches = pytest.mark.parametrize(
    "contract", [contract for contract in CONTRACTS if contract.batches], ids=lambda contract: contract.name
)
PROTOCOLS = {
    Capability.BATCH: Batching,
    Capability.PRICE: Priced,
    Capability.BALANCE: Funded,
    Capability.PING: Reachable,
    Capability.LOOKUP: LooksUp,
}


@pytest.fixture(autouse=True)
def _it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What says no time is as of now."""
    monkeypatch.setattr("time.time", lambda: NOW)


@asynccontextmanager
async def started(contract: Contract, url: str, sink: Sink | None = None) -> AsyncIterator[Provider]:
    provider = contract.make(url)
    await provider.start(sink or Sink())
    try:
        yield provider
    finally:
        await provider.stop()


NEVER = (Fault.SILENCE, Fault.DRIBBLE)
"""Faults that only a limit of time ends."""


async def in_vain(waiting: Awaitable[Told], reached: Callable[[], object]) -> Told:
    """What comes of waiting for what never comes. The clock runs fast as soon as the other side is reached.

    So an adapter keeps the time that it has elsewhere: a short one would also end what a busy machine holds up.
    """
    task = asyncio.ensure_future(waiting)
    await until(lambda: task.done() or reached(), "the other side")
    loop, ahead = asyncio.get_running_loop(), 0.0
    clock = loop.time
    loop.time = lambda: clock() + ahead  # type: ignore[method-assign]  # what all limits of time go by
    while not task.done():
        ahead += 1
        await asyncio.sleep(0.001)
    return await task


async def answered(waiting: Awaitable[Told], answer: Step, peer: Peer) -> Told:
    """What comes of a request that the peer answers in such a way."""
    return await (in_vain(waiting, lambda: peer.requests) if answer in NEVER else waiting)


# --- tables are whole ----------------------------------------------------------------------------------------------


@each_contract
def test_a_table_lists_every_case(contract: Contract):
    assert set(SUBMITS) <= {row.case for row in contract.submits}
    assert contract.submits[0].case == "success"
    if contract.report is not None:
        assert set(ReportStatus) - {ReportStatus.EXPIRED} <= set(contract.statuses.values())
    able = contract.make("http://127.0.0.1:1").capabilities
    needed = set(WEBHOOKS) if Capability.INBOUND in able else set(WEBHOOKS) - {"incoming"}
    assert needed <= {row.case for row in contract.heard} or not (contract.heard or Capability.INBOUND in able)
    assert set(BATCHES) <= {row.case for row in contract.batches} or Capability.BATCH not in able
    for capability in able & set(QUESTIONS):
        refused = [isinstance(row.told, type) for row in contract.questions if row.case is capability]
        assert set(refused) == {True, False}, f"{capability} needs a row with an answer and one without"


@each_contract
def test_an_adapter_can_what_it_declares(contract: Contract):
    provider = contract.make("http://127.0.0.1:1")
    for capability in provider.capabilities & set(PROTOCOLS):
        assert isinstance(provider, PROTOCOLS[capability])
    assert isinstance(provider, Batching) == (Capability.BATCH in provider.capabilities)
    assert (provider.validity == math.inf) == (contract.report is None), "silence of who never reports means nothing"


# --- submit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "row"),
    [
        pytest.param(contract, row, id=f"{contract.name}-{number}-{row.case.replace(' ', '-')}")
        for contract in CONTRACTS
        for number, row in enumerate(contract.submits)
    ],
)
@pytest.mark.proves("provider contract")
async def test_submit(contract: Contract, row: Submit, peer: Peer):
    peer.script = [row.answer]
    async with started(contract, peer.url) as provider:
        result = await answered(provider.submit(sms(row.text)), row.answer, peer)
    (request,) = peer.requests
    said = contract.said(request)
    assert {name: said.get(name) for name in row.sent} == dict(row.sent)
    assert (result.outcome, result.refs, result.reason) == (row.outcome, row.refs, row.reason)
    assert result.retry_after == row.retry_after
    assert (result.parts, result.price) == (row.parts, row.price)
    assert row.cause in result.cause
    assert (result.cause == "") == (result.outcome is Outcome.ACCEPTED)
    for secret in (*contract.secrets, row.text):
        assert secret not in result.cause + result.public_text


@pytest.mark.parametrize("fault", Fault)
@each_contract
@pytest.mark.proves("provider contract", "never sent again blindly")
async def test_an_answer_that_fails_leaves_it_unknown(contract: Contract, fault: Fault, peer: Peer):
    peer.script = [fault]
    async with started(contract, peer.url) as provider:
        result = await answered(provider.submit(sms()), fault, peer)
        assert result.outcome is Outcome.UNKNOWN
        assert not any(secret in result.cause for secret in contract.secrets)
        peer.script = [contract.submits[0].answer]
        assert (await provider.submit(sms())).outcome is Outcome.ACCEPTED
    assert len(peer.requests) == 2


@pytest.mark.parametrize("fault", [Fault.CLOSE, Fault.RESET])
@each_contract
@pytest.mark.proves("provider contract", "never sent again blindly")
async def test_a_kept_connection_that_is_lost_is_not_sent_again(contract: Contract, fault: Fault, peer: Peer):
    peer.script = [contract.submits[0].answer, fault, contract.submits[0].answer]
    async with started(contract, peer.url) as provider:
        outcomes = [(await provider.submit(sms())).outcome for _ in range(3)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.ACCEPTED]
    assert (len(peer.requests), peer.connections) == (3, 2)


@each_contract
@pytest.mark.proves("provider contract")
async def test_a_connection_that_was_closed_in_peace_costs_nothing(contract: Contract, peer: Peer):
    answer = contract.submits[0].answer
    assert isinstance(answer, Answer)
    peer.script = [Answer(answer.status, answer.body, {"Connection": "close"})]
    async with started(contract, peer.url) as provider:
        assert [(await provider.submit(sms())).outcome for _ in range(5)] == [Outcome.ACCEPTED] * 5
    assert peer.connections == 5


@each_contract
@pytest.mark.proves("provider contract")
async def test_no_connection_is_temporary(contract: Contract):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with started(contract, f"http://127.0.0.1:{closed.getsockname()[1]}") as provider:
            result = await provider.submit(sms())
    assert (result.outcome, result.refs) == (Outcome.TEMPORARY, ())
    assert result.cause.startswith("no connection: ")


@each_contract
@pytest.mark.proves("provider contract")
async def test_a_time_out_before_bytes_went_out_is_temporary(contract: Contract):
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connects, and never answers the TLS greeting
        async with started(contract, f"https://127.0.0.1:{deaf.getsockname()[1]}") as provider:
            result = await in_vain(provider.submit(sms()), lambda: select.select([deaf], [], [], 0)[0])
    assert result.outcome is Outcome.TEMPORARY


@each_contract
@pytest.mark.proves("provider contract")
async def test_a_server_that_speaks_no_tls_is_temporary(contract: Contract, peer: Peer):
    async with started(contract, peer.url.replace("http:", "https:")) as provider:
        result = await in_vain(provider.submit(sms()), lambda: peer.connections)
    assert result.outcome is Outcome.TEMPORARY
    assert not peer.requests


# --- several messages in one call ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "row"),
    [
        pytest.param(contract, row, id=f"{contract.name}-{number}-{row.case.replace(' ', '-')}")
        for contract in CONTRACTS
        for number, row in enumerate(contract.batches)
    ],
)
@pytest.mark.proves("provider contract", "batches")
async def test_several_messages(contract: Contract, row: Batch, peer: Peer):
    peer.script = [*row.answers]
    async with started(contract, peer.url) as provider:
        assert isinstance(provider, Batching)
        results = await provider.submit_many(row.messages)
    assert tuple(map(contract.carried, peer.requests)) == (row.carried or (len(row.messages),))
    assert len(results) == len(row.results) == len(row.messages)
    for result, wanted in zip(results, row.results, strict=True):
        assert (result.outcome, result.refs, result.reason) == (wanted.outcome, wanted.refs, wanted.reason)
        assert (result.parts, result.price, result.retry_after) == (wanted.parts, wanted.price, wanted.retry_after)
        assert wanted.cause in result.cause
        assert (result.cause == "") == (result.outcome is Outcome.ACCEPTED)
        for secret in (*contract.secrets, *(message.text.text for message in row.messages)):
            assert secret not in result.cause + result.public_text


@pytest.mark.parametrize("fault", Fault)
@each_with_batches
@pytest.mark.proves("provider contract", "batches", "never sent again blindly")
async def test_an_answer_that_fails_leaves_all_unknown(contract: Contract, fault: Fault, peer: Peer):
    peer.script = [fault]
    messages = [sms(number=n, to=f"+453064306{n}") for n in (1, 2, 3)]
    async with started(contract, peer.url) as provider:
        assert isinstance(provider, Batching)
        results = await answered(provider.submit_many(messages), fault, peer)
    assert [result.outcome for result in results] == [Outcome.UNKNOWN] * 3
    assert len(peer.requests) == 1
    assert contract.carried(peer.requests[0]) == 3


@each_with_batches
@pytest.mark.proves("provider contract", "batches")
async def test_no_connection_is_temporary_for_all(contract: Contract):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with started(contract, f"http://127.0.0.1:{closed.getsockname()[1]}") as provider:
            assert isinstance(provider, Batching)
            results = await provider.submit_many([sms(number=n, to=f"+453064306{n}") for n in (1, 2, 3)])
    assert [(result.outcome, result.refs) for result in results] == [(Outcome.TEMPORARY, ())] * 3


# --- what is asked beside sending ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "row"),
    [
        pytest.param(contract, row, id=f"{contract.name}-{number}-{row.case}")
        for contract in CONTRACTS
        for number, row in enumerate(contract.questions)
    ],
)
@pytest.mark.proves("provider contract", "asked beside sending", "C2", "C5")
async def test_questions(contract: Contract, row: Question, peer: Peer):
    peer.script = [row.answer]
    async with started(contract, peer.url) as provider:
        if isinstance(row.told, type) and issubclass(row.told, Exception):
            with pytest.raises(row.told) as error:
                await answered(row.ask(provider), row.answer, peer)
            assert not any(secret in str(error.value) for secret in contract.secrets)
            return
        assert await row.ask(provider) == row.told
    for request in peer.requests:
        assert request.target == (row.target or request.target)
        form = form_of(request)
        assert {name: form.get(name) for name in row.said} == dict(row.said)


# --- webhooks ------------------------------------------------------------------------------------------------------


async def call(http: aiohttp.ClientSession, name: str, request: WebhookRequest) -> tuple[int, str]:
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    headers["X-Forwarded-For"] = request.client or "nobody"
    target = f"/in/{name}/{request.path}" + (f"?{request.query}" if request.query else "")
    async with http.request(request.method, target, data=request.body or None, headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("contract", "row"),
    [
        pytest.param(contract, row, id=f"{contract.name}-{number}-{row.case.replace(' ', '-')}")
        for contract in CONTRACTS
        for number, row in enumerate(contract.heard)
    ],
)
@pytest.mark.proves("provider contract", "forged webhook")
async def test_webhook(contract: Contract, row: Heard, peer: Peer):
    sink = Sink()
    async with started(contract, peer.url, sink) as provider, door(provider) as http:
        status, text = await call(http, provider.name, row.request)
        assert status == row.status
        assert sink.events == [*([] if row.event is None else [row.event]), *row.more]
        if row.event is not None:
            assert (status, text) == contract.answer
        for secret in contract.secrets:
            assert secret not in text


@pytest.mark.parametrize(
    ("contract", "word"),
    [
        pytest.param(contract, word, id=f"{contract.name}-{word}")
        for contract in CONTRACTS
        for word in contract.statuses
    ],
)
@pytest.mark.proves("provider contract")
async def test_every_delivery_status(contract: Contract, word: str, peer: Peer):
    assert contract.report is not None
    sink = Sink()
    async with started(contract, peer.url, sink) as provider, door(provider) as http:
        assert await call(http, provider.name, contract.report(word)) == contract.answer
    (event,) = sink.events
    assert isinstance(event, DeliveryReport)
    assert (event.provider, event.status) == (provider.name, contract.statuses[word])
    assert event.ref in {*contract.submits[0].refs, ID}


@each_that_calls_us
@pytest.mark.proves("provider contract", "replayed webhook")
async def test_a_replay_is_the_same_event(contract: Contract, peer: Peer):
    """The store knows it again by provider and id: `test_sms_in` and `test_spool` prove that."""
    sink = Sink()
    row = repeated(contract)
    async with started(contract, peer.url, sink) as provider, door(provider) as http:
        answers = [await call(http, provider.name, row.request) for _ in range(3)]
    assert answers == [contract.answer] * 3
    assert sink.events == [row.event, *row.more] * 3
    assert all(isinstance(event, InboundSms | DeliveryReport) and event.ref for event in sink.events)


@each_that_calls_us
@pytest.mark.proves("provider contract", "stored before answered")
async def test_without_a_store_the_provider_has_to_come_again(contract: Contract, peer: Peer):
    sink = Sink()
    row = repeated(contract)
    async with started(contract, peer.url, sink) as provider, door(provider) as http:
        sink.fault = StoreUnavailableError("disk full")
        assert (await call(http, provider.name, row.request))[0] == 503
        sink.fault = RuntimeError("something unforeseen")
        status, text = await call(http, provider.name, row.request)
        assert status == 500
        assert "unforeseen" not in text
        sink.fault = None
        assert await call(http, provider.name, row.request) == contract.answer
    assert sink.events == [row.event, *row.more]


def test_tables_differ_in_name():
    names: list[Any] = [contract.name for contract in CONTRACTS]
    assert len(names) == len(set(names)) >= 1
