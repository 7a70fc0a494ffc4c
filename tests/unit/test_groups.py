"""Callers that come while a group is worked on share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.groups import Groups

pytestmark = pytest.mark.proves("groups")


class Work:
    """Doubles numbers; 13 is a fault of its own, 99 one of its whole group."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def __call__(self, items: Sequence[int]) -> list[int | BaseException]:
        self.groups.append(list(items))
        await asyncio.sleep(0)
        if 99 in items:
            raise ValueError("all")
        return [KeyError(item) if item == 13 else 2 * item for item in items]


async def test_who_comes_meanwhile_shares_the_next_group():
    work = Work()
    groups: Groups[int, int] = Groups(work, most=3)
    first = groups.put(1)
    await asyncio.sleep(0)
    later = [groups.put(number) for number in (2, 3, 4, 5)]
    assert await first == 2
    assert await asyncio.gather(*later) == [4, 6, 8, 10]
    assert work.groups == [[1], [2, 3, 4], [5]]


async def test_a_fault_is_its_items_alone_and_one_of_the_group_is_everybodys():
    groups: Groups[int, int] = Groups(Work())
    results = await asyncio.gather(*map(groups.put, (1, 13, 2)), return_exceptions=True)
    assert [type(each) for each in results] == [int, KeyError, int]
    results = await asyncio.gather(*map(groups.put, (1, 99)), return_exceptions=True)
    assert [type(each) for each in results] == [ValueError, ValueError]
    assert await groups.put(4) == 8


async def test_what_was_handed_in_is_done_though_nobody_waits():
    work = Work()
    groups: Groups[int, int] = Groups(work)
    groups.put(1).cancel()
    groups.put(13)
    await groups.drain()
    assert work.groups == [[1, 13]]
    await groups.drain()
