"""Nobody is there yet: the link that makes the first operator, for whoever sits at the terminal.

It is a secret. A terminal sees it; a log that others can read does not, and says instead which command makes one.
"""

from __future__ import annotations

from web.identity.links import Links
from web.identity.model import LinkKind
from web.identity.people import People
from web.identity.roles import Role

COMMAND = "brevdue admin link"
"""Makes such a link at any time."""


async def first_start_notice(people: People, links: Links, *, is_terminal: bool) -> str:
    """What to write on standard error at the start; "" where there is somebody. A terminal only a person reads."""
    if not await people.is_empty():
        return ""
    if not is_terminal:
        return f"nobody can sign in to the web pages yet: run `{COMMAND}`"
    token = await links.make(LinkKind.OPERATOR, role=Role.OPERATOR, made_by="first start")
    return f"make yourself the first operator (within a day, once): {links.url(token)}"
