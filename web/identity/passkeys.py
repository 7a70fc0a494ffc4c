"""Passkeys (WebAuthn Level 3): a device keeps a key and unlocks it by finger, face or PIN.

So one is both factors at once: who has the device, and can unlock it. The challenge travels sealed in the form; its
answer is bound to our origin, so no other site can ask for it. Browsers know passkeys on https, and on localhost.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.keyring import Keyring, KeyringError
from gateway.model import Clock
from gateway.registry.errors import NotFound
from gateway.store.database import Database
from gateway.translation import sentence
from web.identity.errors import DeadForm, WrongPasskey
from web.identity.model import Passkey, Person
from web.store import passkey_sql

_SECONDS = 900.0
_MAX_LABEL = 60
_MAX_ANSWER = 20_000
_SIGN_IN = "passkey sign-in"


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks a device: `options` for the browser, `sealed` for the form."""

    options: str
    sealed: str


class Passkeys:
    """Asks devices, and believes what fits."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, public_url: str) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        parts = urlsplit(public_url)
        self._host = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.are_possible = not _is_ip(self._host) and (parts.scheme == "https" or self._host == "localhost")

    async def list_passkeys(self, person: Person) -> list[Passkey]:
        """A person's passkeys."""
        return await self._database.read(lambda connection: passkey_sql.list_passkeys(connection, person.id))

    async def remove(self, person: Person, passkey_id: str) -> None:
        """Forget one. Raises NotFound."""
        if not await self._database.write(passkey_sql.remove, (person.id, passkey_id)):
            raise NotFound(sentence("there is no such passkey"))

    async def remove_all(self, person: Person) -> None:
        """Forget all of somebody who has lost their devices."""
        await self._database.write(passkey_sql.remove_all, person.id)

    async def ask_new(self, person: Person) -> Question:
        """Ask a device to make one for a person."""
        challenge = secrets.token_bytes(32)
        options = generate_registration_options(
            rp_id=self._host,
            rp_name="Brevdue",
            user_id=person.id.encode(),
            user_name=person.email,
            user_display_name=person.name or person.email,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.id))
                for each in await self.list_passkeys(person)
            ],
        )
        return Question(options_to_json(options), self._seal(challenge, f"passkey {person.id}"))

    async def keep(self, person: Person, sealed: str, answer: str, label: str) -> None:
        """Keep the one that a device has made. Raises WrongPasskey, DeadForm."""
        challenge = self._open(sealed, f"passkey {person.id}")
        try:
            made = verify_registration_response(
                credential=answer[:_MAX_ANSWER],
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise WrongPasskey from error
        passkey = Passkey(
            id=bytes_to_base64url(made.credential_id),
            person_id=person.id,
            public_key=bytes_to_base64url(made.credential_public_key),
            sign_count=made.sign_count,
            label=" ".join(label.split())[:_MAX_LABEL],
            created_at=self._clock.now(),
        )
        if not await self._database.write(passkey_sql.put, passkey):
            raise WrongPasskey

    def ask_any(self) -> Question:
        """Ask a device for any that it has for us."""
        challenge = secrets.token_bytes(32)
        options = generate_authentication_options(
            rp_id=self._host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return Question(options_to_json(options), self._seal(challenge, _SIGN_IN))

    async def whose(self, sealed: str, answer: str) -> str:
        """The id of the person whose passkey has answered. Raises WrongPasskey, DeadForm."""
        challenge = self._open(sealed, _SIGN_IN)
        known = await self._named(answer)
        if known is None:
            raise WrongPasskey
        try:
            proven = verify_authentication_response(
                credential=answer[:_MAX_ANSWER],
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=base64url_to_bytes(known.public_key),
                credential_current_sign_count=known.sign_count,
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise WrongPasskey from error
        used = (known.id, known.sign_count, proven.new_sign_count, self._clock.now())
        if not await self._database.write(passkey_sql.use, used):
            raise WrongPasskey
        return known.person_id

    async def _named(self, answer: str) -> Passkey | None:
        try:
            said = json.loads(answer[:_MAX_ANSWER])
            passkey_id = str(said["id"])
        except (ValueError, KeyError, TypeError):
            return None
        return await self._database.read(lambda connection: passkey_sql.find(connection, passkey_id))

    def _seal(self, challenge: bytes, about: str) -> str:
        return self._keyring.seal(f"{self._clock.now():.0f} {challenge.hex()}", about)

    def _open(self, sealed: str, about: str) -> bytes:
        try:
            made_at, challenge = self._keyring.open(sealed, about).split()
        except KeyringError as error:
            raise DeadForm from error
        if self._clock.now() - float(made_at) > _SECONDS:
            raise DeadForm
        return bytes.fromhex(challenge)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
