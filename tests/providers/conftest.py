"""A server that misbehaves, for each test one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.providers.peer import Peer


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as server:
        yield server
