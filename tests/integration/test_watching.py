"""Watching a gateway: what a scrape says, what readiness notices, and that neither tells on anybody."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import sqlite3
import subprocess
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from brevdue import readiness
from brevdue.settings import load
from gateway.figures import KEPT_AT_MOST, KEPT_SECONDS, FigureReader
from gateway.model import new_id
from gateway.store import figures_sql, schema
from gateway.store.database import alone
from gateway.store.opening import open_database
from tests.gateway_process import BREVDUE, Gateway, mail, wait_for

PHONE = "+4530643064"
UNDELIVERABLE = "+4520999905"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def scraped(gateway: Gateway) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, in order of the labels' names."""
    text = gateway.get("/metrics", raw=True).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()) if value)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_one_mail_is_seen_from_acceptance_to_report(gateway):
    key = gateway.key()
    gateway.account(key)
    before = scraped(gateway)
    assert before["brevdue_provider_up", "simulator"] == 1
    assert before["brevdue_database_up",] == 1
    gateway.send(mail(f"{key}@sms.example.com", "30643064", "Hej"))
    after = wait_for(
        lambda: (
            now
            if (now := scraped(gateway)).get(("brevdue_events_total", "sms-report", "simulator", "delivered"))
            else None
        ),
        "the report in the metrics",
    )
    assert after["brevdue_events_total", "mail-accepted", "trusted"] == 1
    assert after["brevdue_events_total", "sms-submitted", "simulator"] == 1
    assert after["brevdue_submission_seconds_count",] == after["brevdue_report_seconds_count",] == 1
    assert 0 < after["brevdue_submission_seconds_sum",] < 30
    assert after["process_resident_memory_bytes",] > 10_000_000
    assert after["brevdue_disk_free_bytes", "database"] > 0
    assert after["brevdue_processes", "alive"] == 1


@pytest.mark.proves("canary key")
def test_nothing_that_is_told_names_anybody(gateway):
    key = gateway.key("Secret Ltd")
    number = gateway.account(key, "berta@firm.example")
    gateway.send(
        mail(f"{key}@sms.example.com", UNDELIVERABLE, "Hemmeligt", "berta@firm.example"), sender="berta@firm.example"
    )
    wait_for(
        lambda: [line for line in gateway.events("sms-report") if line["state"] == "failed"], "the report of this one"
    )
    told = gateway.get("/metrics", raw=True).decode() + json.dumps([gateway.get("/status"), gateway.get("/readyz")])
    for secret in (key, number, UNDELIVERABLE, "999905", "berta", "firm.example", "Hemmeligt", "Secret", *ids(gateway)):
        assert secret not in told


def ids(gateway: Gateway) -> set[str]:
    """Every id in the log that belongs to somebody's mail or account."""
    return {line[name][:26] for line in gateway.events() for name in ("id", "account") if line.get(name)}


def test_status_tells_the_same_in_json(gateway):
    status = gateway.get("/status")
    assert status["providers"] == {"simulator": "up"}
    wait_for(
        lambda: gateway.get("/status")["figures"]["queued"] == 0, "the figures of a moment later", KEPT_AT_MOST + 10
    )
    assert {check["name"]: check["state"] for check in status["checks"]} == {
        "database": "fine",
        "disk": "fine",
        "waiting": "fine",
    }
    assert set(status["lately"]) == {"minute", "hour"}


@pytest.mark.proves("outside contract")
def test_a_database_that_takes_no_writes_is_not_ready(gateway):
    with (gateway.folder / "brevdue.db.pen").open("rb") as pen:
        fcntl.flock(pen, fcntl.LOCK_EX)
        with pytest.raises(urllib.error.HTTPError) as refused:
            gateway.get("/readyz")
        assert refused.value.code == 503
        body = json.loads(refused.value.read())
        refused.value.close()
        assert gateway.get("/livez", raw=True) == b"alive\n"
        assert scraped(gateway)["brevdue_database_up",] == 1, "it still reads"
    assert [check["name"] for check in body["checks"] if check["state"] == "failing"] == ["database"]
    wait_for(lambda: gateway.get("/readyz")["ready"], "ready again")


