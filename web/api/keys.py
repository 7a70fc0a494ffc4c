"""`/keys`: keys of both kinds (D3, D14). A secret stands in the answer to the call that makes it, and nowhere else."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from gateway.model import ApiKey, KeyKind
from gateway.paging import Page
from gateway.registry.listings import KeyListing
from gateway.scopes import Scope
from web.api.answers import listed, one, only_if_unchanged, told
from web.api.forms import Form, Id, Line, Listed, Moment, Shown, Word, moment, moment_or_none
from web.api.routing import Caller, IfMatch, ThingId, needs, router
from web.desk.desk import Desk
from web.desk.keys import ShownKey
from web.identity.actor import Actor


class KeyForm(Form):
    """A key to be made."""

    kind: KeyKind = Field(examples=[KeyKind.DIALOG])
    label: Annotated[Line, Field(max_length=100, examples=["Sales"])] = ""
    scopes: list[Scope] | None = Field(
        None,
        examples=[None],
        max_length=50,
        description="Of a key of the kind rest; none that the caller lacks. Left out: sending and reading messages.",
    )


class KeyEdit(Form):
    """What is to be changed; what is left out stays."""

    label: Annotated[Line | None, Field(max_length=100, examples=["Sales"])] = None
    domains: list[Word] | None = Field(
        None,
        max_length=200,
        examples=[["firm.example"]],
        description="Mail domains whose senders may open accounts from outside; none: learnt from the next one.",
    )
    scopes: list[Scope] | None = Field(None, max_length=50, examples=[None])


class RotateForm(Form):
    """How long the old secret goes on working."""

    days: float = Field(30, strict=True, ge=0, le=3650, examples=[30])


class KeyShown(Shown):
    """A key without its secret."""

    id: Id
    kind: KeyKind
    label: str = Field(examples=["Sales"])
    created_at: Moment
    paused_at: Moment | None
    domains: list[str] = Field(examples=[["firm.example"]])
    scopes: list[Scope]
    secrets: int = Field(examples=[1], description="Live ones: 2 while it is being rotated.")
    retires_at: Moment | None = Field(description="When the older of two stops working.")
    accounts: int = Field(examples=[3], description="Open ones under it.")


class SecretShown(Shown):
    """A key with its new secret, which is not shown again."""

    key: KeyShown
    secret: str = Field(examples=["brevdue_56384ad000eab2f279f30f7c4fd5ebee"])
    address: str | None = Field(
        examples=["56384ad000eab2f279f30f7c4fd5ebee@sms.example.com"],
        description="The mail address that a key of the kind dialog makes.",
    )


def key_routes(desk: Desk) -> APIRouter:
    """Routes under `/keys`."""
    routes = router("keys")
    _add_looking(routes, desk)
    _add_making(routes, desk)
    _add_pausing(routes, desk)
    return routes


def _add_looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/keys", response_model=Listed[KeyShown], **needs(Scope.KEYS_READ))
    async def list_keys(request: Request, caller: Caller) -> Response:
        """All keys of the organisation, the oldest first."""
        return listed(request, Page(tuple(map(_shown, await desk.keys.list(caller)))))

    @routes.get("/keys/{key_id}", response_model=KeyShown, **needs(Scope.KEYS_READ, 304, 404))
    async def get_key(request: Request, caller: Caller, key_id: ThingId) -> Response:
        """One key."""
        return one(request, await _one(desk, caller, key_id))


def _add_making(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/keys", status_code=201, response_model=SecretShown, **needs(Scope.KEYS_WRITE, is_repeatable=True))
    async def create_key(request: Request, caller: Caller, form: KeyForm) -> Response:
        """Make a key. No key gets a scope that the calling one lacks."""
        made = await desk.keys.create(caller, form.kind, form.label, scopes=form.scopes)
        return told(request, await _with_secret(desk, caller, made), 201, f"/keys/{made.key.id}")

    @routes.patch("/keys/{key_id}", response_model=KeyShown, **needs(Scope.KEYS_WRITE, 404, 412))
    async def edit_key(
        request: Request, caller: Caller, key_id: ThingId, form: KeyEdit, if_match: IfMatch = None
    ) -> Response:
        """Change label, mail domains or scopes."""
        if if_match is not None:
            only_if_unchanged(request, await _one(desk, caller, key_id))
        await desk.keys.edit(caller, key_id, label=form.label, domains=form.domains, scopes=form.scopes)
        return one(request, await _one(desk, caller, key_id))

    @routes.post(
        "/keys/{key_id}/rotate",
        status_code=201,
        response_model=SecretShown,
        **needs(Scope.KEYS_WRITE, 404, 409, is_repeatable=True),
    )
    async def rotate_key(request: Request, caller: Caller, key_id: ThingId, form: RotateForm) -> Response:
        """Give a key a new secret; the old one goes on working for some days. Not of a key that may do more."""
        made = await desk.keys.rotate(caller, key_id, form.days)
        return told(request, await _with_secret(desk, caller, made), 201)


def _add_pausing(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/keys/{key_id}/pause", response_model=KeyShown, **needs(Scope.KEYS_WRITE, 404, is_repeatable=True))
    async def pause_key(request: Request, caller: Caller, key_id: ThingId) -> Response:
        """Let the key rest, with every account under it. Pausing twice is pausing."""
        await desk.keys.pause(caller, key_id)
        return one(request, await _one(desk, caller, key_id))

    @routes.post("/keys/{key_id}/resume", response_model=KeyShown, **needs(Scope.KEYS_WRITE, 404, is_repeatable=True))
    async def resume_key(request: Request, caller: Caller, key_id: ThingId) -> Response:
        """End the pause."""
        await desk.keys.resume(caller, key_id)
        return one(request, await _one(desk, caller, key_id))

    @routes.post("/keys/{key_id}/retire", response_model=KeyShown, **needs(Scope.KEYS_WRITE, 404, is_repeatable=True))
    async def retire_secret(request: Request, caller: Caller, key_id: ThingId) -> Response:
        """Stop the older of two secrets now; 404 where there is only one."""
        await desk.keys.retire(caller, key_id)
        return one(request, await _one(desk, caller, key_id))


async def _one(desk: Desk, caller: Actor, key_id: str) -> KeyShown:
    return _shown(await desk.keys.listing(caller, key_id))


async def _with_secret(desk: Desk, caller: Actor, made: ShownKey) -> SecretShown:
    return SecretShown(
        key=await _one(desk, caller, made.key.id),
        secret=made.secrets[0],
        address=made.addresses[0] if made.addresses else None,
    )


def _shown(listing: KeyListing) -> KeyShown:
    key: ApiKey = listing.key
    return KeyShown(
        id=key.id,
        kind=key.kind,
        label=key.label,
        created_at=moment(key.created_at),
        paused_at=moment_or_none(key.paused_at),
        domains=list(key.domains),
        scopes=sorted(key.scopes),
        secrets=listing.live_secrets,
        retires_at=moment_or_none(listing.retires_at),
        accounts=listing.open_accounts,
    )
