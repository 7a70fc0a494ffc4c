"""Lists, searches and figures with 100,000 messages and 10,000 accounts; slow: with ten times as many."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Select, false, func, select, text

from gateway.accounts import Accounts
from gateway.conversations import Conversations
from gateway.hour_counts import HourCounts
from gateway.keyring import Keyring
from gateway.listed_sms import ListedSms, LogFilter, Need, Way
from gateway.message_export import export
from gateway.message_log import MessageLog
from gateway.paging import Page
from gateway.registry.listings import AccountFilter, AccountListing, AccountSort, AccountState
from gateway.settings import DialogSettings, LimitSettings
from gateway.sms import MessageState
from gateway.statistics import Statistics
from gateway.store import account_list_sql, message_log_sql, statistics_sql
from gateway.store.database import Database, alone
from gateway.store.inbound_sql import InboundState
from gateway.store.message_log_sql import Source
from gateway.store.opening import open_database
from gateway.store.schema import inbound, messages
from gateway.trace import trace
from gateway.undecided import UndecidedSms
from tests import crowd
from tests.crowd import Crowd

UNTIL = 1_790_000_000.0
EACH_WITHIN = 0.05
"""Seconds of a query, of which a page has a few."""


def _sizes() -> list[Any]:
    short, long = Crowd(UNTIL), crowd.full(UNTIL)
    return [
        pytest.param((kind, size), id=f"{kind}-{size.messages}", marks=[pytest.mark.slow] if size is long else [])
        for size in (short, long)
        for kind in ("sqlite", "postgresql")
    ]


@pytest.fixture(scope="module", params=_sizes())
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Crowd]]:
    """A database with a crowd in it."""
    kind, size = request.param
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('crowd')}/brevdue.db"
        asyncio.run(_fill(url, size))
        yield url, size
        return
    server = request.getfixturevalue("postgres")
    server.run("CREATE DATABASE crowd")
    asyncio.run(_fill(server.url("crowd"), size))
    server.run("VACUUM ANALYZE", "crowd")
    yield server.url("crowd"), size
    server.run("DROP DATABASE crowd WITH (FORCE)")


async def _fill(url: str, size: Crowd) -> None:
    database = await open_database(url)
    await database.write(alone(partial(crowd.fill, crowd=size)), None)
    await database.close()


@pytest.fixture
def size(filled: tuple[str, Crowd]) -> Crowd:
    return filled[1]


@pytest.fixture
async def database(filled: tuple[str, Crowd]) -> AsyncIterator[Database]:
    opened = await open_database(filled[0])
    yield opened
    await opened.close()


class Now:
    """The crowd's last moment."""

    def now(self) -> float:
        return UNTIL


@pytest.fixture
def accounts(database: Database, tmp_path: Path) -> Accounts:
    keyring = Keyring.load(tmp_path / "secret")
    return Accounts(database, keyring, (), DialogSettings(), Now(), ("sms.example",))


Took = Callable[[Callable[[], Awaitable[Any]]], Awaitable[float]]
_TIMES = 20
"""At most; three where the best is half of what is allowed: the database's own housekeeping runs when it likes."""


@pytest.fixture
def took(request: pytest.FixtureRequest, filled: tuple[str, Crowd]) -> Took:
    """The processor's seconds that a call takes, ours and the database's: what it takes when nothing else runs."""
    server = request.getfixturevalue("postgres") if filled[0].startswith("postgresql") else None

    def used() -> float:
        return time.process_time() + (_of_children(server.pid) if server else 0.0)

    async def measure(call: Callable[[], Awaitable[Any]]) -> float:
        await call()
        best = float("inf")
        for number in range(1, _TIMES + 1):
            before = used()
            await call()
            best = min(best, used() - before)
            if number >= 3 and best < EACH_WITHIN / 2:
                break
        return best

    return measure


def _of_children(pid: int) -> float:
    """Seconds of the processor that a process's children have had."""
    ids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) for child in ids) / 1e9


async def plan_of(database: Database, query: Select[Any]) -> str:
    """How the database goes about a statement of the program's own."""

    def explain(connection: Connection) -> str:
        words = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row[-1]) for row in connection.execute(text(words + str(compiled).replace(":", "\\:"))))

    return await database.read(explain)