async def _findings(gateway: Gateway) -> dict[str, str]:
    settings = load(gateway.config, {})
    database = await open_database(settings.store.url)
    try:
        checks = readiness.readiness(settings, FigureReader(database, time.time), "nobody")
        return {check.name: await check.look() for check in checks}
    finally:
        await database.close()


async def test_a_full_disk_is_said_with_its_path(gateway, monkeypatch):
    free = shutil.disk_usage(gateway.folder).free
    monkeypatch.setattr(readiness, "LEAST_FREE", free * 2)
    assert re.search(rf"{gateway.folder} has \d+ MB left", (await _findings(gateway))["disk"])


async def test_a_message_that_waits_too_long_is_said(gateway, monkeypatch):
    monkeypatch.setattr(readiness, "STUCK_SECONDS", 0.0)
    assert "0 messages wait" in (await _findings(gateway))["waiting"]
    monkeypatch.undo()
    assert not (await _findings(gateway))["waiting"]


def test_whichever_worker_answers_all_are_counted(tmp_path):
    gateway = Gateway(tmp_path)
    command = [*BREVDUE, "serve", "--workers", "2", "-c", str(gateway.config)]
    with gateway.log.open("ab") as log:
        gateway.process = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(gateway.ready, "ready", 30)
    try:
        wait_for(lambda: len(gateway.get("/status")["pids"]) == 2, "both workers", 30)
        wait_for(
            lambda: {scraped(gateway)["brevdue_events_total", "started"] for _ in range(8)} == {4.0},
            "the same from whichever answers, a second after it happened",
        )
    finally:
        gateway.stop()


def test_a_stop_leaves_every_line_of_the_log(tmp_path):
    with Gateway(tmp_path) as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@sms.example.com", "30643064", "Hej"))
    events = gateway.events()
    assert [line["event"] for line in events if line["event"] == "mail-accepted"] == ["mail-accepted"]
    assert (events[-1]["event"], "name" in events[-1]) == ("stopped", False)


# --- figures -------------------------------------------------------------------------------------------------------


def _fill(path: Path, rows: int, now: float) -> None:
    """Messages that wait, one a millisecond, the last one due now; one in a hundred is due in an hour."""
    columns = (
        "id, org_id, account_id, key_id, provider, from_number, to_number, text, encoding, parts, units, priority, "
        "state, state_at, created_at, available_at"
    )
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executemany(
            f"INSERT INTO messages ({columns}) VALUES "
            "(?, 'o', 'a', 'k', 'simulator', '+45609946000001', '+4530643064', 'Hej', 'gsm7', 1, 3, ?, 'queued', ?, ?, ?)",
            (
                (new_id(at), n % 2, at, at, now + 3600 if n % 100 == 0 else at)
                for n in range(rows)
                for at in (now - (rows - n) / 1000,)
            ),
        )
    connection.close()


def _message(number: int, state: str, available_at: float, **more: object) -> dict[str, object]:
    return {
        "id": f"m{number}",
        "org_id": "o",
        "account_id": "a",
        "key_id": "k",
        "provider": "simulator",
        "from_number": "+45609946000001",
        "to_number": PHONE,
        "text": "Hej",
        "encoding": "gsm7",
        "parts": 1,
        "units": 3,
        "priority": number % 2,
        "state": state,
        "state_at": available_at,
        "created_at": available_at,
        "available_at": available_at,
        "told_at": None,
        **more,
    }


