"""SQLite: WAL, `synchronous=FULL`, one writing thread per process, a pen that only one process holds.

SQLite before 3.51.3 can corrupt its WAL when two connections write and checkpoint at once. Every write transaction,
with the checkpoint that it may trigger, therefore happens under an exclusive lock on a file beside the database: the
server and a command line beside it never do both at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from gateway.store.database import StoreUnavailableError, is_unavailable
from gateway.store.migrate import migrate
from gateway.store.writer import MAX_GROUP, Item, Job, Result, Work, in_order_of_work, run_group

T = TypeVar("T")
READERS = 2
CROWD, GATHER_SECONDS = 4, 0.003
"""After a group of so many jobs the next one waits for company: where a sync takes less time than a transaction's own
work, groups would stay small and the work per job large. Whoever writes alone never waits."""

CHECKPOINT_PAGES = 4000
"""Pages of 4 kB in the WAL before they are folded into the file: a page that was written several times until then is
folded once. With SQLite's own 1000 storing messages of a campaign took a tenth more CPU time; what is sent beside one
still reaches the provider within 20 ms (p99)."""


class SqliteDatabase:
    """See `gateway.store.database.Database`."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        path.touch(mode=0o600)
        self._loop = loop
        self._pen = _Pen(path.with_name(path.name + ".pen"))
        self._writer_engine = _engine(path, connections=1, writes=True)
        self._reader_engine = _engine(path, connections=READERS, writes=False)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._writer: Connection | None = None
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_forever, name="sqlite-write", daemon=True)
        self._crowded = False
        self._gathering = threading.Event()
        """Never set: a way to wait that no odd clock can break, as it can break sleep."""
        self._closed = False

    @classmethod
    async def open(cls, url: str) -> SqliteDatabase:
        """Open or make the file named by `sqlite:///PATH`."""
        path = Path(make_url(url).database or "brevdue.db")
        try:
            database = cls(path, asyncio.get_running_loop())
        except OSError as error:
            raise StoreUnavailableError(f"cannot open {path}: {error.strerror}") from error
        try:
            await asyncio.to_thread(database._in_transaction, migrate)
        except Exception as error:
            await asyncio.to_thread(database._let_go)
            known = isinstance(error, StoreUnavailableError)
            raise StoreUnavailableError(str(error) if known else f"cannot open {path}: {error}") from error
        database._thread.start()
        return database

    @property
    def writers(self) -> int:
        """See `Database`."""
        return 1

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query in a reader thread."""
        if self._closed:
            raise StoreUnavailableError("the database is closed")
        return await self._loop.run_in_executor(self._readers, self._read, query)

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            with self._reader_engine.connect() as connection:
                return query(connection)
        except Exception as error:
            raise _translated(error) from error

    async def write(self, work: Work[Item, Result], item: Item) -> Result:
        """Queue for the writing thread; returns after the commit."""
        if self._closed:
            raise StoreUnavailableError("the database is closed")
        done: asyncio.Future[Result] = self._loop.create_future()
        self._queue.put(Job(work, item, done))
        return await done

    async def close(self) -> None:
        """Commit what is queued, then close; the last connection folds the WAL into the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._let_go)

    def _let_go(self) -> None:
        self._readers.shutdown()
        with self._pen.held():
            if self._writer is not None:
                self._writer.close()
            self._reader_engine.dispose()
            self._writer_engine.dispose()
        self._pen.close()

    def _write_forever(self) -> None:
        while True:
            jobs, last = self._take()
            if jobs:
                self._commit(jobs)
                self._loop.call_soon_threadsafe(_settle, jobs)
            if last:
                return

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for a job, and gather those that come with it; whether the last one has come."""
        if self._crowded:  # before anything is in hand: what may fail here must not take a job along
            self._gathering.wait(GATHER_SECONDS)
        jobs: list[Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) >= MAX_GROUP or self._queue.empty():
                self._crowded = len(jobs) >= CROWD
                return jobs, False
            job = self._queue.get()
        return jobs, True

    def _commit(self, jobs: Sequence[Job]) -> None:
        ordered = in_order_of_work(jobs)
        try:
            self._in_transaction(lambda connection: run_group(connection, ordered))
        except Exception as error:
            if len(ordered) == 1 or is_unavailable(error):
                for job in ordered:
                    job.error = _translated(error)
                return
            for job in ordered:
                self._commit([job])

    def _in_transaction(self, body: Callable[[Connection], None]) -> None:
        """Commit what `body` does. A connection that failed is not trusted again: its successor reads the file anew."""
        if self._writer is None:
            self._writer = self._writer_engine.connect()
        try:
            with self._pen.held(), self._writer.begin():
                body(self._writer)
        except BaseException:
            writer, self._writer = self._writer, None
            with contextlib.suppress(Exception):
                writer.invalidate()
                writer.close()
            raise


def _settle(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle()


def _translated(error: Exception) -> Exception:
    return StoreUnavailableError(str(error)) if is_unavailable(error) else error


def _engine(path: Path, connections: int, *, writes: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # a fault's words reach the log, and parameters hold people's texts
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
            "temp_store=MEMORY",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class _Pen:
    """An exclusive lock between processes, taken around every write."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, hold it inside the block."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._fd)
