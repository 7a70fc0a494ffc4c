"""The door: what strangers can do, who are nobody yet. Nothing here tells whether a mail address is somebody's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

from gateway import maillog
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.numbers import display
from gateway.registry.errors import NotFound
from gateway.translation import sentence
from web.identity.errors import DeadLink, WrongCredentials, WrongPasskey
from web.identity.identity import Identity
from web.identity.model import Awaits, Link, LinkKind, Person
from web.identity.openid import Beginning
from web.identity.passkeys import Question
from web.identity.post import Post
from web.identity.sessions import person_actor
from web.identity.sign_in import SignedIn
from web.identity.single_sign_on import SingleSignOn
from web.identity.throttle import What


@dataclass(frozen=True, slots=True)
class Browser:
    """What somebody comes with."""

    peer_ip: str
    user_agent: str


class Door:
    """Signing in and out, ways back, and following one-time links."""

    def __init__(
        self, identity: Identity, accounts: Accounts, post: Post, single_sign_on: SingleSignOn | None = None
    ) -> None:
        self._single_sign_on = single_sign_on
        self._identity = identity
        self._accounts = accounts
        self._post = post
        self._errands: set[asyncio.Task[None]] = set()

    # --- signing in and out ------------------------------------------------------------------------------------

    async def sign_in(self, email: str, password: str, browser: Browser) -> SignedIn:
        """Begin a session, or half of one. Raises WrongCredentials, TooManyAttempts, TooBusy."""
        signed_in = await self._identity.sign_in.by_password(email, password, browser.peer_ip, browser.user_agent)
        return await self._noted(signed_in, browser)

    async def give_code(self, token: str, code: str, browser: Browser) -> SignedIn:
        """Make half a session whole. Raises WrongCode, TooManyAttempts, WrongCredentials."""
        signed_in = await self._identity.sign_in.by_code(token, code, browser.peer_ip, browser.user_agent)
        return await self._noted(signed_in, browser)

    async def half_of(self, token: str) -> tuple[Person, Awaits]:
        """Whose half session it is, and what it awaits. Raises WrongCredentials where it is none."""
        half = await self._identity.sessions.half_of(token)
        if half is None:
            raise WrongCredentials
        return half

    async def enrol(self, token: str, proposed: str, code: str, browser: Browser) -> tuple[SignedIn, list[str]]:
        """Set the second factor up that is asked for, which makes the session whole; with the recovery codes.

        Raises WrongCode, DeadForm, WrongCredentials.
        """
        person, awaits = await self.half_of(token)
        if awaits is not Awaits.ENROLMENT:
            raise WrongCredentials
        codes = await self._identity.second_factor.enrol(person, proposed, code)
        whole = await self._identity.sessions.renew(token, person, browser.peer_ip, browser.user_agent)
        await self._identity.audit.note(person_actor(person, browser.peer_ip), "person.second_factor", person.id)
        return await self._noted(SignedIn(whole, person, Awaits.NOTHING), browser), codes

    def propose(self, person: Person) -> str:
        """A secret for a second factor, for the form that `enrol` reads back."""
        return self._identity.second_factor.propose(person)

    def shown(self, person: Person, proposed: str) -> tuple[str, str]:
        """That secret in letters and as a picture. Raises DeadForm."""
        return self._identity.second_factor.shown(person, proposed)

    @property
    def provider_label(self) -> str:
        """What the button of the OpenID Connect provider says; "" where there is none."""
        return self._single_sign_on.label if self._single_sign_on else ""

    async def begin_at_provider(self, to: str) -> Beginning:
        """Send somebody to the provider. Raises ProviderAway, NotFound where there is none."""
        return await self._provider().begin(to)

    async def back_from_provider(self, given: Mapping[str, str], sealed: str, browser: Browser) -> tuple[SignedIn, str]:
        """Let in whom the provider has signed in, to where they wanted to go.

        Raises ProviderRefused, ProviderAway, DeadForm, NotFound.
        """
        person, to = await self._provider().finish(given, sealed, browser.peer_ip)
        signed_in = await self._identity.sign_in.let_in(person, browser.peer_ip, browser.user_agent)
        return await self._noted(signed_in, browser), to

    def _provider(self) -> SingleSignOn:
        if self._single_sign_on is None:
            raise NotFound(sentence("there is no such page"))
        return self._single_sign_on

    def ask_passkey(self) -> Question | None:
        """What a page asks a device for; None where browsers know no passkeys of ours."""
        passkeys = self._identity.passkeys
        return passkeys.ask_any() if passkeys.are_possible else None

    async def by_passkey(self, sealed: str, answer: str, browser: Browser) -> SignedIn:
        """Let in whose passkey has answered: it is both factors at once. Raises WrongPasskey, DeadForm."""
        person = await self._identity.people.person(await self._identity.passkeys.whose(sealed, answer))
        if person is None or person.disabled_at is not None:
            raise WrongPasskey
        token = await self._identity.sessions.start(person, browser.peer_ip, browser.user_agent)
        return await self._noted(SignedIn(token, person, Awaits.NOTHING), browser)

    async def sign_out(self, token: str) -> None:
        """End a session."""
        await self._identity.sessions.end(token)

    async def _noted(self, signed_in: SignedIn, browser: Browser) -> SignedIn:
        if signed_in.awaits is Awaits.NOTHING:
            person = signed_in.person
            await self._identity.audit.note(person_actor(person, browser.peer_ip), "session.start", person.id)
        return signed_in

    # --- ways back ---------------------------------------------------------------------------------------------

    async def forgotten(self, email: str, browser: Browser) -> None:
        """Mail a link for a new password, if there is such a person. Raises TooManyAttempts.

        Returns before it is known whether there is: the time that it takes tells nothing either.
        """
        await self._identity.throttle.count(What.MAIL, email, browser.peer_ip)
        self._begin(self._mail_reset(email))

    async def show_own_account(self, email: str, browser: Browser) -> None:
        """Mail an employee a link to each of their accounts, as `forgotten` does. Raises TooManyAttempts."""
        await self._identity.throttle.count(What.MAIL, f"own {email}", browser.peer_ip)
        self._begin(self._mail_own_accounts(email))

    def _begin(self, errand: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            maillog.fault(Event.FAULT, error, errand="mailed link")

    async def _mail_reset(self, email: str) -> None:
        person = await self._identity.people.person_at(email)
        if person is None or person.disabled_at is not None:
            return
        links = self._identity.links
        token = await links.make(LinkKind.RESET, org_id=person.org_id, person_id=person.id, email=person.email)
        await self._post.reset(person.email, links.url(token), person.language or await self._language(person.org_id))

    async def _mail_own_accounts(self, email: str) -> None:
        for account in await self._accounts.accounts_of(email):
            links = self._identity.links
            token = await links.make(
                LinkKind.SIGN_IN, org_id=account.org_id, account_id=account.id, email=account.email
            )
            await self._post.sign_in(account.email, links.url(token), display(account.number), account.language)

    async def _language(self, org_id: str | None) -> str:
        organisation = await self._accounts.organisation(org_id) if org_id else None
        return organisation.language if organisation else ""

    # --- links -------------------------------------------------------------------------------------------------

    async def look(self, token: str) -> Link:
        """What a link is for. Raises DeadLink."""
        return await self._identity.links.look(token)

    async def join(
        self, token: str, *, email: str, name: str, password: str, language: str, browser: Browser
    ) -> SignedIn:
        """Become the person that a link makes; `email` counts where the link names none.

        Raises DeadLink, BadAddress, WeakPassword, PersonExists, BadValue, TooBusy.
        """
        link = await self.look(token)
        if link.kind not in {LinkKind.OPERATOR, LinkKind.INVITATION} or link.role is None:
            raise DeadLink
        person = await self._identity.people.create(
            link.email or email, link.role, link.org_id, password=password, name=name, language=language, link=token
        )
        actor = person_actor(person, browser.peer_ip)
        await self._identity.audit.note(actor, "person.join", person.id, email=person.email, role=person.role)
        signed_in = await self._identity.sign_in.let_in(person, browser.peer_ip, browser.user_agent)
        return await self._noted(signed_in, browser)

    async def new_password(self, token: str, password: str, browser: Browser) -> SignedIn:
        """Choose a new password by a link; every session ends. Raises DeadLink, WeakPassword, TooBusy."""
        link = await self.look(token)
        if link.kind not in {LinkKind.RESET, LinkKind.RESCUE} or link.person_id is None:
            raise DeadLink
        person = await self._identity.people.person(link.person_id)
        if person is None or person.disabled_at is not None:
            raise DeadLink
        person = await self._identity.people.set_password(
            person, password, link=token, drop_second_factor=link.kind is LinkKind.RESCUE
        )
        if link.kind is LinkKind.RESCUE:
            await self._identity.passkeys.remove_all(person)
        await self._identity.sessions.end_all(person_id=person.id)
        await self._identity.audit.note(person_actor(person, browser.peer_ip), "person.password", person.id, by="link")
        signed_in = await self._identity.sign_in.let_in(person, browser.peer_ip, browser.user_agent)
        return await self._noted(signed_in, browser)

    async def own_account(self, token: str, browser: Browser) -> str:
        """Begin an employee's session by a link; its token. Raises DeadLink."""
        link = await self.look(token)
        account = await self._accounts.account(link.account_id) if link.account_id else None
        if link.kind is not LinkKind.SIGN_IN or account is None or account.closed_at is not None:
            raise DeadLink
        if account.email != link.email:  # it was given to somebody else meanwhile
            raise DeadLink
        await self._identity.links.use(token)
        return await self._identity.sessions.start(account, browser.peer_ip, browser.user_agent)
