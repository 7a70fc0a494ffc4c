"""Pages of a gateway with 10,000 accounts and 100,000 messages; slow: with ten times as many. Each within 100 ms."""

from __future__ import annotations

import asyncio
import http.client
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.keyring import Keyring
from gateway.listed_sms import LogFilter, Way
from gateway.message_log import MessageLog
from gateway.model import SystemClock
from gateway.store.database import alone
from gateway.store.opening import open_database
from tests import crowd
from tests.crowd import Crowd
from tests.gateway_process import Gateway, wait_for
from web.identity.identity import make_identity
from web.identity.roles import Role

pytestmark = [pytest.mark.stopwatch, pytest.mark.proves("a million messages"), pytest.mark.timeout(600)]

WITHIN = 0.1
"""Seconds of the server for a page."""
LONGEST = 100_000
_TIMES = 5
BUSY, PHONE = crowd.account(0), quote(crowd.phone(7))


@dataclass(frozen=True)
class Cost:
    """What a page costs."""

    seconds: float
    """The processor's: what it takes when nothing else runs. The best of five."""
    waited: float
    """By the clock, median of five: more where others use the machine."""
    length: int
    """Bytes of HTML."""


@dataclass(frozen=True)
class Many:
    """The gateway, sessions by role, and an SMS of each way."""

    gateway: Gateway
    tokens: dict[Role, str]
    messages: dict[Way, str]

    def took(self, role: Role, path: str) -> Cost:
        """What a page costs over a connection that is kept, when it was asked for before."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.http_port, timeout=60)
        waited, worked, length = [], [], 0
        for _ in range(_TIMES + 1):
            begun, used = time.perf_counter(), self._used()
            connection.request("GET", path, headers={"Cookie": f"brevdue={self.tokens[role]}"})
            answer = connection.getresponse()
            length = len(answer.read())
            waited.append(time.perf_counter() - begun)
            worked.append(self._used() - used)
            assert answer.status == 200, (path, answer.status)
        connection.close()
        return Cost(min(worked[1:]), statistics.median(waited[1:]), length)

    def _used(self) -> float:
        """The processor's seconds of all threads of the gateway, SQLite's among them (proc(5), schedstat)."""
        assert self.gateway.process is not None
        threads = Path(f"/proc/{self.gateway.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def _sizes() -> list[object]:
    now = time.time()
    long = crowd.full(now)
    return [pytest.param(Crowd(now), id="100000"), pytest.param(long, id=str(long.messages), marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=_sizes())
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    gateway = Gateway(tmp_path_factory.mktemp("many"))
    keyring = Keyring.load(gateway.folder / "brevdue.secret")
    tokens, messages = asyncio.run(_fill(gateway.folder, keyring, request.param))
    with gateway:
        wait_for(partial(_is_calm, gateway), "the counts of all hours", 300)
        yield Many(gateway, tokens, messages)


async def _fill(folder: Path, keyring: Keyring, size: Crowd) -> tuple[dict[Role, str], dict[Way, str]]:
    database = await open_database(f"sqlite:///{folder / 'brevdue.db'}")
    try:
        await database.write(alone(partial(crowd.fill, crowd=size)), None)
        identity = make_identity(database, keyring, SystemClock(), "http://127.0.0.1")
        tokens = {}
        for role in (Role.OPERATOR, Role.OWNER):
            org_id = None if role is Role.OPERATOR else crowd.organisation(0)
            person = await identity.people.create(f"{role}@firm.example", role, org_id)
            tokens[role] = await identity.sessions.start(person, "127.0.0.1", "test")
        log = MessageLog(database)
        pages = {way: await log.page(LogFilter(account_id=BUSY, way=way)) for way in Way}
        return tokens, {way: page.items[0].id for way, page in pages.items()}
    finally:
        await database.close()


def _is_calm(gateway: Gateway) -> bool:
    """Whether the process does next to nothing: what is counted at the start is counted."""
    assert gateway.process is not None
    stat = Path(f"/proc/{gateway.process.pid}/stat")

    def ticks() -> int:
        fields = stat.read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(1)
    return ticks() - before < 5


PAGES = (
    "/",
    "/messages",
    "/messages?way=in",
    "/messages?state=failed",
    f"/messages?q={PHONE}",
    "/messages?q=meeting+4711+has",
    "/messages?q=nobody+wrote+this",
    f"/messages?account={BUSY}",
    "/conversations",
    f"/conversations/{BUSY}",
    f"/conversations/{BUSY}/{PHONE}",
    "/write",
    f"/write?account={crowd.email(0)}",
    "/attention",
    "/attention?need=unknown",
    "/figures",
    "/accounts",
    "/accounts?sort=-active",
    "/accounts?sort=email&state=all",
    "/accounts?q=person00004",
    f"/accounts?q={quote(crowd.number(42))}",
    "/accounts?state=refused",
    f"/accounts/{BUSY}",
    f"/accounts/{BUSY}/close",
    "/keys",
    f"/keys/{crowd.key(0)}",
    f"/keys/{crowd.key(0)}/pause",
    "/numbers",
    "/optouts",
    "/providers",
    "/routes",
    "/limits",
    "/people",
    "/webhooks",
    "/privacy",
    "/audit",
)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OWNER])
def test_a_page_takes_no_longer_for_many(many: Many, role: Role):
    own = ("/organisations",) if role is Role.OPERATOR else ()
    figures = {
        path: many.took(role, path)
        for path in (*PAGES, *own, *(f"/messages/{each}" for each in many.messages.values()))
    }
    for path, cost in sorted(figures.items(), key=lambda figure: -figure[1].seconds):
        print(f"{role} {path}: {cost.seconds * 1000:.0f} ms ({cost.waited * 1000:.0f}), {cost.length / 1000:.0f} kB")
    assert {path: cost for path, cost in figures.items() if cost.seconds > WITHIN or cost.length > LONGEST} == {}