# --- accounts ------------------------------------------------------------------------------------------------------

FILTERS = [
    AccountFilter(org_id=org_id, sort=sort, descending=descending, state=state)
    for org_id in (None, crowd.organisation(0), crowd.organisation(3))
    for sort in AccountSort
    for descending, state in ((False, AccountState.OPEN), (True, None))
]


async def pages(accounts: Accounts, wanted: AccountFilter, size: int) -> list[Page[AccountListing]]:
    found = [await accounts.list_accounts(wanted, size=size)]
    while found[-1].next:
        found.append(await accounts.list_accounts(wanted, cursor=found[-1].next, size=size))
    return found


@pytest.mark.proves("D6", "paging")
@pytest.mark.parametrize("sort", AccountSort)
async def test_pages_of_accounts_hold_each_once_and_in_order(accounts: Accounts, size: Crowd, sort: AccountSort):
    wanted = AccountFilter(org_id=crowd.organisation(3), sort=sort, descending=True, state=None)
    found = await pages(accounts, wanted, 100)
    rows = [row for each in found for row in each.items]
    assert len(rows) == size.accounts // crowd.ORGANISATIONS == (await accounts.count_accounts(wanted)).number
    assert len({row.account.id for row in rows}) == len(rows)
    keys = [_sort_key(row, sort) for row in rows]
    assert keys == sorted(keys, reverse=True)
    back = await accounts.list_accounts(wanted, cursor=found[2].previous, size=100)
    assert back.items == found[1].items


def _sort_key(row: AccountListing, sort: AccountSort) -> tuple[Any, str]:
    return {
        AccountSort.EMAIL: row.account.email,
        AccountSort.NUMBER: row.account.number,
        AccountSort.SINCE: row.account.opened_at,
        AccountSort.SENT: row.sent,
        AccountSort.RECEIVED: row.received,
        AccountSort.ACTIVE: row.active_at or 0.0,
    }[sort], row.account.id


@pytest.mark.proves("D6", "quick lists")
@pytest.mark.stopwatch
async def test_accounts_are_listed_quickly_in_every_order(accounts: Accounts, took: Took):
    slow = {}
    for wanted in FILTERS:
        second = (await accounts.list_accounts(wanted)).next
        for at in (None, second):
            slow[wanted, at] = await took(lambda at=at, wanted=wanted: accounts.list_accounts(wanted, cursor=at))
    assert max(slow.values()) < EACH_WITHIN, max(slow.items(), key=lambda item: item[1])


@pytest.mark.proves("D6", "quick lists")
@pytest.mark.stopwatch
@pytest.mark.parametrize("search", ["person0", "99999", "nobody at all", "+45 9000 0042", "%"])
@pytest.mark.parametrize("org_id", [None, crowd.organisation(0)])
async def test_accounts_are_searched_and_counted_quickly(
    accounts: Accounts, search: str, org_id: str | None, took: Took
):
    for sort in AccountSort:
        wanted = AccountFilter(org_id=org_id, search=search, sort=sort)
        assert await took(lambda wanted=wanted: accounts.list_accounts(wanted)) < EACH_WITHIN, sort
    assert await took(lambda: accounts.count_accounts(AccountFilter(org_id=org_id, search=search))) < EACH_WITHIN


@pytest.mark.proves("D6")
async def test_an_account_is_found_by_parts_of_its_address_and_number(accounts: Accounts):
    for search in (crowd.email(42)[:13].upper(), crowd.number(42), crowd.number(42)[3:], "+45 90 00 00 00 42"):
        found = await accounts.list_accounts(AccountFilter(search=search))
        assert [row.account.id for row in found.items] == [crowd.account(42)], search
    assert (await accounts.account_listing(crowd.account(42))).account.number == crowd.number(42)


@pytest.mark.proves("D6", "quick lists")
@pytest.mark.parametrize(
    ("org_id", "index"),
    [(crowd.organisation(3), "ix_accounts_organisation"), (None, "ix_accounts_email")],
)
async def test_accounts_by_address_are_read_from_an_index(
    database: Database, size: Crowd, org_id: str | None, index: str
):
    query = account_list_sql.page_query(AccountFilter(org_id=org_id, sort=AccountSort.EMAIL), None, 50)
    assert index in await plan_of(database, query)


