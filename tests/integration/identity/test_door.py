"""What strangers can do, and what people can do to each other."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from sqlalchemy import select

from gateway.accounts import Accounts
from gateway.model import KeyKind, Organisation
from gateway.registry.errors import BadValue, NotFound
from gateway.settings import DialogSettings, MailSettings, PoolSettings
from gateway.store.schema import mail_queue
from tests.integration.identity.conftest import PASSWORD, House
from web.desk.door import Browser, Door
from web.desk.people import PeopleDesk
from web.identity.actor import Actor, ActorKind, NotAllowed
from web.identity.errors import DeadLink, LastOfTheirKind, TooManyAttempts, WeakPassword
from web.identity.model import LinkKind, Person
from web.identity.post import Post
from web.identity.roles import Role, may_grant, must_have_second
from web.identity.sessions import person_actor
from web.identity.throttle import MAIL_BURST

BROWSER = Browser("192.0.2.1", "Firefox")
OTHER = "four other words entirely"


@dataclass
class Street:
    """The house with its door, and what was mailed."""

    house: House
    accounts: Accounts
    door: Door
    people: PeopleDesk
    told: list[None]

    async def mails(self, count: int) -> list[EmailMessage]:
        """What is in the queue, once there are so many; after as long as nothing would take where none is expected."""
        for _ in range(3000 if count else 20):
            rows = await self.house.database.read(
                lambda connection: connection.execute(select(mail_queue.c.content).order_by(mail_queue.c.id)).all()
            )
            if count and len(rows) >= count and len(self.told) >= count:
                break
            await asyncio.sleep(0.01)
        assert len(rows) == count
        return [BytesParser(policy=policy.default).parsebytes(row.content) for row in rows]


@pytest.fixture
async def street(house: House) -> Street:
    pool = PoolSettings(provider="simulator", range="+45609946000000..+45609946999999")
    accounts = Accounts(house.database, house.keyring, [pool], DialogSettings(), house.clock, ())
    told: list[None] = []
    mail = MailSettings(domains=("sms.example",), hostname="sms.example")
    post = Post(house.database, mail, house.clock, lambda: told.append(None))
    return Street(
        house,
        accounts,
        Door(house.identity, accounts, post),
        PeopleDesk(house.identity, accounts, post),
        told,
    )


def token_in(mail: EmailMessage) -> str:
    found = re.search(r"https://sms\.example/link/([0-9a-f]{64})\s", mail.get_content())
    assert found is not None
    return found[1]


@pytest.mark.proves("one-time links")
async def test_an_employee_sees_their_own_account_by_a_mailed_link(street: Street) -> None:
    acme = Organisation("ACME", "Acme", "DK", "da", 1.0)
    key, _ = await street.accounts.create_key(acme, KeyKind.DIALOG)
    account = await street.accounts.open_account(key.id, "bo@firm.example")
    await street.door.show_own_account("BO@firm.example", BROWSER)
    await street.door.show_own_account("nobody@firm.example", BROWSER)
    [mail] = await street.mails(1)
    assert mail["To"] == "bo@firm.example"
    assert street.told == [None]
    token = token_in(mail)
    with pytest.raises(DeadLink):
        await street.door.join(token, email="x@y.example", name="", password=PASSWORD, language="", browser=BROWSER)
    session = await street.door.own_account(token, BROWSER)
    actor = await street.house.identity.sessions.actor_of(session)
    assert actor is not None
    assert (actor.kind, actor.account_id) == (ActorKind.EMPLOYEE, account.id)
    with pytest.raises(DeadLink):
        await street.door.own_account(token, BROWSER)
    late = await street.house.identity.links.make(LinkKind.SIGN_IN, account_id=account.id)
    await street.accounts.close_account(account)
    with pytest.raises(DeadLink):
        await street.door.own_account(late, BROWSER)
    assert await street.house.identity.sessions.actor_of(session) is None


@pytest.mark.proves("one-time links")
async def test_a_new_password_by_link_ends_every_session(street: Street) -> None:
    anna = await street.house.person()
    before = await street.door.sign_in(anna.email, PASSWORD, BROWSER)
    await street.door.forgotten("Anna@Firm.example", BROWSER)
    [mail] = await street.mails(1)
    token = token_in(mail)
    with pytest.raises(WeakPassword):
        await street.door.new_password(token, "short", BROWSER)
    after = await street.door.new_password(token, OTHER, BROWSER)
    assert await street.house.identity.sessions.actor_of(before.token) is None
    assert await street.house.identity.sessions.actor_of(after.token) is not None
    with pytest.raises(DeadLink):
        await street.door.new_password(token, PASSWORD, BROWSER)


@pytest.mark.proves("login rate limit")
async def test_nobody_is_mailed_who_is_not_there_and_nobody_is_flooded(street: Street) -> None:
    anna, _ = await street.house.person(), await street.house.person("eva@firm.example")
    await street.house.identity.people.disable(anna)
    await street.door.forgotten(anna.email, BROWSER)
    for email in ("nobody@firm.example", "no address", ""):
        await street.door.forgotten(email, BROWSER)
    assert await street.mails(0) == []
    for _ in range(MAIL_BURST):
        await street.door.forgotten("eva@firm.example", BROWSER)
    with pytest.raises(TooManyAttempts):
        await street.door.forgotten("eva@firm.example", Browser("198.51.100.1", ""))
    await street.mails(MAIL_BURST)


@pytest.mark.proves("people")
async def test_an_invitation_makes_whom_it_names_and_nobody_else(street: Street) -> None:
    anna = person_actor(await street.house.person())
    await street.people.invite(anna, "Bo@Firm.example", Role.SENDER, language="en")
    [mail] = await street.mails(1)
    assert "anna@firm.example invites you to manage the SMS of Acme." in mail.get_content()
    signed_in = await street.door.join(
        token_in(mail), email="evil@evil.example", name="Bo", password=PASSWORD, language="", browser=BROWSER
    )
    assert (signed_in.person.email, signed_in.person.role, signed_in.person.org_id) == (
        "Bo@firm.example",
        Role.SENDER,
        "ACME",
    )
    everybody, open_ones = await street.people.everybody(anna)
    assert [each.email for each in everybody] == ["anna@firm.example", "Bo@firm.example"]
    assert open_ones == []
    actions = {entry.action for entry in await street.house.identity.audit.page("ACME")}
    assert actions == {"session.start", "person.join", "person.invite"}


ROLES = [role for role in Role if role is not Role.OPERATOR]


@pytest.mark.proves("people")
@pytest.mark.parametrize("doer", ROLES)
async def test_nobody_manages_who_has_more_and_gives_more_than_they_have(street: Street, doer: Role) -> None:
    people = street.house.identity.people
    actor = person_actor(await people.create("doer@firm.example", doer, "ACME"))
    for name in ("one", "two"):
        await people.create(f"{name}@firm.example", Role.OWNER, "ACME")
    for target in ROLES:
        person = await people.create(f"{target}@firm.example", target, "ACME")
        for given in ROLES:
            wanted = may_grant(doer, target) and may_grant(doer, given)
            assert await _allowed(street.people.change(actor, person.id, role=given, name="")) is wanted
            await people.change(person, role=target)
        for deed in (street.people.disable, street.people.enable, street.people.end_sessions):
            assert await _allowed(deed(actor, person.id)) is may_grant(doer, target)
        invited = street.people.invite(actor, f"new-{target}@firm.example", target)
        assert await _allowed(invited) is may_grant(doer, target)
    assert not await _allowed(street.people.invite(actor, "root@firm.example", Role.OPERATOR))


async def _allowed(deed: object) -> bool:
    try:
        await deed  # type: ignore[misc]
    except NotAllowed:
        return False
    return True


@pytest.mark.proves("people")
async def test_other_organisations_and_operators_are_not_there(street: Street) -> None:
    people = street.house.identity.people
    anna = person_actor(await street.house.person())
    theirs = await street.house.person("eva@other.example", org_id="OTHER")
    root = await people.create("root@gateway.example", Role.OPERATOR, None)
    for person in (theirs, root):
        for deed in (
            street.people.get(anna, person.id),
            street.people.managed(anna, person.id),
            street.people.change(anna, person.id, role=Role.READER, name=""),
            street.people.disable(anna, person.id),
            street.people.drop_second_factor(anna, person.id),
        ):
            with pytest.raises(NotFound):
                await deed
    for deed in (
        street.people.everybody(anna, "OTHER"),
        street.people.invite(anna, "x@y.example", Role.READER, "OTHER"),
        street.people.take_back(anna, "L", "OTHER"),
    ):
        with pytest.raises(NotFound):
            await deed
    found, _ = await street.people.everybody(person_actor(root), "OTHER")
    assert [each.email for each in found] == ["eva@other.example"]
    with pytest.raises(LastOfTheirKind):
        await street.people.disable(person_actor(root), theirs.id)


@pytest.mark.proves("people")
async def test_nobody_shuts_themselves_out(street: Street) -> None:
    anna: Person = await street.house.person()
    await street.house.person("eva@firm.example")
    with pytest.raises(BadValue):
        await street.people.disable(person_actor(anna), anna.id)
    keyholder = Actor(ActorKind.KEY, "K", "key", frozenset(), "ACME")
    with pytest.raises(NotAllowed):
        await street.people.disable(keyholder, anna.id)


@pytest.mark.proves("second factor")
def test_whom_the_setting_means() -> None:
    assert must_have_second("nobody") == frozenset()
    assert must_have_second("operators") == {Role.OPERATOR}
    assert must_have_second("everybody") == set(Role)
