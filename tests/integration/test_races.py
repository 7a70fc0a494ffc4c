"""Transactions of two processes that meet, on PostgreSQL: each sees of the other only what is committed.

On SQLite one writer at a time makes all this trivial. What one transaction does while the other waits to commit is
arranged, not left to chance; then the same happens many times over, as chance has it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from gateway.errors import Outcome
from gateway.sms import DeliveryReport, MessageState, OutgoingSms, Priority, ReportStatus, SubmitResult
from gateway.spending import OverCap
from gateway.store import accept_sql, hold_sql, report_sql, settle_sql, spool_sql
from gateway.store.database import Database, alone
from gateway.store.opening import open_database
from gateway.store.report_sql import Received
from gateway.store.schema import messages, spend
from gateway.store.spool_items import Acceptance, Demand, Settlement
from tests.integration.test_spool import Clock, acceptance, charged

pytestmark = pytest.mark.proves("two-writers")
_HELD_SECONDS = 0.3
"""How long a transaction stays open after its work, so that another does its own meanwhile."""


@pytest.fixture
async def two(postgres_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' views of one database."""
    opened = await open_database(postgres_url), await open_database(postgres_url)
    yield opened
    for database in opened:
        await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_for_a_while(work: Callable[[Connection, Sequence[Any]], Sequence[Any]], done: asyncio.Event) -> Any:
    """The same work in a transaction that commits late; `done` tells when it waits to commit."""

    def held(connection: Connection, items: Sequence[Any]) -> Sequence[Any]:
        results = work(connection, items)
        done.set()
        connection.execute(text(f"SELECT pg_sleep({_HELD_SECONDS})"))
        return results

    return held


async def one_then_the_other(
    two: tuple[Database, Database], first: tuple[Any, Any], second: tuple[Any, Any]
) -> tuple[Any, Any]:
    """The second work and item begin when the first has done all but commit."""
    done = asyncio.Event()
    earlier = asyncio.create_task(two[0].write(open_for_a_while(first[0], done), first[1]))
    await done.wait()
    later = await two[1].write(*second)
    return await earlier, later


def accepted(accepted: Acceptance) -> tuple[Any, Any]:
    return accept_sql.accept, (accepted, "lease")


def settlement(message: OutgoingSms, *refs: str) -> Settlement:
    return Settlement(message, SubmitResult(Outcome.ACCEPTED, refs), MessageState.SUBMITTED, 2.0, 2.0)


def delivered(ref: str, phone: str = "") -> Received:
    return Received(DeliveryReport("p", ref, ReportStatus.DELIVERED, 3.0, phone), 3.0)


async def states(database: Database) -> dict[str, int]:
    query = select(messages.c.state, func.count()).group_by(messages.c.state)
    rows = await database.read(lambda connection: connection.execute(query).all())
    return dict(map(tuple, rows))


@pytest.mark.parametrize("report_first", [False, True])
async def test_a_report_meets_the_answer_that_names_its_id(
    two: tuple[Database, Database], clock: Clock, report_first: bool
) -> None:
    taken = acceptance(clock, departs=True)
    await two[0].write(*accepted(taken))
    settle = settle_sql.settle, settlement(taken.messages[0], "r1")
    report = report_sql.store_reports, delivered("r1")
    await one_then_the_other(two, *((report, settle) if report_first else (settle, report)))
    assert await states(two[0]) == {"delivered": 1}


async def test_reports_and_answers_meet_as_chance_has_it(two: tuple[Database, Database], clock: Clock) -> None:
    many = [acceptance(clock, phones=2, departs=True) for _ in range(150)]
    await asyncio.gather(*(two[0].write(*accepted(one)) for one in many))
    sent = [message for one in many for message in one.messages]
    writes = [(settle_sql.settle, settlement(message, f"{message.id}a", f"{message.id}b")) for message in sent]
    writes += [(report_sql.store_reports, delivered(f"{message.id}{part}")) for message in sent for part in "ab"]
    random.Random(1).shuffle(writes)

    async def write(database: Database, work: Any, item: Any, pause: float) -> None:
        await asyncio.sleep(pause)
        await database.write(work, item)

    await asyncio.gather(*(write(two[n % 2], *each, pause=n * 0.0005) for n, each in enumerate(writes)))
    assert await states(two[0]) == {"delivered": len(sent)}


async def test_two_copies_of_a_mail_are_one_message(two: tuple[Database, Database], clock: Clock) -> None:
    copies = [acceptance(clock, phones=3, dedupe="same") for _ in range(2)]
    verdicts = await one_then_the_other(two, *(accepted(copy) for copy in copies))
    assert [len(verdict.new) for verdict in verdicts] == [3, 0]
    assert await states(two[0]) == {"queued": 3}


async def test_copies_in_another_order_do_not_wait_in_a_ring(two: tuple[Database, Database], clock: Clock) -> None:
    for turn in range(20):
        names = [f"{turn}-{n}" for n in range(20)]
        one = [two[0].write(*accepted(acceptance(clock, dedupe=name))) for name in names]
        other = [two[1].write(*accepted(acceptance(clock, dedupe=name))) for name in reversed(names)]
        verdicts = await asyncio.gather(*one, *other)
        assert sum(len(verdict.new) for verdict in verdicts) == len(names)


async def test_the_first_messages_of_a_day_pass_a_cap_by_nothing(two: tuple[Database, Database], clock: Clock) -> None:
    mails = [charged(acceptance(clock), account_parts=1) for _ in range(2)]
    verdicts = await one_then_the_other(two, *(accepted(one) for one in mails))
    assert [verdict.stored for verdict in verdicts] == [True, False]
    assert isinstance(verdicts[1].over, OverCap)
    assert await two[0].read(lambda connection: connection.execute(select(func.max(spend.c.parts))).scalar()) == 1


@pytest.mark.proves("campaign: pause")
async def test_what_is_parked_while_its_hold_ends_is_not_left_behind(
    two: tuple[Database, Database], clock: Clock
) -> None:
    waits = acceptance(clock, phones=3, priority=Priority.CAMPAIGN)
    record = waits.mail.id
    await two[0].write(*accepted(waits))
    await two[0].write(alone(lambda connection: hold_sql.hold(connection, record, clock.now())), None)
    demand = Demand("p", 10, 10, "lease", clock.now(), clock.now() + 20, 0.0)
    let_go = alone(lambda connection: hold_sql.let_go(connection, record))
    departure, _ = await one_then_the_other(two, (spool_sql.depart, demand), (let_go, None))
    assert (len(departure.rested), departure.go) == (3, ())
    departure = await two[0].write(spool_sql.depart, demand)
    assert len(departure.go) == 3


async def test_one_report_twice_counts_once(two: tuple[Database, Database], clock: Clock) -> None:
    taken = acceptance(clock, departs=True)
    await two[0].write(*accepted(taken))
    await two[0].write(settle_sql.settle, settlement(taken.messages[0], "r1"))
    report = report_sql.store_reports, delivered("r1")
    moved = await one_then_the_other(two, report, report)
    assert [one is not None for one in moved] == [True, False]


async def test_the_reports_of_two_parts_do_not_pass_each_other(two: tuple[Database, Database], clock: Clock) -> None:
    taken = acceptance(clock, departs=True)
    await two[0].write(*accepted(taken))
    await two[0].write(settle_sql.settle, settlement(taken.messages[0], "a", "b"))
    await one_then_the_other(
        two, (report_sql.store_reports, delivered("a")), (report_sql.store_reports, delivered("b"))
    )
    assert await states(two[0]) == {"delivered": 1}
