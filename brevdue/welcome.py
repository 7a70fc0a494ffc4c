"""How the first person gets in: a link on the terminal, while there is nobody.

The link is a secret. A terminal sees it; a log that others can read does not, and says instead which command makes one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.store.database import Database
from web.identity.model import LinkKind
from web.identity.roles import Role
from web.store import person_sql

if TYPE_CHECKING:
    from brevdue.rooms import Rooms
    from web.identity.links import Links

COMMAND = "brevdue admin link"
"""Makes such a link at any time."""


async def notice(database: Database, links: Callable[[], Links], *, is_terminal: bool) -> str:
    """What to write on standard error at the start; "" where there is somebody. A terminal only a person reads."""
    if await database.read(person_sql.any_person):
        return ""
    if not is_terminal:
        return f"nobody can sign in to the web pages yet: run `{COMMAND}`"
    made = links()
    token = await made.make(LinkKind.OPERATOR, role=Role.OPERATOR, made_by="first start")
    return f"make yourself the first operator (within a day, once): {made.url(token)}"


async def welcome(rooms: Rooms) -> None:
    """Tell whoever started the program, as long as nobody can sign in to the pages."""

    def links() -> Links:
        from brevdue.site import identity_of  # only whoever will sign in pays for what it takes to import

        return identity_of(rooms).links

    if words := await notice(rooms.database, links, is_terminal=sys.stderr.isatty()):
        print(words, file=sys.stderr)
