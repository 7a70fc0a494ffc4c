"""Whose things are whose: what an actor does not see is not there for it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from gateway.registry.errors import NotFound
from web.identity.actor import Actor


class Owned(Protocol):
    """Something that belongs to an organisation."""

    @property
    def org_id(self) -> str:
        """Whose it is."""
        ...


Thing = TypeVar("Thing", bound=Owned)


def seen(actor: Actor, thing: Thing | None, name: str) -> Thing:
    """The thing, if it is there for the actor. Raises NotFound, with the same words either way."""
    if thing is None or not actor.sees(thing.org_id):
        raise NotFound(f"there is no such {name}")
    return thing
