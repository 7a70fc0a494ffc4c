"""The site as visitors meet it: a real server on port 0 of loopback, and people who are signed in."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp

from brevdue.roles import ALL_ROLES
from brevdue.rooms import Rooms
from brevdue.site import identity_of, site_of
from gateway.model import Account, ApiKey, Organisation
from gateway.settings import GatewaySettings, MailSettings, PoolSettings, StoreSettings
from gateway.store.database import Database
from web.app import make_app
from web.identity.roles import Role
from web.server import WebServer

DOMAIN = "sms.example.com"
RANGE = "+45609946000000..+45609946999999"


_numbers = itertools.count(1)


class Browser:
    """Somebody at the site: a session, and the token of its forms."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self._csrf = ""

    async def get(self, path: str, status: int = 200, **headers: str) -> str:
        """A page's text."""
        async with self.http.get(path, headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status == status, (path, answer.status, text[-2000:])
            return text

    async def fetch(self, path: str) -> tuple[aiohttp.ClientResponse, bytes]:
        """A file."""
        async with self.http.get(path, allow_redirects=False) as answer:
            return answer, await answer.read()

    async def post(self, path: str, status: int = 303, **fields: Any) -> str:
        """What a form of ours is answered."""
        return await self.send(path, {"csrf": await self.csrf(), **fields}, status)

    async def send(self, path: str, fields: Any, status: int) -> str:
        """What a form is answered, whoever's it is."""
        async with self.http.post(path, data=fields, allow_redirects=False) as answer:
            text = await answer.text(errors="replace")
            assert answer.status == status, (path, answer.status, text[-2000:])
            return text

    async def csrf(self) -> str:
        """The token that every page carries."""
        if not self._csrf:
            async with self.http.get("/nowhere") as answer:
                found = re.search(r'"X-CSRF-Token": "([0-9a-f]+)"', await answer.text())
            assert found is not None
            self._csrf = found[1]
        return self._csrf


class Site:
    """The server and its rooms."""

    def __init__(self, rooms: Rooms, server: WebServer, http: aiohttp.ClientSession) -> None:
        self.rooms = rooms
        self.accounts = rooms.accounts
        self.identity = identity_of(rooms)
        self.server = server
        self._clients: list[aiohttp.ClientSession] = [http]
        self.stranger = Browser(http)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server.port}"

    async def organisation(self, name: str = "Acme") -> tuple[Organisation, ApiKey]:
        """An organisation with a dialog key."""
        made = await self.accounts.ensure_organisation(name, "DK", "da")
        key, _ = await self.accounts.create_key(made, label=f"{name} reception")
        return made, key

    async def token(self, role: Role, org_id: str | None) -> str:
        """The session of a new person."""
        count = next(_numbers)
        person = await self.identity.people.create(f"p{count}@people.example", role, org_id, name=f"P{count}")
        return await self.identity.sessions.start(person, "127.0.0.1", "tests")

    async def person(self, role: Role, org_id: str | None) -> Browser:
        """A browser in which a new person is signed in."""
        return self._browser(await self.token(role, org_id))

    async def employee(self, account: Account) -> Browser:
        """A browser in which an employee is signed in."""
        return self._browser(await self.identity.sessions.start(account, "127.0.0.1", "tests"))

    async def audited(self, org_id: str | None = None) -> list[tuple[str, Mapping[str, str]]]:
        """What the audit log says, the oldest first."""
        entries = await self.identity.audit.page(org_id)
        return [(each.action, each.detail) for each in reversed(entries)]

    def _browser(self, token: str) -> Browser:
        client = aiohttp.ClientSession(self.url, cookies={"brevdue": token}, cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._clients.append(client)
        return Browser(client)

    async def close(self) -> None:
        """Close everything."""
        for client in self._clients:
            await client.close()
        await self.server.stop()

    @classmethod
    async def open(cls, database: Database, folder: Path, pool: str = RANGE) -> Self:
        """Start it."""
        settings = GatewaySettings(
            mail=MailSettings(domains=(DOMAIN,), hostname="mx.example.com"),
            store=StoreSettings(secret_file=folder / "secret"),
            pool=(PoolSettings(provider="simulator", range=pool),),
        )
        rooms = Rooms(settings, database, ALL_ROLES, shared=False)
        server = WebServer(make_app(checks=(), simulators={}, region="DK", site=site_of(rooms)), "127.0.0.1", 0)
        await server.start()
        http = aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", cookie_jar=aiohttp.CookieJar(unsafe=True))
        return cls(rooms, server, http)


@asynccontextmanager
async def serving(database: Database, folder: Path, pool: str = RANGE) -> AsyncIterator[Site]:
    """A site for the length of a test."""
    site = await Site.open(database, folder, pool)
    try:
        yield site
    finally:
        await site.close()