# --- the log -------------------------------------------------------------------------------------------------------

BUSY = crowd.account(0)
LOGS = {
    f"{', '.join(words)} of {whose}": replace(wanted, org_id=org_id)
    for whose, org_id in (("all", None), ("the largest", crowd.organisation(0)), ("a small one", crowd.organisation(3)))
    for words, wanted in (
        (("everything",), LogFilter()),
        (("oldest first",), LogFilter(oldest_first=True)),
        (("out",), LogFilter(way=Way.OUT)),
        (("in",), LogFilter(way=Way.IN)),
        *(((str(state),), LogFilter(states=frozenset({state}))) for state in (*MessageState, *InboundState)),
        (("failed or expired",), LogFilter(states=frozenset({MessageState.FAILED, MessageState.EXPIRED}))),
        (("one phone",), LogFilter(phone=crowd.phone(7))),
        (("no such phone",), LogFilter(phone="+4500000000")),
        (("one number",), LogFilter(number=crowd.number(3))),
        (("one provider",), LogFilter(provider="vendor")),
        (("no such provider",), LogFilter(provider="nobody")),
        (("a reason",), LogFilter(reason="expired")),
        (("a key",), LogFilter(key_id=crowd.key(3))),
        (("a text",), LogFilter(text="MEETING 4711 has")),
        (("no such text",), LogFilter(text="nobody wrote this")),
        (("a day",), LogFilter(since=UNTIL - 10 * 86_400, until=UNTIL - 9 * 86_400)),
        (("a text in a day",), LogFilter(text="xyzzy", since=UNTIL - 10 * 86_400, until=UNTIL - 9 * 86_400)),
        (("changes",), LogFilter(changed_since=UNTIL - 600)),
    )
} | {
    f"{word} of the busy account": replace(wanted, org_id=crowd.organisation(0), account_id=BUSY)
    for word, wanted in (
        ("everything", LogFilter()),
        ("one phone", LogFilter(phone=crowd.phone(7))),
        ("oldest of one phone", LogFilter(phone=crowd.phone(7), oldest_first=True)),
        ("no such phone", LogFilter(phone="+4500000000")),
        ("what failed", LogFilter(states=frozenset({MessageState.FAILED}))),
        ("held", LogFilter(states=frozenset({InboundState.HELD}))),
        ("no such text", LogFilter(text="nobody wrote this")),
    )
}


@pytest.mark.proves("quick lists")
@pytest.mark.stopwatch
async def test_the_log_is_read_quickly_whatever_is_asked(database: Database, took: Took):
    log, times = MessageLog(database), {}
    for name, wanted in LOGS.items():
        first = await log.page(wanted)
        for at in {None, first.next}:
            times[name, at] = await took(lambda at=at, wanted=wanted: log.page(wanted, cursor=at))
    assert {name: seconds for name, seconds in times.items() if seconds > EACH_WITHIN} == {}


@pytest.mark.proves("paging", "quick lists")
async def test_the_log_holds_what_is_asked_for_and_nothing_else(database: Database, size: Crowd):
    if size.messages > 200_000:
        pytest.skip("every row is looked at for each filter: the short form does that")
    for name, wanted in LOGS.items():
        expected = await database.read(partial(_all_ids, wanted=wanted))
        if len(expected) > _MANY:
            continue  # it would take long to page through
        found = [sms.id async for sms in MessageLog(database).rows(wanted)]
        if wanted.changed_since is None:
            assert found == sorted(expected, reverse=not wanted.oldest_first), name
        else:
            assert found, name
            assert set(found) <= set(expected), name


_MANY = 5_000


