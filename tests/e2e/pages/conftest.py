"""One gateway and one browser for the tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.gateway_process import Gateway
from tests.visitors import QUIET, House


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(require: Callable[[str], str]) -> AsyncIterator[Browser]:
    """Debian's Chromium; none is ever downloaded."""
    path = require("chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=QUIET)
        yield started
        await started.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One that browsers may keep passkeys for."""
    made = Gateway(tmp_path_factory.mktemp("gateway"))
    public = f'[http]\npublic_url = "http://localhost:{made.http_port}"\n'
    made.config.write_text(made.config.read_text().replace("[http]\n", public))
    with made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_house(gateway: Gateway, browser: Browser) -> House:
    """The house of all tests of a file."""
    return House.of(gateway, browser)


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared_house: House) -> AsyncIterator[House]:
    """The same; no page of a visitor may have complained about anything at the end of a test."""
    yield shared_house
    await shared_house.leave()
    complaints = [text for visitor in shared_house.visitors for text in visitor.complaints]
    shared_house.visitors.clear()
    assert complaints == []
