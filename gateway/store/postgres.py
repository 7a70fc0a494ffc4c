"""PostgreSQL through asyncpg: the same work functions, run in the loop, several groups at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.store import meeting
from gateway.store.database import StoreUnavailableError, is_conflict, is_unavailable
from gateway.store.migrate import migrate
from gateway.store.writer import MAX_GROUP, Item, Job, Result, Work, in_order_of_work, run_group

T = TypeVar("T")
WRITERS = 2
_TRIES = 5
"""Tries of a group that PostgreSQL gives up to end a deadlock with another writer."""
_MEETING_SECONDS = 30.0
"""How long the transactions of others are waited for (see `gateway.store.meeting`)."""
_MEETING_PAUSE = 0.003
"""Between two looks for them: about what a commit takes."""
_LAST_LOOK_SECONDS = 5.0
"""How long queries that nobody waits for may still take at the end: a server that hangs keeps no program from it."""
_MIGRATION_LOCK = 0x62726576


class PostgresDatabase:
    """See `gateway.store.database.Database`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # One snapshot for all statements of a query; the mode travels with BEGIN and costs nothing.
        self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._queue: asyncio.Queue[Job | None] = asyncio.Queue()
        self._writers = [asyncio.create_task(self._write_forever(), name=f"pg-write-{n}") for n in range(WRITERS)]
        self._looks: set[asyncio.Task[Any]] = set()
        self._unmet: list[Job] = []
        self._meeting: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, url: str) -> PostgresDatabase:
        """Connect, refuse a server that does not sync its commits, bring the schema up to date."""
        engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=WRITERS + 4,
            hide_parameters=True,  # a fault's words reach the log, and parameters hold people's texts
        )
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_refuse_unsynced_commits)
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
                await connection.run_sync(migrate)
        except StoreUnavailableError:
            await engine.dispose()
            raise
        except Exception as error:
            await engine.dispose()
            raise StoreUnavailableError(
                f"cannot open the PostgreSQL database: {getattr(error, 'orig', error)}"
            ) from error
        return cls(engine)

    @property
    def writers(self) -> int:
        """See `Database`."""
        return WRITERS

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a snapshot, on a connection of the pool."""
        if self._closed:
            raise StoreUnavailableError("the database is closed")
        try:
            return await self._look(query)
        except Exception as error:
            if not _broke_off(error):
                raise _translated(error) from error
        # The pool has thrown its old connections away by now: this asks over a new one.
        try:
            return await self._look(query)
        except Exception as error:
            raise _translated(error) from error

    async def _look(self, query: Callable[[Connection], T]) -> T:
        """Run a query to its end, whether or not somebody still waits for it.

        Broken off while BEGIN is on its way, a connection would come back to the pool within a transaction that nobody
        knows of: writes by it fail, and reads by it see the past.
        """
        look = asyncio.create_task(self._look_once(query))
        self._looks.add(look)
        look.add_done_callback(self._looked)
        return await asyncio.shield(look)

    async def _look_once(self, query: Callable[[Connection], T]) -> T:
        async with self._snapshots.connect() as connection:
            return await connection.run_sync(query)

    def _looked(self, look: asyncio.Task[Any]) -> None:
        self._looks.discard(look)
        if not look.cancelled():
            look.exception()  # nobody may be there any more to take it

    async def write(self, work: Work[Item, Result], item: Item) -> Result:
        """Queue for the next group; returns after the commit."""
        if self._closed:
            raise StoreUnavailableError("the database is closed")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Job(work, item, done))
        return await done

    async def close(self) -> None:
        """Commit what is queued, then close."""
        if self._closed:
            return
        self._closed = True
        for _ in self._writers:
            self._queue.put_nowait(None)
        await asyncio.gather(*self._writers)
        if self._meeting is not None:
            await self._meeting
        if self._looks:
            await asyncio.wait(self._looks, timeout=_LAST_LOOK_SECONDS)
        await self._engine.dispose()

    async def _write_forever(self) -> None:
        while True:
            jobs, last = await self._take()
            if jobs:
                await self._commit(jobs)
                self._meet([job for job in jobs if job.wants_again()])
                for job in jobs:
                    if not job.wants_again():
                        job.settle()
            if last:
                return

    async def _take(self) -> tuple[list[Job], bool]:
        jobs: list[Job] = []
        job = await self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) >= MAX_GROUP or self._queue.empty():
                return jobs, False
            job = self._queue.get_nowait()
        return jobs, True

    async def _commit(self, jobs: Sequence[Job], again: int = _TRIES, *, fresh: bool = False) -> None:
        """Run jobs in one transaction; their results, or an error for each. `fresh` where the connections are new."""
        ordered = in_order_of_work(jobs)
        committing = False
        try:
            async with self._engine.connect() as connection, connection.begin():
                await connection.run_sync(run_group, ordered)
                committing = True
        except Exception as error:
            if is_conflict(error) and again:
                await self._commit(ordered, again - 1)
            elif not committing and not fresh and _broke_off(error):
                # It broke before COMMIT was said, so nothing happened; the pool has thrown its old connections away.
                await self._commit(ordered, again, fresh=True)
            elif len(ordered) == 1 or committing or is_unavailable(error):
                # Where it broke while committing nobody knows the outcome: it is not for us to do it all again.
                for job in ordered:
                    job.error = _translated(error)
            else:
                for job in ordered:
                    await self._commit([job])

    def _meet(self, jobs: Sequence[Job]) -> None:
        """Run jobs once more when every transaction that they may have met has ended."""
        self._unmet += jobs
        if self._unmet and (self._meeting is None or self._meeting.done()):
            self._meeting = asyncio.create_task(self._meet_all(), name="pg-meet")

    async def _meet_all(self) -> None:
        while self._unmet:
            jobs, self._unmet = self._unmet[:MAX_GROUP], self._unmet[MAX_GROUP:]
            try:
                await self._outwait_others()
            except Exception as error:
                for job in jobs:
                    job.error = _translated(error)
            else:
                for job in jobs:
                    job.item = job.result.item
                await self._commit(jobs)
            for job in jobs:
                job.settle()

    async def _outwait_others(self) -> None:
        """Return when all transactions that are under way now have ended."""
        deadline = time.monotonic() + _MEETING_SECONDS
        others = await self._look(meeting.under_way)
        while others:
            if time.monotonic() > deadline:
                raise StoreUnavailableError("another transaction in the database has been open for too long")
            await asyncio.sleep(_MEETING_PAUSE)
            others &= await self._look(meeting.under_way)


def _broke_off(error: Exception) -> bool:
    """Whether a connection ended that may have been dead already when it was taken from the pool."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _refuse_unsynced_commits(connection: Connection) -> None:
    for setting in ("fsync", "synchronous_commit"):
        if connection.execute(text(f"SHOW {setting}")).scalar_one() == "off":
            raise StoreUnavailableError(
                f"PostgreSQL has {setting}=off: a mail answered with 250 could be lost; switch it on"
            )


def _translated(error: Exception) -> Exception:
    return StoreUnavailableError(str(error)) if is_unavailable(error) else error