def _all_ids(connection: Connection, wanted: LogFilter) -> list[str]:
    """What is asked for, as a plain look at every row tells it."""
    found = []
    for way, table, phone, number in (
        (Way.OUT, messages, "to_number", "from_number"),
        (Way.IN, inbound, "from_number", "to_number"),
    ):
        changed = table.c.state_at if way is Way.OUT else table.c.received_at
        at = table.c.created_at if way is Way.OUT else table.c.received_at
        query = select(table.c.id)
        for name, value in (
            ("org_id", wanted.org_id), ("account_id", wanted.account_id), (phone, wanted.phone),
            (number, wanted.number), ("provider", wanted.provider), ("key_id", wanted.key_id), ("reason", wanted.reason),
        ):  # fmt: skip
            if value:
                query = query.where(table.c[name] == value if name in table.c else false())
        if wanted.states:
            query = query.where(table.c.state.in_(wanted.states))
        if wanted.text:
            query = query.where(func.lower(table.c.text).contains(wanted.text.lower()))
        if wanted.since and wanted.until:
            query = query.where(at >= wanted.since, at < wanted.until)
        if wanted.changed_since:
            query = query.where(changed >= wanted.changed_since)
        if wanted.way in {None, way}:
            found += connection.execute(query).scalars().all()
    return found


@pytest.mark.proves("D12", "quick lists")
@pytest.mark.stopwatch
async def test_conversations_are_listed_quickly(database: Database, took: Took):
    talks = Conversations(database)
    first = await talks.page(BUSY, org_id=crowd.organisation(0))
    for at in (None, first.next):
        assert await took(lambda at=at: talks.page(BUSY, cursor=at)) < EACH_WITHIN
    assert await took(lambda: talks.one(BUSY, crowd.phone(7), org_id=crowd.organisation(0))) < EACH_WITHIN


@pytest.mark.proves("D12", "paging")
async def test_conversations_hold_each_phone_once_with_its_last_sms(database: Database):
    talks, org_id = Conversations(database), crowd.organisation(0)
    found = [await talks.page(BUSY, org_id=org_id, size=1000)]
    while found[-1].next:
        found.append(await talks.page(BUSY, org_id=org_id, size=1000, cursor=found[-1].next))
    listed = [each for page in found for each in page.items]
    last: dict[str, ListedSms] = {}
    async for sms in MessageLog(database).rows(LogFilter(account_id=BUSY)):
        last.setdefault(sms.phone, sms)
    assert {each.phone: each.last for each in listed} == last
    assert [each.last.id for each in listed] == sorted((each.last.id for each in listed), reverse=True)
    assert (await talks.page(BUSY, org_id=crowd.organisation(3))).items == ()


@pytest.mark.proves("quick lists")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (LogFilter(org_id=crowd.organisation(3), phone=crowd.phone(7)), "ix_messages_organisation"),
        (LogFilter(org_id=crowd.organisation(0), account_id=crowd.account(2)), "ix_messages_account"),
        (LogFilter(states=frozenset({MessageState.FAILED})), "ix_messages_ended_badly"),
    ],
)
async def test_the_log_is_read_from_indices(database: Database, wanted: LogFilter, index: str):
    source = Source(Way.OUT, wanted, None, 50)
    assert index in await plan_of(database, message_log_sql.log_query(source, "0"))
    assert index in await plan_of(database, message_log_sql.stop_query(source))


# --- figures, needs, files -----------------------------------------------------------------------------------------


@pytest.mark.proves("statistics", "quick lists")
@pytest.mark.stopwatch
async def test_figures_are_those_of_the_messages_and_quick(database: Database, took: Took):
    await HourCounts(database, Now()).count(rest=False)
    figures = Statistics(database, LimitSettings(organisation_parts=5000))
    since, until = UNTIL // 3600 * 3600 - 10 * 86_400, UNTIL // 3600 * 3600
    for org_id in (None, crowd.organisation(0), crowd.organisation(3)):
        found = await figures.traffic(org_id, since, until, ZoneInfo("Europe/Copenhagen"), "day")
        plain = await database.read(partial(_plain_counts, org_id=org_id, since=since, until=until))
        assert found.total.counts == plain
        assert _added(slot.counts for slot in found.slots) == _added(each.counts for each in found.providers) == plain
        assert all(slot.start.hour == 0 for slot in found.slots)
        assert found.total.median_seconds is not None
        assert found.total.p95_seconds is not None
        assert found.total.median_seconds < found.total.p95_seconds
        month = partial(figures.traffic, org_id, UNTIL - 30 * 86_400, UNTIL, UTC, "hour")
        assert await took(month) < EACH_WITHIN
    spent = await figures.spent(crowd.organisation(3), date(2026, 8, 20), date(2026, 9, 30))
    assert (len(spent.days), spent.parts_cap) == (42, 5000)
    assert sum(day.parts for day in spent.days) > 100
    assert await took(lambda: figures.spent(None, date(2026, 8, 20), date(2026, 9, 30))) < EACH_WITHIN


