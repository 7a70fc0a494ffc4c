"""Group commit: concurrent callers share one durable transaction.

A piece of work is a function `work(connection, items) -> results` over a batch. Callers hand in one item each; items
that wait for the same work are given to it together, all work that waits shares one commit, and every caller gets its
own result after that commit is durable. When a group fails, its items are tried one by one, each in a transaction of
its own, so that one caller's fault is nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Connection, Sequence[Item]], Sequence[Result]]

MAX_GROUP = 512
"""Items per transaction: beyond that a commit's fixed cost no longer shows, and latency does."""


@dataclass(frozen=True, slots=True)
class Again:
    """A result on PostgreSQL: run the same work on `item` when this, and all that is open beside it, is committed.

    For what two transactions must learn of each other while neither sees the other's rows.
    """

    item: Any


@dataclass(slots=True)
class Job:
    """One caller's item and the place where its result goes."""

    work: Work[Any, Any]
    item: Any
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def wants_again(self) -> bool:
        """Whether the work is done and asked to be run once more."""
        return self.error is None and isinstance(self.result, Again)

    def settle(self) -> None:
        """Hand the result to the caller; it may have gone away meanwhile."""
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


def run_group(connection: Connection, jobs: Sequence[Job]) -> None:
    """Run every job's work inside the transaction that is open on the connection."""
    for work, group in groupby(jobs, key=lambda job: job.work):
        members = list(group)
        results = work(connection, [job.item for job in members])
        for job, result in zip(members, results, strict=True):
            job.result = result


def in_order_of_work(jobs: Sequence[Job]) -> list[Job]:
    """Bring jobs of the same work together; the order within one kind of work stays."""
    first_seen: dict[Work[Any, Any], int] = {}
    for job in jobs:
        first_seen.setdefault(job.work, len(first_seen))
    return sorted(jobs, key=lambda job: first_seen[job.work])
