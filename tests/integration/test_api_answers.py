"""Answers that are given again: claims, kills in the middle, forgetting; on both databases."""

from __future__ import annotations

import asyncio

import pytest

from gateway.keyring import Keyring
from gateway.store import process_sql
from gateway.store.database import Database
from gateway.store.process_sql import Process
from tests.integration.identity.conftest import ManualClock
from web.api.idempotency import KEPT_SECONDS, RUNNING_SECONDS, Answers, Begun, Given
from web.api.problems import CallRefused
from web.store.api_schema import api_answers

pytestmark = pytest.mark.proves("Idempotency-Key")
DONE = Given(201, (("content-type", "application/json"),), '{"secret":"æøå"}'.encode())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def answers(database: Database, clock: ManualClock) -> Answers:
    return await process(database, clock, "ONE")


async def process(database: Database, clock: ManualClock, lease: str) -> Answers:
    await database.write(process_sql.beat, Process(lease, "here", 1, clock.time + 30))
    return Answers(database, Keyring(bytes(32)), clock, lease)


async def begun(answers: Answers, key: str = "KEY", word: str = "order 7", asked: bytes = b"asked") -> Begun:
    found = await answers.begin(key, word, asked)
    assert isinstance(found, Begun)
    return found


async def refused(answers: Answers, asked: bytes = b"asked") -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        await answers.begin("KEY", "order 7", asked)
    return caught.value


async def test_one_is_done_while_the_other_hears_409(answers: Answers):
    first = await begun(answers)
    running = await refused(answers)
    assert (running.status, running.code, running.headers["Retry-After"]) == (409, "still-running", "1")
    await answers.end(first, DONE)
    assert await answers.begin("KEY", "order 7", b"asked") == DONE
    assert (await refused(answers, b"something else")).code == "idempotency-key-used"


async def test_of_many_at_once_one_is_done(answers: Answers):
    found = await asyncio.gather(*(answers.begin("KEY", "w", b"asked") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(each, Begun) for each in found) == 1
    assert {each.status for each in found if isinstance(each, CallRefused)} == {409}


@pytest.mark.parametrize("how", ["its process is gone", "it takes for ever"])
async def test_who_was_killed_is_followed_by_the_next_and_cannot_answer_any_more(
    answers: Answers, clock: ManualClock, database: Database, how: str
):
    dead = await begun(await process(database, clock, "TWO"))
    assert (await refused(answers)).status == 409
    if how == "its process is gone":
        await database.write(process_sql.leave, "TWO")
    else:
        clock.time += RUNNING_SECONDS + 1
    assert (await refused(answers, b"something else")).code == "idempotency-key-used"
    alive = await begun(answers)
    await answers.end(dead, Given(500, (), b""))
    await answers.end(dead, Given(201, (), b"late"))
    assert (await refused(answers)).status == 409, "the one that took over is still at it"
    await answers.end(alive, DONE)
    assert await answers.begin("KEY", "order 7", b"asked") == DONE


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_what_another_try_may_change_is_not_kept(answers: Answers, status: int):
    await answers.end(await begun(answers), Given(status, (), b""))
    await begun(answers)


async def test_keys_and_words_are_apart_and_a_day_is_long_enough(
    answers: Answers, clock: ManualClock, database: Database
):
    await answers.end(await begun(answers), DONE)
    await begun(answers, key="OTHER")
    await begun(answers, word="order 8")
    clock.time += KEPT_SECONDS - 1
    assert await answers.begin("KEY", "order 7", b"asked") == DONE
    clock.time += 2
    await begun(answers)
    rows = await database.read(lambda connection: connection.execute(api_answers.select()).all())
    assert len(rows) == 1, "the others are forgotten"


@pytest.mark.proves("secrets are shown once")
async def test_nothing_readable_is_kept(answers: Answers, database: Database):
    await answers.end(await begun(answers, asked=b"Hej Anders"), DONE)
    rows = await database.read(lambda connection: connection.execute(api_answers.select()).all())
    kept = repr(rows)
    assert not [text for text in ("order 7", "Hej Anders", "secret", "æøå") if text in kept]