def _added(some: Iterable[dict[Any, int]]) -> dict[Any, int]:
    together: Counter[Any] = Counter()
    for each in some:
        together.update(each)
    return dict(together)


def _plain_counts(connection: Connection, org_id: str | None, since: float, until: float) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for way, table, at in ((Way.OUT, messages, messages.c.created_at), (Way.IN, inbound, inbound.c.received_at)):
        query = select(table.c.state, func.count()).where(at >= since, at < until).group_by(table.c.state)
        if org_id:
            query = query.where(table.c.org_id == org_id)
        counts |= {(way, state): count for state, count in connection.execute(query)}
    return counts


@pytest.mark.proves("statistics")
async def test_an_hour_that_is_counted_again_takes_the_place_of_itself(database: Database):
    counts = HourCounts(database, Now())
    await counts.count(rest=False)
    hour = int(UNTIL) // 3600 - 30
    wanted = statistics_sql.Range(None, hour, hour + 1)
    before = await database.read(partial(statistics_sql.by_provider, wanted=wanted))
    again = await database.read(partial(statistics_sql.count, hour=hour, now=UNTIL))
    await database.write(statistics_sql.store, again)
    after = await database.read(partial(statistics_sql.by_provider, wanted=wanted))
    assert before == after
    assert before


@pytest.mark.proves("never sent again blindly", "quick lists")
@pytest.mark.stopwatch
async def test_what_waits_for_a_person_is_one_list(database: Database, took: Took):
    waits = UndecidedSms(database)
    for org_id in (None, crowd.organisation(0), crowd.organisation(3)):
        counts = await waits.count(org_id)
        assert await took(partial(waits.count, org_id)) < EACH_WITHIN
        for need in Need:
            found = await waits.page(need, org_id, size=1000)
            assert len(found.items) == counts[need].number, need
            assert {item.need for item in found.items} <= {need}
            assert await took(partial(waits.page, need, org_id)) < EACH_WITHIN
        every = await waits.page(None, org_id, size=1000)
        assert len(every.items) == sum(count.number for count in counts.values())
        lost = [item for item in every.items if item.need is Need.ASKED]
        assert all(item.candidates for item in lost)
        assert lost or org_id == crowd.organisation(3)


@pytest.mark.proves("CSV cells")
async def test_the_log_is_exported_in_pieces(database: Database):
    wanted = LogFilter(org_id=crowd.organisation(3), since=UNTIL - 86_400)
    pieces = [piece async for piece in export(MessageLog(database), wanted, ZoneInfo("Europe/Copenhagen"))]
    rows = list(csv.DictReader(io.StringIO(b"".join(pieces).decode("utf-8-sig"), newline="")))
    listed = [sms async for sms in MessageLog(database).rows(wanted)]
    assert [row["id"] for row in rows] == [sms.id for sms in listed]
    assert rows[0]["phone"] == f"'{listed[0].phone}"
    assert datetime.fromisoformat(rows[0]["time"]).timestamp() == int(listed[0].at)


@pytest.mark.proves("a message's whole story is told", "quick lists")
@pytest.mark.stopwatch
async def test_a_story_is_told_to_whom_it_belongs(database: Database, took: Took):
    log = MessageLog(database)
    for way in Way:
        sms = (await log.page(LogFilter(org_id=crowd.organisation(0), account_id=BUSY, way=way))).items[0]
        for mine in ({}, {"org_id": sms.org_id}, {"org_id": sms.org_id, "account_id": sms.account_id}):
            assert await trace(database, sms.id, **mine), mine
            assert await log.find(sms.id, **mine) == sms
            assert await took(partial(trace, database, sms.id, **mine)) < EACH_WITHIN
        for others in ({"org_id": crowd.organisation(3)}, {"org_id": sms.org_id, "account_id": crowd.account(2)}):
            assert await trace(database, sms.id, **others) is None
            assert await log.find(sms.id, **others) is None
