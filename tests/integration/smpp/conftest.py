"""SMPP is tested on the loop that the program runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.smsc import Smsc


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What pytest-asyncio makes the loops of these tests with."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    """A message centre that misbehaves on demand."""
    async with Smsc() as running:
        yield running