async def test_figures_count_what_waits(database):
    now = time.time()
    rows = [
        *(_message(n, "queued", now - n) for n in range(10)),
        *(_message(n, "queued", now + n) for n in range(10, 13)),
        _message(20, "submitting", now),
        _message(21, "unknown", now),
        _message(22, "unknown", now, told_at=now),
        *(_message(n, state, now) for n, state in enumerate(("submitted", "delivered", "failed", "expired"), 30)),
    ]
    processes = [
        {"token": "p", "host": "h", "pid": 1, "alive_until": now + 9},
        {"token": "q", "host": "h", "pid": 2, "alive_until": now - 9},
    ]

    def fill(connection) -> None:
        connection.execute(schema.messages.insert(), rows)
        connection.execute(schema.processes.insert(), processes)

    await database.write(alone(fill), None)
    figures = await database.read(lambda connection: figures_sql.figures(connection, now))
    assert (figures.queued, figures.due, figures.in_flight, figures.unknown) == (13, 10, 1, 1)
    assert figures.overdue_seconds == pytest.approx(9, abs=0.01)
    assert (figures.mails, figures.mails_overdue_seconds, figures.held, figures.unrouted) == (0, 0, 0, 0)
    assert [(process.pid, process.alive) for process in figures.processes] == [(1, True), (2, False)]
    later = await database.read(lambda connection: figures_sql.figures(connection, now + 60))
    assert (later.due, later.overdue_seconds) == (13, pytest.approx(69, abs=0.01))


async def test_the_proof_of_a_write_changes_nothing(database):
    now = time.time()
    row = {"token": "p", "host": "h", "pid": 1, "alive_until": now}
    await database.write(alone(lambda connection: connection.execute(schema.processes.insert(), [row]) and None), None)
    await FigureReader(database, time.time).prove_write("p")
    assert (
        await database.read(lambda connection: dict(connection.execute(schema.processes.select()).one()._mapping))
        == row
    )


async def test_figures_read_indexes_and_no_tables(tmp_path):
    database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
    statements: list[str] = []

    def plans(connection) -> list[str]:
        raw = connection.connection.driver_connection
        raw.set_trace_callback(statements.append)
        figures_sql.figures(connection, 0.0)
        raw.set_trace_callback(None)
        return [row[3] for statement in statements for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}")]

    steps = await database.read(plans)
    await database.close()
    assert len(statements) >= 10
    scans = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step and "processes" not in step]
    assert not scans


async def test_those_who_ask_at_once_share_one_reading(tmp_path):
    database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
    reader = FigureReader(database, time.time)
    first = await reader.read()
    assert await reader.read() is first
    await database.close()
    reader._kept_until = 0.0
    with pytest.raises(Exception, match="closed"):
        await reader.read()
    with pytest.raises(Exception, match="closed"):
        await reader.read()


class Stopped:
    """In place of the module `time`: a reading takes as long as a test says, however busy the machine is."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


async def test_one_slow_reading_by_itself_keeps_no_figures_for_long(monkeypatch):
    """A slow start or a busy moment is no measure of what reading costs; two in a row are."""
    takes, clock = iter([0.1, 0.0, 0.1, 0.1]), Stopped()
    monkeypatch.setattr("gateway.figures.time", clock)

    class Slow:
        async def read(self, _look):
            clock.seconds += next(takes)

    reader, kept = FigureReader(Slow(), time.time), []
    for _ in range(4):
        reader._kept_until = 0.0
        await reader.read()
        kept.append(reader._kept_until - clock.seconds)
    assert max(kept[:3]) <= KEPT_SECONDS
    assert 9.0 < kept[3] <= KEPT_AT_MOST


@pytest.mark.stopwatch
@pytest.mark.proves("a million waiting")
async def test_figures_of_many_messages_cost_little(tmp_path):
    """200,000 here; the cost grows with their number, and how long figures are kept grows with the cost."""
    database, now = await open_database(f"sqlite:///{tmp_path}/brevdue.db"), time.time()
    _fill(tmp_path / "brevdue.db", 200_000, now)
    best = 10.0
    for _ in range(3):
        began = time.process_time()
        await database.read(lambda connection: figures_sql.figures(connection, now))
        best = min(best, time.process_time() - began)
    await database.close()
    assert best < 0.1
